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
 * **Accounts.** For each permit that the threads of a Worker hold there is a node of the arena in the state ACCOUNT. The Worker
 * alone makes and ends it; the hub reads it when the Worker has died in the middle of that thread, and gives the permit back,
 * unless VALUE is at LIMIT: where one thread acquires and another one releases, as with a semaphore that only signals, nobody
 * *holds* a permit; and unless it is that of a lock which has another HOLDER by now, as it was released by hand. What a thread
 * has left out that ended before stays out: it may have given it to somebody else. A permit that a waiter is granted is counted
 * by one step: its node goes from GRANTED to ACCOUNT. So a Worker may die at any moment outside of the lock, and its permit is
 * given back once: first as granted, then as held, never as both or neither. There are no more accounts than LIMIT in a Worker:
 * the hub would not give more back. What is acquired beyond that is only counted, so that one who acquires what others release,
 * again and again, does not use up the arena; as others have released so many, an account of another thread is that of the one
 * who acquires from then on. A thread that releases for somebody else ends an account too, as nothing tells that release from one
 * of its own: then the last permit of the Worker has none when it is given back. An account that the hub has settled says that it
 * has given up the Worker: what that gives back is not its own any more.
 *
 * **Passing a permit on.** A slot of a `GreenPool` goes with a message to the hub, which gives it back when the thread that has
 * it has ended. The message names the account, which the Worker does not touch from then on, and the hub ends it, ACCOUNT ->
 * FREE, as it takes the message in. So a Worker may die before, in the middle of, and after its sending: the hub reads what it
 * has said before it settles its accounts, and finds the account open if, and only if, there is no such thread. (Were it the
 * Worker that ends the account, then before the message the slot would be nobody's for a moment, and lost if it died then, and
 * after the message it would be the Worker's and the thread's, and given back by both.)
 *
 * @module
 */

import { brand, madeElsewhere } from "../bridge/brand.ts";
import { Node, State } from "../bridge/memory/arena.ts";
import {
  checkHeard,
  checkLimit,
  checkWaiting,
  Core,
  entering,
  FIRST_WORD,
  listAt,
  threadHere,
  timedOut,
  type WaitingOptions,
} from "../bridge/memory/core.ts";
import { stopped } from "../bridge/side/green.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import { HUB } from "../bridge/memory/process_side.ts";
import type { Waiters } from "../bridge/memory/waiters.ts";

const VALUE = FIRST_WORD;
const LIMIT = FIRST_WORD + 1;
const HOLDER = FIRST_WORD + 2;
const LISTS = FIRST_WORD + 3;

/** How many words permits take, when there are two lists. */
const WORDS = 3 + 6;

/** In {@linkcode Permits.holder}: async code. */
const ASYNC = -1;

/** How many accounts to look at, so that one who acquires again and again what others release stays quick. */
const MOST_LOOKS = 8;

/** What is particular about a kind of permits. */
export interface PermitsKind {
  readonly kind: string;
  readonly wireName: string;
  /** Whether there is one permit, whose holder is remembered. */
  readonly exclusive?: boolean;
  /** Whether a `using` in green code gives nothing back when the Worker's threads have released all that they had by hand. */
  readonly bounded?: boolean;
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
  static {
    brand(this, "Permit");
  }

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
  readonly #bounded: boolean;
  /** The accounts: what the threads of this Worker hold. */
  readonly #accounts: number[] = [];
  /** How many permits they hold beside those. */
  #beyond = 0;
  /** How many accounts were looked at for one that stands for nothing. */
  #looks = 0;

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
    this.#bounded = what.bounded ?? false;
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

  /**
   * Acquires a permit in green code.
   *
   * @param call The call as people wrote it: `acquire()`. It is made into another text only where it is refused.
   * @param options Theirs.
   */
  acquire(call: string, options: WaitingOptions | undefined): Permit {
    const green = greenSide() ?? blocking(call, `await ${call.replace("()", "Async()")}`);
    const thread = entering(green, call, options);
    checkLimit(thread);
    const node = this.#takeOrWait(thread);
    if (node !== 0) {
      if (!this.block(green, 0, node, options)) throw timedOut(options);
      this.#keep(node);
    } else if (this.comesTooLate(green)) {
      this.#giveBack(thread);
      green.enter(call);
    }
    return this.#permit(thread);
  }

  /** Acquires a permit in async code. */
  async acquireAsync(options: WaitingOptions | undefined): Promise<Permit> {
    checkWaiting(options);
    checkLimit(HUB);
    const node = this.#takeOrWait(HUB);
    if (node !== 0) {
      if (!await this.awaitGrant(0, node, options)) throw timedOut(options);
      this.freeNode(node);
    }
    return this.#permit(0);
  }

  /** Acquires a permit if there is one. */
  tryAcquire(call: string): Permit | undefined {
    const thread = threadHere(call);
    this.enter();
    let taken: boolean;
    try {
      taken = this.#take(thread);
    } finally {
      this.leave();
    }
    return taken ? this.#permit(thread) : undefined;
  }

  /** Gives a permit back, whoever has acquired it. */
  release(): void {
    checkHeard();
    this.enter();
    // The hub may have given the Worker up in this moment, and the permit to somebody else.
    if (this.uncount()) this.releaseOne();
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
    // First, as there may be no node for it.
    if (thread !== 0) this.#account(thread);
    this.words[VALUE]--;
    if (this.#exclusive) this.words[HOLDER] = thread || ASYNC;
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

  /**
   * A thread of this Worker holds one permit less. Under the lock.
   *
   * @returns Whether it may give that back: not when the hub has done so, as it has given up the Worker.
   */
  uncount(): boolean {
    const node = this.#accounts.at(-1);
    const isOpen = node !== undefined &&
      Atomics.load(this.here.arena.words, node + Node.State) === State.Account;
    // What the hub has settled stays: it says the same to whoever comes after that.
    if (node !== undefined && !isOpen) return false;
    if (this.#beyond > 0) this.#beyond--;
    else if (node !== undefined) {
      this.#accounts.pop();
      this.freeNode(node);
    }
    return true;
  }

  /**
   * A permit that a thread of this Worker has just taken is about to go to the hub, with a message.
   *
   * @returns Its account, to be named in the message.
   */
  passOn(): number {
    return this.#accounts.pop()!;
  }

  /** The message has gone. */
  passed(account: number): void {
    this.here.nodes.freeLater(account);
  }

  /** The message has not gone: the permit is still this Worker's. */
  notPassed(account: number): void {
    this.#accounts.push(account);
  }

  /**
   * A message has come that passes a permit on. Hub only.
   *
   * @param account What the message names.
   * @param owner The key of the Worker that sent it.
   * @returns Whether that Worker held such a permit; it is the caller's now.
   */
  takeOver(account: number, owner: number): boolean {
    const { arena } = this.here;
    if (!arena.isNode(account)) return false;
    const { words } = arena;
    const isIts = words[account + Node.Owner] === owner && words[account + Node.Object] === this.id;
    const { Account, Free } = State;
    return isIts &&
      Atomics.compareExchange(words, account + Node.State, Account, Free) === Account;
  }

  /** Takes a permit, or a node for the wait. */
  #takeOrWait(thread: number): number {
    this.enter();
    try {
      return this.#take(thread) ? 0 : this.enlist(0, thread);
    } finally {
      this.leave();
    }
  }

  /** Hands a permit to the first waiter. Under the lock. */
  #grant(): number {
    const { first } = this.lists[0];
    if (first === 0) return 0;
    // Before the grant: after it the node is its owner's, who may use it at another object at once.
    if (this.#exclusive) {
      this.words[HOLDER] = this.here.arena.words[first + Node.Thread] || ASYNC;
    }
    return this.lists[0].grant(this.wakes);
  }

  protected handBack(_list?: number): void {
    this.releaseOne();
  }

  override settleAccount(thread: number): void {
    if (this.words[VALUE] < this.words[LIMIT] && this.isHeldBy(thread)) this.releaseOne();
  }

  #permit(thread: number): Permit {
    return new Permit(() => this.#giveBack(thread));
  }

  #giveBack(thread: number): void {
    this.enter();
    const isOut = thread === 0 || this.#isCounted && this.uncount();
    if (isOut && this.isHeldBy(thread || ASYNC)) this.releaseOne();
    this.leave();
  }

  /** Whether threads of this Worker may hold a permit, for all that is known. Under the lock. */
  get #isCounted(): boolean {
    // A holder is known, and one who has released somebody else's permit of a semaphore has its own still.
    return !this.#bounded || this.#accounts.length > 0 || this.#beyond > 0;
  }

  /**
   * Whether somebody can hold a permit: a lock may have been released by hand, on the other side too, and be somebody else's
   * by now. Under the lock.
   */
  protected isHeldBy(holder: number): boolean {
    return !this.#exclusive || this.words[HOLDER] === (holder | 0);
  }

  /**
   * How many accounts a Worker may have. Whoever was granted a permit asks without the lock: a little less or more does no harm.
   */
  protected get mostAccounts(): number {
    return Atomics.load(this.words, LIMIT);
  }

  /** A thread of this Worker has taken a permit. Under the lock. */
  #account(thread: number): void {
    if (this.#accounts.length >= this.mostAccounts) {
      this.#hold(thread);
      this.#beyond++;
      return;
    }
    const node = this.here.nodes.take(this.id, 0, thread, 0);
    Atomics.store(this.here.arena.words, node + Node.State, State.Account);
    this.#accounts.push(node);
  }

  /** A thread of this Worker was granted a permit, and has come to know of it. */
  #keep(node: number): void {
    const { words } = this.here.arena;
    const { Granted, Account } = State;
    if (Atomics.compareExchange(words, node + Node.State, Granted, Account) !== Granted) {
      throw stopped();
    }
    if (this.#accounts.length < this.mostAccounts) this.#accounts.push(node);
    else {
      this.#hold(words[node + Node.Thread]);
      this.#beyond++;
      this.freeNode(node);
    }
  }

  /** A thread has a permit that others have released: an account of another thread is from now on that of this one. */
  #hold(thread: number): void {
    const { words } = this.here.arena;
    const { length } = this.#accounts;
    for (let i = 0; i < Math.min(length, MOST_LOOKS); i++) {
      const node = this.#accounts[this.#looks++ % length];
      if (words[node + Node.Thread] === (thread | 0)) continue;
      return void Atomics.store(words, node + Node.Thread, thread);
    }
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
export function checkCount(what: string, count: unknown, verb = "create"): number {
  if (typeof count !== "number") {
    const why = madeElsewhere(count) ?? `expected a number, found ${typeof count}`;
    throw new TypeError(`Cannot ${verb} a ${what}: ${why}`);
  }
  if (!Number.isInteger(count) || count < 0 || count > MOST) {
    throw new RangeError(
      `Cannot ${verb} a ${what}: expected a whole number from 0 to ${MOST}, found ${count}`,
    );
  }
  return count;
}

/**
 * Checks how many resources a pool is to make at once, and how many it may have.
 *
 * @throws {TypeError} If one is not a number.
 * @throws {RangeError} If one is not a whole number from 0, or the first is more than the second.
 */
export function checkSizes(minSize: unknown, maxSize: unknown): void {
  const most = checkCount("pool", maxSize);
  if (checkCount("pool", minSize) <= most) return;
  throw new RangeError(`Cannot create a pool: minSize ${minSize} is more than maxSize ${maxSize}`);
}

/** The most permits, or items, that there may be. */
export const MOST: number = 2 ** 31 - 1;
