/**
 * Locks for green threads and async code at once.
 *
 * The states and the races are those of `permits.ts`.
 *
 * @module
 */

import type { WaitOptions } from "../bridge/checks.ts";
import { brand } from "../bridge/brand.ts";
import { DeadlockError } from "../bridge/errors.ts";
import { nameIn, threadHere } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { greenSide } from "../bridge/side/side.ts";
import { type Permit, Permits, twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

/** The core of a lock. */
class LockCore extends Permits {
  constructor(buffer?: SharedArrayBuffer, name?: string) {
    super(LOCK, buffer ?? 1, name);
  }

  override acquire(call: string, options: WaitOptions | undefined): Permit {
    // The thread would wait for itself for ever, so the call fails at once.
    const limited = options?.timeout !== undefined || options?.signal !== undefined;
    const holder = this.holder();
    if (holder !== undefined && !limited && greenSide() && holder === threadHere(call)) {
      throw new DeadlockError(
        `Cannot acquire ${this.title}: this green thread holds the lock already: use an RLock to acquire it again`,
      );
    }
    return super.acquire(call, options);
  }

  override release(): void {
    if (this.value > 0) throw new Error(`Cannot release ${this.title}: the lock is not held`);
    super.release();
  }
}

const LOCK = { kind: "lock", wireName: "Lock", exclusive: true } as const;

/**
 * A lock. It has one holder at a time: a green thread in any Worker, or async code.
 *
 * - *Order:* the lock goes to waiters in the order of their arrival, whichever side they are on. Nobody who comes later gets the
 *   lock before them.
 * - *Kill, timeout, abort* of a waiter: it leaves the line. If it had just been given the lock, the next waiter gets the lock.
 *   A green thread that is killed while it holds the lock releases the lock when its `using` block unwinds.
 * - *Crash* of the Worker whose thread holds the lock: the hub releases it. What the lock guarded may be half changed.
 * - A green thread that acquires the lock twice gets a `DeadlockError`. Async code that does so waits for itself.
 * - An uncontended acquire or release makes no round trip to the hub. It has no close.
 *
 * @example A counter that both sides change
 * ```ts
 * import { Lock, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock();
 * const counter = new Int32Array(new SharedArrayBuffer(4));
 * const add = (lock: Lock, counter: Int32Array) => {
 *   for (let i = 0; i < 100; i++) {
 *     using _permit = lock.acquire();
 *     counter[0]++;
 *   }
 * };
 * const threads = [1, 2].map(() => spawn(add, lock, counter));
 * for (let i = 0; i < 100; i++) {
 *   using _permit = await lock.acquireAsync();
 *   counter[0]++;
 * }
 * await Promise.all(threads);
 * assertEquals(counter[0], 300);
 * ```
 *
 * @category Coordination
 */
export class Lock extends Coordination {
  static {
    brand(this, "Lock");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: Permits;

  /**
   * Makes a lock, which nobody holds.
   *
   * @param options See {@linkcode NameOptions}.
   */
  constructor(options?: NameOptions) {
    super();
    this[CORE] = new LockCore(undefined, nameIn(options));
  }

  /** Whether somebody holds the lock. */
  get locked(): boolean {
    return this[CORE].value <= 0;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this[CORE].waiting;
  }

  /**
   * Acquires the lock; blocks the green thread until the lock is free.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The permit, for `using`.
   * @throws {Timeout} If the lock was not free in time.
   * @throws {DeadlockError} If this green thread holds the lock already, and there is neither a timeout nor a signal.
   * @throws {BlockingCallError} If it is called on the hub: use `acquireAsync()` there.
   */
  acquire(options?: WaitOptions): Permit {
    return this[CORE].acquire("acquire()", options);
  }

  /**
   * Acquires the lock, in async code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the permit; it rejects with a `Timeout` if the lock was not free in time.
   */
  acquireAsync(options?: WaitOptions): Promise<Permit> {
    return twin(() => this.acquire(options), () => this[CORE].acquireAsync(options));
  }

  /**
   * Acquires the lock if it is free. Never blocks.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquire(): Permit | undefined {
    return this[CORE].tryAcquire("tryAcquire()");
  }

  /**
   * Releases the lock. Anybody may; `using` the permit is the surer way.
   *
   * @throws {Error} If nobody has acquired it.
   */
  release(): void {
    this[CORE].release();
  }
}

registerKind("Lock", Lock, (buffer, name) => new LockCore(buffer, name));
