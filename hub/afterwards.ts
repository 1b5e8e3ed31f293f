/**
 * The hub's half of `kill(reason, { wait: true })` in green code.
 *
 * @module
 */

import type { HubThread } from "./hub_thread.ts";

/** Waits until a killed thread has ended, and the async work that was aborted with it. */
export async function afterwards(thread: HubThread): Promise<void> {
  await thread.afterwards();
}
