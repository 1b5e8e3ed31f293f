/**
 * Synchronous functions for async code.
 *
 * @module
 */

import { show } from "../bridge/checks.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { blocking } from "../bridge/side/side.ts";
import { exportOf, mark, registerName, registerNamed } from "../bridge/protocol/targets.ts";
import type { Passed, Result } from "../bridge/side/spawnable.ts";
import { spawn } from "./spawn.ts";
import { noteModule } from "../bridge/values/known_modules.ts";

/**
 * A function that runs in a green thread.
 *
 * @category Calls
 */
export interface SyncToAsync<A extends unknown[], R> {
  /**
   * Runs the function in a green thread.
   *
   * @param args The arguments of the call. Functions among them become blocking callbacks.
   * @returns The thread: `await` it on the hub, `.wait()` for it in green code.
   * @throws {NotCloneableError} If an argument cannot cross.
   */
  (...args: Passed<A>): GreenThread<Result<R>>;
  /**
   * Calls the function as it is, in the green thread that calls this.
   *
   * @param args The arguments of the call.
   * @returns The result of the function.
   * @throws What the function threw.
   * @throws {BlockingCallError} If it is called on the hub.
   */
  sync(...args: A): R;
}

/**
 * Makes a synchronous function one that runs in a green thread, callable from either side.
 *
 * The function may be `async` as well: its Worker awaits the promise in its event loop. A kill or a limit reaches the function at
 * its blocking calls; see `GreenThread.kill()` for a function that only awaits.
 *
 * @param meta The `import.meta` of the module that exports the result.
 * @param fn The function. Its name must be that of the export: the Worker finds it by that.
 * @returns A function that spawns a green thread.
 * @throws {TypeError} If `meta` is no `import.meta`, or `fn` is no function, has no name, or is an async generator; or if
 * another function of the module was wrapped under that name.
 *
 * @example A module that both sides import
 * ```ts
 * import { syncToAsync } from "@aiohub/aiohub";
 * import { fetch } from "@aiohub/aiohub/green";
 *
 * export const titleOf = syncToAsync(import.meta, function titleOf(url: string) {
 *   return /<title>(.*?)</.exec(fetch(url).text())?.[1]; // blocks its green thread only
 * });
 *
 * // A Worker imports this module too, and runs the function only.
 * if (import.meta.main) console.log(await titleOf("http://127.0.0.1:8000/"));
 * ```
 *
 * @category Calls
 * @priority 40
 */
export function syncToAsync<F extends (...args: never[]) => unknown>(
  meta: ImportMeta,
  fn: F,
): SyncToAsync<Parameters<F>, ReturnType<F>>;
/**
 * As above, under a name of its own: for code that is bundled or minified, where the function loses its name and the bundle
 * exports nothing. A bundle that has the library in it works so too.
 *
 * @param meta The `import.meta` of the module.
 * @param name The name by which the Worker finds the function: one of its kind in the file, and in a bundle of it.
 * @param fn The function.
 * @returns A function that spawns a green thread.
 * @throws {TypeError} If `name` is no text, or another function of the module was wrapped under that name.
 *
 * @example In a program that is bundled
 * ```ts
 * import { syncToAsync } from "@aiohub/aiohub";
 * import { fetch } from "@aiohub/aiohub/green";
 *
 * const titleOf = syncToAsync(import.meta, "titleOf", (url: string) => {
 *   return /<title>(.*?)</.exec(fetch(url).text())?.[1];
 * });
 *
 * if (import.meta.main) console.log(await titleOf("http://127.0.0.1:8000/"));
 * ```
 */
export function syncToAsync<F extends (...args: never[]) => unknown>(
  meta: ImportMeta,
  name: string,
  fn: F,
): SyncToAsync<Parameters<F>, ReturnType<F>>;
export function syncToAsync<F extends (...args: never[]) => unknown>(
  meta: ImportMeta,
  ...given: [fn: F] | [name: string, fn: F]
): SyncToAsync<Parameters<F>, ReturnType<F>> {
  const found = exportOf<F>("syncToAsync()", meta, given);
  const { target, target: { name }, fn } = found;
  if (fn.constructor.name === "AsyncGeneratorFunction") {
    throw new TypeError(
      `Cannot call syncToAsync(): ${
        show(fn)
      } is an async generator, and green code is synchronous: make it a generator without async, which may block`,
    );
  }
  registerName("syncToAsync()", found);
  noteModule(meta.url, true);
  const wrapped = (...args: unknown[]): GreenThread => spawn(wrapped, ...args);
  const sync = (...args: Parameters<F>) => {
    blocking(`${name}.sync()`, `await ${name}()`);
    return fn(...args);
  };
  Object.defineProperty(wrapped, "name", { value: name });
  Object.defineProperty(wrapped, "length", { value: fn.length });
  mark(wrapped, target, fn);
  if (found.named) registerNamed(meta.url, name, wrapped);
  return Object.assign(wrapped, { sync }) as SyncToAsync<Parameters<F>, ReturnType<F>>;
}
