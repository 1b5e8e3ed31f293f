/**
 * Threads that are not to start once the one that spawned them has ended: see `spawnAfterLocal()`.
 *
 * @module
 */

import { GreenletExit } from "../../bridge/errors.ts";
import type { HubThread } from "../records/thread.ts";

/** The threads of a hub, as far as this has to know them. */
interface Threads {
  byId(id: number): HubThread | undefined;
  killThread(thread: HubThread, reason: unknown, onlyPending: boolean, graceMs: number): void;
}

/**
 * Makes a thread depend on the one that spawned it.
 *
 * @returns Whether it may start: `false` if that one has ended, and it with that.
 */
export function makeDependent(threads: Threads, thread: HubThread): boolean {
  const owner = threads.byId(thread.parent);
  if (owner && !owner.dead) {
    (owner.dependants ??= new Set()).add(thread);
    thread.onBegin = () => owner.dependants?.delete(thread);
    return true;
  }
  cancelDependant(threads, thread);
  return false;
}

/** A thread has ended: those that depend on it do not start. */
export function cancelDependants(threads: Threads, owner: HubThread): void {
  for (const dependant of owner.dependants ?? []) cancelDependant(threads, dependant, owner);
}

function cancelDependant(threads: Threads, thread: HubThread, owner?: HubThread): void {
  const who = owner ? `"${owner.name}"` : "the green thread";
  const reason = new GreenletExit(`It was not to start once ${who} that spawned it had ended`);
  threads.killThread(thread, reason, true, Infinity);
}
