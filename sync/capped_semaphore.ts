/**
 * A semaphore whose `release()` waits at a limit. Semantics: eventlet's `CappedSemaphore`.
 *
 * The states are those of `permits.ts`. List 1 has the waiters that want to release, only while VALUE is at LIMIT.
 *
 * @module
 */

import { checkWaiting, type WaitOptions } from "../bridge/checks.ts";
import { brand } from "../bridge/brand.ts";
import { blocking } from "../bridge/side/side.ts";
import { entering, nameIn, timedOut } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { checkCount, type Permit, Permits, twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

const RELEASERS = 1;

/** The core of a capped semaphore. */
class CappedCore extends Permits {
  constructor(value: number | SharedArrayBuffer, limit: number, name: string | undefined) {
    super({ kind: "capped semaphore", wireName: "CappedSemaphore" }, value, name);
    if (typeof value === "number") this.setLimit(limit);
  }

  protected override refill(): boolean {
    const node = this.lists[RELEASERS].grant(this.wakes);
    if (node !== 0) super.releaseOne();
    return node !== 0;
  }

  protected override wasTaken(): void {
    while (this.value < this.limit && this.refill());
  }

  /** The end of a `using` block never waits, so a permit for which there is no room is left out. */
  protected override get hasRoom(): boolean {
    return this.value < this.limit || this.waiting > 0;
  }

  /** Gives a permit back in green code. */
  releaseSlowly(options: WaitOptions | undefined): void {
    const green = blocking("release()", "await releaseAsync()");
    const thread = entering(green, "release()", options);
    const node = this.#releaseOrWait(thread);
    if (node === 0) return;
    if (!this.block(green, RELEASERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  async releaseAsync(options: WaitOptions | undefined): Promise<void> {
    checkWaiting(options);
    const node = this.#releaseOrWait(0);
    if (node === 0) return;
    if (!await this.awaitGrant(RELEASERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  #releaseOrWait(thread: number): number {
    this.enter();
    try {
      const waits = this.value >= this.limit && this.waiting === 0;
      if (waits) return this.enlist(RELEASERS, thread);
      if (this.uncount()) this.releaseOne();
      return 0;
    } finally {
      this.leave();
    }
  }

  /** A grant to a waiter that wants to release says that its permit was taken: so the permit is released. */
  protected override isFinal(list: number): boolean {
    return list === RELEASERS;
  }

  protected override handBack(list = 0): void {
    if (list !== RELEASERS) super.handBack();
  }
}

/**
 * A semaphore with a limit. A {@linkcode BoundedSemaphore} refuses a release too many; here such a release waits until a permit
 * is acquired. With a limit of 0 each release waits for an acquire.
 *
 * The contract is that of {@linkcode Semaphore}, and:
 *
 * - Releases that wait are served in the order of their arrival too.
 * - The end of a `using` block, and `release()` of the permit, never wait: if as many permits are free as there may be, this
 *   permit
 *   is left out.
 *
 * @example Releases wait
 * ```ts
 * import { CappedSemaphore } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const semaphore = new CappedSemaphore(1, 1);
 * const release = semaphore.releaseAsync();
 * assertEquals(semaphore.balance, 2);
 * await semaphore.acquireAsync();
 * await release;
 * assertEquals(semaphore.balance, 1);
 * ```
 *
 * @category Coordination
 */
export class CappedSemaphore extends Coordination {
  static {
    brand(this, "CappedSemaphore");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: CappedCore;

  /**
   * Makes a semaphore.
   *
   * @param value The number of permits.
   * @param limit The most permits that there may be.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `value` or `limit` is not a number.
   * @throws {RangeError} If `value` or `limit` is not a whole number from 0, or `value` is more than `limit`.
   */
  constructor(value: number, limit: number, options?: NameOptions) {
    super();
    checkCount("capped semaphore", value);
    checkCount("capped semaphore", limit);
    if (value > limit) {
      throw new RangeError(
        `Cannot create a capped semaphore: expected at most ${limit} permits, found ${value}`,
      );
    }
    this[CORE] = new CappedCore(value, limit, nameIn(options));
  }

  /** The number of free permits. */
  get value(): number {
    return this[CORE].value;
  }

  /** The number of free permits and of releases that wait, less that of the waiters for a permit. */
  get balance(): number {
    const core = this[CORE];
    return core.value - core.waiting + core.lists[RELEASERS].size;
  }

  /** The number of waiters for a permit. */
  get waiting(): number {
    return this[CORE].waiting;
  }

  /**
   * Acquires a permit; blocks the green thread until one is free.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The permit, for `using`. It may also be left alone and given back by `release()` of the semaphore.
   * @throws {Timeout} If no permit was free in time.
   * @throws {BlockingCallError} If it is called on the hub: use `acquireAsync()` there.
   */
  acquire(options?: WaitOptions): Permit {
    return this[CORE].acquire("acquire()", options);
  }

  /**
   * Acquires a permit, in async code: see {@linkcode CappedSemaphore.prototype.acquire | CappedSemaphore.acquire}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the permit; it rejects with a `Timeout` if no permit was free in time.
   */
  acquireAsync(options?: WaitOptions): Promise<Permit> {
    return twin(() => this.acquire(options), () => this[CORE].acquireAsync(options));
  }

  /**
   * Gives a permit back; blocks the green thread while as many permits are free as there may be.
   *
   * @param options See {@linkcode WaitOptions}.
   * @throws {Timeout} If no permit was acquired in time. This permit is not given back then.
   * @throws {BlockingCallError} If it is called on the hub: use `releaseAsync()` there.
   */
  release(options?: WaitOptions): void {
    this[CORE].releaseSlowly(options);
  }

  /**
   * Gives a permit back, in async code: see {@linkcode CappedSemaphore.prototype.release | CappedSemaphore.release}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise that settles when there was room for the permit; it rejects with a `Timeout` if there was none in time.
   */
  releaseAsync(options?: WaitOptions): Promise<void> {
    return twin(() => this.release(options), () => this[CORE].releaseAsync(options));
  }

  /**
   * Acquires a permit if one is free, or somebody waits to release one. Never blocks.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquire(): Permit | undefined {
    return this[CORE].tryAcquire("tryAcquire()");
  }
}

registerKind("CappedSemaphore", CappedSemaphore, (buffer, name) => new CappedCore(buffer, 0, name));
