/**
 * Dependants: threads that are not to start once their owner, which spawned them, has ended: see `spawnAfterLocal()`.
 *
 * @module
 */

import { GreenletExit } from "../../bridge/errors.ts";
import type { HubThread } from "../records/thread.ts";

/** The threads of a hub, as far as dependants need them. */
interface Threads {
  byId(id: number): HubThread | undefined;
  killThread(thread: HubThread, reason: unknown, onlyPending: boolean, graceMs: number): void;
}

/**
 * Makes a thread depend on its owner.
 *
 * @returns Whether it may start: `false` if the owner has ended already. Then the thread has ended with it.
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

/** Ends the dependants of a thread that has ended, as far as they have not started. */
export function cancelDependants(
  threads: Threads,
  owner: HubThread,
  dependants: ReadonlySet<HubThread>,
): void {
  for (const dependant of dependants) cancelDependant(threads, dependant, owner);
}

function cancelDependant(threads: Threads, thread: HubThread, owner?: HubThread): void {
  const who = owner ? `"${owner.name}"` : "the green thread";
  const reason = new GreenletExit(`It was not to start once ${who} that spawned it had ended`);
  threads.killThread(thread, reason, true, Infinity);
}
