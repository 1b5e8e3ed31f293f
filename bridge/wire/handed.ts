/**
 * Handed buffers: payloads of a few large runs of bytes go in buffers of their own, which change hands through the passage (see
 * `bridge/memory/objects.ts`) as a `postMessage` with a transfer list does it: nobody copies them.
 *
 * The writer copies each run once, into the very buffer that the reader's value will have; bytes that were given away with
 * `transfer()` it does not copy at all. Through an annex they would be copied twice, so from a megabyte on this is faster, and
 * the hub, when it reads, does nothing that takes long.
 *
 * ```text
 * TAKEN, the word after those of the annexes   how many payloads the reader has taken, modulo 2^32   the reader only
 * ```
 *
 * The writer counts the payloads that it has handed over. There may be {@linkcode MOST_ON_THEIR_WAY} that were not taken: those
 * that come then go in chunks, which wait for the reader, so that a writer that is faster does not fill the memory.
 *
 * The hub does not trust what a Worker hands over: it takes fixed-length `ArrayBuffer`s of the lengths that the frame says.
 *
 * @module
 */

import type { Payload } from "./payload.ts";
import { Format } from "./payload.ts";
import { BridgeProtocolError } from "../errors.ts";
import { keepFreedMemory } from "./freed_memory.ts";
import { type Beside, HANDED, hasBuffers, MOST_PART } from "./message.ts";
import type { RingReader, RingWriter } from "./ring.ts";
import { isTransferred } from "./transfer.ts";

/** The least bytes of a payload that is handed over, and the least for each of its buffers on the average. */
const LEAST = 1 << 20;
const LEAST_EACH = 1 << 16;

/** The most payloads that may be on their way. */
const MOST_ON_THEIR_WAY = 8;

/** The writer's side. */
export class HandingWriter {
  readonly #ring: RingWriter;
  readonly #hand: (buffers: ArrayBuffer[]) => number;
  #handed = 0;

  /**
   * @param ring The ring.
   * @param hand Hands buffers to the reader, and returns the number by which they can be taken there.
   */
  constructor(ring: RingWriter, hand: (buffers: ArrayBuffer[]) => number) {
    this.#ring = ring;
    this.#hand = hand;
  }

  /**
   * Hands the bytes of a payload over.
   *
   * @returns Where they are; nothing when the payload is not one for this, or too many are on their way.
   */
  put({ format, meta, buffers }: Payload): Beside | undefined {
    if (!hasBuffers(format)) return undefined;
    const parts = meta ? [meta, ...buffers] : buffers;
    let bytes = 0;
    for (const { length } of parts) {
      if (length > MOST_PART) return undefined;
      bytes += length;
    }
    if (bytes < LEAST || bytes < LEAST_EACH * parts.length) return undefined;
    if ((this.#handed - this.#ring.taken(HANDED) >>> 0) >= MOST_ON_THEIR_WAY) return undefined;
    keepFreedMemory();
    try {
      // Buffers that are handed over have no length here any more.
      const lengths = buffers.map(({ length }) => length);
      const id = this.#hand(parts.map(ownBuffer));
      this.#handed = this.#handed + 1 >>> 0;
      return { where: HANDED, id, meta: meta?.length ?? 0, ascii: false, lengths };
    } catch {
      // There is no memory for it: chunks need none.
      return undefined;
    }
  }
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
   * @param take Takes what was handed over under a number.
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
  take(format: number, { id, meta, lengths }: Beside): Payload {
    if (!hasBuffers(format)) {
      throw new BridgeProtocolError("Cannot read a message: no text is handed");
    }
    const hasMeta = format === Format.Structured;
    const expected = hasMeta ? [meta, ...lengths] : lengths;
    const buffers = this.#take(id);
    if (!Array.isArray(buffers) || buffers.length !== expected.length) {
      throw new BridgeProtocolError("Cannot read a message: other buffers were handed over");
    }
    const parts = expected.map((length, i) => viewOf(buffers[i], length));
    this.#ring.countTaken(HANDED);
    const first = hasMeta ? parts.shift() : undefined;
    return { format, text: "", meta: first, buffers: parts, int: 0 };
  }
}

function viewOf(buffer: unknown, length: number): Uint8Array {
  const isRight = buffer instanceof ArrayBuffer && !buffer.resizable && length <= MOST_PART &&
    buffer.byteLength === length;
  if (isRight) return new Uint8Array(buffer);
  throw new BridgeProtocolError(
    `Cannot read a message: what was handed over is no buffer of ${length} bytes`,
  );
}
