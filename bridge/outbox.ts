/**
 * The writing end of a mailbox: puts messages into a ring. See `message.ts` for how they lie there.
 *
 * @module
 */

import { type Body, Format } from "./codec.ts";
import {
  ASCII,
  CHUNK,
  CHUNK_BYTES,
  hasBlobs,
  keepBytes,
  LAST,
  NO_BYTES,
  STREAM_SHIFT,
} from "./message.ts";
import { align, HEADER, MAX_FRAME, type RingWriter, Word } from "./ring.ts";
import { mostBytes, writePart, writeText } from "./text.ts";

/** What the frame of a message would take at the most. */
function frameBytes(body: Body): number {
  const { format, text, meta, blobs } = body;
  if (!hasBlobs(format)) return HEADER + mostBytes(text);
  let bytes = HEADER + blobs.length * 4 + (meta?.length ?? 0);
  for (const blob of blobs) bytes = align(bytes) + blob.length;
  return bytes;
}

/**
 * Writes a message as one frame.
 *
 * @returns 1 when it is written, 0 when there is no room now, -1 when it is too large for one frame.
 */
export function writeFrame(
  ring: RingWriter,
  kind: number,
  id: number,
  a: number,
  b: number,
  body: Body,
): 1 | 0 | -1 {
  const most = align(frameBytes(body));
  if (most > MAX_FRAME) return -1;
  const at = ring.reserve(most);
  if (at < 0) return 0;
  const { words, bytes } = ring;
  const { text, blobs } = body;
  let { format } = body;
  let end = at + HEADER;
  let meta = 0;
  if (hasBlobs(format)) {
    for (let i = 0; i < blobs.length; i++, end += 4) words[end >> 2] = blobs[i].length;
    if (body.meta) {
      meta = body.meta.length;
      bytes.set(body.meta, end);
      end += meta;
    }
    for (const blob of blobs) {
      bytes.set(blob, end = align(end));
      end += blob.length;
    }
  } else if (format === Format.Int || format === Format.IntInArray) {
    meta = body.int!;
  } else if (text.length > 0) {
    meta = writeText(text, bytes, end);
    end += meta;
    if (meta === text.length) format |= ASCII;
  }
  const size = align(end - at);
  writeHeader(words, at, size, kind, id, a, b, format, meta, blobs.length);
  ring.publish(size);
  return 1;
}

function writeHeader(
  words: Int32Array,
  at: number,
  size: number,
  kind: number,
  id: number,
  a: number,
  b: number,
  format: number,
  meta: number,
  blobs: number,
): void {
  const word = at >> 2;
  words[word + Word.Size] = size;
  words[word + Word.Kind] = kind;
  words[word + Word.Id] = id;
  words[word + Word.A] = a;
  words[word + Word.B] = b;
  words[word + Word.Format] = format;
  words[word + Word.Meta] = meta;
  words[word + Word.Blobs] = blobs;
}

/** A message on its way out in chunks. */
export class Outgoing {
  readonly #stream: number;
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  readonly #body: Body;
  /** What is still to be written after the head: byte parts, or units of the text. */
  readonly #parts: Uint8Array[] = [];
  #started = false;
  #part = 0;
  #offset = 0;

  /** @param stream A number that no other message on its way from this thread has; 1 to 65,535. */
  constructor(stream: number, kind: number, id: number, a: number, b: number, body: Body) {
    this.#stream = stream;
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#body = body;
    if (hasBlobs(body.format)) {
      const lengths = Uint32Array.from(body.blobs, (blob) => blob.length);
      const head = new Uint8Array(lengths.byteLength + (body.meta?.length ?? 0));
      head.set(new Uint8Array(lengths.buffer));
      head.set(body.meta ?? NO_BYTES, lengths.byteLength);
      this.#parts = [head, ...body.blobs];
    }
  }

  /**
   * Writes as much as there is room for.
   *
   * @param until When to stop, in `performance.now()` time: a Worker that reads makes room all the while.
   * @returns Whether all is written.
   */
  advance(ring: RingWriter, until = Infinity): boolean {
    if (!this.#started) {
      const at = ring.reserve(HEADER);
      if (at < 0) return false;
      const { format, blobs, meta } = this.#body;
      writeHeader(
        ring.words,
        at,
        HEADER,
        this.#kind,
        this.#id,
        this.#a,
        this.#b,
        format | this.#stream << STREAM_SHIFT,
        meta?.length ?? 0,
        blobs.length,
      );
      ring.publish(HEADER);
      this.#started = true;
    }
    for (;;) {
      const at = ring.reserve(MAX_FRAME);
      if (at < 0) return false;
      const last = hasBlobs(this.#body.format)
        ? this.#writeByteChunk(ring, at)
        : this.#writeTextChunk(ring, at);
      if (last) return true;
      if (until !== Infinity && performance.now() >= until) return false;
    }
  }

  /**
   * Takes a copy of the bytes that are not written yet: from now on whoever owns them may change them. Bytes that the
   * codec made are its own and need none, but they are few.
   */
  keep(): void {
    for (let i = this.#part; i < this.#parts.length; i++) {
      // The offset counts from the part's start, so a part that is half written is copied as a whole.
      this.#parts[i] = keepBytes(this.#parts[i]);
    }
  }

  #writeTextChunk(ring: RingWriter, at: number): boolean {
    const { text } = this.#body;
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
    writeHeader(ring.words, at, size, CHUNK, this.#stream, filled, flags, 0, 0, 0);
    ring.publish(size);
  }
}
