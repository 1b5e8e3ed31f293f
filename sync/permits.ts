/**
 * Permits: the counting core under semaphores, locks and pools.
 *
 * ```text
 * VALUE    the number of free permits      never more than 0 while somebody waits for one
 * LIMIT    the number of permits at the start, or the most that there may be
 * HOLDER   exclusive kinds only: the holder of the permit: a thread's id, -1 for async code, 0 for nobody
 * list 0   waiters for a permit
 * ```
 *
 * All words change under the object's lock only (see `core.ts`). A permit that is given back goes to the first waiter
 * directly, without passing through VALUE: so nobody who comes in between can take it.
 *
 * **Accounts.** For each permit that the threads of a Worker hold there is a node of the arena in the state ACCOUNT. Only the
 * Worker opens and ends an account.
 *
 * - *A Worker dies.* The hub reads the accounts of the threads that were running there, and gives their permits back, with two
 *   exceptions. VALUE is at LIMIT: where one thread acquires and another one releases, as with a semaphore that only signals,
 *   nobody *holds* a permit. Or a lock was released by hand, and has another HOLDER by now. A permit that a thread had when it
 *   ended, before the death, stays out: the thread may have given it to somebody else.
 * - *A grant* becomes an account by one change: the waiter's node goes from GRANTED to ACCOUNT. So a Worker may die at any
 *   moment outside of the lock, and its permit is given back once: first as granted, then as held, never as both or neither.
 * - *No more accounts than LIMIT* are open in a Worker: the hub would not give more back. Permits beyond that are only counted,
 *   so that a thread which acquires again and again what others release does not use up the arena. Others must have released
 *   those permits, so an account of another thread is reassigned to the thread that acquires now.
 * - *A release for somebody else* ends an account too, as nothing tells it from a release of the thread's own permit. Then the
 *   last permit of the Worker has no account when it is given back.
 * - *An account that the hub has settled* says that the hub has given up the Worker: its permits are not its own any more.
 *
 * **Passing a permit on.** A slot of a `GreenPool` goes with a message to the hub, which gives the slot back when its thread has
 * ended. The message names the account. From then on the Worker does not touch the account, and the hub ends it, ACCOUNT -> FREE,
 * when it takes the message in. So a Worker may die before, during and after the sending: the hub reads the Worker's messages
 * before it settles the Worker's accounts, and finds the account open if, and only if, there is no such thread. (If the Worker
 * ended the account itself, there would be a wrong moment either way. Before the message the slot would be nobody's, and lost if
 * the Worker died then; after the message it would be both the Worker's and the thread's, and given back twice.)
 *
 * @module
 */

import { checkWaiting, type WaitOptions } from "../bridge/checks.ts";
import { brand, madeElsewhere } from "../bridge/brand.ts";
import { Node, State } from "../bridge/memory/arena.ts";
import {
  checkHeard,
  checkLimit,
  Core,
  entering,
  FIRST_WORD,
  listAt,
  threadHere,
  timedOut,
} from "../bridge/memory/core.ts";
import { stopped } from "../bridge/side/green.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import { HUB } from "../bridge/memory/process_side.ts";
import type { Waiters } from "../bridge/memory/waiters.ts";

const VALUE = FIRST_WORD;
const LIMIT = FIRST_WORD + 1;
const HOLDER = FIRST_WORD + 2;
const LISTS = FIRST_WORD + 3;

/** The number of words that permits with two lists take. */
const WORDS = 3 + 6;

/** The holder, see {@linkcode Permits.holder}, where async code has the permit. */
const ASYNC = -1;

/** The most accounts to look at for one to reassign, so that a thread that acquires what others release stays quick. */
const MOST_LOOKS = 8;

/** Properties of a kind of permits. */
export interface PermitsKind {
  readonly kind: string;
  readonly wireName: string;
  /** Whether there is one permit only, whose holder is remembered. */
  readonly exclusive?: boolean;
  /** Whether a `using` in green code gives nothing back once the Worker's threads have released all their permits by hand. */
  readonly bounded?: boolean;
}

/**
 * A permit: what every `acquire()`, `acquireAsync()` and `tryAcquire()` gives.
 *
 * `release()`, or the end of a `using` block, gives the permit back to its semaphore or lock. A permit is given back once: to
 * release it again does nothing.
 *
 * @example Hold a lock for a block
 * ```ts
 * import { Lock } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock();
 * {
 *   using permit = await lock.acquireAsync();
 *   permit.release(); // early
 * } // the end of the block does nothing more
 * assertEquals(lock.locked, false);
 * ```
 *
 * @category Coordination
 */
export class Permit implements Disposable {
  static {
    brand(this, "Permit");
  }

  #release: (() => void) | undefined;

  /**
   * For the library: permits come from `acquire()`.
   *
   * @ignore
   */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Gives the permit back. Never blocks. Does nothing if the permit was given back before. */
  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  /** Gives the permit back at the end of a `using` block: see {@linkcode Permit.prototype.release | Permit.release}. */
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
  /** The accounts of this Worker's threads. */
  readonly #accounts: number[] = [];
  /** The count of permits without an account that those threads hold. */
  #beyond = 0;
  /** Counts the accounts that were looked at for one to reassign. */
  #looks = 0;

  /**
   * @param what The kind.
   * @param value The number of permits, or the memory of permits that exist already.
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

  /** The number of free permits. */
  get value(): number {
    return Atomics.load(this.words, VALUE);
  }

  /** The number of permits at the start. */
  get limit(): number {
    return Atomics.load(this.words, LIMIT);
  }

  /** The count of waiters for a permit. */
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
   * @param call The call as people wrote it: `acquire()`. A text for the hub is made of it only where the call is refused.
   * @param options The options of that call.
   */
  acquire(call: string, options: WaitOptions | undefined): Permit {
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
  async acquireAsync(options: WaitOptions | undefined): Promise<Permit> {
    checkWaiting(options);
    checkLimit(HUB);
    const node = this.#takeOrWait(HUB);
    if (node !== 0) {
      if (!await this.awaitGrant(0, node, options)) throw timedOut(options);
      this.freeNode(node);
    }
    return this.#permit(0);
  }

  /** Acquires a permit if one is free. */
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

  /** Gives a permit back, whoever acquired it. */
  release(): void {
    checkHeard();
    this.enter();
    // The hub may have given the Worker up in this moment, and the permit to somebody else.
    if (this.uncount()) this.releaseOne();
    this.leave();
  }

  /** Changes the number of permits in all. Permits that are out stay out. */
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

  /** Takes a permit if one is free. Under the lock. */
  #take(thread: number): boolean {
    if (this.words[VALUE] <= 0 && !this.refill()) return false;
    // The account first, as there may be no node for it.
    if (thread !== 0) this.#account(thread);
    this.words[VALUE]--;
    if (this.#exclusive) this.words[HOLDER] = thread || ASYNC;
    this.wasTaken();
    return true;
  }

  /** Makes a permit free, if the kind can, as somebody asks for one. Returns whether it has. Under the lock. */
  protected refill(): boolean {
    return false;
  }

  /** Called when a permit was taken. Under the lock. */
  protected wasTaken(): void {}

  /** Whether there is room for a permit whose holder has disposed of it; if not, the permit is left out. Under the lock. */
  protected get hasRoom(): boolean {
    return true;
  }

  /** Sets the most permits that there may be, in a new object. */
  protected setLimit(limit: number): void {
    this.words[LIMIT] = limit;
  }

  /**
   * Takes one permit from the accounts of this Worker's threads. Under the lock.
   *
   * @returns Whether the permit may be given back: not if the hub has done that, as it has given up the Worker.
   */
  uncount(): boolean {
    const node = this.#accounts.at(-1);
    const isOpen = node !== undefined &&
      Atomics.load(this.here.arena.words, node + Node.State) === State.Account;
    // An account that the hub has settled stays: it says the same to the threads that come later.
    if (node !== undefined && !isOpen) return false;
    if (this.#beyond > 0) this.#beyond--;
    else if (node !== undefined) {
      this.#accounts.pop();
      this.freeNode(node);
    }
    return true;
  }

  /**
   * Takes the account of the permit that a thread of this Worker has just taken, as the permit is about to go to the hub.
   *
   * @returns The account, to be named in the message.
   */
  passOn(): number {
    return this.#accounts.pop()!;
  }

  /** Gives up an account: the message has gone. */
  passed(account: number): void {
    this.here.nodes.freeLater(account);
  }

  /** Takes an account back: the message has not gone, and the permit is still this Worker's. */
  notPassed(account: number): void {
    this.#accounts.push(account);
  }

  /**
   * Takes over a permit that a message passes on. Hub only.
   *
   * @param account The account that the message names.
   * @param owner The key of the Worker that sent the message.
   * @returns Whether that Worker held such a permit. The permit is the caller's now.
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

  /** Takes a permit (returns 0), or takes a node for the wait (returns the node). */
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
    // Before the grant: after it the node is the waiter's again, and may stand at another object at once.
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
    return new Permit(() => this.#giveBack(thread, true));
  }

  #giveBack(thread: number, ifRoom = false): void {
    this.enter();
    const isOut = thread === 0 || this.#isCounted && this.uncount();
    const isTaken = !ifRoom || this.hasRoom;
    if (isOut && isTaken && this.isHeldBy(thread || ASYNC)) this.releaseOne();
    this.leave();
  }

  /** Whether threads of this Worker may hold a permit, as far as this is known. Under the lock. */
  get #isCounted(): boolean {
    // Only bounded kinds ask: of a lock the holder is known, and at a plain semaphore a thread that has released somebody else's
    // permit still has its own.
    return !this.#bounded || this.#accounts.length > 0 || this.#beyond > 0;
  }

  /**
   * Whether a thread, or async code, can hold a permit. A lock may have been released by hand, also on the other side, and have
   * another holder by now. Under the lock.
   */
  protected isHeldBy(holder: number): boolean {
    return !this.#exclusive || this.words[HOLDER] === (holder | 0);
  }

  /**
   * The most accounts that a Worker may have. After a grant this is read without the lock: one more or less does no harm.
   */
  protected get mostAccounts(): number {
    return Atomics.load(this.words, LIMIT);
  }

  /** Opens an account for a thread of this Worker that takes a permit. Under the lock. */
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

  /** Makes an account of the node of a thread of this Worker that was granted a permit. */
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

  /** Reassigns an account of another thread to the thread that has acquired now: others must have released a permit. */
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
 * Runs an `xAsync()` on the side where it was called: an `async` green function gets the blocking form, the hub the async form.
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
 * Checks the sizes of a pool of resources: the number to make at once, and the most that it may have.
 *
 * @throws {TypeError} If one is not a number.
 * @throws {RangeError} If one is not a whole number from 0, or the first is more than the second.
 */
export function checkSizes(minSize: unknown, maxSize: unknown): void {
  const most = checkCount("pool", maxSize);
  if (checkCount("pool", minSize) <= most) return;
  throw new RangeError(`Cannot create a pool: minSize ${minSize} is more than maxSize ${maxSize}`);
}

/** The most permits, or items, that an object may have. */
export const MOST: number = 2 ** 31 - 1;
