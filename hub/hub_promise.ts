/**
 * A promise of the hub, held by green code.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { AWAITED } from "../bridge/references/thenables.ts";

/**
 * The promise of an async function that green code started on the hub.
 *
 * On the hub `.async()` gives a plain promise. In green code, where promises of the hub cannot live, it gives one of these: hand
 * it to `futureToGreenlet` and `.wait()`.
 *
 * @typeParam T The type of its value.
 */
export class HubPromise<T> implements PromiseLike<T> {
  static {
    brand(this, "HubPromise");
  }

  readonly #thread: GreenThread<T>;

  /** Made by `.async()` of a function that `asyncToSync` made. */
  constructor(thread: GreenThread<T>) {
    this.#thread = thread;
  }

  /** The green thread of the work. */
  get thread(): GreenThread<T> {
    return this.#thread;
  }

  /** The same, under a key for those rooms of the library that cannot import this class. */
  get [AWAITED](): GreenThread<T> {
    return this.#thread;
  }

  /** Makes it awaitable in an `async` green function. */
  then<R1 = T, R2 = never>(
    onfulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null,
    onrejected?: ((reason: unknown) => R2 | PromiseLike<R2>) | null,
  ): Promise<R1 | R2> {
    return this.#thread.then(onfulfilled, onrejected);
  }
}
