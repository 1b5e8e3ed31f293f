/**
 * The default hub: the hub that is used when none is named.
 *
 * @module
 */

import { madeElsewhere } from "../bridge/brand.ts";
import { show } from "../bridge/checks.ts";
import { BlockingCallError } from "../bridge/errors.ts";
import { greenSide } from "../bridge/side/side.ts";
import { state } from "../bridge/state.ts";
import { setLauncher } from "../sync/launch.ts";
import { Hub, LAUNCH } from "./hub.ts";

const used = state("hub", (): { hub: Hub | undefined } => ({ hub: undefined }));

/**
 * The hub of this process, made when it is first asked for. When it has been closed, the next call makes a new one.
 *
 * @returns The hub.
 * @throws {BlockingCallError} If it is called in green code: the hub lives on the main thread.
 *
 * @example Look at what is going on
 * ```ts
 * import { getHub } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(getHub().statistics().threads, 0);
 * ```
 *
 * @category Hubs
 */
export function getHub(): Hub {
  if (greenSide()) {
    throw new BlockingCallError(
      "Cannot get the hub in green code: the hub is on the main thread: call spawn() and call() directly here. Put the " +
        "main program under `if (import.meta.main)`, as a Worker may import its module",
    );
  }
  return defaultHub();
}

/** Does as {@linkcode getHub}, for callers that know that they run on the main thread. */
export function defaultHub(): Hub {
  const { hub } = used;
  if (hub && !hub.closed) return hub;
  return used.hub = new Hub();
}

setLauncher((fn, args, options) => defaultHub()[LAUNCH](fn, args, options));

/**
 * Makes a hub the default one, which is used when none is named.
 *
 * @param hub The hub, or `undefined` to go back to one with the default options.
 * @returns The default hub until now, if there was one.
 * @throws {TypeError} If it is neither.
 *
 * @example A default hub with options
 * ```ts
 * import { Hub, spawn, useHub } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * await using hub = new Hub({ maxWorkers: 2, name: "app" });
 * useHub(hub);
 * assertEquals(await spawn(() => 6 * 7), 42);
 * ```
 *
 * @category Hubs
 */
export function useHub(hub: Hub | undefined): Hub | undefined {
  if (hub !== undefined && !(hub instanceof Hub)) {
    const why = madeElsewhere(hub) ?? `expected a Hub or undefined, found ${show(hub)}`;
    throw new TypeError(`Cannot use a hub: ${why}`);
  }
  const previous = used.hub;
  used.hub = hub;
  return previous;
}
