/**
 * Iterating in green code over something of the hub.
 *
 * @module
 */

import { Op } from "./live.ts";
import type { Remote } from "./remote.ts";

/** What came at a time: items, and whether they are the last ones. */
export interface Batch {
  readonly items: unknown[];
  readonly done: boolean;
}

/**
 * An iterator over an object of the hub. Items come in batches, and the hub gets more of them ready while these are used.
 *
 * It begins at the first `next()`. When it is broken off the hub ends its side, and this blocks until the `finally`
 * there has run, unless the generator is waiting for something at that moment: then it ends when that has come.
 */
export class SyncIteration implements IterableIterator<unknown> {
  #source: Remote;
  #begun = false;
  #batch: Batch = { items: [], done: false };
  #next = 0;

  constructor(source: Remote) {
    this.#source = source;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<unknown> {
    while (this.#next >= this.#batch.items.length) {
      if (this.#batch.done) return { done: true, value: undefined };
      this.#batch = this.#pull();
      this.#next = 0;
    }
    const value = this.#batch.items[this.#next];
    this.#batch.items[this.#next++] = undefined;
    return { done: false, value };
  }

  return(value?: unknown): IteratorResult<unknown> {
    const open = this.#begun && !this.#batch.done;
    const source = this.#source;
    this.#batch = { items: [], done: true };
    if (open) {
      try {
        source.ask(Op.Stop);
      } finally {
        source.release();
      }
    }
    return { done: true, value };
  }

  [Symbol.dispose](): void {
    this.return();
  }

  #pull(): Batch {
    try {
      return this.#begun ? this.#more() : this.#begin();
    } catch (error) {
      // `for…of` does not call `return()` after this.
      this.#batch = { items: [], done: true };
      if (this.#begun) this.#source.release();
      throw error;
    }
  }

  #begin(): Batch {
    const [source, items, done] = this.#source.ask(Op.Iterate) as [Remote, unknown[], boolean];
    this.#begun = true;
    this.#source = source;
    if (done) source.release();
    return { items, done };
  }

  #more(): Batch {
    const [items, done] = this.#source.ask(Op.Pull) as [unknown[], boolean];
    if (done) this.#source.release();
    return { items, done };
  }
}
