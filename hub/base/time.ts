/**
 * Waiting for some time only.
 *
 * @module
 */

import { LONGEST_TIMER } from "../../bridge/checks.ts";

/**
 * Waits for a promise, but not for longer than some time.
 *
 * @param promise What to wait for. It must not reject.
 * @param ms How long at the most, in milliseconds.
 * @returns Whether it has settled in time.
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
