/**
 * Iterating in a Worker, for the hub.
 *
 * @module
 */

import { BATCH_BYTES, BATCH_ITEMS, weigh } from "./batch.ts";
import { Op } from "./live.ts";
import { Service } from "./service.ts";

/** How long items are collected, in milliseconds: a slow generator's items go one by one. */
const COLLECT_MS = 1;

/** Takes items from an iterator of green code when the hub asks for them. */
export class GreenSource extends Service {
  readonly #iterator: Iterator<unknown>;
  readonly #guard: () => (error: unknown) => boolean;
  #error: { readonly error: unknown } | undefined;
  #done = false;

  /**
   * @param object What to iterate over.
   * @param guard Tells errors that are meant for the thread on top of which this runs; see `FrameStack.guard()`.
   */
  constructor(object: object, guard: () => (error: unknown) => boolean) {
    super();
    this.#guard = guard;
    const make = (object as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (typeof make !== "function") {
      throw new TypeError("Cannot iterate over a handle: its object is not iterable");
    }
    this.#iterator = make.call(object);
  }

  /** Begins, and gives itself with the first batch, or nothing when that is all. */
  begin(): unknown {
    const [items, done] = this.#pull();
    return [done ? null : this, items, done];
  }

  serve(op: number): unknown {
    if (op === Op.Pull) return this.#pull();
    if (op === Op.Stop) return this.#stop();
    throw new TypeError(`Cannot do ${op} to an iteration`);
  }

  released(): void {
    try {
      this.#stop();
    } catch {
      // Nobody is there to hear of it.
    }
  }

  #pull(): [unknown[], boolean] {
    const items: unknown[] = [];
    const isMeantForBelow = this.#guard();
    const until = performance.now() + COLLECT_MS;
    let bytes = 0;
    while (!this.#done && items.length < BATCH_ITEMS && bytes < BATCH_BYTES) {
      if (items.length > 0 && performance.now() > until) break;
      try {
        const { done, value } = this.#iterator.next();
        if (done) this.#done = true;
        else {
          items.push(value);
          bytes += weigh(value);
        }
      } catch (error) {
        this.#done = true;
        // The thread below is to have it now, whatever was collected.
        if (isMeantForBelow(error)) throw error;
        this.#error = { error };
      }
    }
    if (items.length === 0 && this.#error) {
      const { error } = this.#error;
      this.#error = undefined;
      throw error;
    }
    return [items, this.#done && !this.#error];
  }

  #stop(): void {
    if (this.#done) return;
    this.#done = true;
    this.#iterator.return?.();
  }
}
