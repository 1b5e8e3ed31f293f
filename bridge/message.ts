/**
 * Messages, and how one lies in a ring: as one frame; or, when it is large, as a frame that says where in an annex it is; or,
 * when it is larger or no annex is free, as a head frame and chunks.
 *
 * ```text
 * frame            header | blob lengths, 4 bytes each | text or meta | blobs
 * annexed frame    header (stream {@linkcode ANNEXED}) | annex, and the number of its memory | blob lengths
 *   in the annex   text or meta | blobs
 * head frame       header (with a stream number)
 * chunk            header (Id the stream, A its bytes, B of the last one {@linkcode LAST}) | bytes
 * ```
 *
 * Each blob begins at a multiple of 8 bytes: where it does not, V8 copies to and from shared memory byte by byte, which takes
 * ten times as long (measured on Deno 2.9.6).
 *
 * The chunks of a text are whole characters each. Those of all else are the bytes that its frame would have had, in the same
 * order and with the same gaps. Chunks of several messages may alternate, so a Worker that serves a callback in the middle of
 * sending is no trouble.
 *
 * @module
 */

import { type Body, Format } from "./codec.ts";
import { HEADER, MAX_FRAME } from "./ring.ts";
import { isTransferred } from "./transfer.ts";

/** The kind of a chunk. The kinds of messages begin at {@linkcode FIRST_KIND}. */
export const CHUNK = 1;

/** The kind of a frame that says that the writer has dropped its annexes. */
export const DROPPED = 2;

/** The first kind that a message may have. */
export const FIRST_KIND = 8;

/** In the word `Format` of a frame, and in `B` of a chunk: all of its text is ASCII. */
export const ASCII = 1 << 8;

/** In `B` of a chunk: it is the last one of its message. */
export const LAST = 1;

/** In the word `Format` of a frame: below this the body's format, and from here on the stream's number. */
export const STREAM_SHIFT = 16;

/** In place of a stream's number: the body is in an annex. */
export const ANNEXED = 0xffff;

/** The highest number of a stream. */
export const MOST_STREAM = ANNEXED - 1;

/** The bytes of an annexed frame before the lengths: its header, the annex and the number of its memory. */
export const ANNEX_HEADER = HEADER + 8;

/** How many bytes a chunk holds: a multiple of 8. */
export const CHUNK_BYTES = MAX_FRAME - HEADER;

/** A message as it arrives. What `id`, `a` and `b` mean depends on the kind: see `protocol.ts`. */
export interface Message {
  readonly kind: number;
  readonly id: number;
  readonly a: number;
  readonly b: number;
  readonly body: Body;
}

/** The body of a message that says all in its header. */
export const EMPTY: Body = {
  format: Format.Undefined,
  text: "",
  meta: undefined,
  blobs: [],
  int: 0,
};

/** What stands for the meta of a body that has none. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Whether a format has blobs, and no text. */
export function hasBlobs(format: number): boolean {
  return format === Format.Structured || format === Format.Bytes || format === Format.BytesInArray;
}

/** A body whose bytes nobody else can change. */
export function keep(body: Body): Body {
  return body.blobs.length === 0 ? body : { ...body, blobs: body.blobs.map(keepBytes) };
}

/** The same for one run of bytes. */
export function keepBytes(bytes: Uint8Array): Uint8Array {
  return isTransferred(bytes.buffer) ? bytes : bytes.slice();
}
