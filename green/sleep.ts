/**
 * Sleeping.
 *
 * @module
 */

import { checkOptionsObject, checkSignal, checkTime } from "../bridge/checks.ts";
import { blocking } from "../bridge/side/side.ts";

/**
 * Options for {@linkcode sleep}.
 *
 * @category Threads
 */
export interface SleepOptions {
  /** Ends the sleep with the signal's reason when it is aborted. */
  signal?: AbortSignal;
}

const SLEEP_KEYS = ["signal"];

/**
 * Blocks this green thread for some time, and nobody else. It takes no round trip to the hub.
 *
 * @param ms The time, in milliseconds. Zero or less only looks whether the thread was killed or has timed out; in a
 * cooperative hub it lets all others go first that can go on.
 * @param options See {@linkcode SleepOptions}.
 * @throws {TypeError} If `ms` is not a number, or an option is of the wrong kind.
 * @throws The reason of the signal, if it is aborted.
 * @throws {BlockingCallError} If it is called on the hub.
 *
 * @example Sleep in a green thread
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 *
 * await spawn(() => sleep(5));
 * ```
 *
 * @category Threads
 */
export function sleep(ms: number = 0, options?: SleepOptions): void {
  const green = blocking("sleep()", "await new Promise((done) => setTimeout(done, ms))");
  checkTime("sleep", ms);
  if (options === undefined) return green.sleep(ms);
  checkOptionsObject("sleep", options, "{ signal }", SLEEP_KEYS);
  const { signal } = options;
  checkSignal("sleep", signal);
  if (signal === undefined) return green.sleep(ms);
  green.enter("sleep()");
  signal.throwIfAborted();
  const condition = {
    get done() {
      return signal.aborted;
    },
  };
  const parking = { what: "sleep", spin: false, yields: true, limited: true, signal };
  if (green.block(condition, performance.now() + ms, parking)) throw signal.reason;
}

/**
 * A point where a kill or a timeout can end code that computes and does not block. Cheap when there is none. It does not let
 * others go first in a cooperative hub: `sleep(0)` does.
 *
 * @throws The reason of the thread's kill, or a `Timeout` that is due.
 * @throws {BlockingCallError} If it is called on the hub.
 *
 * @example Make a long computation killable
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { checkpoint } from "@aiohub/aiohub/green";
 *
 * await spawn(() => {
 *   for (let i = 0; i < 1000; i++) checkpoint();
 * });
 * ```
 *
 * @category Limits
 */
export function checkpoint(): void {
  blocking("checkpoint()", "await null").checkpoint();
}

/**
 * Calls a function during which a kill or a timeout does not end this green thread; it does at the next blocking call
 * after it.
 *
 * @param fn The function.
 * @returns What the function returned.
 * @throws What the function threw.
 * @throws {BlockingCallError} If it is called on the hub.
 *
 * @example Finish what has begun
 * ```ts
 * import { GreenEvent, GreenletExit, Queue, spawn } from "@aiohub/aiohub";
 * import { shield, sleep } from "@aiohub/aiohub/green";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const begun = new GreenEvent<void>();
 * const written = new Queue<string>();
 * const thread = spawn((begun: GreenEvent<void>, written: Queue<string>) => {
 *   shield(() => {
 *     begun.send();
 *     sleep(20);
 *     written.put("both parts");
 *   });
 *   sleep(60_000); // the kill ends the thread here
 * }, begun, written);
 * await begun.waitAsync();
 * thread.kill();
 * assertEquals(await written.getAsync(), "both parts");
 * await assertRejects(() => thread, GreenletExit);
 * ```
 *
 * @category Limits
 */
export function shield<T>(fn: () => T): T {
  return blocking("shield()", "the function itself").shield(fn);
}
