/**
 * Iterating on the hub, for green code.
 *
 * @module
 */

import { BATCH_BYTES, BATCH_ITEMS, weigh } from "../bridge/batch.ts";
import { isThenable, Op } from "../bridge/live.ts";
import { Service } from "../bridge/service.ts";
import { show } from "../bridge/show.ts";
import { currentCall } from "./call_context.ts";

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/**
 * Takes items from an iterator, some ahead of the green thread that uses them, and stops while there are enough.
 *
 * Items are taken one after another, as `for await` does. An error comes after the items before it.
 */
export class HubSource extends Service {
  readonly #iterator: AnyIterator;
  /** Ends what the iterator waits for, where that can be done. */
  readonly #cancel: ((reason: unknown) => Promise<unknown>) | undefined;
  #items: unknown[] = [];
  #bytes = 0;
  #taking = false;
  /** Settles when the item that is waited for has come. */
  #settling: PromiseLike<unknown> | undefined;
  #stopped = false;
  #ended: { readonly error?: unknown; readonly failed: boolean } | undefined;
  #wake: (() => void) | undefined;

  constructor(object: object) {
    super();
    const stream = object instanceof ReadableStream ? object : undefined;
    const reader = stream?.getReader();
    this.#cancel = reader &&
      ((reason) => reader.cancel(reason).finally(() => reader.releaseLock()));
    this.#iterator = reader ? { next: () => reader.read() as never } : iteratorOf(object);
  }

  /** Begins, and gives itself with the first batch, or nothing when that is all. */
  async begin(): Promise<unknown> {
    const [items, done] = await this.#pull();
    return [done ? null : this, items, done];
  }

  serve(op: number): unknown {
    if (op === Op.Pull) return this.#pull();
    if (op === Op.Stop) return this.#stop();
    throw new TypeError(`Cannot do ${op} to an iteration`);
  }

  released(): void {
    this.#stop().catch(() => {});
  }

  async #pull(): Promise<[unknown[], boolean]> {
    // Whoever waits may be killed, and then nobody will ever ask for more.
    const signal = currentCall()?.signal;
    const onAbort = () => this.released();
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    this.#take();
    while (this.#items.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    signal?.removeEventListener("abort", onAbort);
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    if (items.length === 0 && this.#ended?.failed) {
      const { error } = this.#ended;
      this.#ended = { failed: false };
      throw error;
    }
    const done = this.#ended !== undefined && !this.#ended.failed;
    if (!done) this.#take();
    return [items, done];
  }

  /** Takes items until there are enough, or until one has to be waited for. */
  #take(): void {
    while (!this.#taking && !this.#ended && !this.#isFull()) {
      this.#taking = true;
      let step: unknown;
      try {
        step = this.#iterator.next();
        if (isThenable(step)) return this.#await(step);
        this.#add(step);
      } catch (error) {
        return this.#end(error);
      }
    }
  }

  #await(step: PromiseLike<unknown>): void {
    this.#settling = step.then((step) => {
      this.#add(step);
      this.#take();
    }).then(undefined, (error) => this.#end(error));
  }

  #isFull(): boolean {
    return this.#items.length >= BATCH_ITEMS || this.#bytes >= BATCH_BYTES;
  }

  #add(step: unknown): void {
    if (typeof step !== "object" && typeof step !== "function" || step === null) {
      throw new TypeError(
        `Cannot iterate: expected next() to give an object with "value" and "done", found ${
          show(step)
        }`,
      );
    }
    const { done, value } = step as IteratorResult<unknown>;
    this.#taking = false;
    if (done) this.#ended ??= { failed: false };
    // What comes after the end was asked for before it.
    else if (!this.#stopped) {
      this.#items.push(value);
      this.#bytes += weigh(value);
    }
    this.#wakeUp();
  }

  #end(error: unknown): void {
    this.#taking = false;
    this.#ended ??= { failed: true, error };
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async #stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#items = [];
    const ended = this.#ended;
    this.#ended ??= { failed: false };
    this.#wakeUp();
    if (this.#cancel) return void await this.#cancel("The green thread wants no more of it");
    if (ended) return;
    const returned = this.#iterator.return?.();
    // A generator that waits for something hears of it when that has come. It may never come.
    if (this.#taking) await Promise.race([this.#settling, patience()]);
    if (this.#taking) Promise.resolve(returned).catch(() => {});
    else await returned;
  }
}

/** How long a green thread that breaks off waits for a generator that waits for something itself, in milliseconds. */
const PATIENCE_MS = 250;

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
}

// deno-lint-ignore no-explicit-any
type Members = Record<PropertyKey, any>;

function iteratorOf(object: object): AnyIterator {
  const members = object as Members;
  const make = members[Symbol.asyncIterator] ?? members[Symbol.iterator];
  if (typeof make === "function") return make.call(object);
  throw new TypeError("Cannot iterate over a handle: its object is not iterable");
}
