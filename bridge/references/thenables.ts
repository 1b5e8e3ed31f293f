/**
 * What is awaited for the other side, and what waits to be asked.
 *
 * A promise is on its way already, so its result is what is wanted of it. Other objects with a `then()` may begin their work
 * there: the query of a database's library is sent when it is awaited, and before that one goes on building it. If it were
 * awaited in the middle, `delete(users)` would be sent before its `where()` was said. So only what is a promise by its
 * prototype is awaited; all else that has a `then()` is an object like any other, until somebody says `wait()`.
 *
 * @module
 */

import { madeElsewhere } from "../brand.ts";
import { isItself } from "./itself.ts";
import { keyOf } from "../state.ts";

/** The prototype of the promises that the engine makes, whatever stands in `globalThis.Promise`. */
export const enginePrototype: Promise<unknown> = Object.getPrototypeOf((async () => {})());

/** Key of the green thread that a promise of this library stands for. */
export const AWAITED: unique symbol = keyOf("awaited") as never;

/** A green thread, as far as this has to know it. */
interface Awaitable {
  wait(): unknown;
}

/** Whether the language would await a value, if it is no function. Throws what asking for its `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** Whether a value is a promise that is awaited wherever green code gets one; it may have properties of its own. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === enginePrototype || prototype === globalThis.Promise?.prototype ||
    AWAITED in value;
}

/**
 * Whether an object would be awaited by the language but is no promise: a query that has not been sent, say. What another version
 * of the library has made is neither; it cannot cross.
 */
export function isLazy(value: object): boolean {
  return isAwaitable(value) && !isPromise(value) && madeElsewhere(value) === undefined;
}

/**
 * Whether the language would await an object or a function of this side, be it a promise or not. What crosses as itself is left
 * out, and what cannot be asked.
 */
export function isAwaitable(value: object): boolean {
  try {
    return typeof (value as { then?: unknown }).then === "function" && !isItself(value);
  } catch {
    // It cannot be awaited either.
    return false;
  }
}

/** In green code: a value, or, if it is a promise of the hub, what that becomes. It blocks until then. */
export function gotBy(value: unknown): unknown {
  const thread = typeof value === "object" && value !== null
    ? (value as { readonly [AWAITED]?: Awaitable })[AWAITED]
    : undefined;
  return thread ? thread.wait() : value;
}
