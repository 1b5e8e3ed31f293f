/**
 * Queues in shared memory: the core under all kinds of queues.
 *
 * ```text
 * MAX         the most items that there may be; -1 for any number; 0 for a rendezvous
 * COUNT       the number of items                more than MAX after resize(), or when an item came back
 * UNFINISHED  the number of items that were put and not reported done by taskDone()
 * CLOSED      0, or 1: nothing can be put any more
 * FRONT, BACK the first and the last item: blocks of the memory, linked from the front; in a priority queue FRONT is the root
 * list 0      getters: waiters for an item       only while there is no item
 * list 1      putters: waiters for room          only while there is no room; the DATA of each is its item
 * list 2      joiners: waiters for UNFINISHED to be 0
 * ```
 *
 * All words change under the object's lock only (see `core.ts`). The bytes of an item are written and read without the lock,
 * by the one side that knows the block then.
 *
 * **Direct hand-over.** An item that is put while getters wait goes to the first getter. Room that is made while putters wait
 * is filled with the first putter's item, under the same lock. So at each moment at least one of lists 0 and 1 is empty, and
 * nobody who comes in between gets anything before the waiters.
 *
 * **A getter that gives up.** If it was killed before it was handed an item (see `core.ts`), or dies, the item goes to the next
 * getter, or back to the front: the item was the oldest. Several items may come back in any order. At the front they stand in
 * the order in which they were put: a block's SEQUENCE says when its item was put, its RANK that the item came back. A getter
 * that dies while it reads its item takes the item with it.
 *
 * **A putter that gives up** takes its item back if nobody has taken the item. Otherwise the item is put, even if the putter was
 * killed before that: `put()` returns then, and the kill is for the next blocking call. So the item of a `put()` that throws is
 * never in the queue, and the item of a `put()` that returns always was.
 *
 * **A priority queue** is a leftist heap: at each block the right spine is the shortest way to a leaf. Putting and getting only
 * merge two heaps, which takes logarithmic time, and no memory.
 *
 * @module
 */

import { Empty, Full, QueueClosedError } from "../bridge/errors.ts";
import { checkWaiting, timeLimit, WAIT_KEYS, type WaitOptions } from "../bridge/checks.ts";
import type { Green } from "../bridge/side/green.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import {
  checkLimit,
  Core,
  entering,
  FIRST_WORD,
  listAt,
  threadHere,
  timedOut,
} from "../bridge/memory/core.ts";
import { Block, discard, Heap, HEAP_WORDS, type Item, makeItem } from "../bridge/memory/heap.ts";
import { discardValue } from "../bridge/memory/stored_values.ts";
import { HUB } from "../bridge/memory/process_side.ts";
import { END } from "../bridge/side/steps.ts";
import type { Waiters } from "../bridge/memory/waiters.ts";
import { checkCount } from "./permits.ts";

/** The word MAX: see the head of this file. */
export const MAX = FIRST_WORD;
/** The word COUNT: see the head of this file. */
export const COUNT = FIRST_WORD + 1;
/** The word UNFINISHED: see the head of this file. */
export const UNFINISHED = FIRST_WORD + 2;
/** The word CLOSED: see the head of this file. */
export const CLOSED = FIRST_WORD + 3;
const FRONT = FIRST_WORD + 4;
const BACK = FIRST_WORD + 5;
const SEQUENCE = FIRST_WORD + 6;
const LISTS = FIRST_WORD + 7;
const HEAP = LISTS + 9;
const WORDS = HEAP + HEAP_WORDS - FIRST_WORD;

/** The number of the list of waiters for an item. */
export const GETTERS = 0;
/** The number of the list of waiters for room. */
export const PUTTERS = 1;
const JOINERS = 2;

/** The keys of the options of `put()`. */
export const PUT_KEYS: readonly string[] = [...WAIT_KEYS, "priority"];

/** In the results of `#get()`: there is no item. */
const NOTHING = 0;
/** In the results of `#get()`: there is no item, and there will be none, as the queue is closed. No node is at 1. */
const ENDED = -1;

/** The memory that a queue begins with, and may grow to. */
const MEMORY = { bytes: 4096, most: 1 << 28 } as const;

/** The RANK of a block whose item came back, in queues that are no heaps. */
const CAME_BACK = 1;

/** The order in which items leave a queue. */
export type Order = "fifo" | "lifo" | "priority";

/** The errors that say that a queue is closed and empty: they end an iteration. An item may be an error of the same class. */
const endings = new WeakSet<Error>();

/** The core of a queue. */
export class QueueCore extends Core {
  readonly kind = "queue";
  readonly wireName: string;
  readonly lists: readonly Waiters[] = [
    this.list(GETTERS, listAt(LISTS, GETTERS)),
    this.list(PUTTERS, listAt(LISTS, PUTTERS)),
    this.list(JOINERS, listAt(LISTS, JOINERS)),
  ];
  readonly order: Order;
  readonly #heap: Heap;
  /** The node of the putter that gave up last and whose item was not taken. */
  #withdrawn = 0;

  constructor(
    wireName: string,
    order: Order,
    size: number | SharedArrayBuffer,
    name: string | undefined,
  ) {
    super(WORDS, size instanceof SharedArrayBuffer ? size : undefined, MEMORY);
    this.wireName = wireName;
    this.order = order;
    if (!(size instanceof SharedArrayBuffer)) this.words[MAX] = maxOf(size, "create");
    this.#heap = new Heap(this.buffer, this.words, HEAP);
    this.named(name);
  }

  read(word: number): number {
    return Atomics.load(this.words, word);
  }

  // Putting.

  /**
   * Puts an item.
   *
   * @param thread The thread that would wait for room; 0 for async code, `undefined` for a call that does not wait.
   * @returns 0 if the item is put, 1 if there is no room and the call does not wait, -1 if the queue is closed, -2 if the memory
   * of the queue is full, and `-3 - node` for a wait, where `node` stands in the list.
   */
  #put(item: Item, priority: number, thread: number | undefined): number {
    this.enter();
    try {
      if (this.words[CLOSED] !== 0) return -1;
      const hasRoom = this.lists[GETTERS].size > 0 || this.#hasRoom;
      if (!hasRoom && thread === undefined) return 1;
      const block = this.#heap.store(item);
      if (block === 0) return -2;
      if (this.order === "priority") this.#heap.numbers[(block + Block.Number) / 2] = priority;
      if (!hasRoom) return -3 - this.enlist(PUTTERS, thread!, block);
      this.#accept(block);
      return 0;
    } finally {
      this.leave();
    }
  }

  put(value: unknown, priority: number, options: WaitOptions | undefined): void {
    const green = blocking("put()", "await putAsync()");
    const thread = entering(green, "put()", options, PUT_KEYS);
    const item = makeItem(value, this);
    const result = this.#put(item, priority, timeLimit(options) > 0 ? thread : undefined);
    if (result > -3) {
      this.#checkPut(result, item);
      // In a rendezvous both switch, and the getter goes on first: it has queued itself for the run lock already.
      if (green.cooperative && this.words[MAX] === 0) green.giveWay({ done: true });
      return;
    }
    const node = -3 - result;
    let inTime: boolean;
    try {
      inTime = this.block(green, PUTTERS, node, options);
    } catch (error) {
      if (this.#withdrawn === node) discard(item);
      throw error;
    }
    this.#endPut(node, inTime, item);
  }

  async putAsync(
    value: unknown,
    priority: number,
    options: WaitOptions | undefined,
  ): Promise<void> {
    checkWaiting(options, PUT_KEYS);
    const item = makeItem(value, this);
    const result = this.#put(item, priority, timeLimit(options) > 0 ? 0 : undefined);
    if (result > -3) return this.#checkPut(result, item);
    const node = -3 - result;
    let inTime: boolean;
    try {
      inTime = await this.awaitGrant(PUTTERS, node, options);
    } catch (error) {
      discard(item);
      throw error;
    }
    this.#endPut(node, inTime, item);
  }

  tryPut(value: unknown, priority: number): void {
    threadHere("tryPut()");
    const item = makeItem(value, this);
    this.#checkPut(this.#put(item, priority, undefined), item);
  }

  #checkPut(result: number, item: Item): void {
    if (result === 0) return;
    discard(item);
    if (result === -1) throw this.#closedError();
    if (result === 1) throw this.#full();
    throw new RangeError(`Cannot put: the items of ${this.title} take all of its memory already`);
  }

  #endPut(node: number, inTime: boolean, item: Item): void {
    const refused = inTime && this.refused(node);
    if (refused) {
      this.enter();
      this.#heap.free(this.data(node));
      // Under the lock, so that the hub does not free it once more if the Worker dies now.
      this.freeNode(node);
      this.leave();
    } else if (inTime) return this.freeNode(node);
    discard(item);
    throw refused ? this.#closedError() : this.#full();
  }

  // Getting.

  /**
   * Takes an item. Without one, takes a node for the wait, or says why not. The reason is found under the lock: looked at later,
   * a queue that was empty may be closed with an item in it.
   *
   * @param thread The thread that would wait; 0 for async code, `undefined` for a call that does not wait.
   * @returns The item's block, a node for the wait (negated), {@linkcode NOTHING}, or {@linkcode ENDED}.
   */
  #get(thread: number | undefined): number {
    this.enter();
    try {
      const block = this.#take();
      if (block !== NOTHING) return block;
      if (this.words[CLOSED] !== 0) return ENDED;
      return thread === undefined ? NOTHING : -this.enlist(GETTERS, thread);
    } finally {
      this.leave();
    }
  }

  get(options: WaitOptions | undefined): unknown {
    const green = blocking("get()", "await getAsync()");
    const thread = entering(green, "get()", options);
    checkLimit(thread);
    if (green.cooperative && this.#mayMeet) return this.#meet(green, options);
    let block = this.#get(timeLimit(options) > 0 ? thread : undefined);
    // The rare cases stand in methods of their own: the rest is small enough for the compiler to inline.
    if (block <= 0) block = this.#getLater(green, block, options);
    else if (this.comesTooLate(green)) this.#refuseTo(green, block);
    return this.#unwrap(block);
  }

  /** Whether a getter could switch to a putter that waits with its item. */
  get #mayMeet(): boolean {
    return this.words[MAX] === 0 && this.words[COUNT] === 0 && this.lists[PUTTERS].size > 0;
  }

  /** Waits for an item, if `#get()` has taken a node for that; throws if not. */
  #getLater(green: Green, found: number, options: WaitOptions | undefined): number {
    const block = found < ENDED
      ? this.#endGet(-found, this.block(green, GETTERS, -found, options))
      : found;
    if (block <= 0) throw this.#nothing(block);
    return block;
  }

  /** Puts back the item that a killed thread has taken, and throws the kill. */
  #refuseTo(green: Green, block: number): void {
    this.enter();
    this.#putBack(block);
    this.leave();
    green.enter("get()");
  }

  async getAsync(options: WaitOptions | undefined): Promise<unknown> {
    checkWaiting(options);
    checkLimit(HUB);
    let block = this.#get(timeLimit(options) > 0 ? 0 : undefined);
    if (block < ENDED) {
      const inTime = await this.awaitGrant(GETTERS, -block, options);
      block = this.#endGet(-block, inTime);
    }
    if (block <= 0) throw this.#nothing(block);
    return this.#unwrap(block);
  }

  tryGet(): unknown {
    threadHere("tryGet()");
    const block = this.#get(undefined);
    if (block <= 0) throw this.#nothing(block);
    return this.#unwrap(block);
  }

  /**
   * Takes the item of a putter that waits, in a cooperative hub: both switch, and the getter goes on first. So the getter queues
   * itself for the run lock before it lets the putter go on.
   */
  #meet(green: Green, options: WaitOptions | undefined): unknown {
    const order = green.takeOrder();
    const block = this.#get(undefined);
    // Async code has come in between.
    if (block <= 0) return this.get(options);
    try {
      green.giveWay({ order });
    } catch (error) {
      this.enter();
      this.#putBack(block);
      this.leave();
      throw error;
    }
    return this.#unwrap(block);
  }

  /** Ends the wait of a getter: returns the block that it was handed, or {@linkcode NOTHING} or {@linkcode ENDED}. */
  #endGet(node: number, inTime: boolean): number {
    if (!inTime) return NOTHING;
    const block = this.refused(node) ? ENDED : this.data(node);
    this.freeNode(node);
    return block;
  }

  /** Reads the value of an item that was taken. If the thread is killed meanwhile, the item goes back. */
  #unwrap(block: number): unknown {
    const stored = this.#heap.storedOf(block);
    let value: unknown;
    if (stored === 0) {
      try {
        value = this.#heap.read(block);
      } finally {
        this.#free(block);
      }
      return value;
    }
    try {
      value = this.#heap.read(block);
    } catch (error) {
      this.enter();
      this.#putBack(block);
      this.leave();
      throw error;
    }
    this.#free(block);
    discardValue(stored);
    return value;
  }

  #free(block: number): void {
    this.enter();
    this.#heap.free(block);
    this.leave();
  }

  // Joining, resizing, closing, iterating.

  taskDone(): void {
    this.enter();
    const left = this.words[UNFINISHED] - 1;
    if (left >= 0) this.words[UNFINISHED] = left;
    if (left === 0) this.#endJoins();
    this.leave();
    if (left < 0) {
      throw new RangeError(
        `Cannot call taskDone() of ${this.title}: it was called more often than get()`,
      );
    }
  }

  join(options: WaitOptions | undefined): void {
    const green = blocking("join()", "await joinAsync()");
    const thread = entering(green, "join()", options);
    const node = this.#joinOrWait(thread);
    if (node === 0) return;
    if (!this.block(green, JOINERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  async joinAsync(options: WaitOptions | undefined): Promise<void> {
    checkWaiting(options);
    const node = this.#joinOrWait(0);
    if (node === 0) return;
    if (!await this.awaitGrant(JOINERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  #joinOrWait(thread: number): number {
    this.enter();
    try {
      return this.words[UNFINISHED] === 0 ? 0 : this.enlist(JOINERS, thread);
    } finally {
      this.leave();
    }
  }

  resize(size: number): void {
    const max = maxOf(size, "resize");
    this.enter();
    this.words[MAX] = max;
    while (this.#hasRoom && this.#admit());
    this.leave();
  }

  close(immediate: boolean): void {
    const allStored: number[] = [];
    this.enter();
    this.words[CLOSED] = 1;
    while (this.lists[PUTTERS].refuse(this.wakes) !== 0);
    while (this.lists[GETTERS].refuse(this.wakes) !== 0);
    while (immediate && this.words[COUNT] > 0) {
      const block = this.#pop();
      allStored.push(this.#heap.storedOf(block));
      this.#heap.free(block);
      this.words[UNFINISHED] = Math.max(0, this.words[UNFINISHED] - 1);
    }
    if (this.words[UNFINISHED] === 0) this.#endJoins();
    this.leave();
    for (const stored of allStored) if (stored !== 0) discardValue(stored);
  }

  /** A step of an iteration in green code; the last one when the queue is closed and empty. */
  next(): IteratorResult<unknown, undefined> {
    blocking("next()", "for await … of the queue");
    try {
      return { done: false, value: this.get(undefined) };
    } catch (error) {
      return this.#ended(error);
    }
  }

  /**
   * A step of an iteration in async code; the last one also when the iteration is left meanwhile.
   *
   * @param left A signal that is aborted when the iteration is left.
   */
  async nextAsync(left: AbortSignal): Promise<IteratorResult<unknown, undefined>> {
    try {
      const value = greenSide() ? this.get(undefined) : await this.getAsync({ signal: left });
      return { done: false, value };
    } catch (error) {
      if (left.aborted && error === left.reason) return END;
      return this.#ended(error);
    }
  }

  #ended(error: unknown): IteratorResult<unknown, undefined> {
    if (endings.has(error as Error)) return END;
    throw error;
  }

  // Under the lock.

  get #hasRoom(): boolean {
    const max = this.words[MAX];
    return max < 0 || this.words[COUNT] < max;
  }

  /** Puts an item: hands it to the first getter, or inserts it. */
  #accept(block: number): void {
    this.#count(block);
    if (this.lists[GETTERS].grant(this.wakes, block) === 0) this.#insert(block, false);
  }

  /** Counts an item that is put, and gives it its sequence number, wherever it goes. */
  #count(block: number): void {
    this.words[UNFINISHED]++;
    // Another side may have stored it, in memory that this side has not looked at.
    this.#heap.see(block);
    this.#heap.words[block + Block.Sequence] = this.words[SEQUENCE]++;
  }

  /** Takes an item: the first in the queue, or that of the first putter. Returns its block, or 0. */
  #take(): number {
    if (this.words[COUNT] > 0) {
      const block = this.#pop();
      while (this.#hasRoom && this.#admit());
      return block;
    }
    // A rendezvous: a putter that waits meets the getter.
    const block = this.#takeFromPutter();
    if (block !== 0) this.#count(block);
    return block;
  }

  /** Puts the item of the first putter; returns whether there was one. */
  #admit(): boolean {
    const block = this.#takeFromPutter();
    if (block !== 0) this.#accept(block);
    return block !== 0;
  }

  /** Takes the item of the first putter, and lets it go on. Returns the block; 0 if no putter waits. */
  #takeFromPutter(): number {
    const { first } = this.lists[PUTTERS];
    if (first === 0) return 0;
    // Before the grant: after it the node is the putter's again, and may stand at another object at once.
    const block = this.data(first);
    this.lists[PUTTERS].grant(this.wakes);
    return block;
  }

  /** Takes back an item that was taken: hands it to the first getter, or inserts it at the front. */
  #putBack(block: number): void {
    if (this.lists[GETTERS].grant(this.wakes, block) === 0) this.#insert(block, true);
  }

  #insert(block: number, back: boolean): void {
    const { words } = this;
    this.#heap.see(block);
    const blocks = this.#heap.words;
    const front = words[FRONT];
    words[COUNT]++;
    if (this.order === "priority") {
      blocks[block + Block.Link] = blocks[block + Block.Right] = 0;
      blocks[block + Block.Rank] = 1;
      words[FRONT] = this.#merge(front, block);
      return;
    }
    blocks[block + Block.Rank] = back ? CAME_BACK : 0;
    if (back) this.#linkBehind(this.#lastBefore(block), block);
    else this.#linkBehind(this.order === "lifo" || front === 0 ? 0 : words[BACK], block);
  }

  /** Links an item behind another one; to the front behind 0. */
  #linkBehind(before: number, block: number): void {
    const { words } = this;
    if (before !== 0) this.#heap.see(before);
    const blocks = this.#heap.words;
    const next = before === 0 ? words[FRONT] : blocks[before + Block.Link];
    blocks[block + Block.Link] = next;
    if (before === 0) words[FRONT] = block;
    else blocks[before + Block.Link] = block;
    if (next === 0) words[BACK] = block;
  }

  /** Finds the item behind which an item that comes back belongs: only others that came back. Returns 0 for the front. */
  #lastBefore(block: number): number {
    let before = 0;
    for (let next = this.words[FRONT]; next !== 0;) {
      this.#heap.see(next);
      const { words } = this.#heap;
      if (words[next + Block.Rank] !== CAME_BACK) break;
      const isOlder = this.#isOlder(next, block);
      if (isOlder === (this.order === "lifo")) break;
      before = next;
      next = words[next + Block.Link];
    }
    return before;
  }

  #pop(): number {
    const { words } = this;
    const block = words[FRONT];
    this.#heap.see(block);
    const blocks = this.#heap.words;
    words[COUNT]--;
    words[FRONT] = this.order === "priority"
      ? this.#merge(blocks[block + Block.Link], blocks[block + Block.Right])
      : blocks[block + Block.Link];
    return block;
  }

  /** Merges two leftist heaps; returns the root. */
  #merge(a: number, b: number): number {
    if (a === 0) return b;
    if (b === 0) return a;
    this.#heap.see(a);
    this.#heap.see(b);
    if (this.#isBefore(b, a)) [a, b] = [b, a];
    const merged = this.#merge(this.#heap.words[a + Block.Right], b);
    const left = this.#heap.words[a + Block.Link];
    if (left !== 0) this.#heap.see(left);
    const { words } = this.#heap;
    const leftRank = left === 0 ? 0 : words[left + Block.Rank];
    const rank = words[merged + Block.Rank];
    words[a + Block.Link] = leftRank < rank ? merged : left;
    words[a + Block.Right] = leftRank < rank ? left : merged;
    words[a + Block.Rank] = Math.min(leftRank, rank) + 1;
    return a;
  }

  #isBefore(a: number, b: number): boolean {
    const { numbers } = this.#heap;
    const first = numbers[(a + Block.Number) / 2];
    const second = numbers[(b + Block.Number) / 2];
    return first === second ? this.#isOlder(a, b) : first < second;
  }

  /** Whether item `a` was put before item `b`; right also when the sequence numbers have wrapped around. */
  #isOlder(a: number, b: number): boolean {
    const { words } = this.#heap;
    return (words[a + Block.Sequence] - words[b + Block.Sequence] | 0) < 0;
  }

  #endJoins(): void {
    while (this.lists[JOINERS].grant(this.wakes) !== 0);
  }

  protected handBack(list: number, node: number): void {
    if (list === GETTERS) this.#putBack(this.data(node));
  }

  /** A grant to a putter says that its item was taken: so the item is put. */
  protected override isFinal(list: number): boolean {
    return list === PUTTERS;
  }

  protected override refusedOne(list: number, node: number): void {
    this.withdrawn(list, node);
  }

  protected override withdrawn(list: number, node: number): void {
    if (list !== PUTTERS) return;
    this.#heap.free(this.data(node));
    this.#withdrawn = node;
  }

  // Errors.

  #closedError(): QueueClosedError {
    return new QueueClosedError(`Cannot put: ${this.title} is closed`);
  }

  #full(): Full {
    return new Full(`Cannot put: ${this.title} has no room`);
  }

  #nothing(why: number): Error {
    if (why !== ENDED) return new Empty(`Cannot get: ${this.title} is empty`);
    const ending = new QueueClosedError(`Cannot get: ${this.title} is closed and empty`);
    endings.add(ending);
    return ending;
  }
}

/** Checks the size of a queue; returns it as the word MAX has it. */
function maxOf(size: number, verb: string): number {
  return size === Infinity ? -1 : checkCount("queue", size, verb);
}
