/**
 * Conditions for green threads and async code at once. Semantics: Python's `threading.Condition`.
 *
 * ```text
 * list 0   waiters for a notification
 * ```
 *
 * A waiter puts itself into the list while it holds the condition's lock, and releases the lock after that. A notification
 * needs the lock, so none can come in between.
 *
 * @module
 */

import { brand, madeElsewhere } from "../bridge/brand.ts";
import {
  checkOptionsObject,
  checkSignal,
  checkWaiting,
  show,
  timeLimit,
  WAIT_KEYS,
  type WaitOptions,
} from "../bridge/checks.ts";
import { outsideLimits } from "../bridge/side/limit.ts";
import { blocking } from "../bridge/side/side.ts";
import { Core, entering, FIRST_WORD, listAt, nameIn, timedOut } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import type { Waiters } from "../bridge/memory/waiters.ts";
import { Lock } from "./lock.ts";
import { RLock } from "./rlock.ts";
import { type Permit, twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

/** The core of a condition. */
class ConditionCore extends Core {
  readonly kind = "condition";
  readonly wireName = "Condition";
  readonly lists: readonly Waiters[] = [this.list(0, listAt(FIRST_WORD, 0))];
  readonly lock: Lock | RLock;

  constructor(lock: Lock | RLock, buffer?: SharedArrayBuffer, name?: string) {
    super(3, buffer);
    this.lock = lock;
    this.named(name);
  }

  /** Waits for a notification, in green code; returns whether one came in time. */
  wait(options: WaitOptions | undefined): boolean {
    const green = blocking("wait()", "await waitAsync()");
    const thread = entering(green, "wait()", options);
    this.checkHeld("wait()");
    const node = this.#enlist(thread);
    const depth = this.#releaseAll();
    let inTime = false;
    try {
      inTime = this.block(green, 0, node, options);
      if (inTime) this.freeNode(node);
    } finally {
      // However the wait ends, the thread has the lock then: its `using` block is about to release the lock.
      green.shield(() => this.lock[CORE].acquire("acquire()", undefined));
      this.#restore(depth);
    }
    return inTime;
  }

  /** As `wait()`, in async code. */
  async waitAsync(options: WaitOptions | undefined): Promise<boolean> {
    checkWaiting(options);
    this.checkHeld("waitAsync()");
    const node = this.#enlist(0);
    const depth = this.#releaseAll();
    let inTime = false;
    try {
      inTime = await this.awaitGrant(0, node, options);
      if (inTime) this.freeNode(node);
    } finally {
      // As above: also a limit of the caller is no reason to end without the lock.
      await outsideLimits(() => this.lock[CORE].acquireAsync(undefined));
      this.#restore(depth);
    }
    return inTime;
  }

  notify(count: number): void {
    this.checkHeld("notify()");
    this.enter();
    for (let i = 0; i < count && this.lists[0].grant(this.wakes) !== 0; i++);
    this.leave();
  }

  checkHeld(call: string): void {
    const { lock } = this;
    if (!lock.locked) {
      throw new Error(
        `Cannot call ${call} of ${this.title}: the lock of the condition is not held: acquire it first`,
      );
    }
    // Anybody may release a `Lock`; only its holder may release an `RLock`.
    const other = lock instanceof RLock ? lock[CORE].otherHolder(call) : undefined;
    if (other === undefined) return;
    throw new Error(
      `Cannot call ${call} of ${this.title}: the green thread ${other} holds its lock: acquire it first`,
    );
  }

  protected handBack(): void {
    this.lists[0].grant(this.wakes);
  }

  #enlist(thread: number): number {
    this.enter();
    try {
      return this.enlist(0, thread);
    } finally {
      this.leave();
    }
  }

  #releaseAll(): number {
    const { lock } = this;
    if (lock instanceof RLock) return lock[CORE].releaseAll();
    lock[CORE].release();
    return 0;
  }

  #restore(depth: number): void {
    if (this.lock instanceof RLock) this.lock[CORE].restore(depth);
  }
}

/**
 * Waiting for something that others change under a lock.
 *
 * - `wait()` releases the lock, waits for a notification, and acquires the lock again before it returns or throws.
 * - *Order:* waiters are notified in the order of their arrival, whichever side they are on.
 * - *Kill, timeout, abort* of a waiter: it leaves the line, acquires the lock again, and then throws. A notification that it had
 *   just got goes to the next waiter. Nothing cuts its wait for the lock short.
 * - A condition has no close. It crosses together with its lock.
 *
 * @example Wait until there is something
 * ```ts
 * import { Condition, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const condition = new Condition();
 * const count = new Int32Array(new SharedArrayBuffer(4));
 * const thread = spawn((condition: Condition, count: Int32Array) => {
 *   using _permit = condition.acquire();
 *   condition.waitFor(() => count[0] > 0);
 *   return count[0];
 * }, condition, count);
 * {
 *   using _permit = await condition.acquireAsync();
 *   count[0] = 3;
 *   condition.notifyAll();
 * }
 * assertEquals(await thread, 3);
 * ```
 *
 * @category Coordination
 */
export class Condition extends Coordination {
  static {
    brand(this, "Condition");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: ConditionCore;

  /**
   * Makes a condition.
   *
   * @param lock The condition's lock, a new one by default. Several conditions may share a lock.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `lock` is neither a `Lock` nor an `RLock`.
   */
  constructor(lock: Lock | RLock = new Lock(), options?: NameOptions) {
    super();
    if (!(lock instanceof Lock) && !(lock instanceof RLock)) {
      const why = madeElsewhere(lock) ?? "expected a Lock or an RLock";
      throw new TypeError(`Cannot create a condition: ${why}`);
    }
    this[CORE] = new ConditionCore(lock, undefined, nameIn(options));
  }

  /** The condition's lock. */
  get lock(): Lock | RLock {
    return this[CORE].lock;
  }

  /** The number of waiters for a notification. */
  get waiting(): number {
    return this[CORE].lists[0].size;
  }

  /**
   * Acquires the lock; blocks the green thread until the lock is free: see {@linkcode Lock.prototype.acquire | Lock.acquire}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The permit, for `using`.
   * @throws {Timeout} If the lock was not free in time.
   * @throws {DeadlockError} If this green thread holds the lock already, a `Lock`, and there is neither a timeout nor a signal.
   * @throws {BlockingCallError} If it is called on the hub: use `acquireAsync()` there.
   */
  acquire(options?: WaitOptions): Permit {
    return this.lock.acquire(options);
  }

  /**
   * Acquires the lock, in async code: see {@linkcode Lock.prototype.acquireAsync | Lock.acquireAsync}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the permit; it rejects with a `Timeout` if the lock was not free in time.
   */
  acquireAsync(options?: WaitOptions): Promise<Permit> {
    return this.lock.acquireAsync(options);
  }

  /**
   * Acquires the lock if it is free: see {@linkcode Lock.prototype.tryAcquire | Lock.tryAcquire}. Never blocks.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquire(): Permit | undefined {
    return this.lock.tryAcquire();
  }

  /**
   * Releases the lock: see {@linkcode Lock.prototype.release | Lock.release}. `using` the permit is the surer way.
   *
   * @throws {Error} If nobody has acquired the lock, or another green thread holds an `RLock`.
   */
  release(): void {
    this.lock.release();
  }

  /**
   * Releases the lock, blocks the green thread until it is notified, and acquires the lock again.
   *
   * @param options See {@linkcode WaitOptions}.
   * @throws {Timeout} If no notification came in time. The lock is held then too.
   * @throws {Error} If nobody holds the lock, or another green thread holds an `RLock`.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAsync()` there.
   */
  wait(options?: WaitOptions): void {
    if (!this[CORE].wait(options)) throw timedOut(options);
  }

  /**
   * Waits for a notification, in async code: see {@linkcode Condition.prototype.wait | Condition.wait}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise that settles when a notification has come and the lock is held again; it rejects as
   * {@linkcode Condition.prototype.wait | Condition.wait} throws.
   */
  waitAsync(options?: WaitOptions): Promise<void> {
    return twin(() => this.wait(options), async () => {
      if (!await this[CORE].waitAsync(options)) throw timedOut(options);
    });
  }

  /**
   * Blocks the green thread until a predicate holds. The predicate is called at once, after each notification, and once more when
   * the time is over.
   *
   * @param predicate The predicate. It runs with the lock held.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole wait.
   * @throws {Timeout} If the predicate did not hold in time. The lock is held then too.
   * @throws {TypeError} If `predicate` is no function.
   * @throws {Error} If a wait begins while nobody holds the lock, or another green thread holds an `RLock`.
   * @throws {BlockingCallError} If a wait begins on the hub: use `waitForAsync()` there.
   */
  waitFor(predicate: () => boolean, options?: WaitOptions): void {
    checkPredicate(predicate, "waitFor()");
    checkWaitingKeys(options);
    const until = performance.now() + timeLimit(options);
    for (let inTime = true; !predicate();) {
      if (!inTime) throw timedOut(options);
      blocking("waitFor()", "await waitForAsync()");
      inTime = this[CORE].wait({ ...options, timeout: until - performance.now() });
    }
  }

  /**
   * Waits until a predicate holds, in async code: see {@linkcode Condition.prototype.waitFor | Condition.waitFor}.
   *
   * @param predicate The predicate. It runs with the lock held.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole wait.
   * @returns A promise that settles when the predicate holds; it rejects as
   * {@linkcode Condition.prototype.waitFor | Condition.waitFor} throws.
   */
  waitForAsync(predicate: () => boolean, options?: WaitOptions): Promise<void> {
    return twin(() => this.waitFor(predicate, options), async () => {
      checkPredicate(predicate, "waitForAsync()");
      checkWaitingKeys(options);
      const until = performance.now() + timeLimit(options);
      for (let inTime = true; !predicate();) {
        if (!inTime) throw timedOut(options);
        inTime = await this[CORE].waitAsync({ ...options, timeout: until - performance.now() });
      }
    });
  }

  /**
   * Notifies the waiters that have waited longest. They go on when the lock is free.
   *
   * @param count The number of waiters to notify.
   * @throws {TypeError} If `count` is not a number.
   * @throws {RangeError} If `count` is not a whole number from 0.
   * @throws {Error} If nobody holds the lock, or another green thread holds an `RLock`.
   */
  notify(count: number = 1): void {
    if (typeof count !== "number") {
      throw new TypeError(`Cannot notify: expected a number of waiters, found ${show(count)}`);
    }
    if (count !== Infinity && (!Number.isInteger(count) || count < 0)) {
      throw new RangeError(`Cannot notify: expected a whole number from 0, found ${count}`);
    }
    this[CORE].notify(count);
  }

  /**
   * Notifies all waiters.
   *
   * @throws {Error} If nobody holds the lock, or another green thread holds an `RLock`.
   */
  notifyAll(): void {
    this[CORE].notify(Infinity);
  }
}

function checkPredicate(predicate: unknown, call: string): void {
  if (typeof predicate === "function") return;
  throw new TypeError(`Cannot call ${call}: expected a function, found ${show(predicate)}`);
}

/** Checks the options before the first wait: there may be none, if the predicate holds at once. */
function checkWaitingKeys(options: WaitOptions | undefined): void {
  checkOptionsObject("wait", options, "{ timeout: 1000 }", WAIT_KEYS);
  checkSignal("wait", options?.signal);
}

registerKind(
  "Condition",
  Condition,
  (buffer, name, lock) => new ConditionCore(lock as Lock | RLock, buffer, name),
  ({ lock }) => lock,
);
