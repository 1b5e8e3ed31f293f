/**
 * A module of green functions, seen from outside.
 *
 * @module
 */

import type { GreenThread } from "../bridge/side/green_thread.ts";
import { intern } from "../bridge/protocol/messages.ts";
import { mark, moduleSpecifier } from "../bridge/protocol/targets.ts";
import type { Passed } from "../bridge/side/spawnable.ts";
import { noteModule } from "../bridge/values/known_modules.ts";

/**
 * The functions of a module as green functions: each call spawns a green thread. Other exports are left out.
 *
 * @category Calls
 */
export type GreenModule<M extends object> = {
  readonly [
    // deno-lint-ignore no-explicit-any
    K in keyof M as M[K] extends (...args: any[]) => unknown ? K : never
  ]: M[K] extends // deno-lint-ignore no-explicit-any
  (...args: infer A extends any[]) => infer R ? (...args: Passed<A>) => GreenThread<Awaited<R>>
    : never;
};

/** Spawns a marked function. */
// deno-lint-ignore no-explicit-any
type Spawn = (fn: unknown, args: readonly unknown[]) => any;

/**
 * Makes the proxy of a module.
 *
 * @param url The module's URL.
 * @param spawn Spawns one of its functions.
 * @returns A proxy that makes each function when it is read first. The module is loaded in Workers only.
 */
export function importGreen<M extends object>(url: string | URL, spawn: Spawn): GreenModule<M> {
  const specifier = resolve(moduleSpecifier("greenImport", url));
  noteModule(specifier, false);
  const functions = new Map<string, unknown>();
  return new Proxy(Object.create(null), {
    get(_, name) {
      // To await or to print the proxy must not look like a call.
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
      const known = functions.get(name);
      if (known) return known;
      const fn = (...args: unknown[]) => spawn(fn, args);
      Object.defineProperty(fn, "name", { value: name });
      mark(fn, intern({ kind: "export", url: specifier, name }));
      functions.set(name, fn);
      return fn;
    },
    set(_, name) {
      throw new TypeError(
        `Cannot set "${String(name)}" of "${specifier}": a module cannot be changed from outside`,
      );
    },
  });
}

/** Makes a specifier absolute, so that the hub and all Workers mean the same module. */
function resolve(specifier: string): string {
  if (URL.canParse(specifier)) return specifier;
  try {
    return import.meta.resolve(specifier);
  } catch (cause) {
    throw new TypeError(
      `Cannot greenImport("${specifier}"): "${specifier}" is not in the import map: ` +
        `add it to "imports" in deno.json, or write "npm:${specifier}"`,
      { cause },
    );
  }
}
