/**
 * Iterations on the hub for green code: an item is taken when green code asks for it, and not before, unless it reads ahead.
 *
 * ```text
 * an item    asked for ──> has come ──> sent ──> received: forgotten here
 *                                        └──(the thread gave up meanwhile)──> sent again
 * a resource open ──(the iterator ends or throws)──> ended
 *            open ──(left, released, its thread has ended)──> stopped: `return()` is called
 * ```
 *
 * The Worker says with each `Pull` how many items it has received, so that no item is lost that was on its way when a time limit
 * of the thread was over. An iterator is asked for one item at a time, as by `for await`. The steps of the iterator run within a
 * limit: when the resource is stopped, the limit ends what they wait for in this library.
 *
 * @module
 */

import { GreenletExit } from "../../bridge/errors.ts";
import { isThenable } from "../../bridge/references/thenables.ts";
import { Limit } from "../../bridge/side/limit.ts";
import { Op } from "../../bridge/references/live.ts";
import { Resource } from "../../bridge/references/exports.ts";
import { checkStep, MOST_AHEAD } from "../../bridge/side/steps.ts";
import { type Belonging, belongTo } from "./belongings.ts";
import { currentCall } from "../base/call_context.ts";

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** The number of bytes of a stream that may have been read and not been used by green code. */
const WINDOW = 1 << 18;

/** Takes items from an iterator of the hub when green code asks for them. An error is thrown after the items before it. */
export class HubIterator extends Resource implements Belonging {
  readonly #iterator: AnyIterator;
  /** Cancels the stream that the items come from, if they come from one. */
  readonly #cancel: ((reason: unknown) => Promise<unknown>) | undefined;
  readonly #isBytes: boolean;
  readonly #limit = new Limit(0);
  /** Takes back that this belongs to the thread. */
  readonly #part: () => void;
  /** Items that have come and were not received; the first of them has the number {@linkcode HubIterator.#first}. */
  #items: unknown[] = [];
  #first = 0;
  /** The number of items that may be asked for in all. */
  #most = 0;
  /** The number of bytes in `#items`. */
  #bytes = 0;
  /** Whether an item is being waited for. */
  #taking = false;
  /** Settles when that item has come. */
  #settling: PromiseLike<unknown> | undefined;
  #stopping: Promise<void> | undefined;
  #threadEnded = false;
  #ended: { readonly error?: unknown; readonly failed: boolean } | undefined;
  #wakes: (() => void)[] = [];

  /** @param object The object to iterate over, for the green thread whose call is being served. */
  constructor(object: object) {
    super();
    const stream = object instanceof ReadableStream ? object : undefined;
    this.#isBytes = stream !== undefined && isByteStream(stream);
    const reader = stream?.getReader();
    this.#cancel = reader &&
      ((reason) => reader.cancel(reason).finally(() => reader.releaseLock()));
    this.#iterator = reader ? { next: () => reader.read() as never } : iteratorOf(object);
    this.#part = belongTo(currentCall()?.threadId ?? 0, this);
  }

  perform(op: number, args: readonly unknown[]): unknown {
    if (op === Op.Pull) return this.#pull(Number(args[0]), Number(args[1]));
    if (op === Op.Stop) return this.#stop();
    throw new TypeError(`Cannot use an iteration: there is no operation ${op}`);
  }

  released(): void {
    this.#stop().catch(() => {});
  }

  /** The thread that began the iteration has ended. */
  threadEnded(): void {
    this.#threadEnded = true;
    this.released();
  }

  /**
   * Gives the items that are there, one at least, and whether they are the last ones.
   *
   * @param received The number of items that the thread has received.
   * @param ahead The number of items that it wants beyond the next one.
   */
  async #pull(received: number, ahead: number): Promise<[unknown[], boolean]> {
    if (this.#threadEnded) {
      throw new Error("Cannot go on with an iteration: the green thread that began it has ended");
    }
    const gone = received - this.#first;
    if (!(gone >= 0 && gone <= this.#items.length)) {
      throw new TypeError(
        "Cannot go on with an iteration: the Worker says that it has more items than the hub has sent",
      );
    }
    if (!(ahead >= 0 && ahead <= MOST_AHEAD)) {
      throw new RangeError(
        `Cannot go on with an iteration: expected from 0 to ${MOST_AHEAD} items ahead, found ${ahead}`,
      );
    }
    for (const item of this.#items.splice(0, gone)) this.#bytes -= weigh(item);
    this.#first = received;
    this.#most = received + 1 + ahead;
    this.#take();
    while (this.#items.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wakes.push(resolve));
    }
    const items = this.#isBytes ? [...this.#items] : this.#items.slice(0, 1 + ahead);
    if (items.length === 0 && this.#ended?.failed) throw this.#ended.error;
    return [items, this.#ended?.failed === false && items.length === this.#items.length];
  }

  /** Takes items until there are enough, or one has to be waited for. */
  #take(): void {
    while (!this.#taking && !this.#ended && this.#wantsMore) {
      this.#taking = true;
      let step: unknown;
      try {
        step = this.#limit.run(() => this.#iterator.next());
        if (isThenable(step)) return this.#await(step);
        this.#add(step);
      } catch (error) {
        return this.#end(error);
      }
    }
  }

  get #wantsMore(): boolean {
    if (this.#first + this.#items.length < this.#most) return true;
    return this.#isBytes && this.#bytes < WINDOW;
  }

  #await(step: PromiseLike<unknown>): void {
    this.#settling = step.then((step) => {
      this.#add(step);
      this.#take();
    }).then(undefined, (error) => this.#end(error));
  }

  #add(step: unknown): void {
    const { done, value } = checkStep(step);
    this.#taking = false;
    if (done) this.#end();
    // An item that comes after the end was asked for before it, and is dropped.
    else if (!this.#stopping) {
      this.#items.push(value);
      this.#bytes += weigh(value);
    }
    this.#wakeUp();
  }

  #end(...error: [unknown?]): void {
    this.#taking = false;
    const failed = error.length > 0;
    // An iterator that was stopped while it waited may fail with an error of its own.
    if (!this.#ended || this.#stopping && failed) this.#ended = { failed, error: error[0] };
    this.#part();
    this.#wakeUp();
  }

  #wakeUp(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  #stop(): Promise<void> {
    return this.#stopping ??= this.#doStop();
  }

  async #doStop(): Promise<void> {
    const ended = this.#ended;
    // Set at once: listeners that `abort()` calls may come back here.
    this.#stopping = Promise.resolve();
    this.#items = [];
    this.#ended ??= { failed: false };
    this.#part();
    this.#wakeUp();
    if (this.#cancel) {
      return void await this.#cancel("The green thread needs no more items of this iteration");
    }
    if (ended) return;
    const reason = new GreenletExit("The green thread needs no more items of this iteration");
    this.#limit.abort(reason);
    const returned = this.#limit.run(() => this.#iterator.return?.());
    // A generator that waits for something outside of the library stops when that has come, which may be never.
    if (this.#taking) await Promise.race([this.#settling, patience()]);
    if (this.#taking) Promise.resolve(returned).catch(() => {});
    else await returned;
    const { failed, error } = this.#ended;
    if (failed && error !== reason) throw error;
  }
}

/** The longest time that a green thread which leaves the loop waits for a generator that waits itself, in milliseconds. */
const PATIENCE_MS = 250;

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
}

/** Whether a stream is a byte stream: only that has readers with a buffer of their own. */
function isByteStream(stream: ReadableStream): boolean {
  if (stream.locked) return false;
  try {
    stream.getReader({ mode: "byob" }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

/** The number of bytes of an item. */
function weigh(item: unknown): number {
  return ArrayBuffer.isView(item) ? item.byteLength : 0;
}

// deno-lint-ignore no-explicit-any
type Members = Record<PropertyKey, any>;

function iteratorOf(object: object): AnyIterator {
  const members = object as Members;
  const make = members[Symbol.asyncIterator] ?? members[Symbol.iterator];
  if (typeof make === "function") return make.call(object);
  throw new TypeError("Cannot iterate over a handle: its object is not iterable");
}
