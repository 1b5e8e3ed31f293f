/**
 * What `syncToAsync()`, `asyncToSync()` and the imported modules leave on their functions, so that the other side finds
 * the function behind one.
 *
 * Copies of the library in one process understand each other's functions: see `state.ts`.
 *
 * @module
 */

import { brandWrapped } from "../brand.ts";
import { intern, type Target } from "./messages.ts";
import { keyOf, state } from "../state.ts";

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
    ? `. For greenImport(): export function ${name}() { … }. For syncToAsync(),`
    : "";
  return new TypeError(
    `Cannot find "${name}" in "${url}": the module exports ${found}. ` +
      `Export the function under its own name${ways} from the module whose import.meta it was given: ` +
      `export const ${name} = ${wrapper}(import.meta, function ${name}() { … }). ` +
      `In a bundle give it a name as text: ${wrapper}(import.meta, "${name}", …)`,
  );
}
