/**
 * What a blocked green thread is blocked on.
 *
 * A thread that is blocked for longer than {@linkcode REPORT_AFTER} says so to the hub, for `threads()` and for the search
 * for deadlocks; shorter waits cost nothing. It says so once, and sleeps until somebody wakes it. Who has the lock that it waits
 * for may be another one by the time that this matters: so a thread at an object that is woken for nothing says once more what it
 * is blocked on, and the hub wakes those of whom it wants to know (see `hub/threads/waits.ts`).
 *
 * @module
 */

import { type Target, targetName } from "../../bridge/protocol/messages.ts";
import { RemoteThread } from "./remote_thread.ts";

/** How long a thread is blocked before the hub is told what on, in milliseconds. */
export const REPORT_AFTER = 20;

/** How much time there is at the least between two reports of one wait, in milliseconds. */
export const REPORT_EVERY = 100;

/** What a thread is blocked on. */
export interface Parking {
  /** A call's target, a thread, or a few words: `lock "cache"`. */
  readonly what: Target | RemoteThread | string;
  /** The id of the one thread that can end it, if that is known; asked each time that the hub is told. */
  readonly holder?: () => number | undefined;
  /** The id of the coordination object, if it is one. */
  readonly object?: number;
  /**
   * Whether another green thread may have to end it: one that may wait for a Worker. Always so if it is a thread, or at an
   * object.
   *
   * @default {false}
   */
  readonly peers?: boolean;
  /**
   * Whether it may end by itself otherwise than by a time limit: a signal that may be aborted.
   *
   * @default {false}
   */
  readonly limited?: boolean;
  /** A signal that ends it, or that its call was given. */
  readonly signal?: AbortSignal;
  /**
   * Whether it may end soon, so that spinning may pay.
   *
   * @default {true}
   */
  readonly spin?: boolean;
  /** In a cooperative hub: whether others go first even if there is nothing to wait for. */
  readonly yields?: boolean;
  /** Its place in the line then, if it has taken one. */
  readonly place?: number;
  /** In a cooperative hub: whether what the thread came for is done, so that a kill or a timeout is for its next block. */
  readonly done?: boolean;
  /** In a cooperative hub: whether nobody else goes on meanwhile. */
  readonly keeps?: boolean;
}

/**
 * What a thread is blocked on, in words.
 *
 * @param what What it is blocked on.
 * @param left How long it will be, in milliseconds.
 */
export function describeParking(what: Parking["what"], left: number): string {
  if (what instanceof RemoteThread) return `thread "${what.name}"`;
  if (typeof what !== "string") return `${targetName(what)}()`;
  return what === "sleep" ? `sleep, ${Math.round(left)} ms more` : what;
}
