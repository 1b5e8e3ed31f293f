/**
 * Waiting for a promise, with a limit.
 *
 * @module
 */

import { LONGEST_TIMER } from "../../bridge/checks.ts";

/**
 * Waits until a promise has settled, or some time is over.
 *
 * @param promise The promise. It must not reject.
 * @param ms The time, in milliseconds.
 * @returns Whether the promise has settled in time.
 */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const done = promise.then(() => true);
  if (ms > LONGEST_TIMER) return await done;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(resolve, ms, false));
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
