/**
 * A function under a time limit. Semantics: eventlet's `with_timeout`.
 *
 * @module
 */

import { checkOptionsObject, show } from "../checks.ts";
import { blocking } from "./side.ts";
import { Timeout } from "./timeout.ts";

/**
 * A time limit with the value to return when it is over.
 *
 * @category Limits
 */
export interface TimeoutValue<V> {
  /** The time, in milliseconds; `undefined` for no limit. */
  ms: number | undefined;
  /** The value to return when the time is over, instead of throwing: `undefined` too, if it is given. */
  timeoutValue: V;
}

/** The parts of a limit: the time, and whether there is a value for when it is over. */
interface LimitParts<V> {
  readonly ms: number | undefined;
  readonly hasValue: boolean;
  readonly value?: V;
}

const KEYS = ["ms", "timeoutValue"];

/**
 * Takes a limit apart.
 *
 * @throws {TypeError} If it is an object without a limit: a limit under a wrong name is no limit.
 */
export function limitOf<V>(limit: number | undefined | TimeoutValue<V>): LimitParts<V> {
  if (typeof limit !== "object" || limit === null) return { ms: limit, hasValue: false };
  if (!("ms" in limit)) {
    throw new TypeError(
      `Cannot set a timeout: expected a number or { ms, timeoutValue }, found an object without "ms"`,
    );
  }
  checkOptionsObject("set a timeout", limit, '{ ms: 1000, timeoutValue: "late" }', KEYS);
  return { ms: limit.ms, hasValue: "timeoutValue" in limit, value: limit.timeoutValue };
}

/** Checks the function that is to be called under a time limit. */
export function checkFunction(call: string, fn: unknown): void {
  if (typeof fn === "function") return;
  throw new TypeError(`Cannot call ${call}: expected a function, found ${show(fn)}`);
}

/**
 * Calls a function that may block for some time only. For green code.
 *
 * Only its own time limit gives `timeoutValue`: a `Timeout` of somebody else's passes through.
 *
 * @param limit How long, in milliseconds (`undefined`: no limit), or that with a value for when it is over.
 * @param fn The function. It is left at its blocking call when the time is over.
 * @param args Its arguments.
 * @returns The result of the function, or `timeoutValue`.
 * @throws {Timeout} If the time is over and there is no `timeoutValue`.
 * @throws {BlockingCallError} If it is called on the hub: use `withTimeoutAsync()` there.
 *
 * @example Give up after 20 ms
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { withTimeout } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn(() => withTimeout({ ms: 20, timeoutValue: "late" }, () => sleep(10_000)));
 * assertEquals(await thread, "late");
 * ```
 *
 * @category Limits
 */
export function withTimeout<A extends unknown[], R, V = never>(
  limit: number | undefined | TimeoutValue<V>,
  fn: (...args: A) => R,
  ...args: A
): R | V {
  blocking("withTimeout()", "await withTimeoutAsync()");
  const { ms, hasValue, value } = limitOf(limit);
  checkFunction("withTimeout()", fn);
  using timeout = new Timeout(ms);
  try {
    return fn(...args);
  } catch (error) {
    if (error === timeout && hasValue) return value as V;
    throw error;
  }
}
