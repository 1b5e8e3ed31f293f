/**
 * Targets of functions: from a function that `spawn()` was given to the target by which the other side finds it.
 *
 * `syncToAsync()`, `asyncToSync()` and the imported modules leave a mark on their functions, which leads to the function behind
 * one. Copies of the library in one process understand each other's marks: see `state.ts`. The other side finds a wrapped
 * function by its module and its name, so no two functions of a module may have one name.
 *
 * @module
 */

import { brandWrapped, wrappedElsewhere } from "../brand.ts";
import { show } from "../checks.ts";
import { type ExportTarget, intern, type Target } from "./messages.ts";
import { keyOf, state } from "../state.ts";

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
      `Cannot spawn "${marked.name}": this function runs on the hub: call it in a green function, and spawn the green function`,
    );
  }
  if (marked) return marked;
  const elsewhere = wrappedElsewhere(fn as Callable);
  if (elsewhere) throw new TypeError(`Cannot spawn "${fn.name}": ${elsewhere}`);
  const source = Function.prototype.toString.call(fn);
  if (/\{\s*\[native code\]\s*\}$/.test(source)) {
    throw new TypeError(
      `Cannot spawn "${fn.name}": a native or bound function has no source text to send to a Worker: wrap the ` +
        `function: spawn((...args) => …)`,
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
      `Cannot call ${action}: the function has no name: give it the name of the export: ` +
        `export const f = ${wrapper}(import.meta, function f() { … }). ` +
        `In a bundle, give the name as text: ${wrapper}(import.meta, "f", …)`,
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
    `Cannot ${action}("${text}"): the library does not know which module the path is relative to: ` +
      `use ${action}(import.meta.resolve("${text}"))`,
  );
}

const TARGET: unique symbol = keyOf("target") as never;
const BODY: unique symbol = keyOf("body") as never;
const SERVED_AS: unique symbol = keyOf("served as") as never;

/** A function that stands for something to run or to call. */
export type Marked = ((...args: never[]) => unknown) & {
  [TARGET]?: Target;
  [BODY]?: (...args: never[]) => unknown;
  [SERVED_AS]?: (...args: never[]) => unknown;
};

/**
 * Marks a function.
 *
 * @param fn The function that people call.
 * @param target What it stands for.
 * @param body The function behind it, where it is known on this side.
 */
export function mark(fn: Marked, target: Target, body?: (...args: never[]) => unknown): void {
  Object.defineProperty(fn, TARGET, { value: intern(target) });
  brandWrapped(fn);
  if (body) Object.defineProperty(fn, BODY, { value: body });
}

/** The target of a wrapped function; `undefined` for any other. */
export function targetOf(fn: unknown): Target | undefined {
  return typeof fn === "function" ? (fn as Marked)[TARGET] : undefined;
}

/** The function behind a marked one, if it is known on this side. */
export function bodyOf(fn: unknown): ((...args: never[]) => unknown) | undefined {
  return typeof fn === "function" ? (fn as Marked)[BODY] : undefined;
}

/** Says what is called in place of a function that blocks where green code has it called on the hub: its async form. */
export function serveAs(fn: Marked, form: (...args: never[]) => unknown): void {
  Object.defineProperty(fn, SERVED_AS, { value: form });
}

/** The function to call here when the other side calls a function: the function itself, or what {@linkcode serveAs} has said. */
export function servedAs<F extends (...args: never[]) => unknown>(fn: F): F {
  return (fn as Marked)[SERVED_AS] as F | undefined ?? fn;
}

/** The functions that were wrapped under an explicit name, by name and URL: a bundle exports none of them. */
const named = state("wrapped names", () => new Map<string, Marked>());

/** Registers a function that was wrapped under an explicit name. */
export function registerNamed(url: string, name: string, wrapped: Marked): void {
  named.set(`${name} ${url}`, wrapped);
}

/** The function that this side has wrapped under an explicit name, if there is one. */
export function namedFunction(url: string, name: string): Marked | undefined {
  return named.get(`${name} ${url}`);
}

/** The explicit names of a module that this side knows. */
export function namesOf(url: string): string[] {
  return [...named.keys()]
    .filter((key) => key.endsWith(` ${url}`))
    .map((key) => key.slice(0, -url.length - 1));
}

/**
 * Says what is wrong when a module does not export what a marked function promised.
 *
 * @param url The module.
 * @param name The name it is missing under.
 * @param module What the module exports.
 * @param wrapper What made the function.
 * @returns The error to throw.
 */
export function notExported(
  url: string,
  name: string,
  module: object,
  wrapper: "syncToAsync" | "asyncToSync",
): Error {
  const names = Object.keys(module);
  const found = names.length === 0 ? "nothing" : names.map((name) => `"${name}"`).join(", ");
  // A Worker cannot tell who asks: what `greenImport()` imports needs no wrapping.
  const ways = wrapper === "syncToAsync"
    ? `. For greenImport(): export function ${name}() { … }. For syncToAsync(), do it`
    : "";
  return new TypeError(
    `Cannot find "${name}" in "${url}": the module exports ${found}. ` +
      `Export the function as "${name}"${ways} in the module whose import.meta you pass: ` +
      `export const ${name} = ${wrapper}(import.meta, function ${name}() { … }). ` +
      `In a bundle, give the name as text: ${wrapper}(import.meta, "${name}", …)`,
  );
}

/** The source texts of the functions that were wrapped on this side, by name and URL. */
const texts = state("wrapped texts", () => new Map<string, string>());

/**
 * Registers the name of a function that is wrapped. The same text again is the same function: a factory was called twice.
 *
 * @param action What is about to be done with it: `"syncToAsync()"`.
 * @param given What it is to be known by.
 * @throws {TypeError} If another function of the module was wrapped under that name.
 */
export function registerName(action: string, given: Export<(...args: never[]) => unknown>): void {
  const { target: { url, name }, fn, named } = given;
  const key = `${name} ${url}`;
  const text = Function.prototype.toString.call(fn);
  const other = texts.get(key) ?? text;
  if (other !== text) {
    const wrapper = action.replace("()", "");
    if (named) {
      throw new TypeError(
        `Cannot call ${action}: "${url}" wraps two functions with the name "${name}": ${
          begin(other)
        } and ${
          begin(text)
        }. A name must be unique in a file, and a bundle is one file: give one of the functions another name: ` +
          `${wrapper}(import.meta, "other", …)`,
      );
    }
    throw new TypeError(
      `Cannot call ${action}: "${url}" wraps another function with the name "${name}", and the other side finds ` +
        "functions by name: rename this function, and export it under the new name: " +
        `export const other = ${wrapper}(import.meta, function other() { … })`,
    );
  }
  texts.set(key, text);
}

/** The beginning of a function's text: in a bundle many functions have the same name, or none. */
function begin(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `\`${line.slice(0, 60)} …\`` : `\`${line}\``;
}
