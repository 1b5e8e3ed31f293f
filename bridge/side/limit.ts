/**
 * Limits that go with the async context: what the library waits for within one ends when the limit does, though nobody has
 * passed it on.
 *
 * `withTimeoutAsync()` makes one, and so does an iteration of the hub for the steps of its iterator. A wait looks for it by
 * {@linkcode currentLimit}; where no limit was ever made, that is one look at a field, so calls pay nothing.
 *
 * **Who it is for.** A limit is for the side that made it: for async code of the hub, or for the green thread, known by its id.
 * A thread that is run on top of a blocked one sees the limits of that one, which are not its own.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { state } from "../state.ts";
import type { Timeout } from "./timeout.ts";

/** The limits of this side. */
interface Known {
  /** The storage of the limits; `undefined` until one was made, as each wait looks here. */
  storage: AsyncLocalStorage<Limit | undefined> | undefined;
}

const known = state("limits", (): Known => ({ storage: undefined }));

/** A limit of a flow of control. */
export class Limit {
  readonly thread: number;
  readonly timeout: Timeout | undefined;
  /** The limit in which it was made. */
  readonly outer: Limit | undefined;
  readonly #controller = new AbortController();
  readonly #follow = () => this.abort(this.outer!.signal.reason);
  #over = false;

  /**
   * @param thread The green thread that it is for; 0 for async code of the hub.
   * @param timeout What it is to throw in green code that blocks, if it ends by itself after some time.
   */
  constructor(thread: number, timeout?: Timeout) {
    this.thread = thread;
    this.timeout = timeout;
    this.outer = currentLimit(thread);
    if (!this.outer) return;
    if (this.outer.signal.aborted) this.#follow();
    else this.outer.signal.addEventListener("abort", this.#follow);
  }

  /** Aborted when nothing within it is to be waited for any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether what it was for has ended: what that has left running has no limit any more. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether it, or one around it, ends by itself after some time. */
  get timed(): boolean {
    return this.timeout !== undefined && this.timeout.due < Infinity || this.outer?.timed === true;
  }

  /** Calls a function within it. */
  run<R>(fn: () => R): R {
    return (known.storage ??= new AsyncLocalStorage()).run(this, fn);
  }

  /** Ends all waits within it. */
  abort(reason: unknown): void {
    this.outer?.signal.removeEventListener("abort", this.#follow);
    this.#controller.abort(reason);
  }

  /** What it was for has ended. If it was aborted, that stays: what goes on within it is to wait for nothing. */
  end(): void {
    this.outer?.signal.removeEventListener("abort", this.#follow);
    this.#over = !this.signal.aborted;
  }
}

/**
 * The limit of what runs now, if there is one.
 *
 * @param thread The green thread that asks; 0 for async code of the hub.
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

/** Calls a function outside of all limits: what it begins outlives whoever waits for it. */
export function outsideLimits<R>(fn: () => R): R {
  const { storage } = known;
  return storage?.getStore() ? storage.run(undefined, fn) : fn();
}

/**
 * On the hub: waits for a promise as long as the limit of what runs now allows. The promise goes on.
 *
 * @param begin Gives the promise. It is called outside of limits.
 * @returns A promise of the same, which rejects with the reason of the limit if that ends first.
 */
export function limited<T>(begin: () => Promise<T>): Promise<T> {
  const signal = currentLimit(0)?.signal;
  return signal ? untilAborted(outsideLimits(begin), signal) : begin();
}

/**
 * On the hub: has something left when the limit ends in which it is made. Whoever made it is out of time, and a loop that is left
 * by that does not say so.
 *
 * @param leave Called then, after those have heard of it who wait.
 * @returns Says that it has been left.
 */
export function leaveWithLimit(leave: () => unknown): () => void {
  const signal = currentLimit(0)?.signal;
  if (!signal) return () => {};
  const onAbort = () => queueMicrotask(() => outsideLimits(leave));
  signal.addEventListener("abort", onAbort, { once: true });
  return () => signal.removeEventListener("abort", onAbort);
}

/** Waits for a promise until a signal is aborted: then it rejects with the signal's reason. */
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
