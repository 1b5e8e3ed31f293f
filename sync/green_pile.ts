/**
 * Piles: green threads whose results come in the order of the spawns. Semantics: eventlet's `GreenPile`.
 *
 * A pile belongs to the side that made it and does not cross; its pool may.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { greenSide } from "../bridge/side/side.ts";
import { END, Steps } from "../bridge/side/steps.ts";
import { GreenPool } from "./green_pool.ts";

/**
 * Spawns green threads in a pool, and gives their results in the order of the spawns.
 *
 * - An iteration ends when no spawned thread is left. The pile can be used again then.
 * - The error of a thread is thrown in place of its result. The next result can be asked for after that.
 * - A kill or a timeout of the iterating code loses no result.
 *
 * @typeParam R The type of the results.
 *
 * @example Three results in order
 * ```ts
 * import { GreenPile } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const pile = new GreenPile<number>(2);
 * for (const n of [1, 2, 3]) pile.spawnAsync((n: number) => n * n, n);
 * assertEquals(await Array.fromAsync(pile), [1, 4, 9]);
 * ```
 */
export class GreenPile<R = unknown> {
  static {
    brand(this, "GreenPile");
  }

  /** The pool of the threads. */
  readonly pool: GreenPool;
  readonly #threads: GreenThread<R>[] = [];
  #steps: Steps<R> = this.#makeSteps();

  /**
   * Makes an empty pile.
   *
   * @param poolOrSize A pool to share, or the size of a new one.
   */
  constructor(poolOrSize: GreenPool | number = 1000) {
    this.pool = poolOrSize instanceof GreenPool ? poolOrSize : new GreenPool(poolOrSize);
  }

  /** The number of results that were not asked for. */
  get size(): number {
    return this.#threads.length + this.#steps.left;
  }

  /**
   * Spawns a thread: see {@linkcode GreenPool.spawn}.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   */
  // deno-lint-ignore no-explicit-any
  spawn<A extends any[]>(fn: (...args: A) => R | PromiseLike<R>, ...args: A): void {
    this.#threads.push(this.pool.spawn(fn, ...args) as GreenThread<R>);
  }

  /**
   * Spawns a thread, in async code: see {@linkcode GreenPool.spawnAsync}.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   */
  // deno-lint-ignore no-explicit-any
  spawnAsync<A extends any[]>(fn: (...args: A) => R | PromiseLike<R>, ...args: A): void {
    const thread = this.pool.spawnAsync(fn, ...args) as GreenThread<R>;
    thread.then(undefined, () => {});
    this.#threads.push(thread);
  }

  /** Returns the next result, in green code; blocks the green thread until there is one. */
  next(): IteratorResult<R, undefined> {
    const [thread] = this.#threads;
    if (!thread) return { done: true, value: undefined };
    try {
      return { done: false, value: thread.wait() };
    } finally {
      if (thread.dead && this.#threads[0] === thread) this.#threads.shift();
    }
  }

  /** Iterates over the results, in green code. */
  [Symbol.iterator](): IterableIterator<R, undefined> {
    const next = () => this.next();
    return {
      next,
      [Symbol.iterator]() {
        return this;
      },
    };
  }

  /** Iterates over the results, in async code. */
  [Symbol.asyncIterator](): AsyncIterableIterator<R, undefined> {
    const next = () => this.#nextAsync();
    return {
      next,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #nextAsync(): Promise<IteratorResult<R, undefined>> {
    if (greenSide()) return Promise.try(() => this.next());
    if (this.#steps.ended && this.#steps.left === 0) this.#steps = this.#makeSteps();
    return this.#steps.next();
  }

  #makeSteps(): Steps<R> {
    return new Steps<R>(async (): Promise<IteratorResult<R, undefined>> => {
      const thread = this.#threads.shift();
      return thread ? { done: false, value: await thread } : END;
    });
  }
}
