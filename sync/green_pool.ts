/**
 * Pools of green threads, on both sides. Semantics: eventlet's `GreenPool`, without what is wrong with it there.
 *
 * ```text
 * VALUE    the number of free slots; less than 0 after a resize() while more threads run
 * LIMIT    the pool's size
 * list 0   waiters for a slot
 * list 1   joiners: waiters until no slot is taken
 * ```
 *
 * The words and their races are those of `permits.ts`; a slot is a permit. A spawn in green code takes a slot without the hub,
 * names the slot's account in its message, and so passes the slot to the hub. The hub knows when the thread has ended, in any
 * way, and gives the slot back. So whatever dies at whatever moment, the slot is the Worker's until the hub has taken the spawn
 * in, and the thread's after that.
 *
 * @module
 */

import { checkWaiting, show, type WaitOptions } from "../bridge/checks.ts";
import { brand } from "../bridge/brand.ts";
import type {
  Passed,
  Returned,
  Spawnable,
  SpawnableWith,
  SpawnArguments,
} from "../bridge/side/spawnable.ts";
import { DeadlockError } from "../bridge/errors.ts";
import { type GreenThread, ON_END } from "../bridge/side/green_thread.ts";
import { currentLimit, outsideLimits, untilAborted } from "../bridge/side/limit.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import { entering, nameIn, timedOut } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { HUB } from "../bridge/memory/process_side.ts";
import { END } from "../bridge/side/steps.ts";
import { launch } from "./launch.ts";
import { checkCount, Permits, twin } from "./permits.ts";
import { asyncMap, type Begin, greenMap } from "./maps.ts";
import type { NameOptions } from "./semaphore.ts";
import { printError } from "../bridge/values/print_error.ts";

const JOINERS = 1;

// deno-lint-ignore no-explicit-any
type AnyThread = GreenThread<any>;

/** Called with a thread as soon as there is one, before any wait for the thread. */
type Begun = (thread: AnyThread) => void;

/** A thread that may have to wait for its slot. */
interface Later {
  readonly thread: AnyThread;
  /** Settles when the thread has its slot, or does not want it any more; `undefined` if it has the slot already. */
  readonly gate?: Promise<unknown>;
}

/** The core of a pool. */
class PoolCore extends Permits {
  constructor(size: number | SharedArrayBuffer, name: string | undefined) {
    super({ kind: "green pool", wireName: "GreenPool" }, size, name);
  }

  get running(): number {
    return this.limit - this.value;
  }

  /** No limit: each slot is passed on by its account. */
  protected override get mostAccounts(): number {
    return Infinity;
  }

  override releaseOne(): void {
    super.releaseOne();
    this.#endJoins();
  }

  override resize(limit: number): void {
    super.resize(limit);
    this.enter();
    this.#endJoins();
    this.leave();
  }

  waitAll(options: WaitOptions | undefined): void {
    const green = blocking("waitAll()", "await waitAllAsync()");
    const thread = entering(green, "waitAll()", options);
    if (green.memberOf === this.id) {
      throw new DeadlockError(
        `Cannot wait for all threads of ${this.title} in one of these threads: the wait would never end`,
      );
    }
    const node = this.#joinOrWait(thread);
    if (node === 0) return;
    if (!this.block(green, JOINERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  async waitAllAsync(options: WaitOptions | undefined): Promise<void> {
    checkWaiting(options);
    const node = this.#joinOrWait(0);
    if (node === 0) return;
    if (!await this.awaitGrant(JOINERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  protected override handBack(list = 0): void {
    if (list !== JOINERS) super.handBack();
  }

  #joinOrWait(thread: number): number {
    this.enter();
    try {
      return this.running === 0 ? 0 : this.enlist(JOINERS, thread);
    } finally {
      this.leave();
    }
  }

  #endJoins(): void {
    if (this.running > 0) return;
    while (this.lists[JOINERS].grant(this.wakes) !== 0);
  }
}

/**
 * Spawns green threads, of which a limited number runs at a time. Each running thread, a *member* of the pool, has a *slot*.
 *
 * - *Order:* waiters for a slot get one in the order of their arrival, whichever side they are on.
 * - `spawn()` in green code blocks while all slots are taken. On the hub `spawnAsync()` returns the thread at once, and the
 *   thread starts when a slot is free: to `await` the thread is to wait for its end. `const { thread } = await
 *   pool.startAsync(…)` waits for the slot, which holds a loop back.
 * - A member that spawns while all slots are taken runs the new thread on its own stack, before it goes on: if it waited for a
 *   slot, it might wait for itself. The error of the new thread is had from its handle.
 * - A slot is free again when its thread has ended, in any way, including a kill before its start and a crash.
 * - *Kill, timeout, abort* of a waiter for a slot: it leaves the line.
 * - `waitAll()` waits until no slot is taken. Errors of threads are had from their handles. A member that calls it gets a
 *   `DeadlockError`.
 * - A pool has no close: kill the threads that have to end.
 *
 * @example Squares, two at a time
 * ```ts
 * import { GreenPool } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new GreenPool(2);
 * const squares = await Array.fromAsync(pool.imapAsync((n: number) => n * n, [1, 2, 3]));
 * assertEquals(squares, [1, 4, 9]);
 * ```
 *
 * @category Coordination
 */
export class GreenPool extends Coordination {
  static {
    brand(this, "GreenPool");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: PoolCore;

  /**
   * Makes a pool.
   *
   * @param size The most threads that may run at a time; with 0 none may, until `resize()`.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `size` is not a number.
   * @throws {RangeError} If `size` is not a whole number from 0.
   */
  constructor(size: number = 1000, options?: NameOptions) {
    super();
    this[CORE] = new PoolCore(checkCount("green pool", size), nameIn(options));
  }

  /** The most threads that may run at a time. */
  get size(): number {
    return this[CORE].limit;
  }

  /** The number of free slots; never less than 0. */
  get free(): number {
    return Math.max(0, this[CORE].value);
  }

  /** The number of slots that are taken. */
  get running(): number {
    return this[CORE].running;
  }

  /** The number of waiters for a slot. */
  get waiting(): number {
    return this[CORE].waiting;
  }

  /**
   * Spawns a green thread; blocks while all slots are taken. For green code.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread.
   * @throws {TypeError} If `fn` cannot run in a green thread.
   * @throws {NotCloneableError} If an argument cannot cross.
   * @throws {BlockingCallError} If it is called on the hub: use `spawnAsync()` there.
   */
  spawn<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Awaited<Returned<F>>>;
  /**
   * Spawns a generic function: this overload finds its result type. See the first overload.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread.
   */
  spawn<A extends unknown[], R>(
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Awaited<R>>;
  // deno-lint-ignore no-explicit-any
  spawn(fn: unknown, ...args: unknown[]): GreenThread<any> {
    return spawnIn(this, fn, args, false);
  }

  /**
   * Spawns a green thread whose result nobody wants. Its failure is reported as an `"unhandledthread"` event of the hub; a
   * failure of a thread that runs on the stack of a member is printed. Blocks while all slots are taken. For green code.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread, to watch or to kill, as from the function `spawnN`. (The pool of eventlet gives nothing.)
   * @throws As {@linkcode GreenPool.prototype.spawn | GreenPool.spawn} does; on the hub use `spawnNAsync()`.
   */
  spawnN<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<unknown>;
  /**
   * Spawns a generic function. See the first overload.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread.
   */
  spawnN<A extends unknown[]>(
    fn: Spawnable<A, unknown>,
    ...args: A | Passed<A>
  ): GreenThread<unknown>;
  spawnN(fn: unknown, ...args: unknown[]): GreenThread<unknown> {
    return spawnIn(this, fn, args, true);
  }

  /**
   * Spawns a green thread, in async code. The thread starts when a slot is free.
   *
   * To `await` the thread is to wait until it has ended: in a loop, one thread would run at a time. To hold back a loop that
   * spawns, use {@linkcode GreenPool.prototype.startAsync | GreenPool.startAsync}.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread, at once.
   * @throws {TypeError} If `fn` cannot run in a green thread.
   * @throws {NotCloneableError} If an argument cannot cross.
   *
   * @example Spawn all, then await all
   * ```ts
   * import { GreenPool } from "@aiohub/aiohub";
   * import { assertEquals } from "@std/assert";
   *
   * const pool = new GreenPool(2);
   * const threads = [1, 2, 3].map((n) => pool.spawnAsync((n: number) => n * n, n)); // no await
   * assertEquals(await Promise.all(threads), [1, 4, 9]);
   * ```
   */
  spawnAsync<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Awaited<Returned<F>>>;
  /**
   * Spawns a generic function: this overload finds its result type. See the first overload.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread, at once.
   */
  spawnAsync<A extends unknown[], R>(
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Awaited<R>>;
  // deno-lint-ignore no-explicit-any
  spawnAsync(fn: unknown, ...args: unknown[]): GreenThread<any> {
    return greenSide()
      ? spawnIn(this, fn, args, false)
      : spawnLaterIn(this, fn, args, false).thread;
  }

  /**
   * Spawns a green thread, in async code, and waits for its slot, not for its end. If the limit of a `withTimeoutAsync()` ends
   * before a slot is free, the thread does not start.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns A promise of the thread, when the thread has a slot. It comes in an object, as a thread by itself would be awaited.
   * The promise rejects with the reason of a limit that ends first.
   *
   * @example A loop that is held back while all slots are taken
   * ```ts
   * import { GreenPool, type GreenThread } from "@aiohub/aiohub";
   * import { assertEquals } from "@std/assert";
   *
   * const pool = new GreenPool(2);
   * const threads: GreenThread<number>[] = [];
   * for (let n = 1; n <= 3; n++) {
   *   const { thread } = await pool.startAsync((n: number) => n * n, n); // the third waits for a slot
   *   threads.push(thread);
   * }
   * assertEquals(await Promise.all(threads), [1, 4, 9]);
   * ```
   */
  startAsync<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): Promise<{ readonly thread: GreenThread<Awaited<Returned<F>>> }>;
  /**
   * Spawns a generic function: this overload finds its result type. See the first overload.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns A promise of the thread, in an object.
   */
  startAsync<A extends unknown[], R>(
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): Promise<{ readonly thread: GreenThread<Awaited<R>> }>;
  async startAsync(fn: unknown, ...args: unknown[]): Promise<{ readonly thread: GreenThread }> {
    if (greenSide()) return { thread: spawnIn(this, fn, args, false) };
    const signal = currentLimit(HUB)?.signal;
    // Nobody would have the thread.
    signal?.throwIfAborted();
    const { thread, gate } = spawnLaterIn(this, fn, args, false);
    if (!gate) return { thread };
    // The handle of a thread that ends before it has a slot tells its outcome.
    const slot = gate.then(() => {}, () => {});
    try {
      await (signal ? untilAborted(slot, signal) : slot);
    } catch (error) {
      thread.cancel();
      throw error;
    }
    return { thread };
  }

  /**
   * Spawns a green thread whose result nobody wants, in async code. Its failure is reported as an `"unhandledthread"` event of
   * the hub. The thread starts when a slot is free. To `await` the thread is to wait until it has ended.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread, at once, to watch or to kill.
   * @throws As {@linkcode GreenPool.prototype.spawnAsync | GreenPool.spawnAsync} does.
   */
  spawnNAsync<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<unknown>;
  /**
   * Spawns a generic function. See the first overload.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread.
   */
  spawnNAsync<A extends unknown[]>(
    fn: Spawnable<A, unknown>,
    ...args: A | Passed<A>
  ): GreenThread<unknown>;
  spawnNAsync(fn: unknown, ...args: unknown[]): GreenThread<unknown> {
    return greenSide() ? spawnIn(this, fn, args, true) : spawnLaterIn(this, fn, args, true).thread;
  }

  /**
   * Spawns a green thread if a slot is free. Never waits for a slot.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread, or `undefined`.
   * @throws As {@linkcode GreenPool.prototype.spawnAsync | GreenPool.spawnAsync} does.
   */
  trySpawn<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Awaited<Returned<F>>> | undefined;
  /**
   * Spawns a generic function: this overload finds its result type. See the first overload.
   *
   * @param fn As for the function `spawn`.
   * @param args The arguments of the call.
   * @returns The thread, or `undefined`.
   */
  trySpawn<A extends unknown[], R>(
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Awaited<R>> | undefined;
  // deno-lint-ignore no-explicit-any
  trySpawn(fn: unknown, ...args: unknown[]): GreenThread<any> | undefined {
    if (!this[CORE].tryAcquire("trySpawn()")) return undefined;
    return launchIn(this, fn, args, false);
  }

  /**
   * Blocks the green thread until a slot is free. Does not take the slot.
   *
   * @param options See {@linkcode WaitOptions}.
   * @throws {Timeout} If no slot was free in time.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAvailableAsync()` there.
   */
  waitAvailable(options?: WaitOptions): void {
    this[CORE].acquire("waitAvailable()", options).release();
  }

  /**
   * Waits until a slot is free, in async code. Does not take the slot.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise that settles when a slot is free; it rejects with a `Timeout` if none was in time.
   */
  waitAvailableAsync(options?: WaitOptions): Promise<void> {
    return twin(
      () => this.waitAvailable(options),
      async () => (await this[CORE].acquireAsync(options)).release(),
    );
  }

  /**
   * Blocks the green thread until no slot is taken.
   *
   * @param options See {@linkcode WaitOptions}.
   * @throws {DeadlockError} If a thread of the pool calls it.
   * @throws {Timeout} If slots were taken all that time.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAllAsync()` there.
   */
  waitAll(options?: WaitOptions): void {
    this[CORE].waitAll(options);
  }

  /**
   * Waits until no slot is taken, in async code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise that settles then; it rejects with a `Timeout` if slots were taken all that time.
   */
  waitAllAsync(options?: WaitOptions): Promise<void> {
    return twin(() => this.waitAll(options), () => this[CORE].waitAllAsync(options));
  }

  /**
   * Changes the most threads that may run at a time. Running threads are left alone.
   *
   * @param size The most threads, as in the constructor.
   * @throws {TypeError} If `size` is not a number.
   * @throws {RangeError} If `size` is not a whole number from 0.
   */
  resize(size: number): void {
    this[CORE].resize(checkCount("green pool", size, "resize"));
  }

  /**
   * Calls a function with each member of an iterable, each call in a thread of the pool. For green code.
   *
   * Results come in the order of the arguments. Calls begin when the first result is asked for; as many calls as the pool has
   * slots are ahead at the most. The error of a call is thrown where its result is asked for, and the next result can be asked
   * for after that; an error of the iterable is thrown in the same way, as the last result. If the loop is left early, the
   * running calls are killed. An error of a call does not leave the iteration: `using` does so in any case.
   *
   * @param fn As for the function `spawn`.
   * @param items The arguments, one for each call.
   * @returns The results, with the helpers of `Iterator.prototype`: `map()`, `take()`, `toArray()` and so on.
   * @throws {TypeError} If `items` is no iterable.
   * @throws {BlockingCallError} If it is called on the hub: use `imapAsync()` there.
   *
   * @example Two results of three
   * ```ts
   * import { GreenPool, spawn } from "@aiohub/aiohub";
   * import { assertEquals } from "@std/assert";
   *
   * const squares = spawn(() => new GreenPool(2).imap((n: number) => n * n, [1, 2, 3]).take(2).toArray());
   * assertEquals(await squares, [1, 4]);
   * ```
   */
  imap<T, R>(fn: Spawnable<[T], R>, items: Iterable<T>): Generator<Awaited<R>, void, undefined> {
    blocking("imap()", "for await … of imapAsync()");
    return greenMap(aheadIn(this), singles(items), launcherIn(this, fn), true);
  }

  /**
   * Calls a function with each array of arguments of an iterable, as {@linkcode GreenPool.prototype.imap | GreenPool.imap} does.
   * For green code.
   *
   * @param fn As for the function `spawn`.
   * @param items The arrays of arguments, one for each call.
   * @returns The results, with the helpers of `Iterator.prototype`.
   * @throws {TypeError} If `items` is no iterable; by `next()`, in place of a result, if an item is no array.
   * @throws {BlockingCallError} If it is called on the hub: use `starmapAsync()` there.
   */
  // deno-lint-ignore no-explicit-any
  starmap<A extends any[], R>(
    fn: Spawnable<A, R>,
    items: Iterable<A>,
  ): Generator<Awaited<R>, void, undefined> {
    blocking("starmap()", "for await … of starmapAsync()");
    checkIterable(items);
    return greenMap(aheadIn(this), items, launcherIn(this, fn), true);
  }

  /**
   * Calls a function with each member of an iterable, as {@linkcode GreenPool.prototype.imap | GreenPool.imap} does. The results
   * come in the order in which the calls end. For green code.
   *
   * @param fn As for the function `spawn`.
   * @param items The arguments, one for each call.
   * @returns The results, with the helpers of `Iterator.prototype`.
   * @throws {TypeError} If `items` is no iterable.
   * @throws {BlockingCallError} If it is called on the hub: use `imapUnorderedAsync()` there.
   */
  imapUnordered<T, R>(
    fn: Spawnable<[T], R>,
    items: Iterable<T>,
  ): Generator<Awaited<R>, void, undefined> {
    blocking("imapUnordered()", "for await … of imapUnorderedAsync()");
    return greenMap(aheadIn(this), singles(items), launcherIn(this, fn), false);
  }

  /**
   * Calls a function with each member of an iterable, in async code: see {@linkcode GreenPool.prototype.imap | GreenPool.imap}.
   * The iterable may be async too. The running calls are also killed when a limit ends within which the iteration was made.
   *
   * @param fn As for the function `spawn`.
   * @param items The arguments, one for each call.
   * @returns The results.
   * @throws {TypeError} By the first `next()`, if `items` is no iterable.
   */
  imapAsync<T, R>(
    fn: Spawnable<[T], R>,
    items: Iterable<T> | AsyncIterable<T>,
  ): AsyncGenerator<Awaited<R>, void, undefined> {
    return asyncMap(aheadIn(this), singlesAsync(items), launcherIn(this, fn), true);
  }

  /**
   * Calls a function with each array of arguments of an iterable, in async code: see
   * {@linkcode GreenPool.prototype.imapAsync | GreenPool.imapAsync}.
   *
   * @param fn As for the function `spawn`.
   * @param items The arrays of arguments, one for each call.
   * @returns The results.
   * @throws {TypeError} If `items` is no iterable; by `next()`, in place of a result, if an item is no array.
   */
  // deno-lint-ignore no-explicit-any
  starmapAsync<A extends any[], R>(
    fn: Spawnable<A, R>,
    items: Iterable<A> | AsyncIterable<A>,
  ): AsyncGenerator<Awaited<R>, void, undefined> {
    checkIterable(items);
    return asyncMap(aheadIn(this), items, launcherIn(this, fn), true);
  }

  /**
   * Calls a function with each member of an iterable, in async code, as
   * {@linkcode GreenPool.prototype.imapAsync | GreenPool.imapAsync} does. The results come in the order in which the calls end.
   *
   * @param fn As for the function `spawn`.
   * @param items The arguments, one for each call.
   * @returns The results.
   * @throws {TypeError} By the first `next()`, if `items` is no iterable.
   */
  imapUnorderedAsync<T, R>(
    fn: Spawnable<[T], R>,
    items: Iterable<T> | AsyncIterable<T>,
  ): AsyncGenerator<Awaited<R>, void, undefined> {
    return asyncMap(aheadIn(this), singlesAsync(items), launcherIn(this, fn), false);
  }
}

/** The most calls of a map that may be ahead: at least one, which waits if the pool has no slots. */
function aheadIn(pool: GreenPool): () => number {
  return () => Math.max(1, pool.size);
}

/** Returns the function that makes the calls of a map. */
// deno-lint-ignore no-explicit-any
function launcherIn<A extends any[], R>(
  pool: GreenPool,
  fn: Spawnable<A, R>,
): Begin<A, Awaited<R>> {
  return (args, begun) => {
    checkArguments(args);
    if (greenSide()) spawnIn(pool, fn, [...args], false, begun);
    else begun(spawnLaterIn(pool, fn, [...args], false).thread);
  };
}

/** Spawns in green code: waits for a slot, or runs the thread on the stack of a member. */
function spawnIn(
  pool: GreenPool,
  fn: unknown,
  args: unknown[],
  detached: boolean,
  begun?: Begun,
): AnyThread {
  const core = pool[CORE];
  const green = detached
    ? blocking("spawnN()", "spawnNAsync()")
    : blocking("spawn()", "spawnAsync()");
  if (green.memberOf === core.id && !core.tryAcquire("spawn()")) {
    return runInline(core, fn, args, detached, begun);
  }
  if (green.memberOf !== core.id) core.acquire("spawn()", undefined);
  const thread = launchIn(pool, fn, args, detached);
  begun?.(thread);
  return thread;
}

/** Starts a thread with a slot that was taken: the slot passes to the thread. */
function launchIn(pool: GreenPool, fn: unknown, args: unknown[], detached: boolean): AnyThread {
  const core = pool[CORE];
  const slot = greenSide() ? core.passOn() : undefined;
  try {
    const thread = launch(fn, args, { pool, slot, detached });
    if (slot !== undefined) core.passed(slot);
    return thread;
  } catch (error) {
    if (slot !== undefined) core.notPassed(slot);
    core.release();
    throw error;
  }
}

/** Runs a thread without a slot on the stack of a member that has one. */
function runInline(
  core: PoolCore,
  fn: unknown,
  args: unknown[],
  detached: boolean,
  begun?: Begun,
): AnyThread {
  const thread = launch(fn, args, { memberOf: core.id });
  begun?.(thread);
  try {
    thread.wait();
  } catch (error) {
    if (!thread.dead) throw error;
    if (detached) printError("Uncaught (in a green thread of a pool)", error);
  }
  return thread;
}

/** Spawns on the hub: the thread starts when it has a slot. */
function spawnLaterIn(pool: GreenPool, fn: unknown, args: unknown[], detached: boolean): Later {
  const core = pool[CORE];
  if (core.tryAcquire("spawnAsync()")) return { thread: launchIn(pool, fn, args, detached) };
  const controller = new AbortController();
  // The slot is for the thread, so no limit of the caller ends this wait.
  const gate = outsideLimits(() => core.acquireAsync({ signal: controller.signal }));
  // A thread that has ended before the slot came does not want the slot; a thread that had the slot gives it back.
  const letGo = () => {
    controller.abort();
    gate.then((slot) => slot.release(), () => {});
  };
  try {
    const thread = launch(fn, args, { memberOf: core.id, detached, gate });
    thread[ON_END](letGo);
    return { thread, gate };
  } catch (error) {
    letGo();
    throw error;
  }
}

/** Makes a list of arguments of each item. Not by a generator, which would end when a limit is thrown in it. */
function singles<T>(items: Iterable<T>): Iterable<[T]> {
  return {
    [Symbol.iterator]() {
      checkIterable(items);
      const source = items[Symbol.iterator]();
      return {
        next(): IteratorResult<[T]> {
          const { done, value } = source.next();
          return done ? END : { done: false, value: [value] };
        },
        return(): IteratorResult<[T]> {
          source.return?.();
          return END;
        },
      };
    },
  };
}

async function* singlesAsync<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<[T]> {
  checkIterable(items);
  for await (const item of items) yield [item];
}

function checkArguments(args: unknown): void {
  if (typeof Object(args)[Symbol.iterator] === "function") return;
  throw new TypeError(`Cannot map: expected an array of arguments, found ${show(args)}`);
}

function checkIterable(items: unknown): void {
  const { [Symbol.iterator]: iterator, [Symbol.asyncIterator]: asyncIterator } = Object(items);
  if (iterator || asyncIterator) return;
  throw new TypeError(`Cannot map: expected an iterable of arguments, found ${show(items)}`);
}

registerKind("GreenPool", GreenPool, (buffer, name) => new PoolCore(buffer, name));
