/**
 * Iterating on the hub over something of green code.
 *
 * @module
 */

import { Op } from "../bridge/live.ts";
import type { Remote } from "../bridge/remote.ts";

/**
 * An async iterator over an object of green code. The Worker makes a batch of items at a time, and the next one while
 * these are used. It begins at the first `next()`; breaking it off runs the `finally` in the Worker.
 */
export class AsyncIteration implements AsyncIterableIterator<unknown> {
  #source: Remote;
  #begun = false;
  #items: unknown[] = [];
  #at = 0;
  #done = false;
  #ahead: Promise<[unknown[], boolean]> | undefined;
  /** Calls of `next()` are served one after another, whoever makes them. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: Remote) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    const next = this.#last.then(() => this.#next());
    this.#last = next.catch(() => {});
    return next;
  }

  async return(value?: unknown): Promise<IteratorResult<unknown>> {
    await this.#last;
    if (this.#begun && !this.#done) {
      this.#close();
      await this.#ahead?.catch(() => {});
      try {
        await this.#source.ask(Op.Stop);
      } finally {
        this.#source.release();
      }
    }
    this.#close();
    return { done: true, value };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<unknown>> {
    while (this.#at >= this.#items.length) {
      if (this.#done) return { done: true, value: undefined };
      await this.#pull();
    }
    const value = this.#items[this.#at];
    this.#items[this.#at++] = undefined;
    return { done: false, value };
  }

  async #pull(): Promise<void> {
    try {
      const [items, done] = this.#begun ? await this.#more() : await this.#begin();
      this.#items = items;
      this.#at = 0;
      this.#done = done;
      if (done) this.#source.release();
      else this.#pullAhead();
    } catch (error) {
      this.#close();
      if (this.#begun) this.#source.release();
      throw error;
    }
  }

  async #begin(): Promise<[unknown[], boolean]> {
    const [source, items, done] = await this.#source.ask(Op.Iterate) as [
      Remote,
      unknown[],
      boolean,
    ];
    this.#begun = true;
    this.#source = source;
    return [items, done];
  }

  #more(): Promise<[unknown[], boolean]> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead ?? this.#source.ask(Op.Pull) as Promise<[unknown[], boolean]>;
  }

  #pullAhead(): void {
    this.#ahead = this.#source.ask(Op.Pull) as Promise<[unknown[], boolean]>;
    this.#ahead.catch(() => {});
  }

  #close(): void {
    this.#done = true;
    this.#items = [];
  }
}
