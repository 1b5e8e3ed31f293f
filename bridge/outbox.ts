/**
 * The writing end of a mailbox: puts messages into a ring. See `message.ts` for how they lie there, and who goes which way.
 *
 * @module
 */

import { AnnexWriter, type Placed } from "./annex.ts";
import { ChunkedDeparture } from "./chunks.ts";
import { type Body, Format } from "./codec.ts";
import { type Departure, writeHeader } from "./departure.ts";
import {
  ANNEX_HEADER,
  ANNEXED,
  ASCII,
  DROPPED,
  hasBlobs,
  keep,
  MOST_STREAM,
  STREAM_SHIFT,
} from "./message.ts";
import { align, HEADER, MAX_FRAME, type RingWriter } from "./ring.ts";
import { mostBytes, writeText } from "./text.ts";

/** What the frame of a message would take at the most. */
function frameBytes(body: Body): number {
  const { format, text, meta, blobs } = body;
  if (!hasBlobs(format)) return HEADER + mostBytes(text);
  let bytes = HEADER + blobs.length * 4 + (meta?.length ?? 0);
  for (const blob of blobs) bytes = align(bytes) + blob.length;
  return bytes;
}

/** Writes a message as one frame; says whether it could: it may be too large, or there is no room now. */
function writeFrame(
  ring: RingWriter,
  kind: number,
  id: number,
  a: number,
  b: number,
  body: Body,
): boolean {
  const most = align(frameBytes(body));
  if (most > MAX_FRAME) return false;
  const at = ring.reserve(most);
  if (at < 0) return false;
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
  return true;
}

/** The writing end of a mailbox. */
export class Outbox {
  readonly #ring: RingWriter;
  readonly #annexes: AnnexWriter | undefined;
  #lastStream = 0;

  /**
   * @param ring The ring.
   * @param give Gives memory to the reader, and returns the number by which it can be taken there. Without it there are no
   * annexes.
   */
  constructor(ring: RingWriter, give?: (buffer: SharedArrayBuffer) => number) {
    this.#ring = ring;
    this.#annexes = give && new AnnexWriter(ring, give);
  }

  /** Writes a message, if it can be done at once; if not, {@linkcode Outbox.begin} to do so. */
  write(kind: number, id: number, a: number, b: number, body: Body): boolean {
    return writeFrame(this.#ring, kind, id, a, b, body);
  }

  /** Begins to write a message that could not be written at once. */
  begin(kind: number, id: number, a: number, b: number, body: Body): Departure {
    const ring = this.#ring;
    if (align(frameBytes(body)) <= MAX_FRAME) return new FrameDeparture(ring, kind, id, a, b, body);
    // The lengths have to fit in the frame.
    const fits = ANNEX_HEADER + 4 * body.blobs.length <= MAX_FRAME;
    const placed = fits ? this.#annexes?.put(body) : undefined;
    if (placed) return new AnnexedDeparture(ring, kind, id, a, b, body, placed);
    this.#lastStream = this.#lastStream % MOST_STREAM + 1;
    return new ChunkedDeparture(ring, this.#lastStream, kind, id, a, b, body);
  }

  /** When {@linkcode Outbox.tidy} has something to do, in `performance.now()` time; `Infinity` when it has not. */
  get tidyAt(): number {
    return this.#annexes?.dropAt ?? Infinity;
  }

  /** Lets go of memory that is not used any more. */
  tidy(now: number): void {
    const annexes = this.#annexes;
    if (!annexes || now < annexes.dropAt) return;
    const at = this.#ring.reserve(HEADER);
    if (at < 0 || !annexes.drop()) return annexes.keep(now);
    writeHeader(this.#ring.words, at, HEADER, DROPPED, 0, 0, 0, 0, 0, 0);
    this.#ring.publish(HEADER);
  }

  /** See {@linkcode RingWriter.setHungry}. */
  setHungry(hungry: boolean): void {
    this.#ring.setHungry(hungry);
  }

  /** See {@linkcode RingWriter.shut}. */
  shut(): void {
    this.#ring.shut();
  }

  /** See {@linkcode RingWriter.heard}. */
  get heard(): boolean {
    return this.#ring.heard;
  }

  /** See {@linkcode RingWriter.left}. */
  get left(): boolean {
    return this.#ring.left;
  }
}

/** A message that fits in a frame, once there is room for it. */
class FrameDeparture implements Departure {
  readonly #ring: RingWriter;
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  #body: Body;

  constructor(ring: RingWriter, kind: number, id: number, a: number, b: number, body: Body) {
    this.#ring = ring;
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#body = body;
  }

  advance(): boolean {
    return writeFrame(this.#ring, this.#kind, this.#id, this.#a, this.#b, this.#body);
  }

  keep(): void {
    this.#body = keep(this.#body);
  }
}

/** A message whose body is in an annex already. */
class AnnexedDeparture implements Departure {
  readonly #ring: RingWriter;
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  readonly #format: number;
  readonly #lengths: readonly number[];
  readonly #placed: Placed;

  constructor(
    ring: RingWriter,
    kind: number,
    id: number,
    a: number,
    b: number,
    { format, blobs }: Body,
    placed: Placed,
  ) {
    this.#ring = ring;
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#format = format | (placed.ascii ? ASCII : 0) | ANNEXED << STREAM_SHIFT;
    this.#lengths = blobs.map(({ length }) => length);
    this.#placed = placed;
  }

  advance(): boolean {
    const size = align(ANNEX_HEADER + 4 * this.#lengths.length);
    const at = this.#ring.reserve(size);
    if (at < 0) return false;
    const { words } = this.#ring;
    const { annex, id, meta } = this.#placed;
    let word = at + HEADER >> 2;
    words[word++] = annex;
    words[word++] = id;
    for (const length of this.#lengths) words[word++] = length;
    const blobs = this.#lengths.length;
    writeHeader(
      words,
      at,
      size,
      this.#kind,
      this.#id,
      this.#a,
      this.#b,
      this.#format,
      meta,
      blobs,
    );
    this.#ring.publish(size);
    return true;
  }

  /** It was copied when it was put into the annex. */
  keep(): void {}
}
