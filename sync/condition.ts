/**
 * Conditions for green threads and async code at once. Semantics: Python's `threading.Condition`.
 *
 * ```text
 * list 0   who waits to be notified
 * ```
 *
 * A waiter puts itself into the list while it holds the condition's lock, and releases the lock after that: a notification
 * needs the lock, so it cannot come in between.
 *
 * @module
 */

import { blocking } from "../bridge/side.ts";
import {
  checkWaiting,
  Core,
  entering,
  FIRST_WORD,
  listAt,
  timedOut,
  timeLimit,
  type WaitingOptions,
} from "../bridge/sync/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/sync/objects.ts";
import type { Waiters } from "../bridge/sync/waiters.ts";
import { Lock } from "./lock.ts";
import { RLock } from "./rlock.ts";
import { type Permit, twin } from "./permits.ts";
import { type NameOptions, objectFor } from "./semaphore.ts";

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

  wait(options: WaitingOptions | undefined): void {
    const green = blocking("wait()", "await waitAsync()");
    const thread = entering(green, "wait()", options);
    this.checkHeld("wait()");
    const node = this.#enlist(thread);
    const depth = this.#releaseAll();
    let inTime = false;
    try {
      inTime = this.block(green, 0, node, options);
      if (inTime) this.give(node);
    } finally {
      // Whoever leaves, however, leaves with the lock: its `using` block is about to release it.
      green.shield(() => this.lock[CORE].acquire("acquire", undefined));
      this.#restore(depth);
    }
    if (!inTime) throw timedOut(options);
  }

  async waitAsync(options: WaitingOptions | undefined): Promise<void> {
    checkWaiting(options);
    this.checkHeld("waitAsync()");
    const node = this.#enlist(0);
    const depth = this.#releaseAll();
    let inTime = false;
    try {
      inTime = await this.awaitTurn(0, node, options);
      if (inTime) this.give(node);
    } finally {
      await this.lock[CORE].acquireAsync(undefined);
      this.#restore(depth);
    }
    if (!inTime) throw timedOut(options);
  }

  notify(count: number): void {
    this.checkHeld("notify()");
    this.enter();
    for (let i = 0; i < count && this.lists[0].grant(this.wakes) !== 0; i++);
    this.leave();
  }

  checkHeld(call: string): void {
    if (this.lock.locked) return;
    throw new Error(`Cannot call ${call} of ${this.title}: its lock is not held: acquire it first`);
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
 * - `wait()` releases the lock, waits to be notified, and acquires the lock again before it returns or throws.
 * - *Order:* those who wait are notified in the order of their arrival, whichever side they are on.
 * - *Kill, timeout, abort* of one who waits: it leaves the line, acquires the lock again, and then throws; a notification that
 *   it had just got goes to the next one. Waiting for the lock then is not cut short.
 * - It has no close. It crosses together with its lock.
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
 */
export class Condition extends Coordination {
  /**
   * For the library.
   *
   * @internal
   */
  readonly [CORE]: ConditionCore;

  /**
   * Makes a condition.
   *
   * @param lock Its lock, a new one by default. Several conditions may have one lock.
   * @param options See {@linkcode NameOptions}.
   */
  constructor(lock: Lock | RLock = new Lock(), options?: NameOptions) {
    super();
    if (!(lock instanceof Lock) && !(lock instanceof RLock)) {
      throw new TypeError("Cannot create a condition: expected a Lock or an RLock");
    }
    this[CORE] = new ConditionCore(lock, undefined, options?.name);
  }

  /** Its lock. */
  get lock(): Lock | RLock {
    return this[CORE].lock;
  }

  /** How many wait to be notified. */
  get waiting(): number {
    return this[CORE].lists[0].size;
  }

  /** Acquires the lock: see {@linkcode Lock.acquire}. */
  acquire(options?: WaitingOptions): Permit {
    return this.lock.acquire(options);
  }

  /** Acquires the lock, in async code: see {@linkcode Lock.acquireAsync}. */
  acquireAsync(options?: WaitingOptions): Promise<Permit> {
    return this.lock.acquireAsync(options);
  }

  /** Releases the lock: see {@linkcode Lock.release}. */
  release(): void {
    this.lock.release();
  }

  /**
   * Releases the lock, blocks the green thread until it is notified, and acquires the lock again.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @throws {Timeout} If it was not notified in time; the lock is held then too.
   * @throws {Error} If nobody holds the lock.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAsync()` there.
   */
  wait(options?: WaitingOptions): void {
    this[CORE].wait(options);
  }

  /**
   * As {@linkcode Condition.wait}, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @returns A promise that settles when it was notified and has the lock.
   */
  waitAsync(options?: WaitingOptions): Promise<void> {
    return twin(() => this.wait(options), () => this[CORE].waitAsync(options));
  }

  /**
   * Waits until something holds: it is asked at once, and after each notification.
   *
   * @param predicate What is to hold. It runs with the lock held.
   * @param options See {@linkcode WaitingOptions}; `timeout` is for all of it.
   * @throws {Timeout} If it did not hold in time.
   */
  waitFor(predicate: () => boolean, options?: WaitingOptions): void {
    const until = performance.now() + timeLimit(options);
    while (!predicate()) this.wait({ ...options, timeout: until - performance.now() });
  }

  /**
   * As {@linkcode Condition.waitFor}, in async code.
   *
   * @param predicate What is to hold.
   * @param options See {@linkcode WaitingOptions}.
   */
  async waitForAsync(predicate: () => boolean, options?: WaitingOptions): Promise<void> {
    const until = performance.now() + timeLimit(options);
    while (!predicate()) await this.waitAsync({ ...options, timeout: until - performance.now() });
  }

  /**
   * Notifies those who have waited longest. They go on when the lock is free.
   *
   * @param count How many.
   * @throws {Error} If nobody holds the lock.
   */
  notify(count: number = 1): void {
    this[CORE].notify(count);
  }

  /**
   * Notifies all who wait.
   *
   * @throws {Error} If nobody holds the lock.
   */
  notifyAll(): void {
    this[CORE].notify(Infinity);
  }
}

registerKind("Condition", {
  extra: (condition) => (condition as Condition).lock,
  revive: (buffer, name, lock) =>
    objectFor(Condition, new ConditionCore(lock as Lock | RLock, buffer, name)),
});
