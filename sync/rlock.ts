/**
 * Reentrant locks for green threads and async code at once.
 *
 * The states and the races are those of `permits.ts`, and one word more:
 *
 * ```text
 * DEPTH   how often the holder has acquired it beyond the first time   the holder only; the hub when its Worker has died, or
 *                                                                      was given up: so it is changed under the object's lock
 * ```
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import { checkWaiting, nameIn, threadHere, type WaitingOptions } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { greenSide } from "../bridge/side/side.ts";
import { stateIfMade } from "../bridge/state.ts";
import { Permit, Permits, twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

/** The state of `hub/base/call_context.ts`, once it is made: it gives the call that the running async function serves. */
let calls: { current(): { readonly threadId: number } | undefined } | undefined;

/** The green thread on whose behalf this code runs: itself, or on the hub the one whose call it serves; 0 for nobody. */
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

  /** How often the holder has acquired it beyond the first time. Only the holder changes it. */
  get depth(): number {
    return Atomics.load(this.words, DEPTH);
  }

  /** Acquires it once more, if the running code holds it. */
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

  /** Releases it, however often it was acquired; gives how often beyond the first time. */
  releaseAll(): number {
    const { depth } = this;
    Atomics.store(this.words, DEPTH, 0);
    super.release();
    return depth;
  }

  /** It was acquired again: as often as before. */
  restore(depth: number): void {
    Atomics.store(this.words, DEPTH, depth);
  }

  /** The permit of the first time: the one that is disposed last may be another one. */
  first(permit: Permit): Permit {
    const me = this.holder();
    return new Permit(() => {
      if (!this.#leaveInner(me)) permit.release();
    });
  }

  /** Releases it once, if somebody still holds it: its Worker may have been given up since. */
  #leaveAs(holder: number | undefined): void {
    if (!this.#leaveInner(holder) && this.holder() === holder) super.release();
  }

  /** Takes back one of the times beyond the first; says whether there was one, and nobody else's by now. */
  #leaveInner(holder: number | undefined): boolean {
    if (this.depth === 0) return false;
    this.enter();
    const now = this.holder();
    // What async code has back after a wait at a condition is its own since then, whoever acquired it: see the class.
    const isInner = this.depth > 0 && (now === holder || now === -1);
    if (isInner) Atomics.sub(this.words, DEPTH, 1);
    this.leave();
    return isInner;
  }

  override release(): void {
    if (this.value > 0) throw new Error(`Cannot release ${this.title}: nobody has acquired it`);
    const holder = this.holder();
    const other = this.otherHolder("release()");
    if (other !== undefined) {
      throw new Error(`Cannot release ${this.title}: the green thread ${other} holds it`);
    }
    this.#leaveAs(holder);
  }

  /** The green thread that holds it, if it is not the one on whose behalf this code runs. */
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
/** The second list's first word: a lock has no second list. */
const DEPTH = 4 + 3 + 3;

/**
 * A lock that its holder may acquire again; it is free when it was released as often.
 *
 * The holder is a green thread, and with it an async function on the hub that serves a call of that thread: it may acquire again
 * what the thread holds. Other async code has nothing by which it could be known again, so there it is as a {@linkcode Lock};
 * and so is what a function that serves a call acquires first, or has back after `Condition.waitAsync()`: it is async code's
 * then, and not the thread's. For the rest its contract is that of `Lock`; only the holder may release it.
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
 */
export class RLock extends Coordination {
  static {
    brand(this, "RLock");
  }

  /**
   * For the library.
   *
   * @internal
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

  /** Whether somebody holds it. */
  get locked(): boolean {
    return this[CORE].value <= 0;
  }

  /** How many wait for it. */
  get waiting(): number {
    return this[CORE].waiting;
  }

  /**
   * Acquires the lock; blocks the green thread until it can.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @returns The permit, for `using`.
   * @throws {Timeout} If it was not free in time.
   * @throws {BlockingCallError} If it is called on the hub: use `acquireAsync()` there.
   */
  acquire(options?: WaitingOptions): Permit {
    const core = this[CORE];
    checkWaiting(options);
    return (greenSide() && core.reenter("acquire()")) ??
      core.first(core.acquire("acquire()", options));
  }

  /**
   * Acquires the lock, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @returns A promise of the permit; it rejects with a `Timeout` if the lock was not free in time.
   */
  acquireAsync(options?: WaitingOptions): Promise<Permit> {
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
   * Acquires the lock if it is free, or held by the one who asks. Never blocks.
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
