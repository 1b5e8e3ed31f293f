/**
 * Piles: green threads whose results come in the order of the spawns. Semantics: eventlet's `GreenPile`.
 *
 * A pile belongs to the side that made it and does not cross; its pool may.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import { AsyncItems, END, GreenSteps, Steps } from "../bridge/side/steps.ts";
import { GreenPool } from "./green_pool.ts";
import { claim } from "./maps.ts";

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
 *
 * @category Coordination
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
   * @param poolOrSize A pool to share, or the size of a new one: the most threads that may run at a time.
   * @throws {TypeError} If `poolOrSize` is neither a pool nor a number.
   * @throws {RangeError} If the size is not a whole number from 0.
   */
  constructor(poolOrSize: GreenPool | number = 1000) {
    this.pool = poolOrSize instanceof GreenPool ? poolOrSize : new GreenPool(poolOrSize);
  }

  /** The number of results that were not asked for. */
  get size(): number {
    return this.#threads.length + this.#steps.left;
  }

  /**
   * Spawns a thread; blocks while all slots of the pool are taken. For green code: see
   * {@linkcode GreenPool.prototype.spawn | GreenPool.spawn}.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @throws {BlockingCallError} If it is called on the hub: use `spawnAsync()` there.
   */
  // deno-lint-ignore no-explicit-any
  spawn<A extends any[]>(fn: (...args: A) => R | PromiseLike<R>, ...args: A): void {
    this.#threads.push(this.pool.spawn(fn, ...args) as GreenThread<R>);
  }

  /**
   * Spawns a thread, in async code. The thread starts when a slot of the pool is free: see
   * {@linkcode GreenPool.prototype.spawnAsync | GreenPool.spawnAsync}.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   */
  // deno-lint-ignore no-explicit-any
  spawnAsync<A extends any[]>(fn: (...args: A) => R | PromiseLike<R>, ...args: A): void {
    const thread = this.pool.spawnAsync(fn, ...args) as GreenThread<R>;
    claim(thread);
    this.#threads.push(thread);
  }

  /**
   * Takes the next result, in green code; blocks the green thread until there is one.
   *
   * @returns The result, as a step of an iteration; the step says `done` if no spawned thread is left.
   * @throws The error of the thread, in place of its result.
   * @throws {BlockingCallError} If it is called on the hub, and a thread is left: use `for await` there.
   */
  next(): IteratorResult<R, undefined> {
    const [thread] = this.#threads;
    if (!thread) return { done: true, value: undefined };
    blocking("next()", "for await … of the pile");
    try {
      return { done: false, value: thread.wait() };
    } finally {
      if (thread.dead && this.#threads[0] === thread) this.#threads.shift();
    }
  }

  /**
   * Iterates over the results, in green code. If the loop is left early, the other results stay in the pile.
   *
   * @returns The results, with the helpers of `Iterator.prototype`: `map()`, `take()`, `toArray()` and so on.
   * @throws {BlockingCallError} By the first `next()` on the hub: use `for await` there.
   */
  [Symbol.iterator](): Generator<R, void, undefined> {
    return new GreenSteps(() => this.next());
  }

  /**
   * Iterates over the results, in async code. If the loop is left early, the other results stay in the pile, also the one that it
   * waits for.
   *
   * @returns The results.
   */
  [Symbol.asyncIterator](): AsyncGenerator<R, void, undefined> {
    const left = new AbortController();
    return new AsyncItems(() => this.#nextAsync(left.signal), () => left.abort());
  }

  #nextAsync(left: AbortSignal): Promise<IteratorResult<R, undefined>> {
    if (greenSide()) return Promise.try(() => this.next());
    if (this.#steps.ended && this.#steps.left === 0) this.#steps = this.#makeSteps();
    return this.#steps.next(left);
  }

  #makeSteps(): Steps<R> {
    return new Steps<R>(async (): Promise<IteratorResult<R, undefined>> => {
      const thread = this.#threads.shift();
      return thread ? { done: false, value: await thread } : END;
    });
  }
}
