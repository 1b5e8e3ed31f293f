/**
 * Synchronous functions for async code.
 *
 * @module
 */

import type { GreenThread } from "../bridge/green_thread.ts";
import { blocking } from "../bridge/side.ts";
import { mark } from "../bridge/wrapped.ts";
import type { Passed, Result } from "./spawner.ts";
import { spawn } from "./spawn.ts";
import { describe, exportTarget } from "./targets.ts";
import { noteName } from "./wrapped_names.ts";
import { noteModule } from "../bridge/known_modules.ts";

/** A synchronous function that runs in a green thread. */
export interface SyncToAsync<A extends unknown[], R> {
  /**
   * Runs the function in a green thread.
   *
   * @returns The thread: `await` it on the hub, `.wait()` for it in green code.
   */
  (...args: Passed<A>): GreenThread<Result<R>>;
  /**
   * Calls the function as it is, in the green thread that calls this.
   *
   * @throws {BlockingCallError} If it is called on the hub.
   */
  sync(...args: A): R;
}

/**
 * Makes a synchronous function one that runs in a green thread, callable from either side.
 *
 * @param meta The `import.meta` of the module that exports the result.
 * @param fn The function. Its name must be that of the export: the Worker finds it by that.
 * @returns A function that spawns a green thread.
 * @throws {TypeError} If `meta` is no `import.meta`, or `fn` is no function, has no name, or is `async`; or if another
 * function of the module was wrapped under that name.
 *
 * @example A module that both sides import
 * ```ts ignore
 * // titles.ts
 * import { syncToAsync } from "@aiohub/aiohub";
 * import { fetch } from "@aiohub/aiohub/green";
 *
 * export const titleOf = syncToAsync(import.meta, function titleOf(url: string) {
 *   return /<title>(.*?)</.exec(fetch(url).text())?.[1]; // looks blocking, and blocks nobody
 * });
 *
 * // main.ts
 * console.log(await titleOf("http://127.0.0.1:8000/"));
 * ```
 */
export function syncToAsync<F extends (...args: never[]) => unknown>(
  meta: ImportMeta,
  fn: F,
): SyncToAsync<Parameters<F>, ReturnType<F>> {
  const target = exportTarget("syncToAsync()", meta, fn);
  if (fn.constructor.name.startsWith("Async")) {
    throw new TypeError(
      `Cannot call syncToAsync(): ${
        describe(fn)
      } is async already: call it on the hub, or use asyncToSync()`,
    );
  }
  noteName("syncToAsync()", meta.url, fn);
  noteModule(meta.url, true);
  const wrapped = (...args: unknown[]): GreenThread => spawn(wrapped, ...args);
  const sync = (...args: Parameters<F>) => {
    blocking(`${fn.name}.sync()`, `await ${fn.name}()`);
    return fn(...args);
  };
  Object.defineProperty(wrapped, "name", { value: fn.name });
  Object.defineProperty(wrapped, "length", { value: fn.length });
  mark(wrapped, target, fn);
  return Object.assign(wrapped, { sync }) as SyncToAsync<Parameters<F>, ReturnType<F>>;
}
