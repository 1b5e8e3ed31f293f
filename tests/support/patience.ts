/**
 * Shorter times for what the library waits out, and fewer Workers for a hub to be at its limit.
 *
 * @module
 */

import { PATIENCE } from "../../bridge/patience.ts";
import { EXTRA } from "../../hub/pool/saturation.ts";

/** Sets times, for hubs and Workers that start from now on, until it is disposed of. */
export function patience(times: Partial<typeof PATIENCE>): Disposable {
  const before = { ...PATIENCE };
  Object.assign(PATIENCE, times);
  return { [Symbol.dispose]: () => void Object.assign(PATIENCE, before) };
}

/** Sets how many Workers a hub may have beyond twice `maxWorkers`, until it is disposed of. */
export function extraWorkers(workers: number): Disposable {
  const before = EXTRA.workers;
  EXTRA.workers = workers;
  return { [Symbol.dispose]: () => void (EXTRA.workers = before) };
}
