/**
 * A module of the hub, seen from green code.
 *
 * @module
 */

import { show } from "../bridge/checks.ts";
import { blocking } from "../bridge/side/side.ts";
import { Op } from "../bridge/references/live.ts";
import type { Sync } from "../bridge/references/live_types.ts";
import { intern } from "../bridge/protocol/messages.ts";
import { remoteOf } from "../bridge/references/remote_object.ts";
import { mark, moduleSpecifier } from "../bridge/protocol/targets.ts";
import type { ModuleDescription } from "./calls/functions.ts";

/**
 * A module's exports as green code sees them: functions block for their results, plain values are as they are, classes
 * and objects are handles (see {@linkcode Sync}). A function with overloads has its last four.
 *
 * @category Calls
 */
export type HubModule<M extends object> = { readonly [K in keyof M]: Sync<M[K]> };

/**
 * Imports a module on the hub, for green code: its functions, async or not, run there, and block the green thread that
 * calls them. Classes and objects of the module are handles, and so is a result that cannot cross as a value: a connection, a
 * statement, a cursor. See `handle()`. Promises are awaited, those that the module exports when they are read; any other object
 * with a `then()`, such as a query, is a handle, whose `wait()` runs it.
 *
 * A hub can allow less: see the option `hubImport` of {@linkcode HubOptions}.
 *
 * @param specifier The module: `npm:…`, `jsr:…`, `node:…`, a bare name of the import map, a URL, or
 * `import.meta.resolve("./m.ts")`.
 * @returns The module's exports.
 * @throws What the module threw when it was loaded.
 * @throws {TypeError} If the specifier is relative.
 * @throws {BlockingCallError} If it is called on the hub: use `await import()` there.
 *
 * @example An async library in synchronous-looking code
 * ```ts
 * import { hubImport, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn(() => {
 *   const { lookup } = hubImport<typeof import("node:dns/promises")>("node:dns/promises");
 *   return lookup("127.0.0.1").address;
 * });
 * assertEquals(await thread, "127.0.0.1");
 * ```
 *
 * @category Calls
 */
export function hubImport<M extends object>(specifier: string | URL): HubModule<M> {
  const green = blocking("hubImport()", "await import()");
  const url = moduleSpecifier("hubImport", specifier);
  const exports = intern({ kind: "exports", specifier: url });
  const { functions, promises, values } = green.call(exports, []) as ModuleDescription;
  const module: Record<string, unknown> = Object.assign(Object.create(null), values);
  for (const name of promises) {
    // The closure holds the proxy, and the proxy keeps the promise on the hub.
    const proxy = values[name] as object;
    const get = () => remoteOf(proxy)!.ask(Op.Await, [], name);
    Object.defineProperty(module, name, { get, enumerable: true });
  }
  for (const name of functions) {
    const target = intern({ kind: "hub", specifier: url, name });
    const fn = (...args: unknown[]) => blocking(`${name}()`, `await ${name}()`).call(target, args);
    Object.defineProperty(fn, "name", { value: name });
    mark(fn, target);
    module[name] = fn;
  }
  return Object.freeze(module) as HubModule<M>;
}

/**
 * Calls a function that was exposed on the hub by name, and blocks for its result. For green code.
 *
 * @param name The name under which it was exposed: see {@linkcode Hub.prototype.expose | Hub.expose}.
 * @param args The arguments.
 * @returns Its result.
 * @throws What the function threw.
 * @throws {BlockingCallError} If it is called on the hub.
 *
 * @example Expose and call
 * ```ts
 * import { call, getHub, spawn } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * getHub().expose({ double: (n: number) => Promise.resolve(2 * n) });
 * assertEquals(await spawn(() => call<number>("double", 21)), 42);
 * ```
 *
 * @category Calls
 */
export function call<T = unknown>(name: string, ...args: unknown[]): T {
  const green = blocking("call()", "the function itself");
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot call a function of the hub: expected its name as text, found ${show(name)}`,
    );
  }
  return green.call(intern({ kind: "exposed", name }), args) as T;
}
