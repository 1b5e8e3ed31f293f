/**
 * An event with a value, for green threads and async code at once. Semantics: eventlet's `Event`.
 *
 * ```text
 *            send, sendError                       reset
 * EMPTY ──────────────────────> VALUE or ERROR ───────────> EMPTY
 *
 * STATUS    EMPTY, VALUE or ERROR
 * CURRENT   the block that has the value
 * list 0    who waits
 * a block   its SEQUENCE counts who refers to it: the event itself, and each waiter that was woken for it
 * ```
 *
 * All words change under the object's lock only. A waiter that was woken has its value by the block that it was given: an
 * event that is reset and sent anew before the waiter runs does not change it. Whoever takes away the last count frees the
 * block; one who counts may read it without the lock.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import { show } from "../bridge/checks.ts";
import { blocking } from "../bridge/side/side.ts";
import {
  checkWaiting,
  Core,
  entering,
  FIRST_WORD,
  listAt,
  nameIn,
  timedOut,
  type WaitingOptions,
} from "../bridge/memory/core.ts";
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

  /** Sends what was made ready. */
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
      throw new RangeError(`Cannot send: values that nobody has taken fill ${this.title}`);
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

  /** The block with the value, which is counted once more; 0 if there is none. */
  take(): number {
    this.enter();
    const block = this.#takeNow();
    this.leave();
    return block;
  }

  /** The block with the value, or a node for the wait (less than 0). */
  takeOrWait(thread: number): number {
    this.enter();
    try {
      return this.#takeNow() || -this.enlist(0, thread);
    } finally {
      this.leave();
    }
  }

  /** Waits in green code; gives the block. */
  wait(options: WaitingOptions | undefined): number {
    const green = blocking("wait()", "await waitAsync()");
    const thread = entering(green, "wait()", options);
    const block = this.takeOrWait(thread);
    if (block > 0) return block;
    if (!this.block(green, 0, -block, options)) throw timedOut(options);
    return this.#granted(-block);
  }

  /** Waits on the hub; gives the block. */
  async waitAsync(options: WaitingOptions | undefined): Promise<number> {
    checkWaiting(options);
    const block = this.takeOrWait(0);
    if (block > 0) return block;
    if (!await this.awaitGrant(0, -block, options)) throw timedOut(options);
    return this.#granted(-block);
  }

  /** The value in a block, returned or thrown. The block is counted no more. */
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

  /** Takes a count of a block away. Under the lock. */
  #uncount(block: number): void {
    this.#heap.see(block);
    if (--this.#heap.words[block + Block.Sequence] > 0) return;
    const stored = this.#heap.storedOf(block);
    if (stored !== 0) this.#discarded.push(stored);
    this.#heap.free(block);
  }

  /** Stored values that nobody will ask for: they are discarded when the lock is free, as that may take a message. */
  readonly #discarded: number[] = [];

  override leave(): void {
    super.leave();
    while (this.#discarded.length > 0) discardValue(this.#discarded.pop()!);
  }
}

/**
 * Something that happens once, with a value or an error: any number of green threads and async functions wait for it.
 *
 * - *Order:* waiters are woken in the order of their arrival, whichever side they are on.
 * - A waiter gets the value that was sent when it was woken, even if the event was reset and sent again before it ran.
 * - *Kill, timeout, abort* of one who waits: it leaves the line; nobody else is touched. A crash of its Worker too.
 * - The value is sent as any value is: each waiter gets one of its own. It stays until `reset()`.
 * - It has no close.
 *
 * @typeParam T What is sent.
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
 */
export class GreenEvent<T = unknown> extends Coordination {
  static {
    brand(this, "GreenEvent");
  }

  /**
   * For the library.
   *
   * @internal
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

  /** Whether it was sent: `wait()` would not wait. */
  get ready(): boolean {
    return this[CORE].status !== EMPTY;
  }

  /** Whether it was sent with a value. */
  get hasResult(): boolean {
    return this[CORE].status === VALUE;
  }

  /** Whether it was sent with an error. */
  get hasError(): boolean {
    return this[CORE].status === ERROR;
  }

  /** How many wait for it. */
  get waiting(): number {
    return this[CORE].lists[0].size;
  }

  /**
   * Sends a value: wakes all who wait, and whoever comes later does not wait. Blocks a green thread only while a value that
   * is large, or refers to something, is left on the hub.
   *
   * @param value The value.
   * @throws {Error} If it was sent already.
   * @throws {NotCloneableError} If the value cannot cross.
   */
  send(value?: T): void {
    const core = this[CORE];
    core.send(makeItem(value, core), value, VALUE);
  }

  /**
   * Sends an error: whoever waits has it thrown. As {@linkcode GreenEvent.send}.
   *
   * @param error What is to be thrown.
   * @throws {Error} If it was sent already.
   */
  sendError(error: unknown): void {
    const core = this[CORE];
    core.send(makeThrown(error, core), error, ERROR);
  }

  /**
   * Sends how a green thread ended: `thread.link((thread) => event.settle(thread.outcome()!))`.
   *
   * @param outcome What `outcome()` gave.
   * @throws {TypeError} If it is no outcome: the thread has not ended.
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
   * @param options See {@linkcode WaitingOptions}.
   * @returns The value that was sent.
   * @throws What was sent by `sendError()`; a `Timeout` if nothing was sent in time.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAsync()` there.
   */
  wait(options?: WaitingOptions): T {
    const core = this[CORE];
    return core.unwrap(core.wait(options)) as T;
  }

  /**
   * Waits for the value, in async code.
   *
   * @param options See {@linkcode WaitingOptions}.
   * @returns A promise of what {@linkcode GreenEvent.wait} returns or throws.
   */
  waitAsync(options?: WaitingOptions): Promise<T> {
    const core = this[CORE];
    return twin(
      () => this.wait(options),
      async () => core.unwrap(await core.waitAsync(options)) as T,
    );
  }

  /**
   * The value, if it was sent; without waiting.
   *
   * @returns What was sent, or `undefined`: {@linkcode GreenEvent.ready} tells them apart.
   * @throws What was sent by `sendError()`.
   */
  poll(): T | undefined {
    const core = this[CORE];
    const block = core.take();
    return block === 0 ? undefined : core.unwrap(block) as T;
  }

  /**
   * Makes it as if it had not been sent.
   *
   * @throws {Error} If it was not sent.
   */
  reset(): void {
    this[CORE].reset();
  }
}

registerKind("GreenEvent", GreenEvent, (buffer, name) => new EventCore(buffer, name));
