/**
 * Iterating on the hub over something of green code.
 *
 * @module
 */

import { addCaller } from "../bridge/stacks.ts";
import { Op, Trait } from "../bridge/live.ts";
import type { Remote } from "../bridge/remote.ts";
import { stackHere } from "../bridge/stack_here.ts";

/**
 * An async iterator over an object of green code. The Worker makes a batch of items at a time, and the next one while
 * these are used. It begins at the first `next()`; breaking it off runs the `finally` in the Worker.
 */
export class AsyncIteration implements AsyncIterableIterator<unknown> {
  readonly #object: Remote;
  #source: Remote;
  #begun = false;
  #items: unknown[] = [];
  #at = 0;
  #done = false;
  #ahead: Promise<[unknown[], boolean]> | undefined;
  /** Calls of `next()` are served one after another, whoever makes them. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param object What to iterate over. What was used up and let go of has no items. */
  constructor(object: Remote) {
    this.#object = object;
    this.#source = object;
    this.#done = object.released && (object.traits & Trait.Once) !== 0;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      return await this.#next();
    } finally {
      resolve();
    }
  }

  async return(value?: unknown): Promise<IteratorResult<unknown>> {
    await this.#last;
    if (this.#begun && !this.#done) {
      this.#close();
      await this.#ahead?.catch(() => {});
      try {
        await this.#source.ask(Op.Stop, [], "return");
      } finally {
        this.#end();
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
      if (!done) this.#pullAhead();
      else this.#end();
    } catch (error) {
      this.#close();
      this.#end();
      throw error;
    }
  }

  async #begin(): Promise<[unknown[], boolean]> {
    const [source, items, done] = await this.#source.ask(Op.Iterate, [], "next") as [
      Remote | null,
      unknown[],
      boolean,
    ];
    if (source) {
      this.#begun = true;
      this.#source = source;
    }
    return [items, done];
  }

  async #more(): Promise<[unknown[], boolean]> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (!ahead) return await this.#source.ask(Op.Pull, [], "next") as [unknown[], boolean];
    try {
      return await ahead;
    } catch (error) {
      // When it was asked for, it was for nobody.
      addCaller(error, stackHere());
      throw error;
    }
  }

  #pullAhead(): void {
    this.#ahead = this.#source.ask(Op.Pull, [], "next") as Promise<[unknown[], boolean]>;
    this.#ahead.catch(() => {});
  }

  /** The iteration is over: what it used up goes with it. */
  #end(): void {
    if (this.#begun) this.#source.release();
    if (this.#object.traits & Trait.Once) this.#object.release();
  }

  #close(): void {
    this.#done = true;
    this.#items = [];
  }
}
