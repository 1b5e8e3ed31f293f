/**
 * Spawning from objects that live on both sides.
 *
 * @module
 */

import type { GreenThread } from "../bridge/side/green_thread.ts";
import type { Particulars } from "../bridge/protocol/messages.ts";
import { greenSide } from "../bridge/side/side.ts";
import { state } from "../bridge/state.ts";
import { spawnTarget } from "../bridge/protocol/targets.ts";

/** What may be said about a thread on the hub. */
export interface HubLaunch extends Particulars {
  /** What it waits for before it may start. */
  readonly gate?: Promise<unknown>;
}

/** Spawns on the hub that is used where none is named. */
export type HubLauncher = (
  fn: unknown,
  args: readonly unknown[],
  launch: HubLaunch,
) => GreenThread<unknown>;

/** The hub's part, which a Worker does not load. */
const hub = state("launcher", (): { launch: HubLauncher | undefined } => ({ launch: undefined }));

/** Says how threads are spawned on this side, where it is the hub's. */
export function setLauncher(launcher: HubLauncher): void {
  hub.launch ??= launcher;
}

/** Spawns on whichever side this is. */
export function launch(
  fn: unknown,
  args: readonly unknown[],
  particulars: HubLaunch,
): GreenThread<unknown> {
  const green = greenSide();
  if (green) return green.spawn(spawnTarget(fn), args, particulars);
  return hub.launch!(fn, args, particulars);
}
