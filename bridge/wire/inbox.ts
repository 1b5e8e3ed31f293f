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
  DROPPED,
  EMPTY,
  HANDED,
  hasBuffers,
  type Message,
  PACKED,
  type Taker,
} from "./message.ts";
import { align, HEADER, type RingReader, Word } from "./ring.ts";
import { readAscii, readText } from "./text.ts";

/** The receiving end of a ring, as messages. */
export class Inbox {
  /** The ring: it says whether it is empty, shut, or its writer behind. */
  readonly ring: RingReader;
  readonly #annexes: AnnexReader;
  readonly #handing: HandingReader;

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
   * @returns The message, or `undefined` when there is none.
   * @throws {BridgeProtocolError} If the other side wrote something that cannot be right.
   */
  receive(): Message | undefined {
    for (;;) {
      const at = this.ring.next();
      if (at < 0) return undefined;
      const kind = this.ring.words[(at >> 2) + Word.Kind];
      const message = kind === DROPPED ? this.#annexes.drop() : this.#takeFrame(at, kind);
      this.ring.consume();
      if (message) return message;
    }
  }

  #takeFrame(at: number, kind: number): Message {
    const { words } = this.ring;
    const word = at >> 2;
    const id = words[word + Word.Id];
    const a = words[word + Word.A];
    const b = words[word + Word.B];
    const formats = words[word + Word.Format];
    const format = formats & 0xff;
    const ascii = (formats & ASCII) !== 0;
    if (formats & BESIDE) return { kind, id, a, b, payload: this.#takeBeside(at, format, ascii) };
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
    const word = at + HEADER >> 2;
    const where = size < BESIDE_HEADER ? -1 : words[word];
    const beside = { where, id: words[word + 1], meta, ascii, buffers: count };
    if (where === HANDED || where === PACKED) return this.#handing.take(format, beside);
    if (BESIDE_HEADER + count * 4 > size) throw tooLong(meta, count, size);
    const first = at + BESIDE_HEADER >> 2;
    const lengths = Array.from({ length: count }, (_, i) => words[first + i] >>> 0);
    return this.#annexes.take(format, beside, lengths);
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
