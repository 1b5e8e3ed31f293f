/**
 * The wait of a blocked green thread, for reports.
 *
 * A thread that is blocked for longer than {@linkcode REPORT_AFTER} says so to the hub, for `threads()` and for the search
 * for deadlocks; shorter waits cost nothing. It says so once, and sleeps until somebody wakes it. The lock that it waits for may
 * have another holder by the time that the report matters. So a thread at an object that is woken for nothing reports once more,
 * and the hub wakes the threads whose reports it wants (see `hub/threads/waits.ts`).
 *
 * @module
 */

import { targetName } from "../../bridge/protocol/messages.ts";
import type { Parking } from "../../bridge/side/green.ts";
import { GreenThread } from "../../bridge/side/green_thread.ts";

/** The time for which a thread is blocked before the hub is told what on, in milliseconds. */
export const REPORT_AFTER = 20;

/** The least time between two reports of one wait, in milliseconds. */
export const REPORT_EVERY = 100;

/**
 * The wait of a thread, in words.
 *
 * @param what The thread, the target or the text that it is blocked on.
 * @param left The time left of a sleep, in milliseconds.
 */
export function describeParking(what: Parking["what"], left: number): string {
  if (what instanceof GreenThread) return `thread "${what.name}"`;
  if (typeof what !== "string") return `${targetName(what)}()`;
  return what === "sleep" ? `sleep, ${Math.round(left)} ms more` : what;
}
