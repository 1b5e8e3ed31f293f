/**
 * Waiting for several green threads. Semantics: gevent's `joinall`, `iwait` and `killall`.
 *
 * @module
 */

import { madeElsewhere } from "../bridge/brand.ts";
import {
  checkWaiting,
  LONGEST_TIMER,
  show,
  timeLimit,
  WAIT_KEYS,
  type WaitOptions,
} from "../bridge/checks.ts";
import {
  graceIn,
  GreenThread,
  KILL_KEYS,
  type KillOptions,
  unwrap,
  WANT,
} from "../bridge/side/green_thread.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import { asyncSteps, END, GreenSteps } from "../bridge/side/steps.ts";
import { timedOut } from "../bridge/memory/core.ts";

/**
 * Options for {@linkcode iwait}.
 *
 * @category Threads
 */
export interface IwaitOptions extends WaitOptions {
  /**
   * The number of threads after which to stop.
   *
   * @default {all of them}
   */
  count?: number;
}

const IWAIT_KEYS = [...WAIT_KEYS, "count"];

/**
 * Options for {@linkcode joinAll}.
 *
 * @category Threads
 */
export interface JoinAllOptions extends IwaitOptions {
  /**
   * Whether to throw the error of the first thread that failed.
   *
   * @default {false}
   */
  throwOnError?: boolean;
}

const JOIN_ALL_KEYS = [...IWAIT_KEYS, "throwOnError"];

/** Threads as they end. */
export class Finishers<T> {
  /** The threads that have ended and were not asked for. */
  readonly #ended: GreenThread<T>[] = [];
  /** The threads that have not ended, each with the function that says that nobody waits for it here any more. */
  readonly #running = new Map<GreenThread<T>, () => void>();
  #wake: (() => void) | undefined;
  readonly #link = (thread: GreenThread<T>) => {
    this.#running.get(thread)?.();
    if (!this.#running.delete(thread)) return;
    this.#ended.push(thread);
    this.#wake?.();
  };

  /** Adds a thread. */
  add(thread: GreenThread<T>): void {
    checkThread(thread);
    if (this.#running.has(thread)) return;
    thread.link(this.#link);
    this.#running.set(thread, thread[WANT]());
  }

  /** The number of threads that were not asked for. */
  get left(): number {
    return this.#running.size + this.#ended.length;
  }

  /** The threads that have not ended. */
  get running(): Iterable<GreenThread<T>> {
    return this.#running.keys();
  }

  /**
   * Waits for the next thread that ends; blocks the green thread.
   *
   * @returns The thread, or `undefined` if the time was over before that.
   */
  next(until: number, signal?: AbortSignal): GreenThread<T> | undefined {
    const ended = this.#ended;
    const condition = {
      get done() {
        return ended.length > 0 || signal !== undefined && signal.aborted;
      },
    };
    blocking("iwait()", "iwaitAsync()").block(condition, until, {
      what: `one of ${this.#running.size} threads`,
      peers: true,
      limited: signal !== undefined,
      signal,
    });
    if (ended.length === 0) signal?.throwIfAborted();
    return ended.shift();
  }

  /**
   * Waits for the next thread that ends, in async code.
   *
   * @returns The thread, in an array, as a thread by itself would be awaited. The array is empty if the time was over before
   * that, or {@linkcode Finishers.leave} was called.
   */
  async nextAsync(until: number, signal?: AbortSignal): Promise<GreenThread<T>[]> {
    signal?.throwIfAborted();
    if (this.#ended.length > 0) return this.#ended.splice(0, 1);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const woken = Promise.withResolvers<void>();
    const wake = () => woken.resolve();
    this.#wake = wake;
    const left = until - performance.now();
    if (left < LONGEST_TIMER) timer = setTimeout(wake, Math.max(0, left));
    signal?.addEventListener("abort", wake);
    await woken.promise;
    clearTimeout(timer);
    signal?.removeEventListener("abort", wake);
    this.#wake = undefined;
    if (this.#ended.length === 0) signal?.throwIfAborted();
    return this.#ended.splice(0, 1);
  }

  /** Forgets all threads, as nobody wants to know of them any more. A wait for the next thread ends without one. */
  leave(): void {
    for (const [thread, leave] of this.#running) {
      thread.unlink(this.#link);
      leave();
    }
    this.#running.clear();
    this.#ended.length = 0;
    this.#wake?.();
  }
}

/**
 * Iterates over green threads as they end; blocks the green thread for each.
 *
 * A loop that is left early leaves nothing behind. The error of a thread is had from its handle. If a time limit ends in
 * `next()`, call it again: no thread is missed.
 *
 * @param threads The threads. A thread that occurs twice counts once.
 * @param options See {@linkcode IwaitOptions}. When the time is over, the iteration ends.
 * @returns The threads, in the order in which they end, with the helpers of `Iterator.prototype`.
 * @throws {TypeError} If an option has the wrong type; by the first `next()`, if `threads` is no iterable of threads.
 * @throws {BlockingCallError} By the first `next()` on the hub: use {@linkcode iwaitAsync} there.
 *
 * @example The first of two
 * ```ts
 * import { type GreenThread, iwait, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const one = spawn(() => 1);
 * const first = spawn((...threads: GreenThread<number>[]) => {
 *   for (const thread of iwait(threads)) return thread.wait();
 * }, one);
 * assertEquals(await first, 1);
 * ```
 *
 * @category Threads
 */
export function iwait<T>(
  threads: Iterable<GreenThread<T>>,
  options: IwaitOptions = {},
): Generator<GreenThread<T>, void, undefined> {
  checkWaiting(options, IWAIT_KEYS);
  return ending(threads, options);
}

function ending<T>(
  threads: Iterable<GreenThread<T>>,
  options: IwaitOptions,
): Generator<GreenThread<T>, void, undefined> {
  const ending = new Ending<T>(threads, options);
  return new GreenSteps(() => ending.next(), () => ending.leave());
}

/** An iteration over threads as they end. It waits for them from its first step on. */
class Ending<T> {
  readonly #threads: Iterable<GreenThread<T>>;
  readonly #options: IwaitOptions;
  readonly #finishers = new Finishers<T>();
  /** The time limits within which the iteration was made. */
  readonly #within = greenSide()?.limits;
  #until = 0;
  #left: number | undefined;

  constructor(threads: Iterable<GreenThread<T>>, options: IwaitOptions) {
    this.#threads = threads;
    this.#options = options;
  }

  /** Waits for the next thread that ends; blocks the green thread. */
  next(): IteratorResult<GreenThread<T>, undefined> {
    try {
      if (this.#begin() === 0) return this.#end();
      return this.#take(this.#finishers.next(this.#until, this.#options.signal));
    } catch (error) {
      // After a time limit the thread may ask again.
      if (!greenSide()?.isLimit(error, this.#within)) this.leave();
      throw error;
    }
  }

  /** The same in async code. */
  async nextAsync(): Promise<IteratorResult<[GreenThread<T>], undefined>> {
    const step = greenSide() ? this.next() : await this.#wait();
    return step.done ? step : { done: false, value: [step.value] };
  }

  async #wait(): Promise<IteratorResult<GreenThread<T>, undefined>> {
    try {
      if (this.#begin() === 0) return this.#end();
      const [thread] = await this.#finishers.nextAsync(this.#until, this.#options.signal);
      return this.#take(thread);
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  /** Ends the iteration: nobody wants to know of the threads any more. */
  leave(): void {
    this.#left = 0;
    this.#finishers.leave();
  }

  /** Begins to wait, in the first step; returns the number of threads to come. */
  #begin(): number {
    if (this.#left !== undefined) return this.#left;
    this.#until = performance.now() + timeLimit(this.#options);
    for (const thread of iterated(this.#threads)) this.#finishers.add(thread);
    return this.#left = Math.min(countOf(this.#options), this.#finishers.left);
  }

  #take(thread: GreenThread<T> | undefined): IteratorResult<GreenThread<T>, undefined> {
    if (!thread) return this.#end();
    this.#left!--;
    return { done: false, value: thread };
  }

  #end(): IteratorReturnResult<undefined> {
    this.leave();
    return END;
  }
}

function iterated<T>(threads: Iterable<T>): Iterable<T> {
  if (typeof (threads as Partial<Iterable<T>> | null)?.[Symbol.iterator] === "function") {
    return threads;
  }
  throw new TypeError(
    `Cannot wait for threads: expected an iterable of them, found ${show(threads)}`,
  );
}

/** Checks all threads, before the first is killed. */
function checkThreads(threads: Iterable<GreenThread>): GreenThread[] {
  const all = [...iterated(threads)];
  for (const thread of all) checkThread(thread);
  return all;
}

function checkThread(thread: unknown): void {
  if (thread instanceof GreenThread) return;
  const why = madeElsewhere(thread) ?? `expected a GreenThread, found ${show(thread)}`;
  throw new TypeError(`Cannot wait for threads: ${why}`);
}

function countOf({ count = Infinity }: IwaitOptions): number {
  if (typeof count === "number" && count >= 0) return count;
  throw new TypeError(`Cannot wait for threads: expected a count of them, found ${count}`);
}

/**
 * Iterates over green threads as they end, in async code: see {@linkcode iwait}.
 *
 * @param threads The threads.
 * @param options See {@linkcode IwaitOptions}.
 * @returns The threads, in the order in which they end. Each comes in an array, as a thread by itself would be awaited.
 * @throws {TypeError} If an option has the wrong type; by the first `next()`, if `threads` is no iterable of threads.
 *
 * @example Results as the threads end
 * ```ts
 * import { iwaitAsync, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const threads = [1, 2, 3].map((n) => spawn((n: number) => n * n, n));
 * const results: number[] = [];
 * for await (const [thread] of iwaitAsync(threads)) results.push(await thread);
 * assertEquals(results.sort(), [1, 4, 9]);
 * ```
 *
 * @category Threads
 */
export function iwaitAsync<T>(
  threads: Iterable<GreenThread<T>>,
  options: IwaitOptions = {},
): AsyncGenerator<[GreenThread<T>], void, undefined> {
  checkWaiting(options, IWAIT_KEYS);
  return endingAsync(threads, options);
}

function endingAsync<T>(
  threads: Iterable<GreenThread<T>>,
  options: IwaitOptions,
): AsyncGenerator<[GreenThread<T>], void, undefined> {
  const ending = new Ending<T>(threads, options);
  return asyncSteps(() => ending.nextAsync(), () => ending.leave());
}

/**
 * Blocks the green thread until several others have ended.
 *
 * @param threads The threads.
 * @param options See {@linkcode JoinAllOptions}. When the time is over, the threads that have ended are returned.
 * @returns The threads that have ended, in the order of their ends.
 * @throws The error of a thread, with `throwOnError`.
 * @throws {TypeError} If `threads` is no iterable of threads, or an option has the wrong type.
 * @throws {BlockingCallError} If it is called on the hub: use {@linkcode joinAllAsync} there.
 *
 * @example Wait for two threads
 * ```ts
 * import { type GreenThread, joinAll, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const threads = [1, 2].map((n) => spawn((n: number) => n * n, n));
 * const waiter = spawn((...threads: GreenThread<number>[]) => joinAll(threads).length, ...threads);
 * assertEquals(await waiter, 2);
 * ```
 *
 * @category Threads
 */
export function joinAll<T>(
  threads: Iterable<GreenThread<T>>,
  options: JoinAllOptions = {},
): GreenThread<T>[] {
  blocking("joinAll()", "await joinAllAsync()");
  checkWaiting(options, JOIN_ALL_KEYS);
  const ended: GreenThread<T>[] = [];
  // With `using`, as a loop does not end an iteration whose own error, such as a limit, ends the loop.
  using each = ending(threads, options);
  for (const thread of each) {
    ended.push(thread);
    if (options.throwOnError) unwrap(thread.outcome()!);
  }
  return ended;
}

/**
 * Waits until several green threads have ended, in async code: see {@linkcode joinAll}.
 *
 * @param threads The threads.
 * @param options See {@linkcode JoinAllOptions}. When the time is over, the threads that have ended are returned.
 * @returns A promise of the threads that have ended, in the order of their ends; with `throwOnError` it rejects with the error of
 * the first thread that failed.
 *
 * @example Wait for all, whether they fail or not
 * ```ts
 * import { joinAllAsync, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const good = spawn(() => 1);
 * const bad = spawn(() => {
 *   throw new Error("no");
 * });
 * await joinAllAsync<unknown>([good, bad]);
 * assertEquals([good.outcome()?.status, bad.outcome()?.status], ["fulfilled", "rejected"]);
 * ```
 *
 * @category Threads
 */
export async function joinAllAsync<T>(
  threads: Iterable<GreenThread<T>>,
  options: JoinAllOptions = {},
): Promise<GreenThread<T>[]> {
  checkWaiting(options, JOIN_ALL_KEYS);
  const ended: GreenThread<T>[] = [];
  // With `using`, as a loop does not end an iteration whose own error, such as a limit, ends the loop.
  await using each = endingAsync(threads, options);
  for await (const [thread] of each) {
    ended.push(thread);
    if (options.throwOnError) unwrap(thread.outcome()!);
  }
  return ended;
}

/**
 * Options for {@linkcode killAll}.
 *
 * @category Threads
 */
export interface KillAllOptions extends KillOptions {}

/**
 * Kills several green threads and blocks until all have ended.
 *
 * @param threads The threads.
 * @param reason The reason, as for `kill()`: a `GreenletExit` by default.
 * @param options Options of the wait for them, and of each kill.
 * @throws {Timeout} If some had not ended in time.
 * @throws {TypeError} If `threads` is no iterable of threads, or an option has the wrong type. Then no thread is killed.
 * @throws {BlockingCallError} If it is called on the hub: use {@linkcode killAllAsync} there.
 *
 * @example Kill two threads that sleep
 * ```ts
 * import { type GreenThread, killAll, spawn } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * const threads = [1, 2].map(() => spawn(() => sleep(60_000)));
 * await spawn((...threads: GreenThread<void>[]) => killAll(threads), ...threads);
 * assertEquals(threads.map(({ state }) => state), ["killed", "killed"]);
 * ```
 *
 * @category Threads
 */
export function killAll(
  threads: Iterable<GreenThread>,
  reason?: unknown,
  options: KillAllOptions = {},
): void {
  blocking("killAll()", "await killAllAsync()");
  const all = checkThreads(threads);
  const { waiting, killing } = split(options);
  for (const thread of all) thread.kill(reason, killing);
  if (joinAll(all, waiting).length < new Set(all).size) throw timedOut(options);
}

/**
 * Kills several green threads and waits until all have ended, in async code: see {@linkcode killAll}.
 *
 * @param threads The threads.
 * @param reason The reason, as for `kill()`: a `GreenletExit` by default.
 * @param options Options of the wait for them, and of each kill.
 * @returns A promise that settles when all have ended; it rejects with a `Timeout` if some had not ended in time.
 *
 * @example Kill two threads that sleep
 * ```ts
 * import { killAllAsync, spawn } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * const threads = [1, 2].map(() => spawn(() => sleep(60_000)));
 * await killAllAsync(threads);
 * assertEquals(threads.map(({ dead }) => dead), [true, true]);
 * ```
 *
 * @category Threads
 */
export async function killAllAsync(
  threads: Iterable<GreenThread>,
  reason?: unknown,
  options: KillAllOptions = {},
): Promise<void> {
  const all = checkThreads(threads);
  const { waiting, killing } = split(options);
  for (const thread of all) thread.kill(reason, killing);
  if ((await joinAllAsync(all, waiting)).length < new Set(all).size) throw timedOut(options);
}

/** Splits options into those of the wait and those of each kill: either of them refuses keys that it does not know. */
function split(options: KillAllOptions): { waiting: WaitOptions; killing: KillOptions } {
  checkWaiting(options, KILL_KEYS);
  const { timeout, signal, wait } = options;
  const [grace, waiting] = [graceIn(options), { timeout, signal }];
  return { waiting, killing: wait ? { grace, wait, ...waiting } : { grace } };
}
