/**
 * Semaphores for green threads and async code at once. Semantics: eventlet's `Semaphore` and `BoundedSemaphore`.
 *
 * The states and the races are those of `permits.ts`.
 *
 * @module
 */

import type { WaitOptions } from "../bridge/checks.ts";
import { brand } from "../bridge/brand.ts";
import { nameIn } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { checkCount, MOST, type Permit, Permits, type PermitsKind, twin } from "./permits.ts";

/**
 * Options for coordination objects.
 *
 * @category Coordination
 */
export interface NameOptions {
  /** The object's name in messages and descriptions. */
  name?: string;
}

/** The core of a semaphore, bounded or not. */
class SemaphoreCore extends Permits {
  readonly bounded: boolean;

  constructor(what: PermitsKind, value: number | SharedArrayBuffer, name: string | undefined) {
    super(what, value, name);
    this.bounded = what.bounded ?? false;
  }

  override release(): void {
    // Read without the lock: a bound that is passed is a mistake of the program, not a race.
    const most = this.bounded ? this.limit : MOST;
    if (this.value >= most) {
      throw new RangeError(
        `Cannot release ${this.title}: no permit is held: all ${most} are free`,
      );
    }
    super.release();
  }

  /** Leaves out a permit too many: one of `using`, or of a thread that has ended, that was given back by hand before. */
  override releaseOne(): void {
    if (!this.bounded || this.value < this.limit) super.releaseOne();
  }
}

/**
 * A number of permits, which green threads in any Worker and async code acquire and release.
 *
 * - *Order:* permits go to waiters in the order of their arrival, whichever side they are on. Nobody who comes later gets a
 *   permit before them.
 * - *Whose:* anybody may `release()`, also a permit that somebody else has acquired. The end of a `using` block gives its permit
 *   back in any case: a permit that is also released by hand counts twice.
 * - *Kill, timeout, abort* of a waiter: it leaves the line. A permit that it had just been given goes to the next waiter.
 * - *Crash* of a Worker: the permits that its running threads had acquired and not released are given back, as far as `value`
 *   does not become more than it was at the start. A permit that a thread kept when it ended stays out. If somebody else has
 *   released the permit of a running thread, the semaphore does not know this: the permit is given back once more, although
 *   another thread may have it by then. A `Lock` knows its holder.
 * - An uncontended acquire or release makes no round trip to the hub.
 * - It has no close.
 *
 * @example Three at a time
 * ```ts
 * import { Semaphore, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const semaphore = new Semaphore(3);
 * const thread = spawn((semaphore: Semaphore) => {
 *   using _permit = semaphore.acquire();
 *   return semaphore.value;
 * }, semaphore);
 * assertEquals(await thread, 2);
 * assertEquals(semaphore.value, 3);
 * ```
 *
 * @category Coordination
 */
export class Semaphore extends Coordination {
  static {
    brand(this, "Semaphore");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: Permits;

  /**
   * Makes a semaphore.
   *
   * @param value The number of permits.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `value` is not a number.
   * @throws {RangeError} If `value` is not a whole number from 0.
   */
  constructor(value: number = 1, options?: NameOptions) {
    super();
    const what = this instanceof BoundedSemaphore ? BOUNDED : SEMAPHORE;
    this[CORE] = semaphoreCore(what, value, nameIn(options));
  }

  /** The number of free permits. */
  get value(): number {
    return this[CORE].value;
  }

  /** The number of waiters for a permit. */
  get waiting(): number {
    return this[CORE].waiting;
  }

  /** The number of free permits, less that of the waiters: eventlet's `balance`. */
  get balance(): number {
    return this.value - this.waiting;
  }

  /** Whether an `acquire()` would wait now. */
  get locked(): boolean {
    return this.value <= 0;
  }

  /**
   * Acquires a permit; blocks the green thread until one is free.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The permit, for `using`. It may also be left alone and given back by `release()`.
   * @throws {Timeout} If no permit was free in time.
   * @throws {BlockingCallError} If it is called on the hub: use `acquireAsync()` there.
   */
  acquire(options?: WaitOptions): Permit {
    return this[CORE].acquire("acquire()", options);
  }

  /**
   * Acquires a permit, in async code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the permit; it rejects with a `Timeout` if no permit was free in time.
   */
  acquireAsync(options?: WaitOptions): Promise<Permit> {
    return twin(() => this.acquire(options), () => this[CORE].acquireAsync(options));
  }

  /**
   * Acquires a permit if one is free. Never blocks.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquire(): Permit | undefined {
    return this[CORE].tryAcquire("tryAcquire()");
  }

  /**
   * Gives a permit back, or adds one. Never blocks.
   *
   * @throws {RangeError} If 2³¹ − 1 permits are free already.
   */
  release(): void {
    this[CORE].release();
  }
}

/**
 * A {@linkcode Semaphore} that refuses a release too many.
 *
 * A permit that is released by hand and then disposed of by `using` makes no permit too many. In green code, `using` gives
 * nothing back if the Worker's threads have no other permit: so a thread that releases somebody else's permit has to release its
 * own by hand too.
 *
 * @example A release too many
 * ```ts
 * import { BoundedSemaphore } from "@aiohub/aiohub";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => new BoundedSemaphore(1).release(), RangeError);
 * ```
 *
 * @category Coordination
 */
export class BoundedSemaphore extends Semaphore {
  static {
    brand(this, "BoundedSemaphore");
  }

  /**
   * Gives a permit back.
   *
   * @throws {RangeError} If all permits are free.
   */
  override release(): void {
    super.release();
  }
}

const SEMAPHORE = { kind: "semaphore", wireName: "Semaphore" } as const;
const BOUNDED = { kind: "bounded semaphore", wireName: "BoundedSemaphore", bounded: true } as const;

function semaphoreCore(
  what: PermitsKind,
  value: number | SharedArrayBuffer,
  name: string | undefined,
): Permits {
  if (!(value instanceof SharedArrayBuffer)) checkCount(what.kind, value);
  return new SemaphoreCore(what, value, name);
}

registerKind("Semaphore", Semaphore, (buffer, name) => semaphoreCore(SEMAPHORE, buffer, name));
registerKind(
  "BoundedSemaphore",
  BoundedSemaphore,
  (buffer, name) => semaphoreCore(BOUNDED, buffer, name),
);
