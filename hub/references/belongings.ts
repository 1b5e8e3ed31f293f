/**
 * What green threads have opened on the hub, and what is done about it when they end: iterations, and streams that they write to.
 *
 * @module
 */

import type { Outcome } from "../../bridge/protocol/messages.ts";
import { state } from "../../bridge/state.ts";

/** How a thread has ended. */
export interface Ending {
  readonly outcome: Outcome<unknown>;
}

/** Something that goes with a green thread. */
export interface Belonging {
  /**
   * The thread has ended. It must not throw.
   *
   * @param id The thread's id.
   * @param ended How it has ended; nothing for a callback that was a thread of its own.
   */
  threadEnded(id: number, ended: Ending | undefined): void;
}

/** Belongings of each thread, by its id: ids are unique in the process, whichever copy's hub a thread is of. */
const belongings = state("belongings", () => new Map<number, Set<Belonging>>());

/**
 * Has something go with a thread.
 *
 * @param id The thread's id; 0 for none.
 * @param belonging What is told when the thread has ended.
 * @returns Says that it goes with the thread no longer.
 */
export function belongTo(id: number, belonging: Belonging): () => void {
  if (id === 0) return () => {};
  const all = belongings.get(id) ?? new Set();
  belongings.set(id, all.add(belonging));
  return () => {
    all.delete(belonging);
    if (all.size === 0 && belongings.get(id) === all) belongings.delete(id);
  };
}

/** A thread has ended, or a callback that was a thread of its own. */
export function endBelongings(id: number, ended?: Ending): void {
  const all = belongings.get(id);
  if (!all) return;
  belongings.delete(id);
  for (const belonging of all) belonging.threadEnded(id, ended);
}

/** How many threads have something. For tests. */
export function belongingsCount(): number {
  return belongings.size;
}
