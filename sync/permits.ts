/**
 * Permits: the counting core under semaphores, locks and pools.
 *
 * ```text
 * VALUE    the permits that are there      never more than 0 while somebody waits for one
 * LIMIT    the permits that there were at the start, or may be at the most
 * HOLDER   exclusive kinds only: who has the permit: a thread's id, -1 for async code, 0 nobody
 * list 0   who waits for a permit
 * ```
 *
 * All words change under the object's lock only (see `core.ts`). A permit that is given back goes to the first waiter
 * directly, without passing through VALUE: so one who comes in between cannot take it.
 *
 * **Accounts.** What the threads of a Worker hold is counted in one node of the arena for the object and the Worker. The
 * Worker alone writes it; the hub reads it when the Worker has died in the middle of a thread, and gives back as many permits,
 * but never more than bring VALUE up to LIMIT: where one thread acquires and another one releases, as with a semaphore that only signals, nobody
 * *holds* a permit. A Worker that dies within the few instructions between being granted a permit and counting it gives
 * it back twice at the worst, which the same bound makes harmless for a lock.
 *
 * @module
 */

import { Node, State } from "../bridge/sync/arena.ts";
import {
  Core,
  entering,
  FIRST_WORD,
  listAt,
  threadHere,
  timedOut,
  type WaitingOptions,
} from "../bridge/sync/core.ts";
import { blocking, greenSide } from "../bridge/side.ts";
import type { Waiters } from "../bridge/sync/waiters.ts";

const VALUE = FIRST_WORD;
const LIMIT = FIRST_WORD + 1;
const HOLDER = FIRST_WORD + 2;
const LISTS = FIRST_WORD + 3;

/** How many words permits take, when there are two lists. */
const WORDS = 3 + 6;

/** In {@linkcode Permits.holder}: async code. */
const ASYNC = -1;

/** What is particular about a kind of permits. */
export interface PermitsKind {
  readonly kind: string;
  readonly wireName: string;
  /** Whether there is one permit, whose holder is remembered. */
  readonly exclusive?: boolean;
}

/**
 * A permit that was acquired: gives it back when it is disposed, once.
 *
 * @example Hold a lock for a block
 * ```ts
 * import { Lock } from "@aiohub/aiohub";
 *
 * const lock = new Lock();
 * {
 *   using _permit = await lock.acquireAsync();
 * } // released here
 * ```
 */
export class Permit implements Disposable {
  #release: (() => void) | undefined;

  /** For the library: permits come from `acquire()`. */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Gives the permit back. Harmless when that was done. */
  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  /** Gives the permit back at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/** Permits in shared memory. */
export class Permits extends Core {
  readonly kind: string;
  readonly wireName: string;
  readonly lists: readonly Waiters[] = [
    this.list(0, listAt(LISTS, 0)),
    this.list(1, listAt(LISTS, 1)),
  ];
  readonly #exclusive: boolean;
  /** The node that counts what the threads of this Worker hold; 0 when that is nothing. */
  #account = 0;

  /**
   * @param what What is particular about the kind.
   * @param value How many permits there are, or the memory of permits that exist already.
   * @param name The object's name.
   */
  constructor(what: PermitsKind, value: number | SharedArrayBuffer, name: string | undefined) {
    super(WORDS, typeof value === "number" ? undefined : value);
    this.kind = what.kind;
    this.wireName = what.wireName;
    this.#exclusive = what.exclusive ?? false;
    if (typeof value === "number") this.words[VALUE] = this.words[LIMIT] = value;
    this.named(name);
  }

  /** The permits that are there. */
  get value(): number {
    return Atomics.load(this.words, VALUE);
  }

  /** The permits that there were at the start. */
  get limit(): number {
    return Atomics.load(this.words, LIMIT);
  }

  /** How many wait for a permit. */
  get waiting(): number {
    return this.lists[0].size;
  }

  override holder(): number | undefined {
    if (!this.#exclusive) return undefined;
    return Atomics.load(this.words, HOLDER) || undefined;
  }

  /** Acquires a permit in green code. */
  acquire(call: string, options: WaitingOptions | undefined): Permit {
    const green = blocking(`${call}()`, `await ${call}Async()`);
    const thread = entering(green, `${call}()`, options);
    const node = this.#takeOrWait(thread);
    if (node !== 0) {
      if (!this.block(green, 0, node, options)) throw timedOut(options);
      this.#count(thread, 1);
      this.give(node);
    }
    return this.#permit(thread);
  }

  /** Acquires a permit in async code. */
  async acquireAsync(options: WaitingOptions | undefined): Promise<Permit> {
    options?.signal?.throwIfAborted();
    const node = this.#takeOrWait(0);
    if (node !== 0) {
      if (!await this.awaitTurn(0, node, options)) throw timedOut(options);
      this.give(node);
    }
    return this.#permit(0);
  }

  /** Acquires a permit if there is one. */
  tryAcquire(call: string): Permit | undefined {
    const thread = threadHere(`${call}()`);
    this.enter();
    const taken = this.#take(thread);
    this.leave();
    return taken ? this.#permit(thread) : undefined;
  }

  /** Gives a permit back, whoever has acquired it. */
  release(): void {
    this.enter();
    this.uncount();
    this.releaseOne();
    this.leave();
  }

  /** Changes how many permits there are in all; those that are out stay out. */
  resize(limit: number): void {
    this.enter();
    const more = limit - this.words[LIMIT];
    this.words[LIMIT] = limit;
    this.words[VALUE] += more;
    while (this.words[VALUE] > 0 && this.lists[0].size > 0) {
      this.words[VALUE]--;
      this.#grant();
    }
    this.leave();
  }

  /** Gives a permit to the first waiter, or puts it back. Under the lock. */
  releaseOne(): void {
    this.words[HOLDER] = 0;
    if (this.words[VALUE] < 0) this.words[VALUE]++;
    else if (this.#grant() === 0) this.words[VALUE]++;
  }

  /** Takes a permit if there is one. Under the lock. */
  #take(thread: number): boolean {
    if (this.words[VALUE] <= 0 && !this.refill()) return false;
    this.words[VALUE]--;
    if (this.#exclusive) this.words[HOLDER] = thread || ASYNC;
    if (thread !== 0) this.#count(thread, 1);
    this.wasTaken();
    return true;
  }

  /** A permit is asked for and there is none: says whether there is one now. Under the lock. */
  protected refill(): boolean {
    return false;
  }

  /** A permit was taken. Under the lock. */
  protected wasTaken(): void {}

  /** Says how many permits there may be, in a new object. */
  protected setLimit(limit: number): void {
    this.words[LIMIT] = limit;
  }

  /** A thread of this Worker holds one permit less. Under the lock. */
  uncount(): void {
    if (this.#account !== 0) this.#count(0, -1);
  }

  /** Takes a permit, or a node for the wait. */
  #takeOrWait(thread: number): number {
    this.enter();
    const node = this.#take(thread) ? 0 : this.enlist(0, thread);
    this.leave();
    return node;
  }

  /** Hands a permit to the first waiter. Under the lock. */
  #grant(): number {
    const { first } = this.lists[0];
    if (first === 0) return 0;
    // Before the grant: after it the node is its owner's, who may use it at another object at once.
    if (this.#exclusive) {
      this.words[HOLDER] = this.place.arena.words[first + Node.Thread] || ASYNC;
    }
    return this.lists[0].grant(this.wakes);
  }

  protected handBack(_list?: number): void {
    this.releaseOne();
  }

  override settleAccount(account: number): void {
    const held = this.place.arena.words[account + Node.Data];
    for (let i = 0; i < held && this.words[VALUE] < this.words[LIMIT]; i++) this.releaseOne();
  }

  #permit(thread: number): Permit {
    return new Permit(() => this.#giveBack(thread));
  }

  #giveBack(thread: number): void {
    this.enter();
    // A thread that the hub has given up holds nothing any more.
    const counted = thread === 0 || this.#account !== 0 && this.#count(thread, -1);
    if (counted) this.releaseOne();
    this.leave();
  }

  /** Counts what the threads of this Worker hold; says whether anybody listens. This Worker only. */
  #count(thread: number, more: number): boolean {
    const { words } = this.place.arena;
    if (this.#account === 0) {
      this.#account = this.place.nodes.take(this.id, 0, thread, 0);
      Atomics.store(words, this.#account + Node.State, State.Account);
    } else if (Atomics.load(words, this.#account + Node.State) !== State.Account) return false;
    const held = words[this.#account + Node.Data] + more;
    words[this.#account + Node.Data] = held;
    if (held > 0) return true;
    this.give(this.#account);
    this.#account = 0;
    return true;
  }
}

/**
 * Calls the async twin of something that blocks: in a green function that is `async`, the blocking form is what there is.
 *
 * @param here The blocking form.
 * @param there The async form, for the hub.
 */
export function twin<T>(here: () => T, there: () => Promise<T>): Promise<T> {
  return greenSide() ? Promise.try(here) as Promise<T> : there();
}

/**
 * Checks a number of permits, or of items.
 *
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is not a whole number from 0.
 */
export function checkCount(what: string, count: unknown): number {
  if (typeof count !== "number") {
    throw new TypeError(`Cannot create a ${what}: expected a number, found ${typeof count}`);
  }
  if (!Number.isInteger(count) || count < 0 || count > 2 ** 31 - 1) {
    throw new RangeError(`Cannot create a ${what}: expected a whole number from 0, found ${count}`);
  }
  return count;
}
