/**
 * An event with a value, for green threads and async code at once. Semantics: eventlet's `Event`.
 *
 * ```text
 *            send, sendError                       reset
 * EMPTY ──────────────────────> VALUE or ERROR ───────────> EMPTY
 *
 * STATUS    EMPTY, VALUE or ERROR
 * CURRENT   the block that has the value
 * list 0    waiters
 * a block   its SEQUENCE counts the references to it: that of the event, and one for each waiter that was woken for the value
 * ```
 *
 * All words change under the object's lock only. A grant names a block, from which the waiter reads the value: an event that
 * is reset and sent anew before the waiter runs does not change that block. Whoever drops the last reference frees the block;
 * a side that has a reference may read the block without the lock.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import { checkWaiting, show, type WaitOptions } from "../bridge/checks.ts";
import { blocking } from "../bridge/side/side.ts";
import { Core, entering, FIRST_WORD, listAt, nameIn, timedOut } from "../bridge/memory/core.ts";
import {
  asStored,
  Block,
  discard,
  Heap,
  HEAP_WORDS,
  isThrown,
  type Item,
  makeItem,
  makeThrown,
} from "../bridge/memory/heap.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { discardValue } from "../bridge/memory/stored_values.ts";
import type { Waiters } from "../bridge/memory/waiters.ts";
import type { Outcome } from "../bridge/protocol/messages.ts";
import { twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

const STATUS = FIRST_WORD;
const CURRENT = FIRST_WORD + 1;
const LISTS = FIRST_WORD + 2;
const HEAP = LISTS + 3;
const WORDS = HEAP + HEAP_WORDS - FIRST_WORD;

const EMPTY = 0;
const VALUE = 1;
const ERROR = 2;

/** The core of an event. */
class EventCore extends Core {
  readonly kind = "event";
  readonly wireName = "GreenEvent";
  readonly lists: readonly Waiters[] = [this.list(0, listAt(LISTS, 0))];
  readonly #heap: Heap;

  constructor(buffer?: SharedArrayBuffer, name?: string) {
    super(WORDS, buffer, { bytes: 512, most: 1 << 20 });
    this.#heap = new Heap(this.buffer, this.words, HEAP);
    this.named(name);
  }

  get status(): number {
    return Atomics.load(this.words, STATUS);
  }

  /** Sends an item that was made ready. */
  send(item: Item, value: unknown, status: number): void {
    this.enter();
    const sent = this.words[STATUS] !== EMPTY;
    const block = sent ? 0 : this.#heap.store(item);
    if (block !== 0) {
      let count = 1;
      const waiters = this.lists[0];
      while (waiters.grant(this.wakes, block) !== 0) count++;
      this.#heap.words[block + Block.Sequence] = count;
      this.words[CURRENT] = block;
      Atomics.store(this.words, STATUS, status);
    }
    this.leave();
    if (block !== 0) return;
    discard(item);
    if (sent) {
      throw new Error(
        `Cannot send: ${this.title} was sent already: call reset() before sending again`,
      );
    }
    // The memory is full of values that waiters have not taken: one that is stored on the hub takes the least.
    if (item.stored !== 0) {
      throw new RangeError(`Cannot send: ${this.title} is full of values that no waiter has taken`);
    }
    this.send(asStored(value, this, status === ERROR), value, status);
  }

  reset(): void {
    this.enter();
    const block = this.words[CURRENT];
    const empty = this.words[STATUS] === EMPTY;
    Atomics.store(this.words, STATUS, EMPTY);
    if (!empty) this.#uncount(block);
    this.leave();
    if (empty) throw new Error(`Cannot reset: ${this.title} was not sent`);
  }

  /** Refers to the block with the value, and returns the block; 0 if there is none. */
  take(): number {
    this.enter();
    const block = this.#takeNow();
    this.leave();
    return block;
  }

  /** Refers to the block with the value, and returns the block; or takes a node for the wait, and returns it negated. */
  takeOrWait(thread: number): number {
    this.enter();
    try {
      return this.#takeNow() || -this.enlist(0, thread);
    } finally {
      this.leave();
    }
  }

  /** Waits in green code; returns the block. */
  wait(options: WaitOptions | undefined): number {
    const green = blocking("wait()", "await waitAsync()");
    const thread = entering(green, "wait()", options);
    const block = this.takeOrWait(thread);
    if (block > 0) return block;
    if (!this.block(green, 0, -block, options)) throw timedOut(options);
    return this.#granted(-block);
  }

  /** Waits on the hub; returns the block. */
  async waitAsync(options: WaitOptions | undefined): Promise<number> {
    checkWaiting(options);
    const block = this.takeOrWait(0);
    if (block > 0) return block;
    if (!await this.awaitGrant(0, -block, options)) throw timedOut(options);
    return this.#granted(-block);
  }

  /** Returns, or throws, the value in a block, and drops the reference to the block. */
  unwrap(block: number): unknown {
    let value: unknown;
    const thrown = isThrown(this.#heap.format(block));
    try {
      value = this.#heap.read(block, true);
    } finally {
      this.enter();
      this.#uncount(block);
      this.leave();
    }
    if (thrown) throw value;
    return value;
  }

  protected handBack(_list: number, node: number): void {
    this.#uncount(this.data(node));
  }

  #takeNow(): number {
    if (this.words[STATUS] === EMPTY) return 0;
    const block = this.words[CURRENT];
    this.#heap.see(block);
    this.#heap.words[block + Block.Sequence]++;
    return block;
  }

  #granted(node: number): number {
    const block = this.data(node);
    this.freeNode(node);
    return block;
  }

  /** Drops a reference to a block. Under the lock. */
  #uncount(block: number): void {
    this.#heap.see(block);
    if (--this.#heap.words[block + Block.Sequence] > 0) return;
    const stored = this.#heap.storedOf(block);
    if (stored !== 0) this.#discarded.push(stored);
    this.#heap.free(block);
  }

  /** Stored values that nobody will ask for. They are discarded when the lock is free, as that may take a message. */
  readonly #discarded: number[] = [];

  override leave(): void {
    super.leave();
    while (this.#discarded.length > 0) discardValue(this.#discarded.pop()!);
  }
}

/**
 * Something that happens once, with a value or an error. Any number of green threads and async functions wait for it.
 *
 * - *Order:* waiters are woken in the order of their arrival, whichever side they are on.
 * - A waiter gets the value for which it was woken, even if the event was reset and sent again before the waiter ran.
 * - *Kill, timeout, abort* of a waiter, or a *crash* of its Worker: it leaves the line. Other waiters are not touched.
 * - The value is sent as any value is: each waiter gets a value of its own. The value stays until `reset()`.
 * - An event has no close.
 *
 * @typeParam T The value that is sent.
 *
 * @example Async code waits for a green thread
 * ```ts
 * import { GreenEvent, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const event = new GreenEvent<string>();
 * spawn((event: GreenEvent<string>) => event.send("done"), event);
 * assertEquals(await event.waitAsync(), "done");
 * ```
 *
 * @category Coordination
 */
export class GreenEvent<T = unknown> extends Coordination {
  static {
    brand(this, "GreenEvent");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: EventCore;

  /**
   * Makes an event that was not sent.
   *
   * @param options See {@linkcode NameOptions}.
   */
  constructor(options?: NameOptions) {
    super();
    this[CORE] = new EventCore(undefined, nameIn(options));
    this[CORE].object = this;
  }

  /** Whether the event was sent: `wait()` would not wait. */
  get ready(): boolean {
    return this[CORE].status !== EMPTY;
  }

  /** Whether the event was sent with a value. */
  get hasResult(): boolean {
    return this[CORE].status === VALUE;
  }

  /** Whether the event was sent with an error. */
  get hasError(): boolean {
    return this[CORE].status === ERROR;
  }

  /** The number of waiters. */
  get waiting(): number {
    return this[CORE].lists[0].size;
  }

  /**
   * Sends a value. All waiters wake, and nobody who comes later waits. A green thread blocks only while a value that is large,
   * or refers to something, is left on the hub.
   *
   * @param value The value.
   * @throws {Error} If the event was sent already.
   * @throws {NotCloneableError} If the value cannot cross.
   */
  send(value?: T): void {
    const core = this[CORE];
    core.send(makeItem(value, core), value, VALUE);
  }

  /**
   * Sends an error, which `wait()` throws; for the rest as {@linkcode GreenEvent.prototype.send | GreenEvent.send}.
   *
   * @param error The error, or another value to throw.
   * @throws {Error} If the event was sent already.
   * @throws {NotCloneableError} If the error cannot cross.
   */
  sendError(error: unknown): void {
    const core = this[CORE];
    core.send(makeThrown(error, core), error, ERROR);
  }

  /**
   * Sends the outcome of a green thread, as a value or an error: `thread.link((thread) => event.settle(thread.outcome()!))`.
   *
   * @param outcome The thread's `outcome()`.
   * @throws {TypeError} If this is no outcome: the thread has not ended.
   * @throws {Error} If the event was sent already.
   */
  settle(outcome: Outcome<T>): void {
    const status: unknown = (outcome as Partial<Outcome<T>> | null | undefined)?.status;
    if (status !== "fulfilled" && status !== "rejected" && status !== "killed") {
      throw new TypeError(
        `Cannot settle an event: expected what outcome() of a thread that has ended gave, found ${
          show(outcome)
        }`,
      );
    }
    if (outcome.status === "fulfilled") this.send(outcome.value);
    else this.sendError(outcome.reason);
  }

  /**
   * Waits for the value; blocks the green thread.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns The value that was sent.
   * @throws The error that was sent by `sendError()`; a `Timeout` if nothing was sent in time.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAsync()` there.
   */
  wait(options?: WaitOptions): T {
    const core = this[CORE];
    return core.unwrap(core.wait(options)) as T;
  }

  /**
   * Waits for the value, in async code.
   *
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the value. It rejects with the error that was sent by `sendError()`, and with a `Timeout` if nothing was
   * sent in time.
   */
  waitAsync(options?: WaitOptions): Promise<T> {
    const core = this[CORE];
    return twin(
      () => this.wait(options),
      async () => core.unwrap(await core.waitAsync(options)) as T,
    );
  }

  /**
   * Looks for the value, without waiting.
   *
   * @returns The value that was sent, or `undefined`: {@linkcode GreenEvent.prototype.ready | GreenEvent.ready} tells them apart.
   * @throws The error that was sent by `sendError()`.
   */
  poll(): T | undefined {
    const core = this[CORE];
    const block = core.take();
    return block === 0 ? undefined : core.unwrap(block) as T;
  }

  /**
   * Makes the event as if it had not been sent.
   *
   * @throws {Error} If the event was not sent.
   */
  reset(): void {
    this[CORE].reset();
  }
}

registerKind("GreenEvent", GreenEvent, (buffer, name) => new EventCore(buffer, name));
