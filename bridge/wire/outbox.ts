/**
 * The writing end of a ring: puts messages into it. See `message.ts` for how they lie there, and which message goes which way.
 *
 * A message that cannot be written at once *departs* in one of two ways: as one frame, once there is room; or, if it is too large
 * for one, as a frame with its payload beside the ring.
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
  DROPPED,
  type Giver,
  HANDED,
  hasBuffers,
  keep,
  MOST_LENGTHS,
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
  readonly #annexes: AnnexWriter;
  readonly #handing: HandingWriter;
  readonly #giver: Giver;

  /**
   * @param ring The ring.
   * @param giver Gives things to the reader beside the ring. By default nothing can be given.
   */
  constructor(ring: RingWriter, giver: Giver = NOBODY) {
    this.ring = ring;
    this.#annexes = new AnnexWriter(ring, giver.give);
    this.#handing = new HandingWriter(ring, giver.hand);
    this.#giver = giver;
  }

  /** Sends the attachments of a message; once, and before the message is written. */
  attach(attachments: readonly Attachment[]): void {
    for (const { id, object } of attachments) this.#giver.send(id, object);
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
    if (align(frameBytes(payload, hasBuffers(payload.format))) <= MAX_FRAME) {
      return new FrameDeparture(this, kind, id, a, b, payload);
    }
    return new BesideDeparture(this, kind, id, a, b, payload);
  }

  /**
   * Puts a payload beside the ring.
   *
   * @returns Where it is; nothing while there is no room for it.
   */
  put(payload: Payload): Beside | undefined {
    const mayBeAnnexed = payload.buffers.length <= MOST_LENGTHS && !this.#handing.suits(payload);
    return mayBeAnnexed && this.#annexes.put(payload) || this.#handing.put(payload);
  }

  /** Whether a message waits for memory, and not for the reader: nobody wakes the writer when there is some. */
  get starved(): boolean {
    return this.#handing.starved;
  }

  /** The time at which {@linkcode Outbox.tidy} has something to do, in `performance.now()` time; `Infinity` when it has not. */
  get tidyAt(): number {
    return this.#annexes.dropAt;
  }

  /** Lets go of memory that is not used any more. */
  tidy(now: number): void {
    const annexes = this.#annexes;
    if (now < annexes.dropAt) return;
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

/** A message whose payload goes beside the ring. */
class BesideDeparture implements Departure {
  readonly #outbox: Outbox;
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  #payload: Payload;
  /** The lengths of the payload's buffers: those that are handed over have none here any more. */
  readonly #lengths: readonly number[];
  #beside: Beside | undefined;

  constructor(outbox: Outbox, kind: number, id: number, a: number, b: number, payload: Payload) {
    this.#outbox = outbox;
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#payload = payload;
    this.#lengths = payload.buffers.map(({ length }) => length);
  }

  advance(): boolean {
    const beside = this.#beside ??= this.#outbox.put(this.#payload);
    if (!beside) return false;
    const { ring } = this.#outbox;
    const { where, id, meta, buffers } = beside;
    const lengths = where < HANDED ? this.#lengths : [];
    const size = align(BESIDE_HEADER + 4 * lengths.length);
    const at = ring.reserve(size);
    if (at < 0) return false;
    let word = at + HEADER >> 2;
    ring.words[word++] = where;
    ring.words[word++] = id;
    for (const length of lengths) ring.words[word++] = length;
    const format = this.#payload.format | BESIDE | (beside.ascii ? ASCII : 0);
    ring.publishFrame(at, size, this.#kind, this.#id, this.#a, this.#b, format, meta, buffers);
    return true;
  }

  /** Copies nothing if the payload is beside the ring already: it was copied there. */
  keep(): void {
    if (!this.#beside) this.#payload = keep(this.#payload);
  }
}

/** A message that could not be written at once. */
export interface Departure {
  /** Writes the message if there is room for it now, and says whether there was. */
  advance(): boolean;
  /**
   * Takes a copy of the bytes if they are not written yet: from now on their owner may change them. Bytes that the codec made
   * are its own and need no copy, but they are few.
   */
  keep(): void;
}

function refuse(): never {
  throw new Error("Cannot send a message: nothing goes beside the ring");
}

const NOBODY: Giver = { give: refuse, hand: refuse, send: refuse };
