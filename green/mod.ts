/**
 * Functions for green threads: they look synchronous, and block the green thread and nothing else.
 *
 * Each of them throws a `BlockingCallError` on the hub.
 *
 * @example Calls that block a green thread
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { getCurrent, sleep } from "@aiohub/aiohub/green";
 *
 * await spawn(() => {
 *   sleep(10);
 *   return getCurrent().name;
 * });
 * ```
 *
 * @module
 */

export { checkpoint, shield, sleep, type SleepOptions } from "./sleep.ts";
export { getCurrent } from "./current.ts";
export {
  fetch,
  type GreenFetchInit,
  type GreenResponse,
  type OpenedUrl,
  urlopen,
} from "./fetch.ts";
