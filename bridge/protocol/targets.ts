/**
 * From whatever `spawn()` was given to a target.
 *
 * @module
 */

import { wrappedElsewhere } from "../brand.ts";
import { show } from "../checks.ts";
import { type ExportTarget, intern, type Target } from "./messages.ts";
import { targetOf } from "./wrapped.ts";

/** A function that can be called with anything. */
// deno-lint-ignore no-explicit-any
export type Callable = (...args: any[]) => unknown;

/** The targets of functions that were spawned before: their source is made only once. */
const known = new WeakMap<Callable, Target>();

/**
 * The target that a Worker is to run for a function.
 *
 * @param fn A wrapped function, an export of a `greenImport`ed module, or an inline function.
 * @returns Its target.
 * @throws {TypeError} If it is no function, or one whose source cannot be had.
 */
export function spawnTarget(fn: unknown): Target {
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot spawn: expected a function, found ${show(fn)}`);
  }
  const marked = targetOf(fn) ?? known.get(fn as Callable);
  if (marked?.kind === "hub" || marked?.kind === "exposed" || marked?.kind === "library") {
    throw new TypeError(
      `Cannot spawn "${marked.name}": it runs on the hub; call it in a green function and spawn that`,
    );
  }
  if (marked) return marked;
  const elsewhere = wrappedElsewhere(fn as Callable);
  if (elsewhere) throw new TypeError(`Cannot spawn "${fn.name}": ${elsewhere}`);
  const source = Function.prototype.toString.call(fn);
  if (/\{\s*\[native code\]\s*\}$/.test(source)) {
    throw new TypeError(
      `Cannot spawn "${fn.name}": a native or bound function has no source text to send to a Worker; wrap it: ` +
        `spawn((...args) => …)`,
    );
  }
  if (/^class\b/.test(source)) {
    throw new TypeError(`Cannot spawn "${fn.name}": expected a function, found a class`);
  }
  const target = intern({ kind: "source", source, name: fn.name });
  known.set(fn as Callable, target);
  return target;
}

/** A function, and the target by which the other side finds it: see {@linkcode exportOf}. */
export interface Export<F> {
  readonly target: ExportTarget;
  readonly fn: F;
  /** Whether the name was given, so that the module need not export the function under it. */
  readonly named: boolean;
}

/**
 * Checks the arguments of `syncToAsync()`, `asyncToSync()` and `shared()`.
 *
 * @param action What is about to be done: `"syncToAsync()"`.
 * @param meta The `import.meta` of the module.
 * @param given The function, or a name and the function.
 * @returns What the other side finds it by.
 * @throws {TypeError} If one of them is wrong.
 */
export function exportOf<F>(
  action: string,
  meta: ImportMeta,
  given: readonly [F] | readonly [string, F] | readonly unknown[],
): Export<F> {
  const named = typeof given[0] === "string" || given[1] !== undefined;
  const fn = given[named ? 1 : 0];
  if (typeof meta?.url !== "string") {
    throw new TypeError(
      `Cannot call ${action}: expected import.meta as the first argument, found ${show(meta)}`,
    );
  }
  if (named && (typeof given[0] !== "string" || given[0] === "")) {
    throw new TypeError(
      `Cannot call ${action}: expected a name before the function, found ${show(given[0])}`,
    );
  }
  if (typeof fn !== "function") {
    const place = named ? "third" : "second";
    throw new TypeError(
      `Cannot call ${action}: expected a function as the ${place} argument, found ${show(fn)}`,
    );
  }
  const name = named ? given[0] as string : fn.name;
  if (name === "") {
    const wrapper = action.replace("()", "");
    throw new TypeError(
      `Cannot call ${action}: the function has no name; give it the name under which the module exports the result, ` +
        `or, in a bundle, a name as text, ${wrapper}(import.meta, "f", …): ` +
        `export const f = ${wrapper}(import.meta, function f() { … })`,
    );
  }
  return { target: { kind: "export", url: meta.url, name }, fn: fn as F, named };
}

/**
 * Checks a module's specifier and makes it absolute.
 *
 * @param action What is about to be done with it: `"greenImport"`.
 * @param specifier A URL, or a string: an absolute URL, or a bare name from the import map.
 * @returns It as a string.
 * @throws {TypeError} If it is relative: from here nobody knows to what.
 */
export function moduleSpecifier(action: string, specifier: string | URL): string {
  if (typeof specifier !== "string" && !(specifier instanceof URL)) {
    throw new TypeError(
      `Cannot ${action}(): expected a URL or a string, found ${show(specifier)}`,
    );
  }
  const text = String(specifier);
  if (!/^\.{0,2}\//.test(text)) return text;
  throw new TypeError(
    `Cannot ${action}("${text}"): a relative specifier says nothing here: use ${action}(import.meta.resolve("${text}"))`,
  );
}
