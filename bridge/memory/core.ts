/**
 * The core of every coordination object: its memory, its lock, and the ways to wait at it.
 *
 * An object's state lies in one `SharedArrayBuffer` of its own, which each side that uses the object refers to; when no side
 * does any more, the engine takes it back. All sides run the same code on it.
 *
 * ```text
 * LOCK    0, or 1 + the key of the side that is changing the object   a spin lock
 * ID      the object's id, written before anybody else sees it
 * rest    the side that holds LOCK; a side may read a single word without LOCK, and the word may have changed since
 * ```
 *
 * **The lock** is a spin lock (see `bridge/wire/spin_lock.ts`), and not the lock that people know. A Worker that dies while it
 * holds the lock leaves its key in LOCK: the hub then frees the lock (see `hub/references/worker_objects.ts`). The change that
 * the Worker had begun may be half done: one permit or one item may be wrong.
 *
 * **Waiting.** A waiter that finds the object not ready puts a node into one of its lists under the lock, and waits for the
 * node's STATE to change: a green thread parks on its Worker's own word, as for everything, and async code has a promise. The
 * side that makes the object ready hands the permit or item to the first waiter directly, so no other side can take it in
 * between.
 *
 * **A grant is used once.** A side ends a wait under the lock, and the node's STATE decides how:
 *
 * ```text
 * WAITING ──> leaves the list: a kill, a limit, an abort                         nothing was granted
 * GRANTED ──> keeps the grant: the waiter goes on
 *         ──> hands the grant back, to the next waiter or to where it came from: the waiter was killed before the grant, or its
 *             limit was due before it, or its signal was aborted before the waiter went on
 *         ──> keeps the grant all the same, where it says that something of the waiter's was taken (see `isFinal()`): an item
 *             that the waiter had put is in the queue. The kill is then for its next blocking call
 * REFUSED ──> hears of that; nothing was granted
 * ```
 *
 * So a call that throws has taken nothing and put nothing, and one that returns has. A grant has its time (TIME), and the count
 * of kills before it (KILLS), so that it is known which came first. A kill or an abort that was said before a grant has to be
 * known before the grant is accepted: that is for `Blocking.block()`; on the hub there is nothing between the two.
 *
 * @module
 */

import {
  checkOptionsObject,
  checkWaiting,
  LONGEST_TIMER,
  show,
  timeLimit,
  type WaitOptions,
} from "../checks.ts";
import { type Condition, type Green, stopped } from "../side/green.ts";
import { currentLimit } from "../side/limit.ts";
import { greenSide } from "../side/side.ts";
import { SpinLock } from "../wire/spin_lock.ts";
import { overdue } from "../side/bounded.ts";
import type { Timeout } from "../side/timeout.ts";
import { cameAfter, Node, State, TIMED } from "./arena.ts";
import { type Here, here, hereOnHub, HUB } from "./process_side.ts";
import { LIST_WORDS, Waiters } from "./waiters.ts";

const LOCK = 0;
const ID = 1;

/** The first word that a kind of object has for itself. */
export const FIRST_WORD = 4;

/**
 * A snapshot of a coordination object, to find out why threads are stuck.
 *
 * @category Coordination
 */
export interface Description {
  /** The kind of object: `"lock"`. */
  readonly kind: string;
  /** The object's number, which no other object of the process has. */
  readonly id: number;
  /** The object's name, if it was given one. */
  readonly name: string | undefined;
  /** The count of waiters. */
  readonly waiting: number;
  /** The id of the green thread that holds it; -1 for async code; `undefined` when nobody does, or many may. */
  readonly holder: number | undefined;
}

/** The base of the cores of all coordination objects. */
export abstract class Core {
  readonly here: Here = here();
  readonly id: number;
  readonly buffer: SharedArrayBuffer;
  /** The words at the beginning of the memory, of a fixed number. */
  readonly words: Int32Array;
  /** The kind of object, for messages: `lock`. */
  abstract readonly kind: string;
  /** The name under which objects of its kind cross. */
  abstract readonly wireName: string;
  name: string | undefined;
  /**
   * The object that people hold, where the kind needs it. The hub looks after an object as long as any Worker has it; an
   * iteration or a permit holds the core alone, and by this field the object too.
   */
  object: object | undefined;
  readonly #arena = this.here.arena.words;
  readonly #lock: SpinLock;
  /** The waiters to wake when the lock is free again. Used only while the lock is held, and at once after that. */
  protected readonly wakes: number[] = [];

  /**
   * @param words The count of words that the object's own state takes.
   * @param buffer The memory of an object that exists already; without it a new object is made.
   * @param options For memory that grows.
   */
  constructor(
    words: number,
    buffer?: SharedArrayBuffer,
    options?: { readonly bytes: number; readonly most: number },
  ) {
    this.buffer = buffer ??
      (options
        ? new SharedArrayBuffer(options.bytes, { maxByteLength: options.most })
        : new SharedArrayBuffer((FIRST_WORD + words) * 4));
    this.words = new Int32Array(this.buffer, 0, FIRST_WORD + words);
    this.#lock = new SpinLock(this.words, LOCK, this.here.key);
    if (!buffer) this.words[ID] = this.here.arena.takeId();
    this.id = this.words[ID];
  }

  /** Makes one of the object's lists. */
  protected list(number: number, at: number): Waiters {
    return new Waiters(this.here, this.words, at, number);
  }

  /** The lists, by their numbers. */
  abstract readonly lists: readonly Waiters[];

  /** Takes the grant of a waiter that has gone, and grants it to the next waiter or puts it back. Under the lock. */
  protected abstract handBack(list: number, node: number): void;

  /** Takes back the offer of a waiter that has gone. Under the lock, after the node was taken out of its list. */
  protected withdrawn(_list: number, _node: number): void {}

  /** Takes back the offer of a waiter that was refused and has gone. Under the lock. */
  protected refusedOne(_list: number, _node: number): void {}

  /** Whether a grant in a list cannot be handed back, as it says that something was done for the waiter. */
  protected isFinal(_list: number): boolean {
    return false;
  }

  /** The id of the thread that holds the object: -1 for async code; `undefined` when nobody does, or many may. */
  holder(): number | undefined {
    return undefined;
  }

  /** The object's name in messages: `lock "cache"`. */
  get title(): string {
    return this.name === undefined ? `${this.kind} ${this.id}` : `${this.kind} "${this.name}"`;
  }

  /** See {@linkcode Description}. */
  describe(): Description {
    let waiting = 0;
    for (const { size } of this.lists) waiting += size;
    return { kind: this.kind, id: this.id, name: this.name, waiting, holder: this.holder() };
  }

  // The lock.

  /** Takes the lock. */
  enter(): void {
    this.#lock.enter();
  }

  /** Gives the lock back, and wakes those to whom something was given under it. */
  leave(): void {
    this.#lock.leave();
    if (this.wakes.length > 0) Waiters.wake(this.here, this.wakes, this.id);
  }

  /** Frees the lock if a dead side holds it. Hub only. */
  breakLock(key: number): void {
    this.#lock.breakFor(key);
  }

  // Waiting.

  /** Takes a node for a wait of the running thread, and puts it into a list. Under the lock. */
  protected enlist(list: number, thread: number, data = 0): number {
    const node = this.here.nodes.take(this.id, list, thread, data);
    this.lists[list].push(node);
    return node;
  }

  /**
   * Blocks until a node is taken out of its list. Not under the lock. The caller gives the node back if this returns `true`.
   *
   * @param green The green side.
   * @param list The list in which the node stands.
   * @param node The node.
   * @param options See {@linkcode WaitOptions}.
   * @returns Whether the node was taken out; `false` when the time was over before that.
   * @throws The reason of a kill, a timeout of the thread that is due, or the reason of the signal.
   */
  protected block(
    green: Green,
    list: number,
    node: number,
    options: WaitOptions | undefined,
  ): boolean {
    const signal = options?.signal;
    const wait = new Wait(this, list, node, signal);
    let aborted: boolean;
    try {
      const parking = signal ? { ...this.#parking, limited: true, signal } : this.#parking;
      const limit = timeLimit(options);
      green.block(wait, limit === Infinity ? Infinity : performance.now() + limit, parking);
      aborted = signal !== undefined && signal.aborted;
    } catch (error) {
      if (!wait.left) this.#leaveList(list, node);
      throw error;
    }
    if (wait.left) return false;
    if (aborted) {
      if (this.leaves(list, node)) throw signal!.reason;
      this.#wasServed(node);
      return true;
    }
    // The time is over in the moment of the grant: the grant wins over the limit.
    return this.#wasServed(node) || !this.#withdraw(list, node);
  }

  readonly #parking = {
    what: "",
    object: 0,
    holder: () => {
      const holder = this.holder();
      return holder !== undefined && holder > 0 ? holder : undefined;
    },
  };

  /** Sets the object's name, and the words for waits at it. For the constructors of the kinds. */
  protected named(name: string | undefined): void {
    this.name = name;
    this.#parking.what = this.title;
    this.#parking.object = this.id;
  }

  /**
   * Waits on the hub until a node is taken out of its list, as {@linkcode Core.block} does in green code. The current limit ends
   * the wait too: nobody would have a grant of that very moment, so it is handed back.
   *
   * @param list The list in which the node stands.
   * @param node The node.
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the result that `block` would have.
   */
  protected awaitGrant(
    list: number,
    node: number,
    options: WaitOptions | undefined,
  ): Promise<boolean> {
    const timeout = timeLimit(options);
    const signal = options?.signal;
    const limit = currentLimit(HUB)?.signal;
    const hub = hereOnHub();
    const granted = new Promise<boolean>((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const settled = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        limit?.removeEventListener("abort", onLimit);
      };
      const giveUp = (outcome: () => void) => {
        if (!hub.unwatch(this.id, list, node)) return;
        settled();
        // Granted in this moment: the grant wins over the limit. For an abort see below.
        if (this.#withdraw(list, node)) outcome();
        else resolve(true);
      };
      const onAbort = () => giveUp(() => reject(signal!.reason));
      const onLimit = () => {
        if (!hub.unwatch(this.id, list, node)) return;
        settled();
        if (this.leaves(list, node)) reject(limit!.reason);
        else resolve(true);
      };
      if (timeout < LONGEST_TIMER) {
        timer = setTimeout(() => giveUp(() => resolve(false)), Math.max(0, timeout));
      }
      signal?.addEventListener("abort", onAbort);
      limit?.addEventListener("abort", onLimit);
      hub.watch(this.id, list, node, () => {
        settled();
        resolve(true);
      });
      if (limit?.aborted) onLimit();
    });
    if (signal === undefined && limit === undefined) return granted;
    return granted.then((inTime) => {
      // Aborted in the very loop turn of the grant: the code that has aborted the wait does not look for the grant.
      const ended = signal?.aborted ? signal : limit?.aborted ? limit : undefined;
      if (inTime && ended && this.leaves(list, node)) throw ended.reason;
      return inTime;
    });
  }

  /**
   * Whether a thread was killed before it took a permit or item without a wait: then it has to put the permit or item back.
   * `block()` asks the same before it accepts a grant. It is as cheap as it can be: most often no thread was killed anywhere
   * since the last call.
   */
  protected comesTooLate(green: Green): boolean {
    const { killsSaid } = this.here.arena;
    return killsSaid !== green.knownKills && green.isKilledBy(killsSaid);
  }

  /** Whether a node was taken out of its list. A Worker that goes on after the hub has stopped it gets nothing. */
  #wasServed(node: number): boolean {
    const state = Atomics.load(this.#arena, node + Node.State);
    if (state === State.Settled) throw stopped();
    return state !== State.Waiting;
  }

  /** Whether the wait of a node was refused. */
  protected refused(node: number): boolean {
    return Atomics.load(this.#arena, node + Node.State) === State.Refused;
  }

  /** The DATA of a node: the waiter's offer, or its grant. */
  protected data(node: number): number {
    return this.#arena[node + Node.Data];
  }

  /** Frees a node. */
  protected freeNode(node: number): void {
    this.here.nodes.free(node);
  }

  /** Takes a node out of its list, if it is still there, and frees it; returns whether it was. */
  #withdraw(list: number, node: number): boolean {
    this.enter();
    const waits = Atomics.load(this.#arena, node + Node.State) === State.Waiting;
    if (waits) {
      this.lists[list].remove(node);
      this.withdrawn(list, node);
      this.freeNode(node);
    }
    this.leave();
    return waits;
  }

  /** Has the time of a node's grant noted. */
  limited(node: number): void {
    this.enter();
    const waits = Atomics.load(this.#arena, node + Node.State) === State.Waiting;
    if (waits) this.#arena[node + Node.List] |= TIMED;
    this.leave();
  }

  /** Has a waiter leave, unless its grant cannot be handed back, and frees its node; returns whether it has left. */
  leaves(list: number, node: number): boolean {
    this.enter();
    const state = Atomics.load(this.#arena, node + Node.State);
    // SETTLED: the hub has given the Worker up, which gets nothing more.
    const leaves = state === State.Waiting || state === State.Refused ||
      state === State.Granted && !this.isFinal(list);
    if (leaves) {
      this.settleFor(list, node);
      this.freeNode(node);
    }
    this.leave();
    return leaves;
  }

  /** Has a waiter leave its list; a grant that it has is handed back. */
  #leaveList(list: number, node: number): void {
    this.enter();
    // When the hub has settled the node, there is nothing that the Worker could hand back.
    if (Atomics.load(this.#arena, node + Node.State) !== State.Settled) {
      this.settleFor(list, node);
      // Under the lock, so that the hub does not settle it once more if the Worker dies now.
      this.freeNode(node);
    }
    this.leave();
  }

  /** Settles the wait of a waiter that has gone or died. Under the lock. */
  settleFor(list: number, node: number): void {
    const state = Atomics.load(this.#arena, node + Node.State);
    if (state === State.Waiting) {
      this.lists[list].remove(node);
      this.withdrawn(list, node);
    } else if (state === State.Granted) this.handBack(list, node);
    else if (state === State.Refused) this.refusedOne(list, node);
  }

  /**
   * Gives a permit back that a dead side held. Under the lock.
   *
   * @param _thread The id of the thread that held it.
   */
  settleAccount(_thread: number): void {}
}

/** The wait of a green thread for a node, as `Blocking` has it. */
class Wait implements Condition {
  /** Whether the wait is over because its thread had to leave, and the node was freed. */
  left = false;
  readonly #core: Core;
  readonly #arena: Int32Array;
  readonly #list: number;
  readonly #node: number;
  readonly #signal: AbortSignal | undefined;

  constructor(core: Core, list: number, node: number, signal: AbortSignal | undefined) {
    this.#core = core;
    this.#arena = core.here.arena.words;
    this.#list = list;
    this.#node = node;
    this.#signal = signal;
  }

  get done(): boolean {
    return this.#isOut || this.#signal !== undefined && this.#signal.aborted;
  }

  giveUp(): boolean {
    return this.left = this.#core.leaves(this.#list, this.#node);
  }

  cameBefore(kill: number): boolean {
    return this.#isOut && (this.#arena[this.#node + Node.Kills] - kill | 0) < 0;
  }

  limited(): void {
    this.#core.limited(this.#node);
  }

  cameAfter(due: number): boolean {
    const isTimed = (this.#arena[this.#node + Node.List] & TIMED) !== 0;
    return isTimed && this.#isOut && cameAfter(this.#arena[this.#node + Node.Time], due);
  }

  get #isOut(): boolean {
    return Atomics.load(this.#arena, this.#node + Node.State) !== State.Waiting;
  }
}

/** The index of the first word of a list, of several: each takes {@linkcode LIST_WORDS}. */
export function listAt(first: number, number: number): number {
  return first + number * LIST_WORDS;
}

const NAME_KEYS = ["name"];

/**
 * The name in the options of an object.
 *
 * @param options The options of its constructor.
 * @throws {TypeError} If they are no options, or the name is no string.
 */
export function nameIn(options: { readonly name?: string } | undefined): string | undefined {
  if (options === undefined) return undefined;
  checkOptionsObject("create a coordination object", options, '{ name: "cache" }', NAME_KEYS);
  const { name } = options;
  if (name === undefined || typeof name === "string") return name;
  throw new TypeError(
    `Cannot create a coordination object: expected a string for "name", found ${show(name)}`,
  );
}

/**
 * Begins a call that may block: checks its options, and gives the id of the thread that makes it.
 *
 * @param green The runtime.
 * @param call The call as people wrote it.
 * @param options The options.
 * @param known The keys that they may have.
 * @returns The id of the thread.
 * @throws {BlockingCallError} If no green thread makes the call.
 */
export function entering(
  green: Green,
  call: string,
  options: WaitOptions | undefined,
  known?: readonly string[],
): number {
  const thread = green.enter(call);
  checkWaiting(options, known);
  return thread;
}

/**
 * Throws when the current limit has ended. For a call that may take something at once: after the limit nobody would have it.
 *
 * @param thread The green thread that takes it; 0 for async code of the hub.
 * @throws The reason of the limit.
 */
export function checkLimit(thread: number): void {
  currentLimit(thread)?.signal.throwIfAborted();
}

/** The id of the green thread that runs now; 0 for async code of the hub. For calls that do not block. */
export function threadHere(call: string): number {
  const green = greenSide();
  return green === undefined ? HUB : green.threadId(call);
}

/** Throws in a Worker that was stopped by force, as nothing there is its own any more. For calls that need no thread. */
export function checkHeard(): void {
  greenSide()?.checkHeard();
}

/** A `Timeout` to throw, which is not armed. */
export function timedOut(options: WaitOptions | undefined): Timeout {
  return overdue(timeLimit(options));
}
