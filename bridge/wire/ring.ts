/**
 * A ring: frames of bytes from one thread to one other, through shared memory.
 *
 * Each Worker has two, one each way. One thread writes and one reads, so two counters are all the state:
 *
 * ```text
 * HEAD   bytes written so far, modulo 2^32   the writer only, after the frame's bytes are in place
 * TAIL   bytes read so far, modulo 2^32      the reader only, after the frame's bytes are copied out
 * TAKEN  a word for each annex and one for buffers that are handed over: see `beside.ts`      the reader only
 * HUNGRY 1 while the writer waits for room   the writer sets it, the reader clears it and then wakes the writer
 * BEHIND 1 while there is more to say than was written   the writer only: before it goes on to anything else, and 0 after HEAD
 * SHUT   1 once the writer has shut it        the writer only, for good; the reader is to end, even if it reads more
 * LEFT   1 once the reader has seen that, 2 once it is done   the reader only, for good
 * ```
 *
 * A frame lies in one piece, aligned to 8 bytes; a padding frame fills the end of the ring when the next one does
 * not fit there. A frame takes at most a quarter of the ring: a larger message goes beside the ring (see `message.ts`), so
 * a ring never grows, and a value of any size crosses.
 *
 * The hub does not trust the bytes of a Worker: the reader keeps its own TAIL, and checks HEAD and each frame's size
 * against it before it touches a byte.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { BridgeProtocolError } from "../errors.ts";

const HEAD = 0;
/** A line of its own: the other thread writes it. */
const TAIL = 16;
const TAKEN = 17;
const HUNGRY = 32;
const BEHIND = 33;
const SHUT = 48;
const LEFT = 49;
/** The offset of the first frame, in bytes. */
const DATA = 256;

/** The words at the head of each frame. */
export const Word = {
  /** The frame's bytes, this header included; a multiple of 8. */
  Size: 0,
  /** The kind of the frame: an `Up` or `Down` kind, or one of the ring's own. */
  Kind: 1,
  Id: 2,
  A: 3,
  B: 4,
  /** The payload's format, and how it comes: see `message.ts`. */
  Format: 5,
  /** The bytes of the payload's text or meta part; the number itself where the payload is one. */
  Meta: 6,
  /** The count of buffers that follow the meta part. */
  Buffers: 7,
} as const;

/** The bytes of a frame's header. */
export const HEADER = 32;

/** The kind of a frame that only fills the end of the ring. */
export const PADDING = 0;

/** The bytes of a ring's frames: a power of two. Two of them for each Worker. */
export const RING_BYTES = 1 << 18;

/** The most bytes that one frame may take. */
export const MAX_FRAME = RING_BYTES >> 2;

const MASK = RING_BYTES - 1;

/** Rounds up to the ring's alignment. */
export function align(bytes: number): number {
  return bytes + 7 & ~7;
}

/** Makes the memory of one ring. */
export function createRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(DATA + RING_BYTES);
}

/** The writing end of a ring. */
export class RingWriter {
  /** The ring as words and as bytes; a frame's offset counts from their start. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** The offset up to which this end has written; it alone moves it. */
  #head = 0;
  /** The reader's TAIL as last seen; looked up again only when there seems to be no room. */
  #tail = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }

  /**
   * Finds room for one frame, in one piece.
   *
   * @param size How many bytes the frame may take; at most {@linkcode MAX_FRAME}, a multiple of 8.
   * @returns Where the frame is to be written, in bytes from the ring's start, or -1 while there is no room.
   */
  reserve(size: number): number {
    const at = this.#head & MASK;
    const left = RING_BYTES - at;
    const needed = left < size ? left + size : size;
    if (!this.#hasRoom(needed)) return -1;
    if (left >= size) return DATA + at;
    const word = DATA + at >> 2;
    this.words[word + Word.Size] = left;
    this.words[word + Word.Kind] = PADDING;
    this.#head = this.#head + left >>> 0;
    return DATA;
  }

  /** Writes the header of the frame at `at`, whose bytes are in place, and publishes the frame. */
  publishFrame(
    at: number,
    size: number,
    kind: number,
    id: number,
    a: number,
    b: number,
    format: number,
    meta: number,
    buffers: number,
  ): void {
    const { words } = this;
    const word = at >> 2;
    words[word + Word.Size] = size;
    words[word + Word.Kind] = kind;
    words[word + Word.Id] = id;
    words[word + Word.A] = a;
    words[word + Word.B] = b;
    words[word + Word.Format] = format;
    words[word + Word.Meta] = meta;
    words[word + Word.Buffers] = buffers;
    this.publish(size);
  }

  /** Publishes the frame of `size` bytes that was written where {@linkcode RingWriter.reserve} said. */
  publish(size: number): void {
    this.#head = this.#head + size >>> 0;
    Atomics.store(this.words, HEAD, this.#head | 0);
  }

  /**
   * Says that the writer waits for room, or no longer does. Look for room again after saying so: the reader may
   * have made it in between.
   */
  setHungry(hungry: boolean): void {
    Atomics.store(this.words, HUNGRY, hungry ? 1 : 0);
  }

  /** Says whether there is more to be said, for which there was no room: the reader may need to know before it is written. */
  setBehind(behind: boolean): void {
    Atomics.store(this.words, BEHIND, behind ? 1 : 0);
  }

  /** Says to the reader that it is to end, even if the ring is full and it never looks into it again. */
  shut(): void {
    Atomics.store(this.words, SHUT, 1);
  }

  /** Whether the reader has seen that the ring is shut. */
  get heard(): boolean {
    return Atomics.load(this.words, LEFT) > 0;
  }

  /** Whether the reader has said that it is done. */
  get left(): boolean {
    return Atomics.load(this.words, LEFT) === 2;
  }

  /** The count of payloads that the reader has taken out of an annex, or of the buffers that were handed over. */
  taken(annex: number): number {
    return Atomics.load(this.words, TAKEN + annex) >>> 0;
  }

  #hasRoom(bytes: number): boolean {
    if (RING_BYTES - (this.#head - this.#tail >>> 0) >= bytes) return true;
    this.#tail = Atomics.load(this.words, TAIL) >>> 0;
    return RING_BYTES - (this.#head - this.#tail >>> 0) >= bytes;
  }
}

/** The reading end of a ring. */
export class RingReader {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** The same bytes again, for text. */
  readonly chars: Buffer;
  /** The checked size of the frame that was found last: the word in the ring may change under our eyes. */
  size = 0;
  #tail = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.chars = Buffer.from(buffer);
  }

  /** Whether nothing has been written that was not read. */
  get empty(): boolean {
    return Atomics.load(this.words, HEAD) >>> 0 === this.#tail;
  }

  /** Whether the writer has more to say than it has written. Look into the ring after this. */
  get behind(): boolean {
    return Atomics.load(this.words, BEHIND) !== 0;
  }

  /**
   * Finds the next frame. The caller copies out the bytes that it needs and then calls {@linkcode RingReader.consume}.
   *
   * @returns Where the frame begins, in bytes from the ring's start, or -1 when there is none.
   * @throws {BridgeProtocolError} If the frame's size cannot be right.
   */
  next(): number {
    for (;;) {
      const written = (Atomics.load(this.words, HEAD) >>> 0) - this.#tail >>> 0;
      if (written === 0) return -1;
      const at = this.#tail & MASK;
      const size = this.words[(DATA + at >> 2) + Word.Size];
      if (
        written > RING_BYTES || size < 8 || (size & 7) !== 0 || size > written ||
        at + size > RING_BYTES
      ) {
        throw new BridgeProtocolError(
          `Cannot read a frame: its size is ${size} bytes, with ${written} written at ${at}`,
        );
      }
      const padding = this.words[(DATA + at >> 2) + Word.Kind] === PADDING;
      if (!padding) {
        if (size < HEADER || size > MAX_FRAME) {
          throw new BridgeProtocolError(`Cannot read a frame: its size is ${size} bytes`);
        }
        this.size = size;
        return DATA + at;
      }
      // Padding ends where the ring does, so there is at most one piece before each frame, and this loop ends.
      if (at + size !== RING_BYTES || size >= MAX_FRAME) {
        throw new BridgeProtocolError(`Cannot read a frame: ${size} bytes of padding at ${at}`);
      }
      this.#advance(size);
    }
  }

  /** Gives the room of the frame that was found last back to the writer. */
  consume(): void {
    this.#advance(this.size);
    this.size = 0;
  }

  /**
   * Whether the writer waits for room and there is a fair amount of it now. True at most once for each time that it
   * said so: the caller then wakes the writer.
   */
  takeHungry(): boolean {
    if (Atomics.load(this.words, HUNGRY) === 0) return false;
    const unread = (Atomics.load(this.words, HEAD) >>> 0) - this.#tail >>> 0;
    if (unread > RING_BYTES >> 1) return false;
    return Atomics.exchange(this.words, HUNGRY, 0) === 1;
  }

  /** One payload more has been taken from beside the ring. */
  countTaken(annex: number): void {
    Atomics.add(this.words, TAKEN + annex, 1);
  }

  /** Whether the writer has shut the ring. To look is to have seen it. */
  get shut(): boolean {
    if (Atomics.load(this.words, SHUT) === 0) return false;
    Atomics.compareExchange(this.words, LEFT, 0, 1);
    return true;
  }

  /** Says to the writer that this end is done. */
  leave(): void {
    Atomics.store(this.words, LEFT, 2);
  }

  #advance(size: number): void {
    this.#tail = this.#tail + size >>> 0;
    Atomics.store(this.words, TAIL, this.#tail | 0);
  }
}
