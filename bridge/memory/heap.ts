/**
 * Blocks of bytes in an object's memory, which grows: an event's value, a queue's items.
 *
 * ```text
 * TOP       the first word that was never given out
 * FREE + k  the first free block of class k; a free block's LINK is the next one
 * a block   its words (see Block), then its bytes
 * ```
 *
 * A block's size is a power of two, from 64 bytes to 4 KiB. A heap changes under the object's lock only, but for the bytes of a
 * block that one side alone knows: a side that has taken a block out of the object reads it without the lock.
 *
 * The memory never shrinks: after a burst it stays as large as the burst, until nobody uses the object any more.
 *
 * @module
 */

import { decode, isInt } from "../values/codec.ts";
import { Format, type Payload } from "../wire/payload.ts";
import type { Core } from "./core.ts";
import { readText, writeText } from "../wire/text.ts";
import {
  discardValue,
  NO_REFERENCES,
  plainPayload,
  readValue,
  storeValue,
  thrownPayload,
} from "./stored_values.ts";

/** The words of a block, before its bytes. */
export const Block = {
  /** The next block. */
  Link: 0,
  /** Free for use by the object. */
  Right: 1,
  /** Free for use by the object. */
  Rank: 2,
  /** The format of the value in it. */
  Format: 3,
  /** The count of its bytes. */
  Length: 4,
  /** Free for use by the object. */
  Sequence: 5,
  /** Free for use by the object: a 64-bit float. */
  Number: 6,
} as const;

const HEADER_WORDS = 8;
const HEADER_BYTES = HEADER_WORDS * 4;
const CLASSES = 7;
const LEAST = 64;

/** The most bytes of a value in shared memory. */
export const MOST_BYTES = LEAST * 2 ** (CLASSES - 1) - HEADER_BYTES;

/** The count of words that a heap takes in its object's words. */
export const HEAP_WORDS = 1 + CLASSES;

/** The format of a value that is stored on the hub, beside the formats of the codec. */
const STORED = 17;
/** Added to the format of a value that was thrown. */
const THROWN = 64;

/** A value made ready for a block; its bytes are in the scratch until the next value is made ready. */
export interface Item {
  readonly format: number;
  /** The count of its bytes. */
  readonly length: number;
  /** The number of the value if it is stored on the hub, or 0. */
  readonly stored: number;
}

const scratch = new Uint8Array(MOST_BYTES * 3);
const scratchView = new DataView(scratch.buffer);

/**
 * Makes a value ready for a block. In green code it may block, if the value has to be stored on the hub.
 *
 * @param value The value.
 * @param core The core of the object that it is for.
 * @throws {NotCloneableError} If something in it cannot cross.
 */
export function makeItem(value: unknown, core: Core): Item {
  // A number needs no payload.
  if (typeof value === "number" && isInt(value)) return numberItem(Format.Int, value, 0);
  const payload = plainPayload(value);
  return (payload && writePayload(payload)) ?? storedItem(storeValue(value, core));
}

/** Makes a thrown value ready, as {@linkcode makeItem} does. */
export function makeThrown(value: unknown, core: Core): Item {
  return asThrown(writePayload(thrownPayload(value)) ?? storedItem(storeValue(value, core)));
}

function asThrown(item: Item): Item {
  return { ...item, format: item.format + THROWN };
}

/** Whether a format is that of a value that was thrown. */
export function isThrown(format: number): boolean {
  return format >= THROWN;
}

/** Discards an item that will get no block. */
export function discard(item: Item): void {
  if (item.stored !== 0) discardValue(item.stored);
}

/** Stores a value of any size on the hub, since shared memory is short: the item of a stored value is small. */
export function asStored(value: unknown, core: Core, thrown: boolean): Item {
  const item = storedItem(storeValue(value, core));
  return thrown ? asThrown(item) : item;
}

function storedItem(id: number): Item {
  return numberItem(STORED, id, id);
}

function numberItem(format: number, number: number, stored: number): Item {
  scratchView.setInt32(0, number, true);
  return { format, length: 4, stored };
}

function writePayload(payload: Payload): Item | undefined {
  switch (payload.format) {
    case Format.Int:
    case Format.IntInArray:
      return numberItem(payload.format, payload.int!, 0);
    case Format.Structured:
    case Format.Bytes:
    case Format.BytesInArray:
      return writeBinary(payload);
    default:
      return writeAsText(payload);
  }
}

function writeAsText({ format, text }: Payload): Item | undefined {
  if (text.length > MOST_BYTES) return undefined;
  const length = writeText(text, scratch, 0);
  return length > MOST_BYTES ? undefined : { format, length, stored: 0 };
}

function writeBinary({ format, meta = NOTHING, buffers }: Payload): Item | undefined {
  let length = 8 + 4 * buffers.length + meta.length;
  for (const buffer of buffers) length += buffer.length;
  if (length > MOST_BYTES) return undefined;
  scratchView.setUint32(0, meta.length);
  scratchView.setUint32(4, buffers.length);
  let at = 8;
  for (const buffer of buffers) {
    scratchView.setUint32(at, buffer.length);
    at += 4;
  }
  for (const part of [meta, ...buffers]) {
    scratch.set(part, at);
    at += part.length;
  }
  return { format, length, stored: 0 };
}

const NOTHING = new Uint8Array(0);

function readBinary(format: number, bytes: Uint8Array): Payload {
  const view = new DataView(bytes.buffer);
  let at = 8 + 4 * view.getUint32(4);
  const metaBytes = bytes.slice(at, at += view.getUint32(0));
  const buffers: Uint8Array[] = [];
  for (let i = 0; i < view.getUint32(4); i++) {
    buffers.push(bytes.slice(at, at += view.getUint32(8 + 4 * i)));
  }
  const meta = format === Format.Structured ? metaBytes : undefined;
  return { format, text: "", meta, buffers, int: 0 };
}

/** The blocks of one object. */
export class Heap {
  readonly #buffer: SharedArrayBuffer;
  readonly #object: Int32Array;
  readonly #at: number;
  /** The memory at its size of the last look, at least up to the end of every known block. */
  words!: Int32Array;
  numbers!: Float64Array;
  #bytes!: Uint8Array;

  /**
   * @param buffer The object's memory.
   * @param object The object's words: the blocks begin behind them.
   * @param at The index of the heap's first own word.
   */
  constructor(buffer: SharedArrayBuffer, object: Int32Array, at: number) {
    this.#buffer = buffer;
    this.#object = object;
    this.#at = at;
    if (object[at] === 0) object[at] = Math.ceil(object.length / 2) * 2;
    this.#look();
  }

  /** Takes a block for an item and copies the bytes there. Under the lock. Returns the block; 0 if the memory is full. */
  store(item: Item): number {
    const block = this.#allocate(item.length);
    if (block === 0) return 0;
    const { words } = this;
    words[block + Block.Format] = item.format;
    words[block + Block.Length] = item.length;
    const at = (block + HEADER_WORDS) * 4;
    const bytes = this.#bytes;
    const { length } = item;
    if (length > 64) bytes.set(scratch.subarray(0, length), at);
    else for (let i = 0; i < length; i++) bytes[at + i] = scratch[i];
    return block;
  }

  /** Puts a block back among the free ones. Under the lock. */
  free(block: number): void {
    this.see(block);
    const { words } = this;
    const size = classOf(words[block + Block.Length]);
    words[block + Block.Link] = this.#object[this.#at + 1 + size];
    this.#object[this.#at + 1 + size] = block;
  }

  /** Makes sure that a block can be read: another side may have grown the memory. */
  see(block: number): void {
    const { words } = this;
    const most = words.length - HEADER_WORDS;
    // A block may begin in the known memory and end behind it.
    if (block > most || block + words[block + Block.Length] / 4 > most) this.#look();
  }

  /** The format of a block. */
  format(block: number): number {
    this.see(block);
    return this.words[block + Block.Format];
  }

  /**
   * The value in a block. Not under the lock; in green code it blocks if the value is on the hub.
   *
   * @param block The block.
   * @param shared Whether others read it too.
   * @throws The error of decoding it, or the one that ends the thread.
   */
  read(block: number, shared = false): unknown {
    const format = this.format(block) % THROWN;
    const length = this.words[block + Block.Length];
    const at = (block + HEADER_WORDS) * 4;
    switch (format) {
      case STORED:
        return readValue(this.words[at >> 2], shared);
      case Format.Int:
        return this.words[at >> 2];
      case Format.IntInArray:
        return [this.words[at >> 2]];
      case Format.Structured:
      case Format.Bytes:
      case Format.BytesInArray:
        return decode(readBinary(format, this.#bytes.slice(at, at + length)), NO_REFERENCES);
    }
    const text = length === 0 ? "" : readText(this.#bytes, at, length);
    return decode({ format, text, meta: undefined, buffers: [], int: 0 }, NO_REFERENCES);
  }

  /** The number of the stored value that has to be discarded with a block, after the lock is free; 0 for none. */
  storedOf(block: number): number {
    if (this.format(block) % THROWN !== STORED) return 0;
    return this.words[block + HEADER_WORDS];
  }

  #allocate(bytes: number): number {
    const size = classOf(bytes);
    const free = this.#at + 1 + size;
    const block = this.#object[free];
    if (block !== 0) {
      // All of the block, and not only the bytes that it held last.
      if (block + (LEAST << size) / 4 > this.words.length) this.#look();
      this.#object[free] = this.words[block + Block.Link];
      return block;
    }
    const top = this.#object[this.#at];
    const end = top + (LEAST << size) / 4;
    if (end * 4 > this.#buffer.byteLength && !this.#grow(end * 4)) return 0;
    this.#object[this.#at] = end;
    if (end > this.words.length) this.#look();
    return top;
  }

  #grow(bytes: number): boolean {
    const { byteLength, maxByteLength } = this.#buffer;
    if (bytes > maxByteLength) return false;
    try {
      this.#buffer.grow(Math.min(maxByteLength, Math.max(bytes, byteLength * 2)));
      return true;
    } catch {
      return false;
    }
  }

  #look(): void {
    // Of a fixed length: views that follow a growing buffer cost several times as much.
    const bytes = this.#buffer.byteLength & ~7;
    this.words = new Int32Array(this.#buffer, 0, bytes / 4);
    this.numbers = new Float64Array(this.#buffer, 0, bytes / 8);
    this.#bytes = new Uint8Array(this.#buffer, 0, bytes);
  }
}

/** The class of the smallest blocks that so many bytes fit in. */
function classOf(bytes: number): number {
  let size = 0;
  while ((LEAST << size) < bytes + HEADER_BYTES) size++;
  return size;
}
