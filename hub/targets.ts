/**
 * From whatever `spawn()` was given to a target.
 *
 * @module
 */

import { wrappedElsewhere } from "../bridge/brand.ts";
import type { Callable } from "../bridge/loader.ts";
import { intern, type Target } from "../bridge/protocol.ts";
import { targetOf } from "../bridge/wrapped.ts";

/** The targets of functions that were spawned before: their source is made only once. */
const known = new WeakMap<Callable, Target>();

/**
 * What a Worker is to run for a function.
 *
 * @param fn A wrapped function, an export of a `greenImport`ed module, or an inline function.
 * @returns Its target.
 * @throws {TypeError} If it is no function, or one whose source cannot be had.
 */
export function spawnTarget(fn: unknown): Target {
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot spawn: expected a function, found ${describe(fn)}`);
  }
  const marked = targetOf(fn) ?? known.get(fn as Callable);
  if (marked?.kind === "hub" || marked?.kind === "exposed") {
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

/** Checks the first two arguments of `syncToAsync()` and `asyncToSync()`. */
export function exportTarget(action: string, meta: ImportMeta, fn: unknown): Target {
  if (typeof meta?.url !== "string") {
    throw new TypeError(
      `Cannot call ${action}: expected import.meta as the first argument, found ${describe(meta)}`,
    );
  }
  if (typeof fn !== "function") {
    throw new TypeError(
      `Cannot call ${action}: expected a function as the second argument, found ${describe(fn)}`,
    );
  }
  if (fn.name === "") {
    throw new TypeError(
      `Cannot call ${action}: the function has no name; give it the name under which the module exports the result: ` +
        `export const f = ${action.replace("()", "")}(import.meta, function f() { … })`,
    );
  }
  return { kind: "export", url: meta.url, name: fn.name };
}

/** What something is, for a message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "object") return `an object of class ${value.constructor?.name ?? "null"}`;
  if (typeof value === "function") return `the function "${value.name}"`;
  return `${typeof value} ${String(value)}`;
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
      `Cannot ${action}(): expected a URL or a string, found ${describe(specifier)}`,
    );
  }
  const text = String(specifier);
  if (!/^\.{0,2}\//.test(text)) return text;
  throw new TypeError(
    `Cannot ${action}("${text}"): a relative specifier says nothing here: use ${action}(import.meta.resolve("${text}"))`,
  );
}
