/**
 * Writing to a `WritableStream` of the hub, for green code.
 *
 * @module
 */

import { state } from "../bridge/state.ts";

/** What a stream is to green code: writing waits while the stream has more than it wants. */
export class HubWriter {
  readonly #stream: WritableStream<unknown>;
  #writer: WritableStreamDefaultWriter<unknown> | undefined;

  constructor(stream: WritableStream<unknown>) {
    this.#stream = stream;
  }

  /** Writes a chunk, when the stream wants one; what that fails with, the next call throws. */
  async write(chunk: unknown): Promise<void> {
    const writer = this.#lock();
    await writer.ready;
    writer.write(chunk).catch(() => {});
    await writer.ready;
  }

  /** Ends the stream and waits until all is written. Whether or not that fails, the stream is given back. */
  async close(): Promise<void> {
    const writer = this.#lock();
    try {
      await writer.close();
    } finally {
      this.#unlock();
    }
  }

  /** Breaks the stream off, and gives it back. */
  async abort(reason?: unknown): Promise<void> {
    const writer = this.#lock();
    try {
      await writer.abort(reason);
    } finally {
      this.#unlock();
    }
  }

  /** Gives the stream back without ending it. */
  [Symbol.dispose](): void {
    this.#unlock();
  }

  #lock(): WritableStreamDefaultWriter<unknown> {
    return this.#writer ??= this.#stream.getWriter();
  }

  #unlock(): void {
    this.#writer?.releaseLock();
    this.#writer = undefined;
  }
}

const { writers, streams } = state("writers", () => ({
  writers: new WeakMap<WritableStream, HubWriter>(),
  streams: new WeakMap<object, WritableStream>(),
}));

/** The one writer of a stream. */
export function writerOf(stream: WritableStream): HubWriter {
  let writer = writers.get(stream);
  if (!writer) {
    writer = new HubWriter(stream);
    writers.set(stream, writer);
    streams.set(writer, stream);
  }
  return writer;
}

/** The stream of a writer; what is none, as it is. */
export function streamOf(object: object): object {
  return streams.get(object) ?? object;
}
