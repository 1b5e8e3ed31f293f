/**
 * Pools of green threads, on both sides. Semantics: eventlet's `GreenPool`, without what is wrong with it there.
 *
 * ```text
 * VALUE    slots that are free; less than 0 after a resize() while more threads run
 * LIMIT    the pool's size
 * list 0   who waits for a slot
 * list 1   who waits until no slot is taken
 * ```
 *
 * The words and their races are those of `permits.ts`. A slot is taken by whoever spawns, without the hub, and passes to the
 * hub with the spawn, by the account that the spawn names: the hub knows when the thread has ended, whichever way, and gives the
 * slot back. Whoever dies when, the slot is the Worker's until the hub has taken the spawn in, and the thread's after that.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import type {
  Passed,
  Returned,
  Spawnable,
  SpawnableWith,
  SpawnArguments,
} from "../bridge/side/spawnable.ts";
import { DeadlockError } from "../bridge/errors.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { currentLimit, outsideLimits, untilAborted } from "../bridge/side/limit.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import {
  checkWaiting,
  entering,
  nameIn,
  timedOut,
  type WaitingOptions,
} from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { HUB } from "../bridge/memory/process_side.ts";
import { END } from "../bridge/side/steps.ts";
import { launch } from "./launch.ts";
import { checkCount, Permits, twin } from "./permits.ts";
import { AsyncMap, type Begin, GreenMap } from "./maps.ts";
import type { NameOptions } from "./semaphore.ts";
import { printError } from "../bridge/values/print_error.ts";

const JOINERS = 1;

// deno-lint-ignore no-explicit-any
type AnyThread = GreenThread<any>;

/** Is given a thread before it may be waited for. */
type Begun = (thread: AnyThread) => void;

/** A thread that may have to wait for its slot. */
interface Later {
  readonly thread: AnyThread;
  /** Settles when it has its slot, or does not want it any more; without one it has it. */
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

  /** Each slot is passed on by its account. */
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

  waitAll(options: WaitingOptions | undefined): void {
    const green = blocking("waitAll()", "await waitAllAsync()");
    const thread = entering(green, "waitAll()", options);
    if (green.memberOf === this.id) {
      throw new DeadlockError(
        `Cannot wait for all threads of ${this.title} in one of them: it would never end`,
      );
    }
    const node = this.#joinOrWait(thread);
    if (node === 0) return;
    if (!this.block(green, JOINERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  async waitAllAsync(options: WaitingOptions | undefined): Promise<void> {
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
 * Spawns green threads, so many at a time.
 *
 * - *Order:* who waits for a slot gets one in the order of arrival, whichever side it is on.
 * - `spawn()` in green code blocks while all slots are taken. On the hub `spawnAsync()` gives the thread at once, which starts
 *   when there is a slot: to `await` it is to wait for its end. `const { thread } = await pool.startAsync(…)` waits for the slot,
 *   which holds a loop back.
 * - A member of the pool that spawns while all slots are taken runs the new thread on its own stack, before it goes on: waiting
 *   for a slot it might wait for itself. What the new thread throws is had from its handle.
 * - A slot is free again when its thread has ended, whichever way, a kill before its start and a crash included.
 * - *Kill, timeout, abort* of one who waits for a slot: it leaves the line.
 * - `waitAll()` waits until no slot is taken; what threads threw is had from their handles. In a member it is a
 *   `DeadlockError`.
 * - It has no close: threads that are to end are to be killed.
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
 */
export class GreenPool extends Coordination {
  static {
    brand(this, "GreenPool");
  }

  /**
   * For the library.
   *
   * @internal
   */
  readonly [CORE]: PoolCore;

  /**
   * Makes a pool.
   *
   * @param size How many threads may run at a time; with 0 none may, until `resize()`.
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

  /** The count of free slots; never less than 0. */
  get free(): number {
    return Math.max(0, this[CORE].value);
  }

  /** The count of slots that are taken. */
  get running(): number {
    return this[CORE].running;
  }

  /** The count of waiters for a slot. */
  get waiting(): number {
    return this[CORE].waiting;
  }

  /**
   * Spawns a green thread; blocks while all slots are taken. For green code.
   *
   * @param fn As for the function `spawn`.
   * @param args What to call it with.
   * @returns The thread.
   * @throws {BlockingCallError} If it is called on the hub: use `spawnAsync()` there.
   */
  spawn<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Awaited<Returned<F>>>;
  /** As above, for a generic function: this finds what it returns. */
  spawn<A extends unknown[], R>(
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Awaited<R>>;
  // deno-lint-ignore no-explicit-any
  spawn(fn: unknown, ...args: unknown[]): GreenThread<any> {
    return spawnIn(this, fn, args, false);
  }

  /**
   * Spawns a green thread whose result nobody wants; as {@linkcode GreenPool.spawn}.
   *
   * @param fn As for the function `spawn`.
   * @param args What to call it with.
   */
  spawnN<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): void;
  /** As above, for a generic function. */
  spawnN<A extends unknown[]>(fn: Spawnable<A, unknown>, ...args: A | Passed<A>): void;
  spawnN(fn: unknown, ...args: unknown[]): void {
    spawnIn(this, fn, args, true);
  }

  /**
   * Spawns a green thread, in async code: it starts when there is a slot.
   *
   * To `await` what this gives is to wait until the thread has ended: in a loop, one thread would run at a time. To hold back
   * a loop that spawns, use {@linkcode GreenPool.startAsync}.
   *
   * @param fn As for the function `spawn`.
   * @param args What to call it with.
   * @returns The thread, at once.
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
  /** As above, for a generic function: this finds what it returns. */
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
   * Spawns a green thread, in async code, and waits for its slot, and not for its end. If the limit of `withTimeoutAsync()` ends
   * before there is one, the thread does not start.
   *
   * @param fn As for the function `spawn`.
   * @param args What to call it with.
   * @returns The thread, when it has a slot. It comes in an object: a thread by itself would be awaited.
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
  /** As above, for a generic function: this finds what it returns. */
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
    // One that ends before its turn tells by itself how.
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
   * Spawns a green thread whose result nobody wants, in async code.
   *
   * @param fn As for the function `spawn`.
   * @param args What to call it with.
   */
  spawnNAsync<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): void;
  /** As above, for a generic function. */
  spawnNAsync<A extends unknown[]>(fn: Spawnable<A, unknown>, ...args: A | Passed<A>): void;
  spawnNAsync(fn: unknown, ...args: unknown[]): void {
    if (greenSide()) spawnIn(this, fn, args, true);
    else spawnLaterIn(this, fn, args, true);
  }

  /**
   * Spawns a green thread if there is a slot. Never blocks.
   *
   * @param fn As for the function `spawn`.
   * @param args What to call it with.
   * @returns The thread, or `undefined`.
   */
  trySpawn<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Awaited<Returned<F>>> | undefined;
  /** As above, for a generic function: this finds what it returns. */
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
   * Blocks the green thread until there is a slot, and leaves it.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @throws {Timeout} If there was none in time.
   */
  waitAvailable(options?: WaitingOptions): void {
    this[CORE].acquire("waitAvailable()", options).release();
  }

  /**
   * Waits until there is a slot, and leaves it, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   */
  waitAvailableAsync(options?: WaitingOptions): Promise<void> {
    return twin(
      () => this.waitAvailable(options),
      async () => (await this[CORE].acquireAsync(options)).release(),
    );
  }

  /**
   * Blocks the green thread until no slot is taken.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @throws {DeadlockError} In a thread of the pool.
   * @throws {Timeout} If some were taken all the time.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAllAsync()` there.
   */
  waitAll(options?: WaitingOptions): void {
    this[CORE].waitAll(options);
  }

  /**
   * Waits until no slot is taken, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   */
  waitAllAsync(options?: WaitingOptions): Promise<void> {
    return twin(() => this.waitAll(options), () => this[CORE].waitAllAsync(options));
  }

  /**
   * Changes how many threads may run at a time. Threads that run are left alone.
   *
   * @param size As in the constructor.
   */
  resize(size: number): void {
    this[CORE].resize(checkCount("green pool", size, "resize"));
  }

  /**
   * Calls a function with each member of an iterable, each call in a thread of the pool. For green code.
   *
   * Results come in the order of the arguments. As many calls as the pool has slots are ahead at the most, begun when the first
   * result is asked for. A call that throws throws where its result is asked for, and the next one can be asked for after it;
   * so does an error of the iterable. Who leaves early has the calls killed that run.
   *
   * @param fn As for the function `spawn`.
   * @param items What to call it with, one each.
   */
  imap<T, R>(fn: Spawnable<[T], R>, items: Iterable<T>): IterableIterator<Awaited<R>> {
    return this.starmap(fn, singles(items));
  }

  /**
   * As {@linkcode GreenPool.imap}, with an array of arguments for each call.
   *
   * @param fn As for the function `spawn`.
   * @param items What to call it with.
   */
  // deno-lint-ignore no-explicit-any
  starmap<A extends any[], R>(
    fn: Spawnable<A, R>,
    items: Iterable<A>,
  ): IterableIterator<Awaited<R>> {
    blocking("imap()", "for await … of imapAsync()");
    return new GreenMap(aheadIn(this), items, launcherIn(this, fn), true);
  }

  /**
   * As {@linkcode GreenPool.imap}, with the results in the order in which the calls end.
   *
   * @param fn As for the function `spawn`.
   * @param items What to call it with, one each.
   */
  imapUnordered<T, R>(fn: Spawnable<[T], R>, items: Iterable<T>): IterableIterator<Awaited<R>> {
    blocking("imapUnordered()", "for await … of imapUnorderedAsync()");
    return new GreenMap(aheadIn(this), singles(items), launcherIn(this, fn), false);
  }

  /**
   * As {@linkcode GreenPool.imap}, in async code; the iterable may be async too.
   *
   * @param fn As for the function `spawn`.
   * @param items What to call it with, one each.
   */
  imapAsync<T, R>(
    fn: Spawnable<[T], R>,
    items: Iterable<T> | AsyncIterable<T>,
  ): AsyncIterableIterator<Awaited<R>> {
    return new AsyncMap(aheadIn(this), singlesAsync(items), launcherIn(this, fn), true);
  }

  /**
   * As {@linkcode GreenPool.starmap}, in async code.
   *
   * @param fn As for the function `spawn`.
   * @param items What to call it with.
   */
  // deno-lint-ignore no-explicit-any
  starmapAsync<A extends any[], R>(
    fn: Spawnable<A, R>,
    items: Iterable<A> | AsyncIterable<A>,
  ): AsyncIterableIterator<Awaited<R>> {
    return new AsyncMap(aheadIn(this), items, launcherIn(this, fn), true);
  }

  /**
   * As {@linkcode GreenPool.imapUnordered}, in async code.
   *
   * @param fn As for the function `spawn`.
   * @param items What to call it with, one each.
   */
  imapUnorderedAsync<T, R>(
    fn: Spawnable<[T], R>,
    items: Iterable<T> | AsyncIterable<T>,
  ): AsyncIterableIterator<Awaited<R>> {
    return new AsyncMap(aheadIn(this), singlesAsync(items), launcherIn(this, fn), false);
  }
}

/** The most calls of a map that may be ahead: at least one, which waits if the pool has no slots. */
function aheadIn(pool: GreenPool): () => number {
  return () => Math.max(1, pool.size);
}

/** Makes the calls of a map. */
// deno-lint-ignore no-explicit-any
function launcherIn<A extends any[], R>(
  pool: GreenPool,
  fn: Spawnable<A, R>,
): Begin<A, Awaited<R>> {
  return (args, begun) => {
    if (greenSide()) spawnIn(pool, fn, [...args], false, begun);
    else begun(spawnLaterIn(pool, fn, [...args], false).thread);
  };
}

function spawnIn(
  pool: GreenPool,
  fn: unknown,
  args: unknown[],
  detached: boolean,
  begun?: Begun,
): AnyThread {
  const core = pool[CORE];
  const green = blocking("spawn()", "spawnAsync()");
  if (green.memberOf === core.id && !core.tryAcquire("spawn()")) {
    return runInline(core, fn, args, detached, begun);
  }
  if (green.memberOf !== core.id) core.acquire("spawn()", undefined);
  const thread = launchIn(pool, fn, args, detached);
  begun?.(thread);
  return thread;
}

/** A slot was taken: it passes to the thread. */
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

function spawnLaterIn(pool: GreenPool, fn: unknown, args: unknown[], detached: boolean): Later {
  const core = pool[CORE];
  if (core.tryAcquire("spawnAsync()")) return { thread: launchIn(pool, fn, args, detached) };
  const controller = new AbortController();
  // The slot is the thread's, whoever spawns it.
  const gate = outsideLimits(() => core.acquireAsync({ signal: controller.signal }));
  // Whoever ends before the slot came does not want it; whoever has it gives it back.
  const letGo = () => {
    controller.abort();
    gate.then((slot) => slot.release(), () => {});
  };
  try {
    const thread = launch(fn, args, { memberOf: core.id, detached, gate });
    thread.onEnd(letGo);
    return { thread, gate };
  } catch (error) {
    letGo();
    throw error;
  }
}

/** Each item as a list of arguments. No generator: one would end when the time of who asks is over. */
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

function checkIterable(items: unknown): void {
  const { [Symbol.iterator]: iterator, [Symbol.asyncIterator]: asyncIterator } = Object(items);
  if (iterator || asyncIterator) return;
  throw new TypeError(`Cannot map: expected an iterable of arguments, found ${typeof items}`);
}

registerKind("GreenPool", GreenPool, (buffer, name) => new PoolCore(buffer, name));
