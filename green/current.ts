/**
 * The green thread that runs now.
 *
 * @module
 */

import type { GreenThread } from "../bridge/side/green_thread.ts";
import { blocking } from "../bridge/side/side.ts";

/**
 * The green thread that calls this.
 *
 * @returns Its handle.
 * @throws {BlockingCallError} If it is called on the hub.
 *
 * @example Know oneself
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { getCurrent } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn(() => getCurrent().id);
 * assertEquals(await thread, thread.id);
 * ```
 *
 * @category Threads
 */
export function getCurrent(): GreenThread {
  return blocking("getCurrent()", "a green thread for it").current();
}
