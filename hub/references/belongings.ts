/**
 * Belongings of green threads: iterations that they have begun on the hub, and streams there that they write to. They end with
 * their thread.
 *
 * @module
 */

import type { Outcome } from "../../bridge/protocol/messages.ts";
import { state } from "../../bridge/state.ts";

/** The ending of a thread. */
export interface Ending {
  readonly outcome: Outcome<unknown>;
}

/** Something on the hub that ends with a green thread. */
export interface Belonging {
  /**
   * Called when the thread has ended. It must not throw.
   *
   * @param id The thread's id.
   * @param ended The thread's ending; nothing for a callback that was a thread of its own.
   */
  threadEnded(id: number, ended: Ending | undefined): void;
}

/** Belongings of each thread, by its id: ids are unique in the process, whichever copy's hub a thread is of. */
const belongings = state("belongings", () => new Map<number, Set<Belonging>>());

/**
 * Makes something a belonging of a thread.
 *
 * @param id The thread's id; 0 for none.
 * @param belonging Told when the thread has ended.
 * @returns Takes that back.
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

/** Ends the belongings of a thread, or of a callback that was a thread of its own. */
export function endBelongings(id: number, ended?: Ending): void {
  const all = belongings.get(id);
  if (!all) return;
  belongings.delete(id);
  for (const belonging of all) belonging.threadEnded(id, ended);
}

/** The number of threads that have belongings. For tests. */
export function belongingsCount(): number {
  return belongings.size;
}
