/**
 * Writers of the hub's streams, for green code.
 *
 * @module
 */

import { state } from "../../bridge/state.ts";
import { type Belonging, belongTo, type Ending } from "./belongings.ts";
import { currentCall } from "../base/call_context.ts";

/**
 * The writer that green code gets for a `WritableStream`: `write()` waits while the stream has more than it wants.
 *
 * A writer belongs to the threads that have written to it. When the last of them has ended, and none has closed the stream,
 * aborted it or given it back, nobody would ever end the stream. So it is aborted then, with the first failure among these
 * threads. A stream that was given back is aborted only if a thread fails that has written to it, and nobody else has taken it.
 */
export class HubWriter implements Belonging {
  readonly #stream: WritableStream<unknown>;
  #writer: WritableStreamDefaultWriter<unknown> | undefined;
  /** The threads that have written to the stream and have not ended, each with a function that takes the belonging back. */
  readonly #threads = new Map<number, () => void>();
  /** The first failure among these threads. */
  #failure: { readonly reason: unknown } | undefined;

  constructor(stream: WritableStream<unknown>) {
    this.#stream = stream;
  }

  /** Writes a chunk, when the stream wants one. The next call throws the failure of this one. */
  async write(chunk: unknown): Promise<void> {
    const writer = this.#lock();
    await writer.ready;
    writer.write(chunk).catch(() => {});
    await writer.ready;
  }

  /** Ends the stream and waits until all is written. The stream is given back, even if that fails. */
  async close(): Promise<void> {
    const writer = this.#lock();
    try {
      await writer.close();
    } finally {
      this.#leave(writer);
    }
  }

  /** Aborts the stream, and gives it back. */
  async abort(reason?: unknown): Promise<void> {
    const writer = this.#lock();
    try {
      await writer.abort(reason);
    } finally {
      this.#leave(writer);
    }
  }

  /** Gives the stream back without ending it. */
  [Symbol.dispose](): void {
    this.#writer?.releaseLock();
    this.#writer = undefined;
  }

  threadEnded(id: number, ended: Ending | undefined): void {
    this.#threads.delete(id);
    const outcome = ended?.outcome;
    if (outcome && outcome.status !== "fulfilled") this.#failure ??= outcome;
    if (this.#threads.size > 0) return;
    const failure = this.#failure ?? (this.#writer && {
      reason: new Error("The green thread that wrote to the stream has ended without close()"),
    });
    this.#failure = undefined;
    // The reader gets the failure; a stream that fails to be aborted has failed before.
    if (failure && (this.#writer || !this.#stream.locked)) {
      this.abort(failure.reason).catch(() => {});
    }
  }

  #lock(): WritableStreamDefaultWriter<unknown> {
    const id = currentCall()?.threadId ?? 0;
    if (id !== 0 && !this.#threads.has(id)) this.#threads.set(id, belongTo(id, this));
    return this.#writer ??= this.#stream.getWriter();
  }

  /** Gives the stream back after it has been ended by a writer: it belongs to no thread any more. */
  #leave(writer: WritableStreamDefaultWriter<unknown>): void {
    if (this.#writer !== writer) return;
    for (const part of this.#threads.values()) part();
    this.#threads.clear();
    this.#failure = undefined;
    this[Symbol.dispose]();
  }
}

const { writers, streams } = state("writers", () => ({
  writers: new WeakMap<WritableStream, HubWriter>(),
  streams: new WeakMap<object, WritableStream>(),
}));

/** Gives the writer of a stream: always the same one. */
export function writerOf(stream: WritableStream): HubWriter {
  let writer = writers.get(stream);
  if (!writer) {
    writer = new HubWriter(stream);
    writers.set(stream, writer);
    streams.set(writer, stream);
  }
  return writer;
}

/** Gives the stream of a writer; any other object as it is. */
export function streamOf(object: object): object {
  return streams.get(object) ?? object;
}
