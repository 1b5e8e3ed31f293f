/**
 * The endings of threads in a Worker.
 *
 * The result or error of a thread is encoded once, for the hub; waiters here share that, or get a copy where references
 * in it have been counted for the hub. A result that cannot cross is a failure of the thread. The reason of a kill by the hub
 * does not go back to it. Then, in this order: all that goes with the thread is let go of, its handle here is settled, the hub is
 * told. In a cooperative hub the Worker goes on when the hub has done all that follows from the ending.
 *
 * @module
 */

import { decode, encode, encodeThrown } from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import { joinStacksOnce } from "../../bridge/values/stacks.ts";
import { GreenletExit, HubClosedError } from "../../bridge/errors.ts";
import { type Frame, isNothingBut } from "./frame_stack.ts";
import { isA } from "../../bridge/primordials.ts";
import type { GreenBase } from "./base.ts";
import { copyOf, EMPTY } from "../../bridge/wire/message.ts";
import {
  Ending,
  type Outcome,
  outcomeOf,
  type SpawnSite,
  Up,
} from "../../bridge/protocol/messages.ts";
import type { RemoteThread } from "./remote_thread.ts";
import { type UnhandledFailure, whereOf } from "./unhandled.ts";
import type { ThreadWaits } from "./thread_waits.ts";

/** Ends threads, and reports failures that nobody handles. */
export class ThreadEndings {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #frames: readonly Frame[];
  readonly #handles: GreenBase["handles"];
  readonly #crossing: GreenBase["crossing"];
  readonly #scheduler: GreenBase["scheduler"];
  readonly #waits: ThreadWaits;

  /**
   * @param base The base of all parts.
   * @param waits Knows which endings are to be told.
   */
  constructor(base: GreenBase, waits: ThreadWaits) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#frames = base.stack.frames;
    this.#handles = base.handles;
    this.#crossing = base.crossing;
    this.#scheduler = base.scheduler;
    this.#waits = waits;
  }

  /** Ends a thread whose function threw: a thread that lets its kill through was killed. */
  fail(frame: Frame, error: unknown): undefined {
    const { killed } = frame;
    if (killed && isNothingBut(killed.reason, error)) {
      return this.end(frame, Ending.Killed, killed.reason);
    }
    return this.end(frame, isA(error, GreenletExit) ? Ending.Killed : Ending.Rejected, error);
  }

  /** Ends a thread. Never throws, even if reading the thread's value does. */
  end(frame: Frame, ending: number, value: unknown): undefined {
    this.#stack.remove(frame);
    if (frame.sites && ending === Ending.Rejected) tellWhoSpawned(value, frame.sites);
    let payload: Payload;
    try {
      payload = ending === Ending.Fulfilled
        ? encode(value, "result", this.#crossing.resultKinds)
        : this.#hasReason(frame, ending)
        ? EMPTY
        : encodeThrown(value, "error", this.#crossing.resultKinds);
    } catch (error) {
      ending = Ending.Rejected;
      payload = encodeThrown(error, "error", this.#crossing.resultKinds);
    }
    // Counted before the exports of the thread end: one that it returns stays.
    const done = this.#crossing.seal(payload);
    this.#crossing.references.endThread(frame.id);
    this.reportUnhandled(frame);
    const { thread } = frame;
    // Always: green code may have kept the handle that `getCurrent()` gave, and the hub forgets the thread.
    this.#waits.forget(frame.id);
    if (!thread.given) this.#handles.drop(thread);
    else this.#settleHere(thread, ending, payload);
    this.#handles.letGo(thread);
    this.#mailbox.send(Up.Done, frame.id, ending, 0, done);
    this.#scheduler.ended();
  }

  /** Whether the hub made the kill that ends a thread, so that it has the reason, and nobody here needs the reason encoded. */
  #hasReason({ killed, thread }: Frame, ending: number): boolean {
    return ending === Ending.Killed && killed?.byHub === true && !thread.given;
  }

  /**
   * Notes a failed thread whose result nobody here has asked for. Its spawner may still do so; nobody will when the spawner has
   * ended.
   */
  failedUnhandled(thread: RemoteThread): void {
    // A thread that was spawned elsewhere is looked after there.
    if (thread.spawner === 0) return;
    const frame = this.#frames.find(({ id }) => id === thread.spawner);
    if (frame) frame.failed.add(thread);
    else this.#reportUnhandled(thread.spawner, thread);
  }

  /** Reports the failed threads that a frame's thread has spawned: their spawner will not look at them any more. */
  reportUnhandled({ id, failed }: Frame): void {
    for (const thread of failed) this.#reportUnhandled(id, thread);
  }

  /**
   * Reports work that a thread has left behind, and that failed in the event loop: as a failure of the thread, if that is known.
   */
  reportLeftBehind(failure: UnhandledFailure): void {
    if (this.#mailbox.down.shut) return;
    const { error, suspects } = failure;
    const { kinds } = this.#crossing;
    if (suspects.length === 1) {
      const [{ id, name }] = suspects;
      return this.#mailbox.send(
        Up.Unhandled,
        id,
        0,
        0,
        encodeThrown([name, error], "error", kinds),
      );
    }
    const where = whereOf(failure, this.#stack.innermost?.thread.name);
    this.#mailbox.send(Up.Fault, 0, 1, 0, encodeThrown([where, error], "error", kinds));
  }

  /**
   * Gives the ending to holders of the thread's handle here, as a copy. A value that cannot be copied, since a class of it fails,
   * is a failure for them, as it will be on the hub.
   */
  #settleHere(thread: RemoteThread, ending: number, payload: Payload): void {
    const copy = copyOf(payload);
    if (!payload.refs) return thread.settle(ending, copy);
    let outcome: Outcome<unknown>;
    try {
      outcome = outcomeOf(ending, decode(copy, this.#crossing.withinKinds));
    } catch (reason) {
      outcome = { status: "rejected", reason };
    }
    thread.settle(ending, payload, outcome);
  }

  #reportUnhandled(spawner: number, thread: RemoteThread): void {
    if (thread.observed) return;
    const outcome = thread.outcome()!;
    // The app closed the hub, and wanted this: there is nothing to report.
    if (outcome.status !== "rejected" || isA(outcome.reason, HubClosedError)) return;
    const payload = encodeThrown([thread.name, outcome.reason], "error", this.#crossing.kinds);
    this.#mailbox.send(Up.Unhandled, spawner, 0, 0, payload);
  }
}

/** Adds to the stack of an error the sites where its thread and its spawners were spawned, as far as they are not there yet. */
function tellWhoSpawned(error: unknown, sites: readonly SpawnSite[]): void {
  for (const { name, stack } of sites) {
    const line = `    --- spawned as "${name}" ---`;
    joinStacksOnce(error, line, stack);
  }
}
