/**
 * The writing end of a ring: puts messages into it. See `message.ts` for how they lie there, and which message goes which way.
 *
 * A message that cannot be written at once *departs* in one of three ways: as one frame, once there is room; as a frame with its
 * payload beside the ring; in chunks, if it is too large for both.
 *
 * @module
 */

import { AnnexWriter, HandingWriter } from "./beside.ts";
import { type Attachment, Format, type Payload } from "./payload.ts";
import {
  ASCII,
  BESIDE,
  type Beside,
  BESIDE_HEADER,
  CHUNK,
  CHUNK_BYTES,
  DROPPED,
  type Giver,
  hasBuffers,
  keep,
  keepBytes,
  LAST,
  MOST_STREAM,
  NO_BYTES,
  STREAM_SHIFT,
} from "./message.ts";
import { align, HEADER, MAX_FRAME, type RingWriter } from "./ring.ts";
import { mostBytes, writePart, writeText } from "./text.ts";

/** The most bytes that the frame of a message may take. */
function frameBytes(payload: Payload, withBuffers: boolean): number {
  if (!withBuffers) return HEADER + mostBytes(payload.text);
  const { meta, buffers } = payload;
  let bytes = HEADER + buffers.length * 4 + (meta?.length ?? 0);
  for (const buffer of buffers) bytes = align(bytes) + buffer.length;
  return bytes;
}

/** The writing end of a ring. */
export class Outbox {
  /** The ring: here the writer says that it is hungry or behind, or that the reader is to end. */
  readonly ring: RingWriter;
  readonly #annexes: AnnexWriter | undefined;
  readonly #handing: HandingWriter | undefined;
  readonly #giver: Giver | undefined;
  #lastStream = 0;

  /**
   * @param ring The ring.
   * @param giver Gives things to the reader beside the ring. Without it all payloads go through the ring.
   */
  constructor(ring: RingWriter, giver?: Giver) {
    this.ring = ring;
    this.#annexes = giver && new AnnexWriter(ring, giver.give);
    this.#handing = giver && new HandingWriter(ring, giver.hand);
    this.#giver = giver;
  }

  /** Sends the attachments of a message; once, and before the message is written. */
  attach(attachments: readonly Attachment[]): void {
    for (const { id, object } of attachments) this.#giver?.send(id, object);
  }

  /**
   * Writes a message as one frame.
   *
   * @returns Whether it could: the message may be too large, or there is no room now. Then {@linkcode Outbox.begin} it.
   */
  write(kind: number, id: number, a: number, b: number, payload: Payload): boolean {
    const { ring } = this;
    let { format } = payload;
    const withBuffers = hasBuffers(format);
    const most = align(frameBytes(payload, withBuffers));
    if (most > MAX_FRAME) return false;
    const at = ring.reserve(most);
    if (at < 0) return false;
    const { words, bytes } = ring;
    const { text, buffers } = payload;
    let end = at + HEADER;
    let meta = 0;
    if (withBuffers) {
      for (let i = 0; i < buffers.length; i++, end += 4) words[end >> 2] = buffers[i].length;
      if (payload.meta) {
        meta = payload.meta.length;
        bytes.set(payload.meta, end);
        end += meta;
      }
      for (const buffer of buffers) {
        bytes.set(buffer, end = align(end));
        end += buffer.length;
      }
    } else if (format === Format.Int || format === Format.IntInArray) {
      meta = payload.int!;
    } else if (text.length > 0) {
      meta = writeText(text, bytes, end);
      end += meta;
      if (meta === text.length) format |= ASCII;
    }
    ring.publishFrame(at, align(end - at), kind, id, a, b, format, meta, buffers.length);
    return true;
  }

  /** Begins to write a message that could not be written at once. */
  begin(kind: number, id: number, a: number, b: number, payload: Payload): Departure {
    const { ring } = this;
    if (align(frameBytes(payload, hasBuffers(payload.format))) <= MAX_FRAME) {
      return new FrameDeparture(this, kind, id, a, b, payload);
    }
    // The lengths have to fit in the frame.
    const fits = BESIDE_HEADER + 4 * payload.buffers.length <= MAX_FRAME;
    const beside = fits ? this.#handing?.put(payload) ?? this.#annexes?.put(payload) : undefined;
    if (beside) return new BesideDeparture(ring, kind, id, a, b, payload, beside);
    this.#lastStream = this.#lastStream % MOST_STREAM + 1;
    return new ChunkedDeparture(ring, this.#lastStream, kind, id, a, b, payload);
  }

  /** The time at which {@linkcode Outbox.tidy} has something to do, in `performance.now()` time; `Infinity` when it has not. */
  get tidyAt(): number {
    return this.#annexes?.dropAt ?? Infinity;
  }

  /** Lets go of memory that is not used any more. */
  tidy(now: number): void {
    const annexes = this.#annexes;
    if (!annexes || now < annexes.dropAt) return;
    const at = this.ring.reserve(HEADER);
    if (at < 0 || !annexes.drop()) return annexes.keep(now);
    this.ring.publishFrame(at, HEADER, DROPPED, 0, 0, 0, 0, 0, 0);
  }
}

/** A message that fits in a frame, once there is room for it. */
class FrameDeparture implements Departure {
  readonly #outbox: Outbox;
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  #payload: Payload;

  constructor(outbox: Outbox, kind: number, id: number, a: number, b: number, payload: Payload) {
    this.#outbox = outbox;
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#payload = payload;
  }

  advance(): boolean {
    return this.#outbox.write(this.#kind, this.#id, this.#a, this.#b, this.#payload);
  }

  keep(): void {
    this.#payload = keep(this.#payload);
  }
}

/** A message whose payload is beside the ring already. */
class BesideDeparture implements Departure {
  readonly #ring: RingWriter;
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  readonly #format: number;
  readonly #beside: Beside;

  constructor(
    ring: RingWriter,
    kind: number,
    id: number,
    a: number,
    b: number,
    { format }: Payload,
    beside: Beside,
  ) {
    this.#ring = ring;
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#format = format | (beside.ascii ? ASCII : 0) | BESIDE << STREAM_SHIFT;
    this.#beside = beside;
  }

  advance(): boolean {
    const { where, id, meta, lengths } = this.#beside;
    const size = align(BESIDE_HEADER + 4 * lengths.length);
    const at = this.#ring.reserve(size);
    if (at < 0) return false;
    const { words } = this.#ring;
    let word = at + HEADER >> 2;
    words[word++] = where;
    words[word++] = id;
    for (const length of lengths) words[word++] = length;
    this.#ring.publishFrame(
      at,
      size,
      this.#kind,
      this.#id,
      this.#a,
      this.#b,
      this.#format,
      meta,
      lengths.length,
    );
    return true;
  }

  /** Copies nothing: the payload was copied when it was put beside the ring. */
  keep(): void {}
}

/** A message that could not be written at once. */
export interface Departure {
  /**
   * Writes as much as there is room for.
   *
   * @param until The time to stop, in `performance.now()` time: a Worker that reads makes room all the while.
   * @returns Whether all is written.
   */
  advance(until?: number): boolean;
  /**
   * Takes a copy of the bytes that are not written yet: from now on their owner may change them. Bytes that the codec made
   * are its own and need no copy, but they are few.
   */
  keep(): void;
}

/** A message on its way out in chunks. */
class ChunkedDeparture implements Departure {
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
