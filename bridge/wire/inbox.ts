/**
 * The reading end of a ring: takes messages out of it. See `message.ts` for how they lie there.
 *
 * The hub does not trust the bytes of a Worker: each length is read once, checked, and then used.
 *
 * @module
 */

import { AnnexReader, HandingReader } from "./beside.ts";
import { Format, type Payload } from "./payload.ts";
import { BridgeProtocolError } from "../errors.ts";
import {
  ASCII,
  BESIDE,
  BESIDE_HEADER,
  CHUNK,
  DROPPED,
  EMPTY,
  HANDED,
  hasBuffers,
  LAST,
  type Message,
  MOST_PART,
  NO_BYTES,
  STREAM_SHIFT,
  type Taker,
} from "./message.ts";
import { align, HEADER, type RingReader, Word } from "./ring.ts";
import { readAscii, readText } from "./text.ts";

/** The most chunked messages that one thread may have on their way at once. */
const MAX_STREAMS = 1024;

/** The most buffers of one message. */
const MAX_BUFFERS = 1 << 22;

/** A message without its payload. */
type Head = Omit<Message, "payload">;

/** A message that is coming in, in chunks. */
interface Incoming {
  readonly head: Head;
  readonly format: number;
  readonly metaBytes: number;
  readonly bufferCount: number;
  /** The text so far. */
  text: string;
  /** The parts to be filled: the table of lengths with the meta part, and then the buffers. */
  parts: Uint8Array[];
  part: number;
  offset: number;
}

/** The receiving end of a ring, as messages. */
export class Inbox {
  /** The ring: it says whether it is empty, shut, or its writer behind. */
  readonly ring: RingReader;
  readonly #annexes: AnnexReader;
  readonly #handing: HandingReader;
  readonly #incoming = new Map<number, Incoming>();

  /**
   * @param ring The ring.
   * @param taker Takes the payloads that the writer has sent beside the ring.
   */
  constructor(ring: RingReader, taker: Taker = NOTHING) {
    this.ring = ring;
    this.#annexes = new AnnexReader(ring, taker.takeMemory);
    this.#handing = new HandingReader(ring, taker.take);
  }

  /**
   * Receives the next message.
   *
   * @param frames How many frames to look at, at the most.
   * @returns The message, or `undefined` when there is none complete among them.
   * @throws {BridgeProtocolError} If the other side wrote something that cannot be right.
   */
  receive(frames = Infinity): Message | undefined {
    while (frames-- > 0) {
      const at = this.ring.next();
      if (at < 0) return undefined;
      const kind = this.ring.words[(at >> 2) + Word.Kind];
      let message: Message | undefined;
      if (kind === CHUNK) message = this.#takeChunk(at);
      else if (kind === DROPPED) this.#annexes.drop();
      else message = this.#takeFrame(at, kind);
      this.ring.consume();
      if (message) return message;
    }
    return undefined;
  }

  #takeFrame(at: number, kind: number): Message | undefined {
    const { words } = this.ring;
    const word = at >> 2;
    const id = words[word + Word.Id];
    const a = words[word + Word.A];
    const b = words[word + Word.B];
    const formats = words[word + Word.Format];
    const stream = formats >>> STREAM_SHIFT;
    const format = formats & 0xff;
    const ascii = (formats & ASCII) !== 0;
    if (stream === BESIDE) {
      return { kind, id, a, b, payload: this.#takeBeside(at, format, ascii) };
    }
    if (stream !== 0) {
      this.#begin(stream, { kind, id, a, b }, format, word);
      return undefined;
    }
    return { kind, id, a, b, payload: this.#takeBody(at, format, ascii) };
  }

  #takeBody(at: number, format: number, ascii: boolean): Payload {
    const { words, size } = this.ring;
    const meta = words[(at >> 2) + Word.Meta];
    if (format === Format.Int || format === Format.IntInArray) {
      return { format, text: "", meta: undefined, buffers: EMPTY.buffers, int: meta };
    }
    if (hasBuffers(format)) return this.#takeBlobs(at, format, meta >>> 0);
    if (HEADER + (meta >>> 0) > size) throw tooLong(meta >>> 0, 0, size);
    const text = meta === 0 ? "" : this.#text(at + HEADER, meta, ascii);
    return { format, text, meta: undefined, buffers: EMPTY.buffers, int: 0 };
  }

  #takeBlobs(at: number, format: number, metaBytes: number): Payload {
    const { words, bytes, size } = this.ring;
    const count = words[(at >> 2) + Word.Buffers] >>> 0;
    if (HEADER + count * 4 + metaBytes > size) throw tooLong(metaBytes, count, size);
    let end = at + HEADER + count * 4;
    const isStructured = format === Format.Structured;
    const meta = isStructured ? bytes.slice(end, end + metaBytes) : undefined;
    end += metaBytes;
    const buffers: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const length = words[(at + HEADER >> 2) + i] >>> 0;
      end = align(end);
      if (end + length > at + size) {
        throw new BridgeProtocolError(`Cannot read a message: a buffer of ${length} bytes`);
      }
      buffers.push(bytes.slice(end, end + length));
      end += length;
    }
    return { format, text: "", meta, buffers, int: 0 };
  }

  #takeBeside(at: number, format: number, ascii: boolean): Payload {
    const { words, size } = this.ring;
    const meta = words[(at >> 2) + Word.Meta] >>> 0;
    const count = words[(at >> 2) + Word.Buffers] >>> 0;
    if (BESIDE_HEADER + count * 4 > size) throw tooLong(meta, count, size);
    const word = at + HEADER >> 2;
    const first = at + BESIDE_HEADER >> 2;
    const lengths = Array.from({ length: count }, (_, i) => words[first + i] >>> 0);
    const beside = { where: words[word], id: words[word + 1], meta, ascii, lengths };
    const reader = beside.where === HANDED ? this.#handing : this.#annexes;
    return reader.take(format, beside);
  }

  #begin(stream: number, head: Head, format: number, word: number): void {
    const { words } = this.ring;
    const metaBytes = words[word + Word.Meta] >>> 0;
    const bufferCount = words[word + Word.Buffers] >>> 0;
    if (this.#incoming.has(stream) || this.#incoming.size >= MAX_STREAMS) {
      throw new BridgeProtocolError(`Cannot begin the chunked message ${stream}`);
    }
    if (metaBytes > MOST_PART || bufferCount > MAX_BUFFERS) {
      throw new BridgeProtocolError(
        `Cannot begin a chunked message of ${metaBytes} bytes and ${bufferCount} buffers`,
      );
    }
    const parts = hasBuffers(format) ? [allocate(bufferCount * 4 + metaBytes)] : [];
    const incoming = { head, format, metaBytes, bufferCount, text: "", parts, part: 0, offset: 0 };
    this.#incoming.set(stream, incoming);
    if (parts.length > 0) goOn(incoming);
  }

  #takeChunk(at: number): Message | undefined {
    const { words, bytes, size } = this.ring;
    const word = at >> 2;
    const stream = words[word + Word.Id];
    const filled = words[word + Word.A] >>> 0;
    const flags = words[word + Word.B];
    const incoming = this.#incoming.get(stream);
    if (!incoming || HEADER + filled > size) {
      throw new BridgeProtocolError(`Cannot take ${filled} bytes of the chunked message ${stream}`);
    }
    if (hasBuffers(incoming.format)) {
      fill(incoming, bytes.subarray(at + HEADER, at + HEADER + filled));
    } else incoming.text += this.#text(at + HEADER, filled, (flags & ASCII) !== 0);
    if ((flags & LAST) === 0) return undefined;
    this.#incoming.delete(stream);
    return { ...incoming.head, payload: finish(incoming) };
  }

  #text(at: number, length: number, ascii: boolean): string {
    return ascii ? readAscii(this.ring.chars, at, length) : readText(this.ring.bytes, at, length);
  }
}

function refuse(): never {
  throw new BridgeProtocolError("Cannot read a message: nothing comes beside the ring");
}

const NOTHING: Taker = { takeMemory: refuse, take: refuse };

function tooLong(metaBytes: number, buffers: number, size: number): Error {
  return new BridgeProtocolError(
    `Cannot read a message: ${metaBytes} bytes and ${buffers} buffers in a frame of ${size}`,
  );
}

/** Copies a chunk's bytes to where they belong. */
function fill(incoming: Incoming, chunk: Uint8Array): void {
  let from = 0;
  while (from < chunk.length) {
    const part = incoming.parts[incoming.part];
    if (!part) throw new BridgeProtocolError("Cannot take a chunk: its message is complete");
    const take = Math.min(chunk.length - from, part.length - incoming.offset);
    part.set(chunk.subarray(from, from + take), incoming.offset);
    from += take;
    incoming.offset += take;
    if (incoming.offset < part.length) return;
    goOn(incoming);
    from = align(from);
  }
}

/** Goes on to the next part that is not full; makes the buffers when the table of their lengths is there. */
function goOn(incoming: Incoming): void {
  while (incoming.offset === incoming.parts[incoming.part]?.length) {
    if (incoming.part === 0) {
      const table = new Uint32Array(incoming.parts[0].buffer, 0, incoming.bufferCount);
      incoming.parts = [incoming.parts[0], ...Array.from(table, allocate)];
    }
    incoming.part++;
    incoming.offset = 0;
  }
}

function allocate(bytes: number): Uint8Array {
  if (bytes > MOST_PART) {
    throw new BridgeProtocolError(`Cannot take a message: a part of ${bytes} bytes`);
  }
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new BridgeProtocolError(`Cannot take a message: no room for ${bytes} bytes`, { cause });
  }
}

function finish({ format, text, parts, part, bufferCount, metaBytes }: Incoming): Payload {
  if (!hasBuffers(format)) return { format, text, meta: undefined, buffers: EMPTY.buffers, int: 0 };
  if (part < parts.length) {
    throw new BridgeProtocolError("Cannot take a chunked message: it ends too early");
  }
  const [head = NO_BYTES, ...buffers] = parts;
  const isStructured = format === Format.Structured;
  const meta = isStructured
    ? head.subarray(bufferCount * 4, bufferCount * 4 + metaBytes)
    : undefined;
  return { format, text: "", meta, buffers, int: 0 };
}
