/**
 * A function under a time limit. Semantics: eventlet's `with_timeout`.
 *
 * @module
 */

import { blocking } from "./side.ts";
import { Timeout } from "./timeout.ts";

/** Timers take no more than this, in milliseconds: a longer one would be due at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A time limit with what to return when it is over. */
export interface TimeoutValue<V> {
  /** How long, in milliseconds; `undefined` for no limit. */
  ms: number | undefined;
  /** What to return when the time is over, instead of throwing. */
  timeoutValue: V;
}

/**
 * Calls a function that may block for some time only. For green code.
 *
 * Only its own time limit gives `timeoutValue`: a `Timeout` of somebody else's passes through.
 *
 * @param limit How long, in milliseconds (`undefined`: no limit), or that with a value for when it is over.
 * @param fn The function. It is left at its blocking call when the time is over.
 * @param args What to call it with.
 * @returns What the function returned, or `timeoutValue`.
 * @throws {Timeout} If the time is over and there is no `timeoutValue`.
 * @throws {BlockingCallError} If it is called on the hub: use {@linkcode withTimeoutAsync} there.
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
 */
export function withTimeout<A extends unknown[], R, V = never>(
  limit: number | undefined | TimeoutValue<V>,
  fn: (...args: A) => R,
  ...args: A
): R | V {
  blocking("withTimeout()", "await withTimeoutAsync()");
  const hasValue = typeof limit === "object" && limit !== null;
  using timeout = new Timeout(hasValue ? limit.ms : limit);
  try {
    return fn(...args);
  } catch (error) {
    if (error === timeout && hasValue) return limit.timeoutValue;
    throw error;
  }
}

/**
 * Calls an async function that has some time only. For the hub.
 *
 * @param limit As for {@linkcode withTimeout}.
 * @param fn The function; its signal is aborted with the `Timeout` when the time is over.
 * @returns What the function resolved to, or `timeoutValue`.
 * @throws {Timeout} If the time is over and there is no `timeoutValue`.
 *
 * @example Give up after 20 ms
 * ```ts
 * import { Timeout, withTimeoutAsync } from "@aiohub/aiohub";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(
 *   () => withTimeoutAsync(20, (signal) => new Promise((_, reject) => signal.onabort = () => reject(signal.reason))),
 *   Timeout,
 * );
 * ```
 */
export async function withTimeoutAsync<R, V = never>(
  limit: number | undefined | TimeoutValue<V>,
  fn: (signal: AbortSignal) => R | PromiseLike<R>,
): Promise<R | V> {
  const hasValue = typeof limit === "object" && limit !== null;
  const ms = hasValue ? limit.ms : limit;
  const timeout = new Timeout(ms);
  // The timer below counts, in an async green function too.
  timeout.cancel();
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    if (ms === undefined || ms > LONGEST_TIMER) return;
    timer = setTimeout(() => {
      controller.abort(timeout);
      reject(timeout);
    }, Math.max(0, ms));
  });
  try {
    return await Promise.race([Promise.try(fn, controller.signal), late]);
  } catch (error) {
    if (error === timeout && hasValue) return limit.timeoutValue;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
