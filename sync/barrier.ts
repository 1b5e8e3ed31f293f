/**
 * Barriers for green threads and async code at once. Semantics: Python's `threading.Barrier`.
 *
 * ```text
 * PARTIES   the number of parties that pass together
 * BROKEN    0, or 1 from the moment when a waiter has gone until reset()
 * list 0    waiters for the other parties; the DATA of each is its number in the round
 * ```
 *
 * All words change under the object's lock only. The party that comes last grants all others under the same lock, so a round
 * either passes as a whole, or is broken as a whole. A thread that was killed before that, and finds that the round has passed,
 * throws its kill: the others have gone on.
 *
 * @module
 */

import { checkWaiting, type WaitOptions } from "../bridge/checks.ts";
import { brand } from "../bridge/brand.ts";
import { BrokenBarrierError } from "../bridge/errors.ts";
import { blocking } from "../bridge/side/side.ts";
import { Core, entering, FIRST_WORD, listAt, nameIn, timedOut } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import type { Waiters } from "../bridge/memory/waiters.ts";
import { checkCount, twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

const PARTIES = FIRST_WORD;
const BROKEN = FIRST_WORD + 1;
const LISTS = FIRST_WORD + 2;

/** The core of a barrier. */
class BarrierCore extends Core {
  readonly kind = "barrier";
  readonly wireName = "Barrier";
  readonly lists: readonly Waiters[] = [this.list(0, listAt(LISTS, 0))];

  constructor(parties: number | SharedArrayBuffer, name: string | undefined) {
    super(5, typeof parties === "number" ? undefined : parties);
    if (typeof parties === "number") this.words[PARTIES] = parties;
    this.named(name);
  }

  get parties(): number {
    return this.words[PARTIES];
  }

  get broken(): boolean {
    return Atomics.load(this.words, BROKEN) !== 0;
  }

  wait(options: WaitOptions | undefined): number {
    const green = blocking("wait()", "await waitAsync()");
    const thread = entering(green, "wait()", options);
    const result = this.#arrive(thread);
    if (result >= 0) return result;
    return this.#end(-result, this.block(green, 0, -result, options), options);
  }

  async waitAsync(options: WaitOptions | undefined): Promise<number> {
    checkWaiting(options);
    const result = this.#arrive(0);
    if (result >= 0) return result;
    return this.#end(-result, await this.awaitGrant(0, -result, options), options);
  }

  abort(): void {
    this.enter();
    this.#break();
    this.leave();
  }

  reset(): void {
    this.enter();
    while (this.lists[0].refuse(this.wakes) !== 0);
    Atomics.store(this.words, BROKEN, 0);
    this.leave();
  }

  /** Arrives at the barrier: returns the number of the party that came last, or a node for the wait, negated. */
  #arrive(thread: number): number {
    this.enter();
    try {
      if (this.words[BROKEN] !== 0) throw this.#brokenError();
      const number = this.lists[0].size;
      if (number + 1 < this.words[PARTIES]) return -this.enlist(0, thread, number);
      while (this.lists[0].grant(this.wakes) !== 0);
      return number;
    } finally {
      this.leave();
    }
  }

  #end(node: number, inTime: boolean, options: WaitOptions | undefined): number {
    if (!inTime) throw timedOut(options);
    const refused = this.refused(node);
    const number = this.data(node);
    this.freeNode(node);
    if (refused) throw this.#brokenError();
    return number;
  }

  #break(): void {
    Atomics.store(this.words, BROKEN, 1);
    while (this.lists[0].refuse(this.wakes) !== 0);
  }

  #brokenError(): BrokenBarrierError {
    return new BrokenBarrierError(`Cannot wait: ${this.title} is broken: call reset() first`);
  }

  protected override withdrawn(): void {
    this.#break();
  }

  /** Nothing to hand back: the round had passed already. */
  protected handBack(): void {}
}

/**
 * A point where a number of green threads and async functions, its parties, wait until all of them have come.
 *
 * - When the last party has come, all go on, and the barrier is ready for the next round.
 * - *Kill, timeout, abort, crash* of a waiter breaks the barrier: the other parties get a `BrokenBarrierError`, as does everybody
 *   who comes later, until `reset()`. If all had come before the waiter could leave, the others pass, and it ends.
 * - A barrier has no close; `abort()` breaks it by hand.
 *
 * @example Start together
 * ```ts
 * import { Barrier, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const barrier = new Barrier(3);
 * const threads = [1, 2].map(() => spawn((barrier: Barrier) => barrier.wait(), barrier));
 * const numbers = [await barrier.waitAsync(), ...await Promise.all(threads)];
 * assertEquals(numbers.toSorted(), [0, 1, 2]);
 * ```
 *
 * @category Coordination
 */
export class Barrier extends Coordination {
  static {
    brand(this, "Barrier");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: BarrierCore;

  /**
   * Makes a barrier.
   *
   * @param parties The number of parties that pass together.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `parties` is not a number.
   * @throws {RangeError} If `parties` is not a whole number from 1.
   */
  constructor(parties: number, options?: NameOptions) {
    super();
    if (checkCount("barrier", parties) === 0) {
      throw new RangeError("Cannot create a barrier: expected a whole number from 1, found 0");
    }
    this[CORE] = new BarrierCore(parties, nameIn(options));
  }

  /** The number of parties that pass together. */
  get parties(): number {
    return this[CORE].parties;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this[CORE].lists[0].size;
  }

  /** Whether the barrier is broken. */
  get broken(): boolean {
    return this[CORE].broken;
  }

  /**
   * Blocks the green thread until all parties have come.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The number of parties that had come before: each party of a round has a number of its own, from 0.
   * @throws {BrokenBarrierError} If the barrier is broken, or breaks meanwhile.
   * @throws {Timeout} If the other parties did not come in time. This breaks the barrier.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAsync()` there.
   */
  wait(options?: WaitOptions): number {
    return this[CORE].wait(options);
  }

  /**
   * Waits until all parties have come, in async code: see {@linkcode Barrier.prototype.wait | Barrier.wait}.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the number of parties that had come before; it rejects as
   * {@linkcode Barrier.prototype.wait | Barrier.wait} throws.
   */
  waitAsync(options?: WaitOptions): Promise<number> {
    return twin(() => this.wait(options), () => this[CORE].waitAsync(options));
  }

  /** Breaks the barrier: parties that wait, or come later, get a `BrokenBarrierError`, until `reset()`. */
  abort(): void {
    this[CORE].abort();
  }

  /** Makes the barrier whole again. Threads and async functions that wait get a `BrokenBarrierError`. */
  reset(): void {
    this[CORE].reset();
  }
}

registerKind("Barrier", Barrier, (buffer, name) => new BarrierCore(buffer, name));
