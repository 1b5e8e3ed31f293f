/**
 * Iterating in green code over something of the hub.
 *
 * @module
 */

import { Op, Trait } from "./live.ts";
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
 * there has run. A generator that waits for something at that moment is given a quarter of a second; if that is not
 * enough, its `finally` runs later.
 */
export class SyncIteration implements IterableIterator<unknown> {
  readonly #object: Remote;
  #source: Remote;
  #begun = false;
  #batch: Batch = { items: [], done: false };
  #next = 0;

  /** @param object What to iterate over. What was used up and let go of has no items. */
  constructor(object: Remote) {
    this.#object = object;
    this.#source = object;
    if (object.released && object.traits & Trait.Once) this.#batch = { items: [], done: true };
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
    this.#batch = { items: [], done: true };
    try {
      if (open) this.#source.ask(Op.Stop, [], "return");
    } finally {
      this.#end();
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
      this.#end();
      throw error;
    }
  }

  #begin(): Batch {
    const [source, items, done] = this.#source.ask(Op.Iterate, [], "next") as [
      Remote | null,
      unknown[],
      boolean,
    ];
    if (source) {
      this.#begun = true;
      this.#source = source;
    }
    if (done) this.#end();
    return { items, done };
  }

  #more(): Batch {
    const [items, done] = this.#source.ask(Op.Pull, [], "next") as [unknown[], boolean];
    if (done) this.#end();
    return { items, done };
  }

  /** The iteration is over: what it used up goes with it. */
  #end(): void {
    if (this.#begun) this.#source.release();
    if (this.#object.traits & Trait.Once) this.#object.release();
  }
}
