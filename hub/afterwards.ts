/**
 * The hub's half of `kill(reason, { wait: true })` in green code.
 *
 * @module
 */

import type { HubThread } from "./records/thread.ts";

/** Waits until a killed thread has ended, and the async work that was aborted with it. Named as people called it. */
export async function kill(thread: HubThread): Promise<void> {
  await thread.afterwards();
}
