/**
 * Messages, and how one lies in a ring: as one frame; or, when it is too large for one, as a frame that says where beside the
 * ring its payload is, in an annex or in buffers that change hands.
 *
 * ```text
 * frame            header | buffer lengths, 4 bytes each | text or meta | buffers
 * frame, payload beside the ring
 *                  header (with {@linkcode BESIDE}) | where, and the number of the memory | buffer lengths, if in an annex
 *   in an annex    text or meta | buffers                     where: the annex's number
 *   handed over    a buffer for the text or the meta, and for each buffer      where: {@linkcode HANDED}
 *   packed         one buffer: buffer lengths | meta | buffers                 where: {@linkcode PACKED}
 * ```
 *
 * Each buffer begins at a multiple of 8 bytes: where it does not, V8 copies to and from shared memory byte by byte, which takes
 * ten times as long (measured on Deno 2.9.6).
 *
 * @module
 */

import { Format, type Payload } from "./payload.ts";
import { HEADER, MAX_FRAME } from "./ring.ts";
import { isTransferred } from "./transfer.ts";

/** The kind of a frame that says that the writer has dropped its annexes. */
export const DROPPED = 2;

/** The first kind that a message may have. */
export const FIRST_KIND = 8;

/** In the word `Format` of a frame, above the payload's format: all of the text is ASCII. */
export const ASCII = 1 << 8;

/** In the word `Format` of a frame: the payload is beside the ring. */
export const BESIDE = 1 << 16;

/** The bytes before the lengths in a frame with its payload beside the ring: header, annex, number of the memory. */
export const BESIDE_HEADER = HEADER + 8;

/** The count of annexes of a ring. */
export const ANNEXES = 2;

/** In place of an annex's number: each part of the payload is in a buffer of its own. */
export const HANDED: number = ANNEXES;

/** In place of an annex's number: the payload is in one buffer. */
export const PACKED: number = ANNEXES + 1;

/** The most lengths that there is room for in a frame with its payload beside the ring. */
export const MOST_LENGTHS: number = MAX_FRAME - BESIDE_HEADER >> 2;

/**
 * The most bytes of one part of a message. Where a typed array is longer, optimized code in Deno 2.9.6 now and then takes
 * its length for a negative number.
 */
export const MOST_PART = 2 ** 31 - 1;

/** The time after which a message that found no memory is tried again, in milliseconds. */
export const STARVED_MS = 100;

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
  /** The number of the annex, or {@linkcode HANDED}, or {@linkcode PACKED}. */
  readonly where: number;
  /** The number of the memory. */
  readonly id: number;
  /** The count of bytes of the payload's text or meta. */
  readonly meta: number;
  /** Whether the payload is a text that is all ASCII. */
  readonly ascii: boolean;
  /** The count of its buffers. */
  readonly buffers: number;
}

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
