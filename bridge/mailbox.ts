/**
 * Messages over a ring: one message is one frame, or, when it is large, a head frame and chunks.
 *
 * ```text
 * frame        header | blob lengths, 4 bytes each | text or meta | blobs
 * head frame   header (with a stream number)
 * chunk        header (Id the stream, A its bytes, B 1 if it is the last) | bytes
 * ```
 *
 * The bytes of a chunked message are those that its frame would have had, in the same order; a text's length is not
 * known before it has been written, so a chunked text ends with the chunk that says so. Chunks of several messages
 * may alternate, so a Worker that serves a callback in the middle of sending is no trouble.
 *
 * @module
 */

import { type Body, Format } from "./codec.ts";
import { BridgeProtocolError } from "./errors.ts";
import { align, HEADER, MAX_FRAME, type RingReader, type RingWriter, Word } from "./ring.ts";
import { isTransferred } from "./transfer.ts";
import { mostBytes, readText, TextAssembly, writePart, writeText } from "./text.ts";

/** The kind of a chunk. The kinds of messages begin at {@linkcode FIRST_KIND}. */
const CHUNK = 1;

/** The first kind that a message may have. */
export const FIRST_KIND = 8;

/** How many chunked messages one thread may have on their way at once. */
const MAX_STREAMS = 1024;

/**
 * The most bytes of one part of a message. Where a typed array is longer, optimized code in Deno 2.9.6 now and then takes
 * its length for a negative number.
 */
const MAX_PART = 2 ** 31 - 1;

/** The most blobs of one message. */
const MAX_BLOBS = 1 << 22;

const CHUNK_BYTES = MAX_FRAME - HEADER;

/** A message as it arrives. What `id`, `a` and `b` mean depends on the kind: see `protocol.ts`. */
export interface Message {
  readonly kind: number;
  readonly id: number;
  readonly a: number;
  readonly b: number;
  readonly body: Body;
}

/** The body of a message that says all in its header. */
export const EMPTY: Body = { format: Format.Undefined, text: "", meta: undefined, blobs: [] };

function isText(body: Body): boolean {
  return body.meta === undefined;
}

/** What the frame of a message would take at the most. */
function frameBytes(body: Body): number {
  if (isText(body)) return HEADER + mostBytes(body.text);
  let bytes = HEADER + body.blobs.length * 4 + body.meta!.length;
  for (const blob of body.blobs) bytes += blob.length;
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
  let end = at + HEADER;
  if (isText(body)) {
    end += writeText(body.text, bytes, end);
    words[(at >> 2) + Word.Meta] = end - at - HEADER;
  } else {
    const { meta, blobs } = body;
    for (let i = 0; i < blobs.length; i++, end += 4) words[end >> 2] = blobs[i].length;
    bytes.set(meta!, end);
    end += meta!.length;
    for (const blob of blobs) {
      bytes.set(blob, end);
      end += blob.length;
    }
    words[(at >> 2) + Word.Meta] = meta!.length;
  }
  const size = align(end - at);
  writeHeader(words, at, size, kind, id, a, b, body.format, body.blobs.length);
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
  blobs: number,
): void {
  const word = at >> 2;
  words[word + Word.Size] = size;
  words[word + Word.Kind] = kind;
  words[word + Word.Id] = id;
  words[word + Word.A] = a;
  words[word + Word.B] = b;
  words[word + Word.Format] = format;
  words[word + Word.Blobs] = blobs;
}

/** A body whose bytes nobody else can change. */
export function keep(body: Body): Body {
  return body.blobs.length === 0 ? body : { ...body, blobs: body.blobs.map(keepBytes) };
}

function keepBytes(bytes: Uint8Array): Uint8Array {
  return isTransferred(bytes.buffer) ? bytes : bytes.slice();
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
    if (!isText(body)) {
      const lengths = Uint32Array.from(body.blobs, (blob) => blob.length);
      this.#parts = [new Uint8Array(lengths.buffer), body.meta!, ...body.blobs];
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
      const format = this.#body.format | this.#stream << 16;
      const { blobs, meta } = this.#body;
      writeHeader(
        ring.words,
        at,
        HEADER,
        this.#kind,
        this.#id,
        this.#a,
        this.#b,
        format,
        blobs.length,
      );
      ring.words[(at >> 2) + Word.Meta] = meta?.length ?? 0;
      ring.publish(HEADER);
      this.#started = true;
    }
    for (;;) {
      const at = ring.reserve(MAX_FRAME);
      if (at < 0) return false;
      const last = isText(this.#body)
        ? this.#writeTextChunk(ring, at)
        : this.#writeByteChunk(ring, at);
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
    this.#publishChunk(ring, at, written, last);
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
      }
    }
    const last = this.#part === this.#parts.length;
    this.#publishChunk(ring, at, filled, last);
    return last;
  }

  #publishChunk(ring: RingWriter, at: number, filled: number, last: boolean): void {
    const size = align(HEADER + filled);
    writeHeader(ring.words, at, size, CHUNK, this.#stream, filled, last ? 1 : 0, 0, 0);
    ring.publish(size);
  }
}

/** A message that is coming in, in chunks. */
interface Incoming {
  readonly head: Omit<Message, "body">;
  readonly format: number;
  readonly metaBytes: number;
  readonly text: TextAssembly | undefined;
  /** What is to be filled: the table of lengths, then the meta part and the blobs. */
  parts: Uint8Array[];
  part: number;
  offset: number;
  hasTable: boolean;
}

/** The receiving end of a ring, as messages. */
export class Inbox {
  readonly #ring: RingReader;
  readonly #incoming = new Map<number, Incoming>();

  constructor(ring: RingReader) {
    this.#ring = ring;
  }

  /** Whether there is nothing to receive. */
  get empty(): boolean {
    return this.#ring.empty;
  }

  /** Whether the other side has shut the mailbox: see {@linkcode RingWriter.shut}. */
  get shut(): boolean {
    return this.#ring.shut;
  }

  /** Says that nothing will be received any more. */
  leave(): void {
    this.#ring.leave();
  }

  /** Whether the writer waits for room and there is some now; see {@linkcode RingReader.takeHungry}. */
  takeHungry(): boolean {
    return this.#ring.takeHungry();
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
      const at = this.#ring.next();
      if (at < 0) return undefined;
      const kind = this.#ring.words[(at >> 2) + Word.Kind];
      const message = kind === CHUNK ? this.#takeChunk(at) : this.#takeFrame(at, kind);
      this.#ring.consume();
      if (message) return message;
    }
    return undefined;
  }

  #takeFrame(at: number, kind: number): Message | undefined {
    const { words, bytes, size } = this.#ring;
    const word = at >> 2;
    const head = {
      kind,
      id: words[word + Word.Id],
      a: words[word + Word.A],
      b: words[word + Word.B],
    };
    const format = words[word + Word.Format] & 0xffff;
    const stream = words[word + Word.Format] >>> 16;
    const metaBytes = words[word + Word.Meta] >>> 0;
    const blobCount = words[word + Word.Blobs] >>> 0;
    if (stream !== 0) {
      this.#begin(stream, head, format, metaBytes, blobCount);
      return undefined;
    }
    if (HEADER + blobCount * 4 + metaBytes > size) {
      throw new BridgeProtocolError(
        `Cannot read a message: ${metaBytes} bytes and ${blobCount} blobs in a frame of ${size}`,
      );
    }
    if (format !== Format.Structured) {
      const text = metaBytes === 0 ? "" : readText(bytes, at + HEADER, metaBytes);
      return { ...head, body: { format, text, meta: undefined, blobs: EMPTY.blobs } };
    }
    let end = at + HEADER + blobCount * 4;
    const meta = bytes.slice(end, end += metaBytes);
    const blobs: Uint8Array[] = [];
    for (let i = 0; i < blobCount; i++) {
      const length = words[(at + HEADER >> 2) + i] >>> 0;
      if (end + length > at + size) {
        throw new BridgeProtocolError(`Cannot read a message: a blob of ${length} bytes`);
      }
      blobs.push(bytes.slice(end, end += length));
    }
    return { ...head, body: { format, text: "", meta, blobs } };
  }

  #begin(
    stream: number,
    head: Omit<Message, "body">,
    format: number,
    metaBytes: number,
    blobCount: number,
  ): void {
    if (this.#incoming.has(stream) || this.#incoming.size >= MAX_STREAMS) {
      throw new BridgeProtocolError(`Cannot begin the chunked message ${stream}`);
    }
    if (metaBytes > MAX_PART || blobCount > MAX_BLOBS) {
      throw new BridgeProtocolError(
        `Cannot begin a chunked message of ${metaBytes} bytes and ${blobCount} blobs`,
      );
    }
    const isText = format !== Format.Structured;
    this.#incoming.set(stream, {
      head,
      format,
      metaBytes,
      text: isText ? new TextAssembly() : undefined,
      parts: isText ? [] : [new Uint8Array(blobCount * 4)],
      part: 0,
      offset: 0,
      hasTable: false,
    });
  }

  #takeChunk(at: number): Message | undefined {
    const { words, bytes, size } = this.#ring;
    const word = at >> 2;
    const stream = words[word + Word.Id];
    const filled = words[word + Word.A] >>> 0;
    const last = words[word + Word.B] === 1;
    const incoming = this.#incoming.get(stream);
    if (!incoming || HEADER + filled > size) {
      throw new BridgeProtocolError(`Cannot take ${filled} bytes of the chunked message ${stream}`);
    }
    if (incoming.text) incoming.text.add(bytes, at + HEADER, filled);
    else fill(incoming, bytes.subarray(at + HEADER, at + HEADER + filled));
    if (!last) return undefined;
    this.#incoming.delete(stream);
    return { ...incoming.head, body: finish(incoming) };
  }
}

/** Copies a chunk's bytes to where they belong. */
function fill(incoming: Incoming, chunk: Uint8Array): void {
  let from = 0;
  for (;;) {
    skipFull(incoming);
    if (from === chunk.length) return;
    const part = incoming.parts[incoming.part];
    if (!part) throw new BridgeProtocolError("Cannot take a chunk: its message is complete");
    const take = Math.min(chunk.length - from, part.length - incoming.offset);
    part.set(chunk.subarray(from, from + take), incoming.offset);
    from += take;
    incoming.offset += take;
  }
}

/** Goes on to the next part that is not full; makes the parts when the table of their lengths is. */
function skipFull(incoming: Incoming): void {
  while (incoming.part < incoming.parts.length) {
    if (incoming.offset < incoming.parts[incoming.part].length) return;
    if (!incoming.hasTable) {
      const table = new Uint32Array(incoming.parts[0].buffer);
      incoming.parts = [allocate(incoming.metaBytes), ...Array.from(table, allocate)];
      incoming.hasTable = true;
      incoming.part = -1;
    }
    incoming.part++;
    incoming.offset = 0;
  }
}

function allocate(bytes: number): Uint8Array {
  if (bytes > MAX_PART) {
    throw new BridgeProtocolError(`Cannot take a message: a part of ${bytes} bytes`);
  }
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new BridgeProtocolError(`Cannot take a message: no room for ${bytes} bytes`, { cause });
  }
}

function finish(incoming: Incoming): Body {
  const { format, text } = incoming;
  if (text) return { format, text: text.finish(), meta: undefined, blobs: EMPTY.blobs };
  skipFull(incoming);
  if (incoming.part < incoming.parts.length) {
    throw new BridgeProtocolError("Cannot take a chunked message: it ends too early");
  }
  const [meta, ...blobs] = incoming.parts;
  return { format, text: "", meta, blobs };
}
