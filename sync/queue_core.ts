/**
 * Queues in shared memory: the core under all kinds of queues.
 *
 * ```text
 * MAX         how many items there may be; -1 for any number; 0 for a rendezvous
 * COUNT       how many items there are        more than MAX after resize(), or when an item came back
 * UNFINISHED  items that were put and not reported done by taskDone()
 * CLOSED      0, or 1: nothing can be put any more
 * FRONT, BACK the first and the last item: blocks of the heap, linked from the front; a heap's root for a priority queue
 * list 0      who waits for an item: only while there is none
 * list 1      who waits for room, each with its item: only while there is no room
 * list 2      who waits for UNFINISHED to be 0
 * ```
 *
 * All words change under the object's lock only (see `core.ts`); an item's bytes are written and read without it, by the
 * one side that knows the block then.
 *
 * **Direct hand-over.** An item that is put while somebody waits goes to the first waiter; room that is made while somebody
 * waits for it is filled with the first waiter's item under the same lock. So at each moment at least one of lists 0 and 1 is
 * empty, and nobody who comes in between gets anything before those who wait.
 *
 * **One who gives up.** A getter that was killed before it was handed an item (see `core.ts`), or dies, puts the item back to the
 * front, or hands it to the next getter: it was the oldest. Several that come back stand at the front in the order of their
 * turns, whichever comes first: a block's SEQUENCE says when it was put, its RANK that it came back. A putter whose item was not
 * taken takes it back; one whose item was taken has put it, also if it was killed before that: `put()` returns then, and the kill
 * is for the next blocking call. So an item of a `put()` that throws is never in the queue, and one of a `put()` that returns
 * always was. One that dies while it reads its item takes the item with it.
 *
 * **A priority queue** is a leftist heap: at each node the right spine is the shortest way to a leaf, so merging two heaps,
 * which is all that putting and getting do, takes logarithmic time, and no memory.
 *
 * @module
 */

import { Empty, Full, QueueClosedError } from "../bridge/errors.ts";
import { WAITING_KEYS } from "../bridge/checks.ts";
import type { Green } from "../bridge/side/green.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import {
  checkLimit,
  checkWaiting,
  Core,
  entering,
  FIRST_WORD,
  listAt,
  threadHere,
  timedOut,
  timeLimit,
  type WaitingOptions,
} from "../bridge/memory/core.ts";
import { Block, discard, Heap, HEAP_WORDS, type Item, makeItem } from "../bridge/memory/heap.ts";
import { discardValue } from "../bridge/memory/stored_values.ts";
import { HUB } from "../bridge/memory/process_side.ts";
import type { Waiters } from "../bridge/memory/waiters.ts";
import { checkCount } from "./permits.ts";

/** See above. */
export const MAX = FIRST_WORD;
/** See above. */
export const COUNT = FIRST_WORD + 1;
/** See above. */
export const UNFINISHED = FIRST_WORD + 2;
/** See above. */
export const CLOSED = FIRST_WORD + 3;
const FRONT = FIRST_WORD + 4;
const BACK = FIRST_WORD + 5;
const SEQUENCE = FIRST_WORD + 6;
const LISTS = FIRST_WORD + 7;
const HEAP = LISTS + 9;
const WORDS = HEAP + HEAP_WORDS - FIRST_WORD;

/** The number of a list. */
export const GETTERS = 0;
/** The number of a list. */
export const PUTTERS = 1;
const JOINERS = 2;

/** The keys of what puts an item. */
export const PUT_KEYS: readonly string[] = [...WAITING_KEYS, "priority"];

/** There is no item: see `#get()`. */
const NOTHING = 0;
/** There is no item, and there will be none: the queue is closed. No node's place. */
const ENDED = -1;

/** The memory that a queue begins with, and may grow to. */
const MEMORY = { bytes: 4096, most: 1 << 28 } as const;

/** The Rank of a block that came back, in queues that are no heaps. */
const CAME_BACK = 1;

/** In which order items leave a queue. */
export type Order = "fifo" | "lifo" | "priority";

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
  /** The putter that gave up last, with its item not taken. */
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
   * @returns 0 when it is put, 1 when there is no room, -1 when the queue is closed, -2 when its memory is full; with `thread`
   * in place of 1 a node for the wait, made negative less 2.
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

  put(value: unknown, priority: number, options: WaitingOptions | undefined): void {
    const green = blocking("put()", "await putAsync()");
    const thread = entering(green, "put()", options, PUT_KEYS);
    const item = makeItem(value, this);
    const result = this.#put(item, priority, timeLimit(options) > 0 ? thread : undefined);
    if (result > -3) {
      this.#checkPut(result, item);
      // In a rendezvous both switch, and the getter goes on first: it has its place in the line already.
      if (green.cooperative && this.words[MAX] === 0) green.giveWayDone();
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
    options: WaitingOptions | undefined,
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
   * Takes an item, or a node for the wait (made negative), or says why there is neither: {@linkcode NOTHING},
   * {@linkcode ENDED}. It is said under the lock: looked at later, a queue that was empty may be closed with an item in it.
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

  get(options: WaitingOptions | undefined): unknown {
    const green = blocking("get()", "await getAsync()");
    const thread = entering(green, "get()", options);
    checkLimit(thread);
    if (green.cooperative && this.#mayMeet) return this.#meet(green, options);
    let block = this.#get(timeLimit(options) > 0 ? thread : undefined);
    // What is seldom done stands apart: what is left is small enough for the compiler to put in place of the call.
    if (block <= 0) block = this.#getLater(green, block, options);
    else if (this.comesTooLate(green)) this.#refuseTo(green, block);
    return this.#unwrap(block);
  }

  /** Whether one waits with an item to whom a getter could switch. */
  get #mayMeet(): boolean {
    return this.words[MAX] === 0 && this.words[COUNT] === 0 && this.lists[PUTTERS].size > 0;
  }

  /** There was no item: waits for one, if it was to. */
  #getLater(green: Green, found: number, options: WaitingOptions | undefined): number {
    const block = found < ENDED
      ? this.#endGet(-found, this.block(green, GETTERS, -found, options))
      : found;
    if (block <= 0) throw this.#nothing(block);
    return block;
  }

  /** Puts back what a killed thread has taken, and ends that. */
  #refuseTo(green: Green, block: number): void {
    this.enter();
    this.#putBack(block);
    this.leave();
    green.enter("get()");
  }

  async getAsync(options: WaitingOptions | undefined): Promise<unknown> {
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
   * Takes the item of one who waits with it, in a cooperative hub: both switch, and the getter goes on first, so it takes its
   * place in the line before it lets the putter go on.
   */
  #meet(green: Green, options: WaitingOptions | undefined): unknown {
    const turn = green.takePlace();
    const block = this.#get(undefined);
    // Async code has come in between.
    if (block <= 0) return this.get(options);
    try {
      green.giveWay(turn);
    } catch (error) {
      this.enter();
      this.#putBack(block);
      this.leave();
      throw error;
    }
    return this.#unwrap(block);
  }

  /** The block that a getter was handed, or why there is none. */
  #endGet(node: number, inTime: boolean): number {
    if (!inTime) return NOTHING;
    const block = this.refused(node) ? ENDED : this.data(node);
    this.freeNode(node);
    return block;
  }

  /** The value of an item that was taken; if the thread is killed meanwhile, the item goes back. */
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

  // The rest.

  taskDone(): void {
    this.enter();
    const left = this.words[UNFINISHED] - 1;
    if (left >= 0) this.words[UNFINISHED] = left;
    if (left === 0) this.#endJoins();
    this.leave();
    if (left < 0) {
      throw new RangeError(
        `Cannot call taskDone(): it was called for all items of ${this.title} already`,
      );
    }
  }

  join(options: WaitingOptions | undefined): void {
    const green = blocking("join()", "await joinAsync()");
    const thread = entering(green, "join()", options);
    const node = this.#joinOrWait(thread);
    if (node === 0) return;
    if (!this.block(green, JOINERS, node, options)) throw timedOut(options);
    this.freeNode(node);
  }

  async joinAsync(options: WaitingOptions | undefined): Promise<void> {
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

  /** The step of an iteration; nothing when the queue is closed and empty. */
  next(): IteratorResult<unknown, undefined> {
    try {
      return { done: false, value: this.get(undefined) };
    } catch (error) {
      return this.#ended(error);
    }
  }

  async nextAsync(): Promise<IteratorResult<unknown, undefined>> {
    try {
      const value = greenSide() ? this.get(undefined) : await this.getAsync(undefined);
      return { done: false, value };
    } catch (error) {
      return this.#ended(error);
    }
  }

  #ended(error: unknown): IteratorResult<unknown, undefined> {
    if (error === this.#ending) return { done: true, value: undefined };
    throw error;
  }

  // Under the lock.

  get #hasRoom(): boolean {
    const max = this.words[MAX];
    return max < 0 || this.words[COUNT] < max;
  }

  /** An item is put: it goes to the first who waits, or into the queue. */
  #accept(block: number): void {
    this.#count(block);
    if (this.lists[GETTERS].grant(this.wakes, block) === 0) this.#insert(block, false);
  }

  /** An item is put, wherever it goes: it gets its number. */
  #count(block: number): void {
    this.words[UNFINISHED]++;
    // Another side may have stored it, in memory that this one has not looked at.
    this.#heap.see(block);
    this.#heap.words[block + Block.Sequence] = this.words[SEQUENCE]++;
  }

  /** Takes an item: the first in the queue, or of the first who waits for room. */
  #take(): number {
    if (this.words[COUNT] > 0) {
      const block = this.#pop();
      while (this.#hasRoom && this.#admit());
      return block;
    }
    // A rendezvous: whoever waits with an item meets whoever asks for one.
    const block = this.#takeFromPutter();
    if (block !== 0) this.#count(block);
    return block;
  }

  /** Lets the first who waits for room put its item. */
  #admit(): boolean {
    const block = this.#takeFromPutter();
    if (block !== 0) this.#accept(block);
    return block !== 0;
  }

  /** The item of the first who waits for room, who may go on; 0 if nobody does. */
  #takeFromPutter(): number {
    const { first } = this.lists[PUTTERS];
    if (first === 0) return 0;
    // Before the grant: after it the node is its owner's, who may use it at another object at once.
    const block = this.data(first);
    this.lists[PUTTERS].grant(this.wakes);
    return block;
  }

  /** An item that was taken comes back. */
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

  /** The item behind which one belongs that comes back: only others that came back can be before it. 0 for the front. */
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

  /** Merges two leftist heaps; gives the root. */
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

  /** Whether one item was put before another one; right also when the numbers have come round. */
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

  /** An item that was taken out of a putter's hands is put. */
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

  readonly #ending = new QueueClosedError("The queue is closed");

  #closedError(): QueueClosedError {
    return new QueueClosedError(`Cannot put: ${this.title} is closed`);
  }

  #full(): Full {
    return new Full(`Cannot put: ${this.title} has no room`);
  }

  #nothing(why: number): Error {
    return why === ENDED ? this.#ending : new Empty(`Cannot get: ${this.title} is empty`);
  }
}

/** The size of a queue as its memory has it. */
function maxOf(size: number, verb: string): number {
  return size === Infinity ? -1 : checkCount("queue", size, verb);
}
