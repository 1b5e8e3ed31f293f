/**
 * Iteration in green code over an object of the hub.
 *
 * The hub keeps the items that it has sent until it is asked for more (`Pull` says how many have arrived). So an item that was on
 * its way when the caller's time was over is sent again.
 *
 * @module
 */

import { Op, Trait } from "../../bridge/references/live.ts";
import type { RemoteObject } from "../../bridge/references/remote_object.ts";
import { blocking, greenSide } from "../../bridge/side/side.ts";
import { END } from "../../bridge/side/steps.ts";

/**
 * An iterator over an object of the hub. Each item is asked for when it is wanted, unless some are asked for ahead; of a stream
 * of bytes the hub has some ready, in a window.
 *
 * The iteration begins at the first `next()`, which blocks. A caller whose time is over in `next()` may call it again, and has
 * missed nothing; but a limit within which the iteration was made ends it. When the iteration is left, the hub ends its side, and
 * the caller blocks until the `finally` there has run. A generator that waits at that moment for something other than the library
 * is given a quarter of a second; if that is not enough, its `finally` runs later. The hub ends an open iteration with the
 * thread.
 */
export class SyncIteration extends Iterator<unknown, unknown, undefined> {
  readonly #object: RemoteObject;
  /** The iteration on the hub. */
  #source: RemoteObject | undefined;
  #items: unknown[] = [];
  #next = 0;
  /** The count of items that have come. */
  #received = 0;
  /** Whether no more items will come. */
  #done: boolean;
  #ahead: number;
  /** The time limits within which the iteration was made. */
  readonly #within = greenSide()?.limits;

  /**
   * @param object The object to iterate over. One that was used up and let go of has no items.
   * @param ahead The count of items that may be asked for before they are wanted.
   */
  constructor(object: RemoteObject, ahead = 0) {
    super();
    this.#object = object;
    this.#ahead = ahead;
    this.#done = object.released && (object.traits & Trait.Once) !== 0;
  }

  next(): IteratorResult<unknown> {
    while (this.#next >= this.#items.length) {
      if (this.#done) return END;
      this.#pull();
    }
    const value = this.#items[this.#next];
    this.#items[this.#next++] = undefined;
    return { done: false, value };
  }

  override return(value?: unknown): IteratorResult<unknown> {
    const open = this.#source && !this.#done;
    this.#items = [];
    this.#done = true;
    try {
      if (open) this.#source!.ask(Op.Stop, [], "return");
    } finally {
      this.#end();
    }
    return { done: true, value };
  }

  override [Symbol.dispose](): void {
    this.return();
  }

  #pull(): void {
    const green = blocking("next()", "for await");
    // The hub answers this at once. Left in the middle, it would close a generator that nobody has asked for anything.
    this.#source ??= green.shield(() => this.#object.ask(Op.Iterate, [], "next")) as RemoteObject;
    try {
      const args = [this.#received, this.#ahead];
      const [items, done] = this.#source.ask(Op.Pull, args, "next") as [unknown[], boolean];
      this.#items = items;
      this.#next = 0;
      this.#received += items.length;
      if (done) this.#end();
    } catch (error) {
      if (green.isLimit(error, this.#within)) throw error;
      // One of several items may not be able to cross: the items before it come first.
      if (this.#ahead > 0 && !green.isKilled && !green.isLimit(error)) {
        this.#ahead = 0;
        return;
      }
      // `for…of` does not call `return()` after this.
      this.#end();
      throw error;
    }
  }

  /** Ends the iteration, and lets go of an object that it used up. */
  #end(): void {
    this.#done = true;
    this.#source?.release();
    if (this.#object.traits & Trait.Once) this.#object.release();
  }
}
