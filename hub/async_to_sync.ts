/**
 * Async functions for synchronous code.
 *
 * @module
 */

import type { GreenThread } from "../bridge/side/green_thread.ts";
import type { SyncArgument, SyncResult } from "../bridge/references/live_types.ts";
import { blocking, greenSide, isGreen } from "../bridge/side/side.ts";
import { intern } from "../bridge/protocol/messages.ts";
import {
  exportOf,
  mark,
  registerName,
  registerNamed,
  serveAs,
} from "../bridge/protocol/targets.ts";
import { getHub } from "./default_hub.ts";
import { FUTURE } from "./hub.ts";
import { HubPromise } from "./futures.ts";
import { registerFunction } from "./references/permissions.ts";
import { noteModule } from "../bridge/values/known_modules.ts";

/**
 * An async function that green code may call as if it were synchronous.
 *
 * @category Calls
 */
export interface AsyncToSync<A extends unknown[], R> {
  /**
   * Runs the function on the hub and blocks for its result. For green code. The function may also be passed to green code as an
   * argument, and blocks there too; its `.async()` and `.spawn()` do not come along then. A green thread that the function
   * returns without being `async` arrives as a handle. Any other object with a `then()` is awaited, as in `async` functions.
   *
   * @param args The arguments of the call. Functions among them become async functions on the hub.
   * @returns The value that the function's promise resolves to.
   * @throws What the function threw.
   * @throws {BlockingCallError} If it is called on the hub: use `.async()` there.
   */
  (
    ...args: { [K in keyof A]: SyncArgument<A[K]> }
  ): R extends GreenThread<unknown> ? R : SyncResult<Awaited<R>>;
  /**
   * On the hub: calls the function as it is. In green code: starts it on the hub without waiting, and gives a promise for
   * `futureToGreenlet`.
   *
   * @param args The arguments of the call.
   * @returns A promise of the result. On the hub it is a plain one, whatever its type says: it has no `thread`.
   */
  async(...args: A): HubPromise<Awaited<R>>;
  /**
   * Starts the function on the hub without waiting.
   *
   * @param args The arguments of the call.
   * @returns A green thread for its result: `.wait()` for it in green code, `await` it on the hub.
   */
  spawn(...args: A): GreenThread<Awaited<R>>;
}

/**
 * Makes an async function one that green code calls as if it were synchronous.
 *
 * @param meta The `import.meta` of the module that exports the result.
 * @param fn The function. Its name must be that of the export: the hub finds it by that.
 * @returns A function that blocks the green thread that calls it until the original has settled on the hub.
 * @throws {TypeError} If `meta` is no `import.meta`, or `fn` is no function or has no name; or if another function of
 * the module was wrapped under that name.
 *
 * @example A module that both sides import
 * ```ts
 * import { asyncToSync } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * export const fetchBody = asyncToSync(import.meta, async function fetchBody(url: string) {
 *   const response = await fetch(url); // runs on the hub
 *   return await response.text();
 * });
 *
 * // For green code: blocks twice, in its green thread only.
 * export function lengths(one: string, two: string): number[] {
 *   return [fetchBody(one).length, fetchBody(two).length];
 * }
 *
 * // On the hub:
 * assertEquals(await fetchBody.async("data:,hello"), "hello");
 * ```
 *
 * @category Calls
 * @priority 30
 */
export function asyncToSync<F extends (...args: never[]) => unknown>(
  meta: ImportMeta,
  fn: F,
): AsyncToSync<Parameters<F>, ReturnType<F>>;
/**
 * As above, under a name of its own: for code that is bundled or minified, as {@linkcode syncToAsync} has it.
 *
 * @param meta The `import.meta` of the module.
 * @param name The name by which the hub finds the function: one of its kind in the file, and in a bundle of it.
 * @param fn The function.
 * @returns A function that blocks the green thread that calls it.
 * @throws {TypeError} If `name` is no text, or another function of the module was wrapped under that name.
 */
export function asyncToSync<F extends (...args: never[]) => unknown>(
  meta: ImportMeta,
  name: string,
  fn: F,
): AsyncToSync<Parameters<F>, ReturnType<F>>;
export function asyncToSync<F extends (...args: never[]) => unknown>(
  meta: ImportMeta,
  ...given: [fn: F] | [name: string, fn: F]
): AsyncToSync<Parameters<F>, ReturnType<F>> {
  const found = exportOf<F>("asyncToSync()", meta, given);
  registerName("asyncToSync()", found);
  noteModule(meta.url, true);
  const { fn, target: { name } } = found;
  const target = intern(found.target);
  const wrapped = (...args: Parameters<F>) =>
    blocking(`${name}()`, `await ${name}.async()`).call(target, args);
  const onHub = (...args: Parameters<F>): Promise<unknown> =>
    // A synchronous throw is a rejection too, as in any async function.
    new Promise((resolve) => resolve(fn(...args)));
  const async = (...args: Parameters<F>) => {
    const green = greenSide();
    return green ? new HubPromise(green.start(target, args)) : onHub(...args);
  };
  const spawn = (...args: Parameters<F>) => {
    const green = greenSide();
    return green ? green.start(target, args) : getHub()[FUTURE](name, () => onHub(...args));
  };
  Object.defineProperty(wrapped, "name", { value: name });
  Object.defineProperty(wrapped, "length", { value: fn.length });
  if (!isGreen()) {
    registerFunction(meta.url, name);
    serveAs(wrapped, onHub);
  }
  mark(wrapped, target, fn);
  if (found.named) registerNamed(meta.url, name, wrapped);
  return Object.assign(wrapped, { async, spawn }) as unknown as AsyncToSync<
    Parameters<F>,
    ReturnType<F>
  >;
}
