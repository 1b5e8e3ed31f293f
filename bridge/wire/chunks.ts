/**
 * Chunks: the way out of a message that is too large for a frame and an annex. See `message.ts` for how they lie in a ring.
 *
 * @module
 */

import type { Payload } from "./payload.ts";
import type { Departure } from "./departure.ts";
import {
  ASCII,
  CHUNK,
  CHUNK_BYTES,
  hasBuffers,
  keepBytes,
  LAST,
  NO_BYTES,
  STREAM_SHIFT,
} from "./message.ts";
import { align, HEADER, MAX_FRAME, type RingWriter } from "./ring.ts";
import { writePart } from "./text.ts";

/** A message on its way out in chunks. */
export class ChunkedDeparture implements Departure {
  readonly #ring: RingWriter;
  readonly #stream: number;
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  readonly #payload: Payload;
  /** The parts still to be written after the head: byte parts, or units of the text. */
  readonly #parts: Uint8Array[] = [];
  #started = false;
  #part = 0;
  #offset = 0;

  /** @param stream A number that no other message on its way from this thread has; 1 to 65,534. */
  constructor(
    ring: RingWriter,
    stream: number,
    kind: number,
    id: number,
    a: number,
    b: number,
    payload: Payload,
  ) {
    this.#ring = ring;
    this.#stream = stream;
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#payload = payload;
    if (hasBuffers(payload.format)) {
      const lengths = Uint32Array.from(payload.buffers, (buffer) => buffer.length);
      const head = new Uint8Array(lengths.byteLength + (payload.meta?.length ?? 0));
      head.set(new Uint8Array(lengths.buffer));
      head.set(payload.meta ?? NO_BYTES, lengths.byteLength);
      this.#parts = [head, ...payload.buffers];
    }
  }

  advance(until = Infinity): boolean {
    const ring = this.#ring;
    if (!this.#started) {
      const at = ring.reserve(HEADER);
      if (at < 0) return false;
      const { format, buffers, meta } = this.#payload;
      ring.publishFrame(
        at,
        HEADER,
        this.#kind,
        this.#id,
        this.#a,
        this.#b,
        format | this.#stream << STREAM_SHIFT,
        meta?.length ?? 0,
        buffers.length,
      );
      this.#started = true;
    }
    for (;;) {
      const at = ring.reserve(MAX_FRAME);
      if (at < 0) return false;
      const last = hasBuffers(this.#payload.format)
        ? this.#writeByteChunk(ring, at)
        : this.#writeTextChunk(ring, at);
      if (last) return true;
      if (until !== Infinity && performance.now() >= until) return false;
    }
  }

  keep(): void {
    for (let i = this.#part; i < this.#parts.length; i++) {
      // The offset counts from the part's start, so a part that is half written is copied as a whole.
      this.#parts[i] = keepBytes(this.#parts[i]);
    }
  }

  #writeTextChunk(ring: RingWriter, at: number): boolean {
    const { text } = this.#payload;
    const { read, written } = writePart(text, this.#offset, ring.bytes, at + HEADER, CHUNK_BYTES);
    this.#offset += read;
    const last = this.#offset === text.length;
    this.#publishChunk(ring, at, written, (last ? LAST : 0) | (read === written ? ASCII : 0));
    return last;
  }

  #writeByteChunk(ring: RingWriter, at: number): boolean {
    let filled = 0;
    while (filled < CHUNK_BYTES && this.#part < this.#parts.length) {
      const part = this.#parts[this.#part];
      const take = Math.min(CHUNK_BYTES - filled, part.length - this.#offset);
      ring.bytes.set(part.subarray(this.#offset, this.#offset + take), at + HEADER + filled);
      filled += take;
      this.#offset += take;
      if (this.#offset === part.length) {
        this.#part++;
        this.#offset = 0;
        filled = align(filled);
      }
    }
    const last = this.#part === this.#parts.length;
    this.#publishChunk(ring, at, filled, last ? LAST : 0);
    return last;
  }

  #publishChunk(ring: RingWriter, at: number, filled: number, flags: number): void {
    const size = align(HEADER + filled);
    ring.publishFrame(at, size, CHUNK, this.#stream, filled, flags, 0, 0, 0);
  }
}
