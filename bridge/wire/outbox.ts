/**
 * The writing end of a ring: puts messages into it. See `message.ts` for how they lie there, and which message goes which way.
 *
 * @module
 */

import { AnnexWriter } from "./annex.ts";
import { ChunkedDeparture } from "./chunks.ts";
import { type Attachment, Format, type Payload } from "./payload.ts";
import type { Departure } from "./departure.ts";
import { HandingWriter } from "./handed.ts";
import {
  ASCII,
  BESIDE,
  type Beside,
  BESIDE_HEADER,
  DROPPED,
  type Giver,
  hasBuffers,
  keep,
  MOST_STREAM,
  STREAM_SHIFT,
} from "./message.ts";
import { align, HEADER, MAX_FRAME, type RingWriter } from "./ring.ts";
import { mostBytes, writeText } from "./text.ts";

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
