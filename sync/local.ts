/**
 * Values that each green thread has for itself. Semantics: eventlet's `corolocal.local`, but a value ends with its thread.
 *
 * @module
 */

import { blocking, greenSide } from "../bridge/side/side.ts";

/**
 * A value for each green thread.
 *
 * - The value is made by the function given to `local()`, when a thread first asks for it.
 * - The value is gone when the thread ends: the next thread in the same Worker makes its own. A spawned thread does not inherit
 *   it.
 * - The value never crosses: it lies in the Worker that runs the thread.
 *
 * @typeParam T The type of the value.
 *
 * @category Threads
 */
export interface Local<T> {
  /**
   * Returns the value of the green thread that runs now.
   *
   * @returns The value.
   * @throws {BlockingCallError} On the hub, where no green thread runs: use an `AsyncLocalStorage` there.
   */
  get(): T;
  /**
   * Sets the value of the green thread that runs now.
   *
   * @param value The value.
   * @throws {BlockingCallError} On the hub.
   */
  set(value: T): void;
  /** Removes the value of the green thread that runs now. The next `get()` makes it anew. On the hub nothing is done. */
  clear(): void;
}

/**
 * Makes a value that each green thread has for itself.
 *
 * @typeParam T The type of the value.
 * @param init Makes the value. Called once for each thread that asks for its value.
 * @returns The access to the value, to keep in a module.
 * @throws {TypeError} If `init` is no function.
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
 *
 * @category Threads
 */
export function local<T>(init: () => T): Local<T>;
/**
 * Makes a value that each green thread has for itself, and that is `undefined` until it is set.
 *
 * @typeParam T The type of the value.
 * @returns The access to the value, to keep in a module.
 *
 * @example Set in one call, read in the next one
 * ```ts
 * import { local, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const seen = spawn(() => {
 *   const user = local<string>();
 *   const before = user.get();
 *   user.set("ada");
 *   return [before, user.get()];
 * });
 * assertEquals(await seen, [undefined, "ada"]);
 * ```
 */
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
