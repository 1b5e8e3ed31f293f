/**
 * Queues for green threads and async code at once. Semantics: eventlet's queues, with gevent's `shutdown`.
 *
 * The states and the races are those of `queue_core.ts`.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import { checkOptionsObject, show, type WaitOptions } from "../bridge/checks.ts";
import { nameIn } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { AsyncItems, GreenSteps } from "../bridge/side/steps.ts";
import { twin } from "./permits.ts";
import {
  CLOSED,
  COUNT,
  GETTERS,
  MAX,
  type Order,
  PUT_KEYS,
  PUTTERS,
  QueueCore,
  UNFINISHED,
} from "./queue_core.ts";
import type { NameOptions } from "./semaphore.ts";

/**
 * Options for {@linkcode LightQueue.prototype.put | LightQueue.put}.
 *
 * @category Coordination
 */
export interface PutOptions extends WaitOptions {
  /** In a {@linkcode PriorityQueue}: the item's priority. The lowest comes out first. */
  priority?: number;
}

/**
 * Options for {@linkcode LightQueue.prototype.close | LightQueue.close}.
 *
 * @category Coordination
 */
export interface QueueCloseOptions {
  /**
   * Whether to drop the items that are still in the queue.
   *
   * @default {false}
   */
  immediate?: boolean;
}

const CLOSE_KEYS = ["immediate"];
const PRIORITY_KEYS = ["priority"];

/**
 * A queue. Green threads in any Worker and async code put items into it and get items from it.
 *
 * - *Order:* first in, first out. Waiters, for an item or for room, are served in the order of their arrival, whichever side they
 *   are on.
 * - *Room:* for `maxSize` items, any number by default. With `0` each `put()` waits for a `get()` (a rendezvous).
 * - *Kill, timeout, abort* of a waiter, or a *crash* of its Worker: it leaves the line. An item that a getter had just been
 *   handed goes to the next getter or back to the front. An item that a putter offered is taken back; if it was taken before,
 *   `put()` returns. An item that a Worker was reading when it crashed is lost.
 * - *Close:* `put()` fails at once. `get()` gives the items that are left, then fails. Waiters for an item or for room fail.
 * - Items are sent as any value is: `get()` returns a value of its own. Small items (up to about 4 KiB) pass from thread to
 *   thread with no round trip to the hub. Larger items, and those that refer to something (functions, green threads, other
 *   queues), are left on the hub until somebody gets them.
 * - `for … of` in green code and `for await … of` on the hub get items until the queue is closed and empty.
 * - The end of a `using` block closes the queue.
 *
 * A `LightQueue` has no `taskDone()` and no `join()`: {@linkcode Queue} adds them.
 *
 * @typeParam T The type of the items.
 *
 * @example Async code puts, a green thread gets
 * ```ts
 * import { LightQueue, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new LightQueue<number>();
 * const sum = spawn((queue: LightQueue<number>) => queue[Symbol.iterator]().reduce((a, b) => a + b), queue);
 * {
 *   using input = queue;
 *   for (const n of [1, 2, 3]) await input.putAsync(n);
 * } // closed here, so the consumer ends
 * assertEquals(await sum, 6);
 * ```
 *
 * @category Coordination
 */
export class LightQueue<T = unknown> extends Coordination {
  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: QueueCore;

  /**
   * Makes an empty queue.
   *
   * @param maxSize The most items that the queue has room for; 0 for a rendezvous.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If `maxSize` is neither a whole number from 0 nor `Infinity`.
   */
  constructor(maxSize: number = Infinity, options?: NameOptions) {
    super();
    const { wireName, order } = Object.getPrototypeOf(this)[WAY] as Way;
    this[CORE] = new QueueCore(wireName, order, maxSize, nameIn(options));
    this[CORE].object = this;
  }

  /** The number of items. */
  get size(): number {
    return this[CORE].read(COUNT);
  }

  /** The most items that the queue has room for. */
  get maxSize(): number {
    const max = this[CORE].read(MAX);
    return max < 0 ? Infinity : max;
  }

  /** Whether there is no item. An item that waits for room does not count. */
  get empty(): boolean {
    return this.size === 0;
  }

  /** Whether there is no room. */
  get full(): boolean {
    return this.size >= this.maxSize;
  }

  /** The number of waiters for an item. */
  get getting(): number {
    return this[CORE].lists[GETTERS].size;
  }

  /** The number of waiters for room. */
  get putting(): number {
    return this[CORE].lists[PUTTERS].size;
  }

  /** Whether the queue is closed. */
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
   * @returns A promise that settles when the item is put; it rejects as {@linkcode LightQueue.prototype.put | LightQueue.put}
   * throws.
   */
  putAsync(item: T, options?: PutOptions): Promise<void> {
    return twin(
      () => this.put(item, options),
      async () => await this[CORE].putAsync(item, priorityOf(this[CORE], item, options), options),
    );
  }

  /**
   * Puts an item if there is room, or somebody waits for an item. Does not wait for room.
   *
   * @param item The item.
   * @param options The priority, in a {@linkcode PriorityQueue}.
   * @throws {Full} If there is no room.
   * @throws {QueueClosedError} If the queue is closed.
   * @throws {NotCloneableError} If the item cannot cross.
   */
  tryPut(item: T, options?: Pick<PutOptions, "priority">): void {
    checkOptionsObject("put", options, "{ priority: 1 }", PRIORITY_KEYS);
    this[CORE].tryPut(item, priorityOf(this[CORE], item, options));
  }

  /**
   * Gets an item; blocks the green thread until there is an item.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The item.
   * @throws {Empty} If there was no item in time.
   * @throws {QueueClosedError} If the queue is closed and empty.
   * @throws {BlockingCallError} If it is called on the hub: use `getAsync()` there.
   */
  get(options?: WaitOptions): T {
    return this[CORE].get(options) as T;
  }

  /**
   * Gets an item, in async code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the item; it rejects as {@linkcode LightQueue.prototype.get | LightQueue.get} throws.
   */
  getAsync(options?: WaitOptions): Promise<T> {
    return twin(
      () => this.get(options),
      async () => await this[CORE].getAsync(options) as T,
    );
  }

  /**
   * Gets an item if there is one, or somebody waits to put one. Does not wait for an item.
   *
   * @returns The item.
   * @throws {Empty} If there is no item.
   * @throws {QueueClosedError} If the queue is closed and empty.
   */
  tryGet(): T {
    return this[CORE].tryGet() as T;
  }

  /**
   * Changes the room for items. Items are not dropped. Threads that wait for room may go on.
   *
   * @param maxSize The most items that the queue has room for, as in the constructor.
   * @throws {TypeError} If `maxSize` is not a number.
   * @throws {RangeError} If `maxSize` is neither a whole number from 0 nor `Infinity`.
   */
  resize(maxSize: number): void {
    this[CORE].resize(maxSize);
  }

  /**
   * Closes the queue: see the class. May be called again.
   *
   * @param options See {@linkcode QueueCloseOptions}.
   * @throws {TypeError} If an option is of the wrong kind or is not known.
   */
  close(options?: QueueCloseOptions): void {
    checkOptionsObject("close a queue", options, "{ immediate: true }", CLOSE_KEYS);
    this[CORE].close(options?.immediate ?? false);
  }

  /** Closes the queue at the end of a `using` block: consumers get the items that are left. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Gets items until the queue is closed and empty, in green code. To leave the loop early takes nothing from the queue.
   *
   * @returns The items, with the helpers of `Iterator.prototype`: `map()`, `take()`, `toArray()` and so on.
   * @throws {BlockingCallError} By the first `next()` on the hub: use `for await` there.
   */
  [Symbol.iterator](): Generator<T, void, undefined> {
    const core = this[CORE];
    return new GreenSteps(() => core.next() as IteratorResult<T, undefined>);
  }

  /**
   * Gets items until the queue is closed and empty, in async code. To leave the loop early takes nothing from the queue.
   *
   * @returns The items.
   */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const core = this[CORE];
    const left = new AbortController();
    return new AsyncItems(
      () => core.nextAsync(left.signal) as Promise<IteratorResult<T, undefined>>,
      () => left.abort(),
    );
  }
}

/**
 * A {@linkcode LightQueue} that also counts the items that are done: `taskDone()` and `join()`.
 *
 * Call `taskDone()` in `finally`. Otherwise the item of a consumer that was killed stays unfinished, and `join()` waits for ever.
 *
 * @typeParam T The type of the items.
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
 *
 * @category Coordination
 */
export class Queue<T = unknown> extends LightQueue<T> {
  /** The number of items that were put, and not reported done. */
  get unfinished(): number {
    return this[CORE].read(UNFINISHED);
  }

  /**
   * Reports one item done.
   *
   * @throws {RangeError} If all items were reported done already.
   */
  taskDone(): void {
    this[CORE].taskDone();
  }

  /**
   * Blocks the green thread until all items are reported done.
   *
   * @param options See {@linkcode WaitOptions}.
   * @throws {Timeout} If they were not done in time.
   * @throws {BlockingCallError} If it is called on the hub: use `joinAsync()` there.
   */
  join(options?: WaitOptions): void {
    this[CORE].join(options);
  }

  /**
   * Waits until all items are reported done, in async code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise that settles then; it rejects with a `Timeout` if they were not done in time.
   */
  joinAsync(options?: WaitOptions): Promise<void> {
    return twin(() => this.join(options), () => this[CORE].joinAsync(options));
  }
}

/**
 * A {@linkcode Queue} whose last item comes out first.
 *
 * @typeParam T The type of the items.
 *
 * @example Last in, first out
 * ```ts
 * import { LifoQueue } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new LifoQueue<number>();
 * for (const n of [1, 2, 3]) queue.tryPut(n);
 * assertEquals([queue.tryGet(), queue.tryGet(), queue.tryGet()], [3, 2, 1]);
 * ```
 *
 * @category Coordination
 */
export class LifoQueue<T = unknown> extends Queue<T> {}

/**
 * A {@linkcode Queue} whose item with the lowest priority comes out first. Of two with the same priority, the older one does.
 *
 * The priority is given with the item. Without that, the priority is the item itself if this is a number, or the first member of
 * an array.
 *
 * @typeParam T The type of the items.
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
 *
 * @category Coordination
 */
export class PriorityQueue<T = unknown> extends Queue<T> {}

/** Returns the priority of an item that is about to be put. */
function priorityOf(
  { order }: QueueCore,
  item: unknown,
  options: Pick<PutOptions, "priority"> | undefined,
): number {
  return order === "priority" ? checkedPriority(item, options) : 0;
}

function checkedPriority(
  item: unknown,
  options: Pick<PutOptions, "priority"> | undefined,
): number {
  checkOptionsObject("put", options, "{ priority: 1 }", PUT_KEYS);
  const given = options?.priority ?? undefined;
  if (given !== undefined && (typeof given !== "number" || Number.isNaN(given))) {
    throw new TypeError(
      `Cannot put: expected a number for "priority", found ${show(given)}`,
    );
  }
  const own: unknown = Array.isArray(item) ? item[0] : item;
  const priority = given ?? own;
  if (typeof priority === "number" && !Number.isNaN(priority)) return priority;
  throw new TypeError(
    "Cannot put: the item is neither a number nor an array that begins with a number: set its priority, as in { priority: 1 }",
  );
}

/** A class of queues as it crosses, and the order in which its items leave. */
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
  brand(Class, wireName);
  Object.defineProperty(Class.prototype, WAY, { value: { wireName, order } });
  registerKind<LightQueue>(
    wireName,
    Class,
    (buffer, name) => new QueueCore(wireName, order, buffer, name),
  );
}
