/**
 * Messages, and how one lies in a ring: as one frame; or, when it is large, as a frame that says where beside the ring its
 * payload is, in an annex or in buffers that change hands; or, when it is too large for that or there is no room beside the
 * ring, as a head frame and chunks.
 *
 * ```text
 * frame            header | buffer lengths, 4 bytes each | text or meta | buffers
 * frame, payload beside the ring
 *                  header (stream {@linkcode BESIDE}) | where, and the number of the memory | buffer lengths
 *   in an annex    text or meta | buffers                     where: the annex's number
 *   handed over    a buffer for the meta, and for each buffer where: {@linkcode HANDED}
 * head frame       header (with a stream number)
 * chunk            header (Id the stream, A its bytes, B of the last one {@linkcode LAST}) | bytes
 * ```
 *
 * Each buffer begins at a multiple of 8 bytes: where it does not, V8 copies to and from shared memory byte by byte, which takes
 * ten times as long (measured on Deno 2.9.6).
 *
 * The chunks of a text are whole characters each. Those of all else are the bytes that its frame would have had, in the same
 * order and with the same gaps. Chunks of several messages may alternate, so a Worker that serves a callback in the middle of
 * sending is no trouble.
 *
 * @module
 */

import { Format, type Payload } from "./payload.ts";
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

/** In the word `Format` of a frame: below this the payload's format, and from here on the stream's number. */
export const STREAM_SHIFT = 16;

/** In place of a stream's number: the payload is beside the ring. */
export const BESIDE = 0xffff;

/** The highest number of a stream. */
export const MOST_STREAM = BESIDE - 1;

/** The bytes before the lengths in a frame with its payload beside the ring: header, annex, number of the memory. */
export const BESIDE_HEADER = HEADER + 8;

/** The count of annexes of a ring. */
export const ANNEXES = 2;

/** In place of an annex's number: the payload is in buffers of its own. */
export const HANDED: number = ANNEXES;

/**
 * The most bytes of one part of a message. Where a typed array is longer, optimized code in Deno 2.9.6 now and then takes
 * its length for a negative number.
 */
export const MOST_PART = 2 ** 31 - 1;

/** The way beside the ring, as its writer has it. */
export interface Giver {
  /** Gives memory for both, and returns the number by which the reader can take it. */
  give(memory: SharedArrayBuffer): number;
  /** Hands buffers over, which are detached here, and returns the number by which the reader can take them. */
  hand(buffers: ArrayBuffer[]): number;
  /** Sends an object to which a message refers by this number. */
  send(id: number, object: object): void;
}

/** The way beside the ring, as its reader has it. */
export interface Taker {
  /** Takes shared memory. */
  takeMemory(id: number): SharedArrayBuffer;
  /** Takes the object, or the buffers, that came under a number. */
  take(id: number): unknown;
}

/** The location of a payload that lies beside the ring. */
export interface Beside {
  /** The number of the annex, or {@linkcode HANDED}. */
  readonly where: number;
  /** The number of the memory. */
  readonly id: number;
  /** The count of bytes of the payload's text or meta. */
  readonly meta: number;
  /** Whether the payload is a text that is all ASCII. */
  readonly ascii: boolean;
  /** The lengths of its buffers. */
  readonly lengths: readonly number[];
}

/** The bytes that a chunk holds: a multiple of 8. */
export const CHUNK_BYTES = MAX_FRAME - HEADER;

/** A message as it arrives. The meanings of `id`, `a` and `b` depend on the kind: see `protocol/messages.ts`. */
export interface Message {
  readonly kind: number;
  readonly id: number;
  readonly a: number;
  readonly b: number;
  readonly payload: Payload;
}

/** The payload of a message that says all in its header. */
export const EMPTY: Payload = {
  format: Format.Undefined,
  text: "",
  meta: undefined,
  buffers: [],
  int: 0,
};

/** The meta of a payload that has none. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Whether a format has buffers, and no text. */
export function hasBuffers(format: number): boolean {
  return format === Format.Structured || format === Format.Bytes || format === Format.BytesInArray;
}

/** A payload whose bytes nobody else can change. */
export function keep(payload: Payload): Payload {
  return payload.buffers.length === 0
    ? payload
    : { ...payload, buffers: payload.buffers.map(keepBytes) };
}

/** The same payload with all of its bytes copied, for a second reader: bytes that were given away go to one reader only. */
export function copyOf(payload: Payload): Payload {
  return payload.buffers.length === 0
    ? payload
    : { ...payload, buffers: payload.buffers.map((bytes) => bytes.slice()) };
}

/** As {@linkcode keep}, for one run of bytes. */
export function keepBytes(bytes: Uint8Array): Uint8Array {
  return isTransferred(bytes.buffer) ? bytes : bytes.slice();
}
