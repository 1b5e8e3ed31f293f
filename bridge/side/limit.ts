/**
 * Limits that go with the async context: a wait of the library within a limit ends when the limit does, though nobody has passed
 * a signal on.
 *
 * `withTimeoutAsync()` makes a limit, and so does an iteration of the hub for the steps of its iterator. A wait looks for it by
 * {@linkcode currentLimit}; where no limit was ever made, that is one look at a field, so calls pay nothing.
 *
 * **Whose it is.** A limit is for the flow that made it: async code of the hub, or a green thread, known by its id. A thread
 * that is run on top of a blocked one finds that thread's limits in its context, which are not its own.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { state } from "../state.ts";
import type { Timeout } from "./timeout.ts";

/** The storage of this side's limits. */
interface Known {
  /** The storage of the limits; `undefined` until one was made, as each wait looks here. */
  storage: AsyncLocalStorage<Limit | undefined> | undefined;
}

const known = state("limits", (): Known => ({ storage: undefined }));

/** A limit of a flow of control. */
export class Limit {
  /** The id of the green thread that the limit is for; 0 for async code of the hub. */
  readonly thread: number;
  /** The error to throw in green code that blocks, if the limit ends by itself after some time. */
  readonly timeout: Timeout | undefined;
  /** The limit in which this one was made. */
  readonly outer: Limit | undefined;
  readonly #controller = new AbortController();
  readonly #follow = () => this.abort(this.outer!.signal.reason);
  #over = false;

  /**
   * @param thread See {@linkcode Limit.thread}.
   * @param timeout See {@linkcode Limit.timeout}.
   */
  constructor(thread: number, timeout?: Timeout) {
    this.thread = thread;
    this.timeout = timeout;
    this.outer = currentLimit(thread);
    if (!this.outer) return;
    if (this.outer.signal.aborted) this.#follow();
    else this.outer.signal.addEventListener("abort", this.#follow);
  }

  /** The signal that is aborted when the limit ends the waits within it. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the limited work has ended without an abort: what it has left running has no limit any more. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether this limit, or one around it, ends by itself after some time. */
  get timed(): boolean {
    return this.timeout !== undefined && this.timeout.due < Infinity || this.outer?.timed === true;
  }

  /** Calls a function within the limit. */
  run<R>(fn: () => R): R {
    return (known.storage ??= new AsyncLocalStorage()).run(this, fn);
  }

  /** Ends all waits within the limit. */
  abort(reason: unknown): void {
    this.outer?.signal.removeEventListener("abort", this.#follow);
    this.#controller.abort(reason);
  }

  /** Notes that the limited work has ended. An abort stays: what goes on within an aborted limit is to wait for nothing. */
  end(): void {
    this.outer?.signal.removeEventListener("abort", this.#follow);
    this.#over = !this.signal.aborted;
  }
}

/**
 * The limit of the code that runs now, if there is one.
 *
 * @param thread The id of the green thread that asks; 0 for async code of the hub.
 */
export function currentLimit(thread: number): Limit | undefined {
  const { storage } = known;
  return storage === undefined ? undefined : limitIn(storage, thread);
}

/** Apart, so that the look at the field stays small. */
function limitIn(storage: AsyncLocalStorage<Limit | undefined>, thread: number): Limit | undefined {
  let limit = storage.getStore();
  while (limit && (limit.over || limit.thread !== thread)) limit = limit.outer;
  return limit;
}

/** Calls a function outside of all limits: the work that it begins outlives those who wait for it. */
export function outsideLimits<R>(fn: () => R): R {
  const { storage } = known;
  return storage?.getStore() ? storage.run(undefined, fn) : fn();
}

/**
 * Waits for a promise as long as the current limit allows. The promise goes on. Hub only.
 *
 * @param begin Makes the promise. It is called outside of limits.
 * @returns A promise of the same, which rejects with the reason of the limit if that ends first.
 */
export function limited<T>(begin: () => Promise<T>): Promise<T> {
  const signal = currentLimit(0)?.signal;
  return signal ? untilAborted(outsideLimits(begin), signal) : begin();
}

/**
 * Has an iteration left when the limit ends within which it is made: its maker is out of time, and a loop that is left in this
 * way does not say so. Hub only.
 *
 * @param leave Leaves the iteration. It is called after the waiters have heard of the end.
 * @returns A function that says that the iteration has been left by other means.
 */
export function leaveWithLimit(leave: () => unknown): () => void {
  const signal = currentLimit(0)?.signal;
  if (!signal) return () => {};
  const onAbort = () => queueMicrotask(() => outsideLimits(leave));
  signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

/** A promise of the same value, which rejects with the signal's reason when that is aborted first. */
export function untilAborted<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const settle = <V>(how: (value: V) => void) => (value: V) => {
      signal.removeEventListener("abort", onAbort);
      how(value);
    };
    promise.then(settle(resolve), settle(reject));
  });
}
