/**
 * Beside the ring: two ways for payloads that are too large for a frame.
 *
 * **Annexes**: memory beside a ring, for payloads that are too large for a frame and not too large to be copied at once.
 *
 * Through an annex a payload is copied in once and out once. Each ring has two annexes, so that a second payload can be copied
 * in while the first one is copied out. The writer makes one, of a power of two of bytes, when it first has something for it;
 * gives it to the reader through the passage (see `bridge/memory/objects.ts`), once; puts a larger one in its place when that is
 * needed; and drops both when they were not used for a second.
 *
 * ```text
 * TAKEN, for each annex   how many payloads have been copied out of it, modulo 2^32   the reader only, after it has copied
 * ```
 *
 * The writer counts the payloads that it has put into each annex; an annex is free while both counts are the same. A payload
 * that finds none free is handed over, so no side ever waits for an annex. TAKEN is the only race: the reader counts after its
 * last look at the bytes, so the writer, once it sees the count, may write there again. Which annex a payload is in stands in
 * its frame, so it does not matter in which order payloads arrive.
 *
 * The hub does not trust a Worker's words about an annex: it checks the memory once, and each offset in it before it reads.
 *
 * **Handed buffers**: all other payloads go in buffers of their own, which change hands through the passage (see
 * `bridge/memory/objects.ts`) as a `postMessage` with a transfer list does it: nobody copies them.
 *
 * Of a few large runs of bytes the writer copies each run once, into the very buffer that the reader's value will have; bytes
 * that were given away with `transfer()` it does not copy at all. Through an annex they would be copied twice, so from a megabyte
 * on this is faster, and the hub, when it reads, does nothing that takes long. Many small runs are *packed* into one buffer, and
 * the reader copies them out of it. A text goes as its UTF-8 bytes.
 *
 * ```text
 * TAKEN, the word after those of the annexes   how many payloads the reader has taken, modulo 2^32   the reader only
 * ```
 *
 * The writer counts the payloads that it has handed over. There may be {@linkcode MOST_ON_THEIR_WAY} that were not taken: the
 * next one waits as for room in the ring, so that a writer that is faster does not fill the memory. The reader counts before it
 * gives the frame's room back, and wakes a hungry writer after that.
 *
 * The hub does not trust the buffers that a Worker hands over: it takes only fixed-length `ArrayBuffer`s, and checks each length
 * in a packed one.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Format, type Payload } from "./payload.ts";
import { BridgeProtocolError } from "../errors.ts";
import {
  ANNEXES,
  type Beside,
  HANDED,
  hasBuffers,
  MOST_PART,
  NO_BYTES,
  PACKED,
} from "./message.ts";
import { align, type RingReader, type RingWriter } from "./ring.ts";
import { readAscii } from "./text.ts";
import { isTransferred } from "./transfer.ts";

/** The least and the most bytes of an annex. To copy so many takes the hub some 10 ms at the most. */
const LEAST = 1 << 18;
const MOST = 1 << 24;

/** The time without use after which the annexes are dropped, in milliseconds. */
const KEPT_MS = 1000;

/** One annex, as its writer keeps it. */
interface Annex {
  id: number;
  bytes: Uint8Array;
  /** The count of payloads that have been put into it. */
  put: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The writer's annexes of one ring. */
export class AnnexWriter {
  readonly #ring: RingWriter;
  readonly #give: (buffer: SharedArrayBuffer) => number;
  readonly #annexes: Annex[];
  /** The time at which the annexes are to be dropped, in `performance.now()` time; `Infinity` while there are none. */
  dropAt = Infinity;

  /**
   * @param ring The ring.
   * @param give Gives memory to the reader, and returns the number by which it can be taken there.
   */
  constructor(ring: RingWriter, give: (buffer: SharedArrayBuffer) => number) {
    this.#ring = ring;
    this.#give = give;
    this.#annexes = Array.from({ length: ANNEXES }, () => ({ id: 0, bytes: NO_BYTES, put: 0 }));
  }

  /**
   * Puts a payload into an annex that is free.
   *
   * @returns Where it is; nothing when it is too large, or no annex is free.
   */
  put(payload: Payload): Beside | undefined {
    const isText = !hasBuffers(payload.format);
    const bytes = isText ? payload.text.length : bytesOf(payload);
    if (bytes > MOST) return undefined;
    const number = this.#annexes.findIndex(({ put }, i) => put === this.#ring.taken(i));
    if (number < 0) return undefined;
    const annex = this.#annexes[number];
    if (!this.#makeRoom(annex, bytes)) return undefined;
    const meta = isText ? this.#putText(annex, payload.text) : putBuffers(annex.bytes, payload);
    if (meta < 0) return undefined;
    annex.put = annex.put + 1 >>> 0;
    this.dropAt = performance.now() + KEPT_MS;
    const ascii = isText && meta === payload.text.length;
    return { where: number, id: annex.id, meta, ascii, buffers: payload.buffers.length };
  }

  /** Drops the annexes. Says whether it could: not while the reader has not copied all that is in them. */
  drop(): boolean {
    if (this.#annexes.some(({ put }, i) => put !== this.#ring.taken(i))) return false;
    for (const annex of this.#annexes) annex.bytes = NO_BYTES;
    this.dropAt = Infinity;
    return true;
  }

  /** Keeps the annexes for another while. */
  keep(now: number): void {
    this.dropAt = now + KEPT_MS;
  }

  /** Puts a text into an annex. Gives the count of its bytes, or -1 when it is too long after all. */
  #putText(annex: Annex, text: string): number {
    const { read, written } = encoder.encodeInto(text, annex.bytes);
    if (read === text.length) return written;
    // It is not ASCII.
    const most = text.length * 3;
    if (most > MOST || !this.#makeRoom(annex, most)) return -1;
    return encoder.encodeInto(text, annex.bytes).written;
  }

  #makeRoom(annex: Annex, bytes: number): boolean {
    if (annex.bytes.length >= bytes) return true;
    try {
      const size = Math.max(LEAST, 2 ** Math.ceil(Math.log2(bytes)));
      const buffer = new SharedArrayBuffer(size);
      annex.id = this.#give(buffer);
      annex.bytes = new Uint8Array(buffer);
      return true;
    } catch {
      // There is no memory for it.
      return false;
    }
  }
}

function bytesOf({ meta, buffers }: Payload): number {
  let bytes = meta?.length ?? 0;
  // Not by align(): it may be more than 32 bits hold.
  for (const buffer of buffers) bytes = Math.ceil(bytes / 8) * 8 + buffer.length;
  return bytes;
}

/** Puts the meta part and the buffers into an annex. Gives the count of the meta part's bytes. */
function putBuffers(bytes: Uint8Array, { meta = NO_BYTES, buffers }: Payload): number {
  bytes.set(meta);
  let at = meta.length;
  for (const buffer of buffers) {
    bytes.set(buffer, at = align(at));
    at += buffer.length;
  }
  return meta.length;
}

/** The memory of an annex, as its reader keeps it. */
interface Memory {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly chars: Buffer;
}

/** The reader's annexes of one ring. */
export class AnnexReader {
  readonly #ring: RingReader;
  readonly #take: (id: number) => SharedArrayBuffer;
  readonly #memories: (Memory | undefined)[] = new Array(ANNEXES).fill(undefined);

  /**
   * @param ring The ring.
   * @param take Takes memory that the writer has given.
   */
  constructor(ring: RingReader, take: (id: number) => SharedArrayBuffer) {
    this.#ring = ring;
    this.#take = take;
  }

  /**
   * Copies a payload out.
   *
   * @param format The payload's format.
   * @param beside Where it is, as its frame says.
   * @param lengths The lengths of its buffers.
   * @throws {BridgeProtocolError} If that cannot be right.
   */
  take(format: number, beside: Beside, lengths: readonly number[]): Payload {
    const memory = this.#memory(beside);
    const payload = hasBuffers(format)
      ? takeBuffers(memory.bytes, format, beside.meta, lengths)
      : takeText(memory, format, beside.meta, beside.ascii);
    this.#ring.countTaken(beside.where);
    return payload;
  }

  /** Lets go of the annexes, which the writer has dropped. */
  drop(): undefined {
    this.#memories.fill(undefined);
  }

  #memory({ where: annex, id }: Beside): Memory {
    if (annex !== 0 && annex !== 1) {
      throw new BridgeProtocolError(`Cannot read a message: there is no annex ${annex}`);
    }
    const known = this.#memories[annex];
    if (known?.id === id) return known;
    const buffer: unknown = this.#take(id);
    if (!(buffer instanceof SharedArrayBuffer) || buffer.growable || buffer.byteLength > MOST) {
      throw new BridgeProtocolError(
        "Cannot read a message: expected memory of a fixed size as its annex",
      );
    }
    const memory = { id, bytes: new Uint8Array(buffer), chars: Buffer.from(buffer) };
    return this.#memories[annex] = memory;
  }
}

function takeText(
  { bytes, chars }: Memory,
  format: number,
  meta: number,
  ascii: boolean,
): Payload {
  check(bytes, 0, meta);
  // A decoder must not see bytes that may change meanwhile.
  const own = () =>
    bytes.buffer instanceof SharedArrayBuffer ? bytes.slice(0, meta) : bytes.subarray(0, meta);
  const text = ascii ? readAscii(chars, 0, meta) : decoder.decode(own());
  return { format, text, meta: undefined, buffers: [], int: 0 };
}

function takeBuffers(
  bytes: Uint8Array,
  format: number,
  metaBytes: number,
  lengths: readonly number[],
): Payload {
  check(bytes, 0, metaBytes);
  const meta = format === Format.Structured ? bytes.slice(0, metaBytes) : undefined;
  let at = metaBytes;
  const buffers = lengths.map((length) => {
    const from = align(at);
    check(bytes, from, length);
    at = from + length;
    // This way the new memory is not filled with zeros first: for 10 MB 0.6 ms in place of 0.9, measured on Deno 2.9.6.
    return new Uint8Array(bytes.subarray(from, at));
  });
  return { format, text: "", meta, buffers, int: 0 };
}

function check(bytes: Uint8Array, from: number, length: number): void {
  if (from + length <= bytes.length) return;
  throw new BridgeProtocolError(
    `Cannot read a message: ${length} bytes at ${from} of a payload of ${bytes.length}`,
  );
}

/** The least bytes of a payload that is handed over by choice, and the least for each of its parts on the average. */
const LEAST_HANDED = 1 << 20;
const LEAST_EACH = 1 << 16;

/** The most payloads that may be on their way. */
const MOST_ON_THEIR_WAY = 8;

/** The writer's side. */
export class HandingWriter {
  readonly #ring: RingWriter;
  readonly #hand: (buffers: ArrayBuffer[]) => number;
  #handed = 0;
  /** Whether the last payload has to wait as there was no memory for it. */
  starved = false;

  /**
   * @param ring The ring.
   * @param hand Hands buffers to the reader, and returns the number by which they can be taken there.
   */
  constructor(ring: RingWriter, hand: (buffers: ArrayBuffer[]) => number) {
    this.#ring = ring;
    this.#hand = hand;
  }

  /** Whether a payload is faster this way than through an annex: a few large runs of bytes. */
  suits(payload: Payload): boolean {
    return hasBuffers(payload.format) && bytesOf(payload) >= LEAST_HANDED && !isScattered(payload);
  }

  /**
   * Hands a payload over.
   *
   * @returns Where it is; nothing while too many are on their way, or there is no memory for it.
   */
  put(payload: Payload): Beside | undefined {
    this.starved = false;
    if ((this.#handed - this.#ring.taken(HANDED) >>> 0) >= MOST_ON_THEIR_WAY) return undefined;
    const { format, text, meta = NO_BYTES, buffers } = payload;
    const isText = !hasBuffers(format);
    const isPacked = !isText && isScattered(payload) && bytesOf(payload) < MOST_PART / 2;
    let parts: ArrayBuffer[];
    try {
      if (isText) parts = [encoder.encode(text).buffer];
      else if (isPacked) parts = [packed(payload)];
      else parts = (payload.meta ? [meta, ...buffers] : buffers).map(ownBuffer);
    } catch {
      this.starved = true;
      return undefined;
    }
    const bytes = isText ? parts[0].byteLength : meta.length;
    const id = this.#hand(parts);
    this.#handed = this.#handed + 1 >>> 0;
    const where = isPacked ? PACKED : HANDED;
    return { where, id, meta: bytes, ascii: bytes === text.length, buffers: buffers.length };
  }
}

/** Whether the parts of a payload are small on the average. */
function isScattered(payload: Payload): boolean {
  return bytesOf(payload) < LEAST_EACH * (payload.buffers.length + 1);
}

/** All of a payload in one buffer: the lengths of its buffers, its meta part, and its buffers. */
function packed(payload: Payload): ArrayBuffer {
  const { buffers } = payload;
  const table = align(4 * buffers.length);
  const bytes = new Uint8Array(table + bytesOf(payload));
  new Uint32Array(bytes.buffer, 0, buffers.length).set(buffers.map(({ length }) => length));
  putBuffers(bytes.subarray(table), payload);
  return bytes.buffer;
}

/** A buffer that holds these bytes and nothing else, and is nobody else's. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes;
  const isAll = buffer instanceof ArrayBuffer && !buffer.resizable &&
    bytes.length === buffer.byteLength;
  if (isAll && !buffer.detached && isTransferred(buffer)) return buffer;
  // This way the new memory is not filled with zeros first.
  return new Uint8Array(bytes).buffer;
}

/** The reader's side. */
export class HandingReader {
  readonly #ring: RingReader;
  readonly #take: (id: number) => unknown;

  /**
   * @param ring The ring.
   * @param take Takes the buffers that were handed over under a number.
   */
  constructor(ring: RingReader, take: (id: number) => unknown) {
    this.#ring = ring;
    this.#take = take;
  }

  /**
   * Takes a payload.
   *
   * @param format The payload's format.
   * @param beside Where it is, as its frame says.
   * @throws {BridgeProtocolError} If that cannot be right.
   */
  take(format: number, { where, id, meta, ascii, buffers: count }: Beside): Payload {
    const taken = this.#take(id);
    if (!Array.isArray(taken)) {
      throw new BridgeProtocolError(
        "Cannot read a message: expected buffers that were handed over, found something else",
      );
    }
    const parts = taken.map(viewOf);
    this.#ring.countTaken(HANDED);
    const isText = !hasBuffers(format);
    if (isText || where === PACKED) {
      const [bytes = NO_BYTES] = parts;
      const chars = Buffer.from(bytes.buffer);
      if (isText) return takeText({ id, bytes, chars }, format, meta, ascii);
      check(bytes, 0, 4 * count);
      const lengths = Array.from(new Uint32Array(bytes.buffer, 0, count));
      return takeBuffers(bytes.subarray(align(4 * count)), format, meta, lengths);
    }
    const first = format === Format.Structured ? parts.shift() ?? NO_BYTES : undefined;
    if (parts.length === count && (first?.length ?? 0) === meta) {
      return { format, text: "", meta: first, buffers: parts, int: 0 };
    }
    throw new BridgeProtocolError(
      `Cannot read a message: expected ${count} buffers that were handed over, found ${parts.length}`,
    );
  }
}

function viewOf(buffer: unknown): Uint8Array {
  if (
    buffer instanceof ArrayBuffer && !buffer.resizable && !buffer.detached &&
    buffer.byteLength <= MOST_PART
  ) return new Uint8Array(buffer);
  throw new BridgeProtocolError(
    "Cannot read a message: expected a buffer that was handed over, found something else",
  );
}
