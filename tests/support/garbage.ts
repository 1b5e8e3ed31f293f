/**
 * The collector of garbage, without a flag of the process.
 *
 * @module
 */

import { syncToAsync } from "@aiohub/aiohub";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects the garbage of this thread. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const gc: () => void = runInNewContext("gc");
  gc();
}

/** Collects the garbage of a Worker, and gives it a turn in which it lets go of what was found. */
export const collectInWorker = syncToAsync(
  import.meta,
  async function collectInWorker() {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 1));
  },
);
