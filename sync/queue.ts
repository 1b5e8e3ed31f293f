/**
 * Queues for green threads and async code at once. Semantics: eventlet's queues, with gevent's `shutdown`.
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
 * **One who gives up.** A getter that is killed, or dies, after it was handed an item puts it back to the front, or hands it to
 * the next getter: it was the oldest. A putter whose item was not taken takes it back; one whose item was taken has put it.
 * One that dies while it reads its item takes the item with it.
 *
 * **A priority queue** is a leftist heap: at each node the right spine is the shortest way to a leaf, so merging two heaps,
 * which is all that putting and getting do, takes logarithmic time, and no memory.
 *
 * @module
 */

import { Empty, Full, QueueClosedError } from "../bridge/errors.ts";
import { blocking, greenSide } from "../bridge/side.ts";
import {
  Core,
  entering,
  FIRST_WORD,
  listAt,
  threadHere,
  timedOut,
  timeLimit,
  type WaitingOptions,
} from "../bridge/sync/core.ts";
import { Block, discard, Heap, HEAP_WORDS, type Item, makeItem } from "../bridge/sync/heap.ts";
import { Coordination, CORE, registerKind } from "../bridge/sync/objects.ts";
import { drop } from "../bridge/sync/parcels.ts";
import type { Waiters } from "../bridge/sync/waiters.ts";
import { checkCount, twin } from "./permits.ts";
import { type NameOptions, objectFor } from "./semaphore.ts";

const MAX = FIRST_WORD;
const COUNT = FIRST_WORD + 1;
const UNFINISHED = FIRST_WORD + 2;
const CLOSED = FIRST_WORD + 3;
const FRONT = FIRST_WORD + 4;
const BACK = FIRST_WORD + 5;
const SEQUENCE = FIRST_WORD + 6;
const LISTS = FIRST_WORD + 7;
const HEAP = LISTS + 9;
const WORDS = HEAP + HEAP_WORDS - FIRST_WORD;

const GETTERS = 0;
const PUTTERS = 1;
const JOINERS = 2;

/** How much memory a queue begins with, and may grow to. */
const MEMORY = { bytes: 4096, most: 1 << 28 } as const;

/** In which order items leave a queue. */
type Order = "fifo" | "lifo" | "priority";

/** The core of a queue. */
class QueueCore extends Core {
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
    super(WORDS, typeof size === "number" ? undefined : size, MEMORY);
    this.wireName = wireName;
    this.order = order;
    if (typeof size === "number") this.words[MAX] = maxOf(size);
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
    const thread = entering(green, "put()", options);
    const item = makeItem(value);
    const result = this.#put(item, priority, timeLimit(options) > 0 ? thread : undefined);
    if (result > -3) return this.#checkPut(result, item);
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
    options?.signal?.throwIfAborted();
    const item = makeItem(value);
    const result = this.#put(item, priority, timeLimit(options) > 0 ? 0 : undefined);
    if (result > -3) return this.#checkPut(result, item);
    const node = -3 - result;
    let inTime: boolean;
    try {
      inTime = await this.awaitTurn(PUTTERS, node, options);
    } catch (error) {
      discard(item);
      throw error;
    }
    this.#endPut(node, inTime, item);
  }

  tryPut(value: unknown, priority: number): void {
    threadHere("tryPut()");
    const item = makeItem(value);
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
    if (refused) this.#free(this.data(node));
    if (inTime) this.give(node);
    if (inTime && !refused) return;
    discard(item);
    throw refused ? this.#closedError() : this.#full();
  }

  // Getting.

  /** Takes an item, or a node for the wait (made negative); 0 when the queue is closed and empty, or there is none. */
  #get(thread: number | undefined): number {
    this.enter();
    let result = this.#take();
    if (result === 0 && thread !== undefined && this.words[CLOSED] === 0) {
      result = -this.enlist(GETTERS, thread);
    }
    this.leave();
    return result;
  }

  get(options: WaitingOptions | undefined): unknown {
    const green = blocking("get()", "await getAsync()");
    const thread = entering(green, "get()", options);
    let block = this.#get(timeLimit(options) > 0 ? thread : undefined);
    if (block < 0) {
      const inTime = this.block(green, GETTERS, -block, options);
      block = this.#endGet(-block, inTime);
    }
    if (block === 0) throw this.#nothing();
    return this.#unwrap(block);
  }

  async getAsync(options: WaitingOptions | undefined): Promise<unknown> {
    options?.signal?.throwIfAborted();
    let block = this.#get(timeLimit(options) > 0 ? 0 : undefined);
    if (block < 0) {
      const inTime = await this.awaitTurn(GETTERS, -block, options);
      block = this.#endGet(-block, inTime);
    }
    if (block === 0) throw this.#nothing();
    return this.#unwrap(block);
  }

  tryGet(): unknown {
    threadHere("tryGet()");
    const block = this.#get(undefined);
    if (block === 0) throw this.#nothing();
    return this.#unwrap(block);
  }

  /** The block that a getter was handed, or 0. */
  #endGet(node: number, inTime: boolean): number {
    if (!inTime) return 0;
    const block = this.refused(node) ? 0 : this.data(node);
    this.give(node);
    return block;
  }

  /** The value of an item that was taken; if the thread is killed meanwhile, the item goes back. */
  #unwrap(block: number): unknown {
    const parcel = this.#heap.parcelOf(block);
    let value: unknown;
    if (parcel === 0) {
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
    drop(parcel);
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
    this.give(node);
  }

  async joinAsync(options: WaitingOptions | undefined): Promise<void> {
    options?.signal?.throwIfAborted();
    const node = this.#joinOrWait(0);
    if (node === 0) return;
    if (!await this.awaitTurn(JOINERS, node, options)) throw timedOut(options);
    this.give(node);
  }

  #joinOrWait(thread: number): number {
    this.enter();
    const node = this.words[UNFINISHED] === 0 ? 0 : this.enlist(JOINERS, thread);
    this.leave();
    return node;
  }

  resize(size: number): void {
    const max = maxOf(size);
    this.enter();
    this.words[MAX] = max;
    while (this.#hasRoom && this.#admit());
    this.leave();
  }

  close(immediate: boolean): void {
    const parcels: number[] = [];
    this.enter();
    this.words[CLOSED] = 1;
    while (this.lists[PUTTERS].refuse(this.wakes) !== 0);
    while (this.lists[GETTERS].refuse(this.wakes) !== 0);
    while (immediate && this.words[COUNT] > 0) {
      const block = this.#pop();
      parcels.push(this.#heap.parcelOf(block));
      this.#heap.free(block);
      this.words[UNFINISHED] = Math.max(0, this.words[UNFINISHED] - 1);
    }
    if (this.words[UNFINISHED] === 0) this.#endJoins();
    this.leave();
    for (const parcel of parcels) if (parcel !== 0) drop(parcel);
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
    this.words[UNFINISHED]++;
    this.#heap.words[block + Block.Sequence] = this.words[SEQUENCE]++;
    if (this.lists[GETTERS].grant(this.wakes, block) === 0) this.#insert(block, false);
  }

  /** Takes an item: the first in the queue, or of the first who waits for room. */
  #take(): number {
    if (this.words[COUNT] > 0) {
      const block = this.#pop();
      while (this.#hasRoom && this.#admit());
      return block;
    }
    // A rendezvous: whoever waits with an item meets whoever asks for one.
    const node = this.lists[PUTTERS].grant(this.wakes);
    if (node === 0) return 0;
    this.words[UNFINISHED]++;
    return this.data(node);
  }

  /** Lets the first who waits for room put its item. */
  #admit(): boolean {
    const node = this.lists[PUTTERS].grant(this.wakes);
    if (node !== 0) this.#accept(this.data(node));
    return node !== 0;
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
    } else if (this.order === "lifo" || back) {
      blocks[block + Block.Link] = front;
      words[FRONT] = block;
      if (front === 0) words[BACK] = block;
    } else {
      blocks[block + Block.Link] = 0;
      if (front === 0) words[FRONT] = block;
      else {
        this.#heap.see(words[BACK]);
        this.#heap.words[words[BACK] + Block.Link] = block;
      }
      words[BACK] = block;
    }
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
    const { words } = this.#heap;
    const left = words[a + Block.Link];
    const leftRank = left === 0 ? 0 : words[left + Block.Rank];
    const rank = words[merged + Block.Rank];
    words[a + Block.Link] = leftRank < rank ? merged : left;
    words[a + Block.Right] = leftRank < rank ? left : merged;
    words[a + Block.Rank] = Math.min(leftRank, rank) + 1;
    return a;
  }

  #isBefore(a: number, b: number): boolean {
    const { words, numbers } = this.#heap;
    const first = numbers[(a + Block.Number) / 2];
    const second = numbers[(b + Block.Number) / 2];
    if (first !== second) return first < second;
    return (words[a + Block.Sequence] - words[b + Block.Sequence] | 0) < 0;
  }

  #endJoins(): void {
    while (this.lists[JOINERS].grant(this.wakes) !== 0);
  }

  protected handBack(list: number, node: number): void {
    if (list === GETTERS) this.#putBack(this.data(node));
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

  #nothing(): Error {
    return this.words[CLOSED] !== 0
      ? this.#ending
      : new Empty(`Cannot get: ${this.title} is empty`);
  }
}

/** The size of a queue as its memory has it. */
function maxOf(size: number): number {
  return size === Infinity ? -1 : checkCount("queue", size);
}

/** Options for {@linkcode LightQueue.put}. */
export interface PutOptions extends WaitingOptions {
  /** In a {@linkcode PriorityQueue}: the item's priority, the lowest first. */
  priority?: number;
}

/** Options for {@linkcode LightQueue.close}. */
export interface QueueCloseOptions {
  /**
   * Whether to drop the items that are in the queue.
   *
   * @default {false}
   */
  immediate?: boolean;
}

/**
 * A queue, which green threads in any Worker and async code put items into and get them from.
 *
 * - *Order:* first in, first out. Those who wait, for an item or for room, are served in the order of their arrival, whichever
 *   side they are on.
 * - *Room:* `maxSize` items; with `0` each `put()` waits for a `get()` (a rendezvous); any number by default.
 * - *Kill, timeout, abort* of one who waits: it leaves the line. An item that it had just been handed goes to the next one or
 *   back to the front; an item that it was about to put is taken back. A crash of its Worker too; an item that the Worker was
 *   reading is lost.
 * - *Close:* `put()` fails at once; `get()` gives what is there, then fails; whoever waits is told.
 * - Items are sent as any value is: what is got is a value of its own. Small ones (up to about 4 KiB) pass from thread to thread
 *   with no round trip to the hub; larger ones, and those that refer to something (functions, green threads, other queues),
 *   are left on the hub until they are got.
 * - `for … of` in green code and `for await … of` on the hub get items until the queue is closed and empty.
 *
 * This one does without `taskDone()` and `join()`, which {@linkcode Queue} adds.
 *
 * @typeParam T The items.
 */
export class LightQueue<T = unknown> extends Coordination {
  /**
   * For the library.
   *
   * @internal
   */
  readonly [CORE]: QueueCore;

  /**
   * Makes an empty queue.
   *
   * @param maxSize How many items it has room for; 0 for a rendezvous.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If `maxSize` is neither a whole number from 0 nor `Infinity`.
   */
  constructor(maxSize: number = Infinity, options?: NameOptions) {
    super();
    const { wireName, order } = Object.getPrototypeOf(this)[WAY] as Way;
    this[CORE] = new QueueCore(wireName, order, maxSize, options?.name);
  }

  /** How many items there are. */
  get size(): number {
    return this[CORE].read(COUNT);
  }

  /** How many items it has room for. */
  get maxSize(): number {
    const max = this[CORE].read(MAX);
    return max < 0 ? Infinity : max;
  }

  /** Whether there is no item; one that somebody waits with does not count. */
  get empty(): boolean {
    return this.size === 0;
  }

  /** Whether there is no room. */
  get full(): boolean {
    return this.size >= this.maxSize;
  }

  /** How many wait for an item. */
  get getting(): number {
    return this[CORE].lists[GETTERS].size;
  }

  /** How many wait for room. */
  get putting(): number {
    return this[CORE].lists[PUTTERS].size;
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this[CORE].read(CLOSED) !== 0;
  }

  /**
   * Puts an item; blocks the green thread until there is room.
   *
   * @param item The item.
   * @param options See {@linkcode PutOptions}.
   * @throws {Full} If there was no room in time.
   * @throws {QueueClosedError} If the queue is closed.
   * @throws {NotCloneableError} If the item cannot cross.
   * @throws {BlockingCallError} If it is called on the hub: use `putAsync()` there.
   */
  put(item: T, options?: PutOptions): void {
    this[CORE].put(item, priorityOf(this[CORE], item, options), options);
  }

  /**
   * Puts an item, in async code.
   *
   * @param item The item.
   * @param options See {@linkcode PutOptions}.
   * @returns A promise that settles when there was room; it rejects with what {@linkcode LightQueue.put} throws.
   */
  putAsync(item: T, options?: PutOptions): Promise<void> {
    return twin(
      () => this.put(item, options),
      async () => await this[CORE].putAsync(item, priorityOf(this[CORE], item, options), options),
    );
  }

  /**
   * Puts an item if there is room, or somebody waits for it. It does not wait for room.
   *
   * @param item The item.
   * @param options The priority, in a {@linkcode PriorityQueue}.
   * @throws {Full} If there is no room.
   * @throws {QueueClosedError} If the queue is closed.
   */
  tryPut(item: T, options?: Pick<PutOptions, "priority">): void {
    this[CORE].tryPut(item, priorityOf(this[CORE], item, options));
  }

  /**
   * Gets an item; blocks the green thread until there is one.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @returns The item.
   * @throws {Empty} If there was none in time.
   * @throws {QueueClosedError} If the queue is closed and empty.
   * @throws {BlockingCallError} If it is called on the hub: use `getAsync()` there.
   */
  get(options?: WaitingOptions): T {
    return this[CORE].get(options) as T;
  }

  /**
   * Gets an item, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @returns A promise of the item; it rejects with what {@linkcode LightQueue.get} throws.
   */
  getAsync(options?: WaitingOptions): Promise<T> {
    return twin(
      () => this.get(options),
      async () => await this[CORE].getAsync(options) as T,
    );
  }

  /**
   * Gets an item if there is one, or somebody waits with one. It does not wait for one.
   *
   * @returns The item.
   * @throws {Empty} If there is none.
   * @throws {QueueClosedError} If the queue is closed and empty.
   */
  tryGet(): T {
    return this[CORE].tryGet() as T;
  }

  /**
   * Changes for how many items there is room. Items are not dropped; who waits for room may go on.
   *
   * @param maxSize As in the constructor.
   */
  resize(maxSize: number): void {
    this[CORE].resize(maxSize);
  }

  /**
   * Closes the queue: see the class. Closing again does nothing more.
   *
   * @param options See {@linkcode QueueCloseOptions}.
   */
  close(options?: QueueCloseOptions): void {
    this[CORE].close(options?.immediate ?? false);
  }

  /** Gets items until the queue is closed and empty, in green code. */
  [Symbol.iterator](): IterableIterator<T, undefined> {
    const core = this[CORE];
    return {
      next: () => core.next() as IteratorResult<T, undefined>,
      [Symbol.iterator]() {
        return this;
      },
    };
  }

  /** Gets items until the queue is closed and empty, in async code. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    const core = this[CORE];
    return {
      next: () => core.nextAsync() as Promise<IteratorResult<T, undefined>>,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

/**
 * A {@linkcode LightQueue} that also counts what was done: `taskDone()` and `join()`.
 *
 * @typeParam T The items.
 *
 * @example Green producers, an async consumer
 * ```ts
 * import { Queue, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new Queue<number>(2);
 * const producer = spawn((queue: Queue<number>) => {
 *   for (let i = 0; i < 5; i++) queue.put(i); // waits while two are in the queue
 *   queue.close();
 * }, queue);
 * const items = [];
 * for await (const item of queue) items.push(item);
 * assertEquals(items, [0, 1, 2, 3, 4]);
 * await producer;
 * ```
 */
export class Queue<T = unknown> extends LightQueue<T> {
  /** Items that were put, and not reported done. */
  get unfinished(): number {
    return this[CORE].read(UNFINISHED);
  }

  /**
   * Says that an item that was got is dealt with.
   *
   * @throws {RangeError} If that was said for all items already.
   */
  taskDone(): void {
    this[CORE].taskDone();
  }

  /**
   * Blocks the green thread until all items are dealt with.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @throws {Timeout} If they were not in time.
   * @throws {BlockingCallError} If it is called on the hub: use `joinAsync()` there.
   */
  join(options?: WaitingOptions): void {
    this[CORE].join(options);
  }

  /**
   * Waits until all items are dealt with, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @returns A promise that settles then; it rejects with a `Timeout` if they were not in time.
   */
  joinAsync(options?: WaitingOptions): Promise<void> {
    return twin(() => this.join(options), () => this[CORE].joinAsync(options));
  }
}

/** A {@linkcode Queue} whose last item comes out first. */
export class LifoQueue<T = unknown> extends Queue<T> {}

/**
 * A {@linkcode Queue} whose item with the lowest priority comes out first; of two with the same, the one that was put first.
 *
 * The priority is given with the item, or is the item itself if that is a number, or its first member if it is an array.
 *
 * @example Lowest first
 * ```ts
 * import { PriorityQueue } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new PriorityQueue<string>();
 * queue.tryPut("later", { priority: 2 });
 * queue.tryPut("now", { priority: 1 });
 * assertEquals(queue.tryGet(), "now");
 * ```
 */
export class PriorityQueue<T = unknown> extends Queue<T> {}

/** The priority of an item that is about to be put. */
function priorityOf(
  { order }: QueueCore,
  item: unknown,
  options: Pick<PutOptions, "priority"> | undefined,
): number {
  if (order !== "priority") return 0;
  const own: unknown = Array.isArray(item) ? item[0] : item;
  const priority = options?.priority ?? own;
  if (typeof priority === "number" && !Number.isNaN(priority)) return priority;
  throw new TypeError(
    "Cannot put: the item is neither a number nor an array that begins with one: give its priority in the options",
  );
}

/** How a class of queues crosses, and in which order its items leave. */
interface Way {
  readonly wireName: string;
  readonly order: Order;
}

const WAY = Symbol("way");

for (
  const [Class, wireName, order] of [
    [LightQueue, "LightQueue", "fifo"],
    [Queue, "Queue", "fifo"],
    [LifoQueue, "LifoQueue", "lifo"],
    [PriorityQueue, "PriorityQueue", "priority"],
  ] as const
) {
  Object.defineProperty(Class.prototype, WAY, { value: { wireName, order } });
  registerKind(wireName, {
    revive: (buffer, name) =>
      objectFor<LightQueue>(Class, new QueueCore(wireName, order, buffer, name)),
  });
}
