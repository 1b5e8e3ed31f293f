/**
 * Thenables: promises, which are awaited for the other side, and lazy objects, which wait to be asked.
 *
 * A promise is on its way already, so the other side wants its result. Other objects with a `then()` may begin their work in
 * `then()`: the query of a database's library is sent when it is awaited, and before that code goes on building it. If it were
 * awaited in the middle, `delete(users)` would be sent before its `where()` was called. So only a promise by its prototype is
 * awaited; every other object with a `then()` is an object like any other, until somebody calls `wait()`.
 *
 * @module
 */

import { madeElsewhere } from "../brand.ts";
import { isItself } from "./itself.ts";
import { keyOf } from "../state.ts";

/** The prototype of the promises that the engine makes, whatever stands in `globalThis.Promise`. */
export const enginePrototype: Promise<unknown> = Object.getPrototypeOf((async () => {})());

/** Key of the green thread behind a promise of this library. */
export const AWAITED: unique symbol = keyOf("awaited") as never;

/** The part of a green thread that this module needs. */
interface Awaitable {
  wait(): unknown;
}

/** Whether the language would await a value; functions are left out. Throws what the value's getter of `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** Whether a value is a promise by its prototype; it may have properties of its own. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === enginePrototype || prototype === globalThis.Promise?.prototype ||
    AWAITED in value;
}

/**
 * Whether the language would await an object that is no promise: a query that has not been sent, say. An object that another
 * version of the library has made counts as neither; it cannot cross.
 */
export function isLazy(value: object): boolean {
  return isAwaitable(value) && !isPromise(value) && madeElsewhere(value) === undefined;
}

/**
 * Whether the language would await an object or a function of this side, be it a promise or not. Objects that cross as themselves
 * are left out, and objects whose `then` cannot be read.
 */
export function isAwaitable(value: object): boolean {
  try {
    return typeof (value as { then?: unknown }).then === "function" && !isItself(value);
  } catch {
    // It cannot be awaited either.
    return false;
  }
}

/** A value, or the result of a promise of the hub, for which the thread blocks. Green code only. */
export function gotBy(value: unknown): unknown {
  const thread = typeof value === "object" && value !== null
    ? (value as { readonly [AWAITED]?: Awaitable })[AWAITED]
    : undefined;
  return thread ? thread.wait() : value;
}
