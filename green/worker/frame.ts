/**
 * A stack frame: one green thread on a Worker's stack.
 *
 * A Worker mostly has one stack frame. It has more while a thread waits for another one that had not started, which then runs on
 * top of it, or has a callback that is a thread of its own. The innermost frame is the last, and only the innermost runs.
 *
 * @module
 */

import type { Timeout } from "../../bridge/side/timeout.ts";
import type { ContextValues, Scope } from "../../bridge/context/context.ts";
import type { SpawnSite } from "../../bridge/protocol/messages.ts";
import type { RemoteThread } from "./remote_thread.ts";

/** The kill of a thread. */
export interface Kill {
  readonly reason: unknown;
  /** The number of the kill: see `Arena.kills`. None if the kill was made on this Worker, here and now. */
  readonly number: number | undefined;
}

/** The state of a green thread while it runs: its stack frame. */
export class Frame implements Scope {
  /** The kill, once there is one: the first reason wins, and it stays (a kill is sticky). */
  killed: Kill | undefined;
  /** The site at which the thread was spawned, and the spawns that led to it, if the hub records sites. */
  sites: readonly SpawnSite[] | undefined;
  /** Whether the hub stops the Worker at a time of its own if the thread has not ended by then. */
  killTimed = false;
  /** Called when the thread is killed while it waits for something that is no blocking call. */
  onKill: (() => void) | undefined;
  /** The error that the thread's blocking call is to throw once: the hub has found that the thread could never go on. */
  thrown: { readonly error: unknown } | undefined;
  /**
   * The error that ended a callback on top of the thread but was meant for the thread itself: the thread's kill, or a timeout
   * that the thread had armed. The same error is thrown again where the thread is blocked, whatever the hub makes of the failed
   * callback.
   */
  passing: { readonly error: unknown } | undefined;
  /** The count of `shield()`s that the thread is in. */
  shields = 0;
  /** The timeouts that the thread has armed, the outermost first. */
  readonly timeouts: Timeout[] = [];
  /** The timeout that has fired last, and the error that was thrown for it. */
  fired: { readonly timeout: Timeout; readonly error: unknown } | undefined;
  /** The threads that this thread has spawned and whose failures are unhandled. */
  readonly failed: Set<RemoteThread> = new Set();
  /** The values of `local()`s, by their key. */
  locals: Map<object, unknown> | undefined;
  /** The id of the `GreenPool` that the thread is a member of. */
  memberOf: number | undefined;
  /** The async context with which the thread was started. The hub knows this context too. */
  given?: ContextValues;
  /** The thread's changes of its async context. */
  changes?: Map<string, unknown>;

  /**
   * @param id The thread's id.
   * @param thread The thread's handle here, for `getCurrent()`.
   */
  constructor(readonly id: number, readonly thread: RemoteThread) {}

  /** The time at which the next timeout of this thread is due, in `performance.now()` time; `Infinity` in a `shield()`. */
  get deadline(): number {
    if (this.shields > 0) return Infinity;
    let earliest = Infinity;
    for (const { due } of this.timeouts) if (due < earliest) earliest = due;
    return earliest;
  }
}
