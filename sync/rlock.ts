/**
 * Reentrant locks for green threads and async code at once.
 *
 * The states and the races are those of `permits.ts`, and one word more:
 *
 * ```text
 * DEPTH   how often the holder has acquired the lock again   the holder writes it; the hub, when the holder's Worker has died or
 *                                                            was given up: so it is changed under the object's lock
 * ```
 *
 * @module
 */

import { checkWaiting, type WaitOptions } from "../bridge/checks.ts";
import { brand } from "../bridge/brand.ts";
import { nameIn, threadHere } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { greenSide } from "../bridge/side/side.ts";
import { stateIfMade } from "../bridge/state.ts";
import { Permit, Permits, twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

/** The state of `hub/base/call_context.ts`, once that is made. It gives the call that the running async function serves. */
let calls: { current(): { readonly threadId: number } | undefined } | undefined;

/** The id of the green thread on whose behalf this code runs: this thread, or the one whose call the hub serves. 0 for nobody. */
function onBehalfOf(call: string): number {
  if (greenSide()) return threadHere(call);
  calls ??= stateIfMade("calls");
  return calls?.current()?.threadId ?? 0;
}

/** The core of a reentrant lock. */
class RLockCore extends Permits {
  constructor(buffer?: SharedArrayBuffer, name?: string) {
    super(RLOCK, buffer ?? 1, name);
  }

  /** The count of times that the holder has acquired the lock again. */
  get depth(): number {
    return Atomics.load(this.words, DEPTH);
  }

  /** Acquires the lock once more, if the running code holds it. */
  reenter(call: string): Permit | undefined {
    const me = onBehalfOf(call);
    if (me === 0 || this.holder() !== me) return undefined;
    this.enter();
    // A Worker that was given up in this moment holds nothing.
    const isStillMine = this.holder() === me;
    if (isStillMine) Atomics.add(this.words, DEPTH, 1);
    this.leave();
    return isStillMine ? new Permit(() => this.#leaveAs(me)) : undefined;
  }

  /** Releases the lock, however often it was acquired; returns the depth. */
  releaseAll(): number {
    const { depth } = this;
    Atomics.store(this.words, DEPTH, 0);
    super.release();
    return depth;
  }

  /** Sets the depth that the lock had before a wait: the caller has acquired the lock again. */
  restore(depth: number): void {
    Atomics.store(this.words, DEPTH, depth);
  }

  /** Makes the permit of the first acquire. The permits may be disposed in any order: the last one gives the lock back. */
  first(permit: Permit): Permit {
    const me = this.holder();
    return new Permit(() => {
      if (!this.#leaveInner(me)) permit.release();
    });
  }

  /** Releases the lock once, if the holder still holds it: the holder's Worker may have been given up since. */
  #leaveAs(holder: number | undefined): void {
    if (!this.#leaveInner(holder) && this.holder() === holder) super.release();
  }

  /** Lowers the depth by one; returns whether it could: not at 0, and not if the lock has another holder by now. */
  #leaveInner(holder: number | undefined): boolean {
    if (this.depth === 0) return false;
    this.enter();
    const now = this.holder();
    // After a wait at a condition, async code has the lock back as its own, whoever acquired the lock first: see the class.
    const isInner = this.depth > 0 && (now === holder || now === -1);
    if (isInner) Atomics.sub(this.words, DEPTH, 1);
    this.leave();
    return isInner;
  }

  override release(): void {
    if (this.value > 0) throw new Error(`Cannot release ${this.title}: the lock is not held`);
    const holder = this.holder();
    const other = this.otherHolder("release()");
    if (other !== undefined) {
      throw new Error(`Cannot release ${this.title}: the green thread ${other} holds it`);
    }
    this.#leaveAs(holder);
  }

  /** The id of the green thread that holds the lock, if this code does not run on its behalf. */
  otherHolder(call: string): number | undefined {
    const me = onBehalfOf(call);
    const holder = this.holder();
    return holder !== undefined && holder > 0 && holder !== me ? holder : undefined;
  }

  override settleAccount(thread: number): void {
    if (this.isHeldBy(thread)) Atomics.store(this.words, DEPTH, 0);
    super.settleAccount(thread);
  }
}

const RLOCK = { kind: "rlock", wireName: "RLock", exclusive: true } as const;
/** The first word of the second list, which a lock does not have. */
const DEPTH = 4 + 3 + 3;

/**
 * A lock that its holder may acquire again. It is free when it was released as often as it was acquired.
 *
 * - *The holder* is a green thread. An async function on the hub that serves a call of the thread counts as the thread: it may
 *   acquire again what the thread holds.
 * - *Other async code* cannot be told apart, so there the lock behaves as a {@linkcode Lock}. The same goes for a lock that a
 *   function which serves a call acquires first, or has back after `Condition.waitAsync()`: async code holds it then, and not the
 *   thread.
 * - Only the holder may release it. Otherwise the contract is that of `Lock`.
 *
 * @example Acquire it twice
 * ```ts
 * import { RLock, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new RLock();
 * const thread = spawn((lock: RLock) => {
 *   using _outer = lock.acquire();
 *   using _inner = lock.acquire();
 *   return lock.locked;
 * }, lock);
 * assertEquals(await thread, true);
 * assertEquals(lock.locked, false);
 * ```
 *
 * @category Coordination
 */
export class RLock extends Coordination {
  static {
    brand(this, "RLock");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: RLockCore;

  /**
   * Makes a lock, which nobody holds.
   *
   * @param options See {@linkcode NameOptions}.
   */
  constructor(options?: NameOptions) {
    super();
    this[CORE] = new RLockCore(undefined, nameIn(options));
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
   * @throws {BlockingCallError} If it is called on the hub: use `acquireAsync()` there.
   */
  acquire(options?: WaitOptions): Permit {
    const core = this[CORE];
    checkWaiting(options);
    return (greenSide() && core.reenter("acquire()")) ??
      core.first(core.acquire("acquire()", options));
  }

  /**
   * Acquires the lock, in async code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the permit; it rejects with a `Timeout` if the lock was not free in time.
   */
  acquireAsync(options?: WaitOptions): Promise<Permit> {
    const core = this[CORE];
    return twin(
      () => this.acquire(options),
      async () => {
        checkWaiting(options);
        return core.reenter("acquireAsync()") ?? core.first(await core.acquireAsync(options));
      },
    );
  }

  /**
   * Acquires the lock if it is free, or the caller holds it. Never blocks.
   *
   * @returns The permit, or `undefined`.
   */
  tryAcquire(): Permit | undefined {
    const core = this[CORE];
    const again = core.reenter("tryAcquire()");
    if (again) return again;
    const permit = core.tryAcquire("tryAcquire()");
    return permit && core.first(permit);
  }

  /**
   * Releases the lock once.
   *
   * @throws {Error} If nobody has acquired it, or another green thread holds it.
   */
  release(): void {
    this[CORE].release();
  }
}

registerKind("RLock", RLock, (buffer, name) => new RLockCore(buffer, name));
