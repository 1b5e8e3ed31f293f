/**
 * An async function under a time limit.
 *
 * @module
 */

import { Timeout } from "../bridge/timeout.ts";
import { checkFunction, limitOf, type TimeoutValue } from "../bridge/with_timeout.ts";
import { limits } from "./call_context.ts";
import { LONGEST_TIMER } from "./within.ts";

/**
 * Calls an async function that has some time only. For the hub.
 *
 * @param limit As for `withTimeout()`.
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
  const { ms, hasValue, value } = limitOf(limit);
  checkFunction("withTimeoutAsync()", fn);
  const timeout = new Timeout(ms);
  // The timer below counts, in an async green function too.
  timeout.cancel();
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    // `null` is no limit either: see `Timeout`.
    if (timeout.ms === undefined || timeout.ms > LONGEST_TIMER) return;
    timer = setTimeout(() => {
      controller.abort(timeout);
      reject(timeout);
    }, Math.max(0, timeout.ms));
  });
  try {
    return await Promise.race([limits().run(true, () => Promise.try(fn, controller.signal)), late]);
  } catch (error) {
    if (error === timeout && hasValue) return value as V;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
