/**
 * Waits for promises that take the options of all waits: see {@linkcode WaitOptions}.
 *
 * @module
 */

import { checkWaiting, LONGEST_TIMER, timeLimit, type WaitOptions } from "../checks.ts";
import { limited, untilAborted } from "./limit.ts";
import { Timeout } from "./timeout.ts";

/**
 * Waits for a promise as long as options, and the current limit, allow. The promise goes on. Hub only.
 *
 * @param options The options of the wait, which were checked where they were given.
 * @param begin Makes the promise. It is called outside of limits. What is there at once wins over a time of zero.
 * @param ms The time that the message of the `Timeout` tells: the whole time, if the options have what is left of it.
 * @returns A promise of the same, which rejects with a `Timeout`, or with the reason of the signal or the limit.
 */
export async function bounded<T>(
  options: WaitOptions | undefined,
  begin: () => Promise<T>,
  ms?: number,
): Promise<T> {
  checkWaiting(options);
  const work = limited(begin);
  const timeout = timeLimit(options);
  const signals = options?.signal ? [options.signal] : [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  if (timeout < LONGEST_TIMER) {
    const limit = new AbortController();
    timer = setTimeout(() => limit.abort(overdue(ms ?? timeout)), Math.max(0, timeout));
    signals.push(limit.signal);
  }
  if (signals.length === 0) return await work;
  try {
    return await untilAborted(work, AbortSignal.any(signals));
  } finally {
    clearTimeout(timer);
  }
}

/** The timeout to throw when a wait takes too long. It is not armed: it is thrown here and now. */
export function overdue(ms: number): Timeout {
  const timeout = new Timeout(ms);
  timeout.cancel();
  return timeout;
}
