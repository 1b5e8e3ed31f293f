/**
 * Values that each green thread has for itself. Semantics: eventlet's `corolocal.local`, without what is left behind there.
 *
 * @module
 */

import { blocking, greenSide } from "../bridge/side/side.ts";

/**
 * A value for each green thread.
 *
 * - It is made when a thread first asks for it, by the function that was given.
 * - It is gone when the thread ends: the next thread in the same Worker makes its own. It is not inherited.
 * - It never crosses: each thread's value lies in the Worker that runs it.
 *
 * @typeParam T The value.
 */
export interface Local<T> {
  /**
   * The value of the green thread that asks.
   *
   * @throws {BlockingCallError} On the hub, where no green thread runs: use an `AsyncLocalStorage` there.
   */
  get(): T;
  /** Gives the green thread that asks another value. */
  set(value: T): void;
  /** Takes the value of the green thread that asks away: it is made anew when it is asked for. */
  clear(): void;
}

/**
 * Makes a value that each green thread has for itself.
 *
 * @param init Makes the value; called once for each thread that asks for it.
 * @returns The value's handle, to keep in a module.
 *
 * @example A counter for each thread
 * ```ts
 * import { local, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const count = () => {
 *   const counter = local(() => ({ n: 0 }));
 *   counter.get().n++;
 *   return counter.get().n;
 * };
 * assertEquals([await spawn(count), await spawn(count)], [1, 1]);
 * ```
 */
export function local<T>(init: () => T): Local<T>;
/** As above, for a value that is `undefined` until it is set. */
export function local<T>(): Local<T | undefined>;
export function local<T>(init?: () => T): Local<T | undefined> {
  if (init !== undefined && typeof init !== "function") {
    throw new TypeError("Cannot make a local: expected a function that makes its value");
  }
  const key = {};
  const values = (call: string) => blocking(`${call}()`, "an AsyncLocalStorage").locals;
  return {
    get() {
      const here = values("get");
      if (!here.has(key)) here.set(key, init?.());
      return here.get(key) as T | undefined;
    },
    set(value) {
      values("set").set(key, value);
    },
    clear() {
      greenSide()?.locals.delete(key);
    },
  };
}
