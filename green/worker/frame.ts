/**
 * A frame: one green thread on a Worker's stack.
 *
 * A Worker mostly has one. It has more while a thread waits for another one that had not started and runs it itself: the
 * frames then are a stack, the innermost last, and only the innermost runs.
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
  /** Its number: see `Arena.kills`. None if it was made on this Worker, here and now. */
  readonly number: number | undefined;
}

/** The state of a green thread while it runs: its stack frame. */
export class Frame implements Scope {
  /** The kill, once there is one: the first reason wins, and it stays (a kill is sticky). */
  killed: Kill | undefined;
  /** The site at which it was spawned, and the threads that led to that, if the hub records it. */
  sites: readonly SpawnSite[] | undefined;
  /** Whether the hub stops the Worker at a time of its own if the thread has not ended by then. */
  killTimed = false;
  /** Called when it is killed, while it waits for something that is no blocking call. */
  onKill: (() => void) | undefined;
  /** The error that its blocking call is to throw once: the hub has found that it could never go on. */
  thrown: { readonly error: unknown } | undefined;
  /**
   * The end of a callback that ran on top of it, which was meant for the thread itself: its kill, or a timeout that it had
   * armed. It is thrown again, as it is, where the thread is blocked, whatever the hub makes of the failed callback.
   */
  passing: { readonly error: unknown } | undefined;
  /** The count of `shield()`s around it. */
  shields = 0;
  /** The timeouts that it has armed, the outermost first. */
  readonly timeouts: Timeout[] = [];
  /** The timeout that was thrown last, and what was thrown for it. */
  fired: { readonly timeout: Timeout; readonly error: unknown } | undefined;
  /** Threads that it spawned which failed, and whose failure nobody has looked at. */
  readonly failed: Set<RemoteThread> = new Set();
  /** Values of `local()`s, by their key. */
  locals: Map<object, unknown> | undefined;
  /** The id of the `GreenPool` that it is a member of. */
  memberOf: number | undefined;
  /** The async context with which it was started: the hub knows it too. */
  given?: ContextValues;
  /** The changes of that. */
  changes?: Map<string, unknown>;

  /**
   * @param id The thread's id.
   * @param thread The thread's handle here, for `getCurrent()`.
   */
  constructor(readonly id: number, readonly thread: RemoteThread) {}

  /** The time at which the next timeout of this frame is to be thrown, in `performance.now()` time: in a `shield()` none is. */
  get deadline(): number {
    if (this.shields > 0) return Infinity;
    let earliest = Infinity;
    for (const { due } of this.timeouts) if (due < earliest) earliest = due;
    return earliest;
  }
}
