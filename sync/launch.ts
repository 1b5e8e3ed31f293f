/**
 * Spawning from objects that live on both sides.
 *
 * @module
 */

import type { GreenThread } from "../bridge/side/green_thread.ts";
import type { HubThreadOptions } from "../bridge/side/spawnable.ts";
import { greenSide } from "../bridge/side/side.ts";
import { state } from "../bridge/state.ts";
import { spawnTarget } from "../bridge/protocol/targets.ts";

/** Spawns on the default hub. */
export type HubLauncher = (
  fn: unknown,
  args: readonly unknown[],
  options: HubThreadOptions,
) => GreenThread<unknown>;

/** The launcher of the hub, whose code a Worker does not load. */
const hub = state("launcher", (): { launch: HubLauncher | undefined } => ({ launch: undefined }));

/** Sets the launcher of the hub, unless another copy of the library has. */
export function setLauncher(launcher: HubLauncher): void {
  hub.launch ??= launcher;
}

/**
 * Spawns a green thread, on either side.
 *
 * @throws {TypeError} If nothing on the hub has imported the hub.
 */
export function launch(
  fn: unknown,
  args: readonly unknown[],
  options: HubThreadOptions,
): GreenThread<unknown> {
  const green = greenSide();
  if (green) return green.spawn(spawnTarget(fn), args, options);
  if (!hub.launch) {
    throw new TypeError(
      'Cannot spawn on the hub: expected a program that imports "@aiohub/aiohub", found only the entry "./sync"',
    );
  }
  return hub.launch(fn, args, options);
}
