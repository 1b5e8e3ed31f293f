/**
 * Async functions under a time limit.
 *
 * @module
 */

import { LONGEST_TIMER } from "../bridge/checks.ts";
import { Limit } from "../bridge/side/limit.ts";
import { greenSide } from "../bridge/side/side.ts";
import { Timeout } from "../bridge/side/timeout.ts";
import { checkFunction, limitOf, type TimeoutValue } from "../bridge/side/with_timeout.ts";

/**
 * Calls an async function under a time limit.
 *
 * When the time is over, each wait of the function in this library ends with the `Timeout`, and so does each later one: the limit
 * goes with the async context, so the function need not pass the signal on, before an `await` or after it. Nothing is lost by
 * that: an item, a permit or a thread is there for the next one who asks. For other waits (`fetch()`, timers) there is the
 * signal. In an `async` green function the limit reaches the calls that block, too.
 *
 * An iteration that the function has begun is left then.
 *
 * Code that the function has left running when it has settled in time has no limit any more.
 *
 * @param limit As for `withTimeout()`.
 * @param fn The function; its signal is aborted with the `Timeout` when the time is over.
 * @returns The function's result, or `timeoutValue`.
 * @throws {Timeout} If the time is over and there is no `timeoutValue`.
 *
 * @example Give up after 20 ms
 * ```ts
 * import { Queue, withTimeoutAsync } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new Queue<string>();
 * const get = () => withTimeoutAsync({ ms: 20, timeoutValue: "nothing" }, () => queue.getAsync());
 * assertEquals(await get(), "nothing");
 * queue.tryPut("something");
 * assertEquals(await get(), "something"); // the first one has left the line
 * ```
 *
 * @category Limits
 */
export async function withTimeoutAsync<R, V = never>(
  limit: number | undefined | TimeoutValue<V>,
  fn: (signal: AbortSignal) => R | PromiseLike<R>,
): Promise<R | V> {
  const { ms, hasValue, value } = limitOf(limit);
  checkFunction("withTimeoutAsync()", fn);
  const timeout = new Timeout(ms);
  // In an async green function the timeout is not for the whole thread: it is armed for the blocking calls within the limit.
  timeout.cancel();
  const within = new Limit(greenSide()?.running ?? 0, timeout);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    // `null` is no limit either: see `Timeout`.
    if (timeout.ms === undefined || timeout.ms > LONGEST_TIMER) return;
    timer = setTimeout(() => {
      within.abort(timeout);
      reject(timeout);
    }, Math.max(0, timeout.ms));
  });
  try {
    return await Promise.race([within.run(() => Promise.try(fn, within.signal)), late]);
  } catch (error) {
    if (error === timeout && hasValue) return value as V;
    throw error;
  } finally {
    clearTimeout(timer);
    within.end();
  }
}
