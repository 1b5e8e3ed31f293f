/**
 * A Worker's questions to threads: it waits for them, wants to hear of their endings, kills them.
 *
 * A handle is _awaited_ from when the hub is asked for the ending until the ending is known here: by `Down.Settled`, or as the
 * thread ends on this stack. A wait ends with that, or with an error: a kill, a timeout, or a deadlock that the hub has found.
 * Then the hub is told (`Up.Unwait`), since the thread is wanted less.
 *
 * In a cooperative hub each of these questions is flushed: the hub has done all that follows before the thread goes on. A kill
 * is flushed in every hub.
 *
 * @module
 */

import type { Condition } from "../../bridge/side/green.ts";
import type { Blocking } from "./blocking.ts";
import { callSites } from "../../bridge/values/stacks.ts";
import { encodeThrown } from "../../bridge/values/codec.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import type { Frame } from "./frame_stack.ts";
import type { GreenBase } from "./base.ts";
import { EMPTY, type Message } from "../../bridge/wire/message.ts";
import { Up } from "../../bridge/protocol/messages.ts";
import { type RemoteThread, selfWait } from "./remote_thread.ts";
import { overdue } from "../../bridge/side/bounded.ts";

/** The waits for threads, and kills. */
export class ThreadWaits {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #frames: readonly Frame[];
  readonly #caller: GreenBase["caller"];
  readonly #handles: GreenBase["handles"];
  readonly #crossing: GreenBase["crossing"];
  readonly #scheduler: GreenBase["scheduler"];
  readonly #blocking: Blocking;
  /** Threads whose `Settled` is on its way. */
  readonly #awaited = new Map<number, RemoteThread>();

  /**
   * @param base The base of all parts.
   * @param blocking Blocks threads.
   */
  constructor(base: GreenBase, blocking: Blocking) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#frames = base.stack.frames;
    this.#caller = base.caller;
    this.#handles = base.handles;
    this.#crossing = base.crossing;
    this.#scheduler = base.scheduler;
    this.#blocking = blocking;
  }

  /** Whether there is a green thread here that could block. */
  get canBlock(): boolean {
    return this.#frames.length > 0;
  }

  /** Blocks until a thread's ending is known here. */
  waitFor(thread: RemoteThread, timeout: number, signal?: AbortSignal): void {
    const frame = this.#caller.frame("wait()");
    const limited = timeout !== Infinity || frame.timeouts.length > 0 || signal !== undefined;
    const at = limited ? -1 : this.#frames.findIndex(({ id }) => id === thread.id);
    if (at >= 0) {
      const threads = this.#frames.slice(at).map(({ thread }) => thread);
      throw selfWait(threads, callSites(threads.length));
    }
    const wait: Condition = {
      get done() {
        return thread.done || signal !== undefined && signal.aborted;
      },
    };
    // A thread that is to end begins no wait. But an ending that has arrived, read or not, wins over a timeout that is due.
    if (this.#stack.kills > 0 && frame.shields === 0) this.#stack.throwIfKilled(frame);
    const struck = this.#stack.isStruck(frame);
    const ready = struck && this.#blocking.block(wait, 0, { what: thread });
    if (!ready) this.#block(frame, thread, wait, limited, timeout, signal);
    else if (!thread.done) throw signal!.reason;
    // The awaited thread ran on this stack, and ended early because this thread is to end: this thread's reason counts.
    if (thread.state === "killed" && this.#stack.kills > 0 && frame.shields === 0) {
      this.#stack.throwIfKilled(frame);
    }
  }

  /** Asks for a thread's ending, and blocks for it. */
  #block(
    frame: Frame,
    thread: RemoteThread,
    wait: Condition,
    limited: boolean,
    timeout: number,
    signal: AbortSignal | undefined,
  ): void {
    this.#awaited.set(thread.id, thread);
    try {
      this.#mailbox.send(Up.Wait, thread.id, limited ? 1 : 0, frame.id, EMPTY);
      // Flushed, so that a thread that has ended is known to have, however fast the hub is.
      this.#scheduler.flush();
      const parking = { what: thread, signal, limited: signal !== undefined };
      if (!this.#blocking.block(wait, performance.now() + timeout, parking)) throw overdue(timeout);
      if (!thread.done) throw signal!.reason;
    } catch (error) {
      // A thread that gives up waiting is no longer a reason for the other one to go on.
      if (!thread.done) this.#mailbox.send(Up.Unwait, thread.id, 0, frame.id, EMPTY);
      throw error;
    }
  }

  /** Asks for a thread's ending without blocking for it. */
  watch(thread: RemoteThread): void {
    if (this.#awaited.has(thread.id)) return;
    this.#awaited.set(thread.id, thread);
    this.#mailbox.send(Up.Wait, thread.id, 1, 0, EMPTY);
    this.#scheduler.flush();
  }

  /** Kills a thread; a thread that kills itself ends here and now. */
  kill(thread: RemoteThread, reason: unknown, onlyPending: boolean, grace = Infinity): void {
    const frame = this.#stack.find(thread.id);
    if (frame) {
      if (onlyPending) return;
      this.#stack.kill(frame, reason ?? new GreenletExit());
      return this.#stack.interrupt(this.#frames.at(-1)!);
    }
    const payload = encodeThrown(reason, "reason", this.#crossing.kinds);
    const most = grace === Infinity ? -1 : Math.max(0, Math.trunc(grace));
    this.#mailbox.send(Up.Kill, thread.id, onlyPending ? 1 : 0, most, payload);
    if (onlyPending) return this.#scheduler.flush();
    // The killed thread's Worker has the kill before the killer goes on: a permit or item that the killer hands over after that
    // is not for the killed thread.
    this.#mailbox.catchUpWithHub();
    // The killed thread has the first order number now.
    if (this.#scheduler.isAlone) this.#blocking.giveWay();
  }

  /** The handle of a thread, if the hub will tell its ending. */
  awaited(id: number): RemoteThread | undefined {
    return this.#awaited.get(id);
  }

  /** Notes that the hub will tell the ending of a thread. */
  expect(thread: RemoteThread): void {
    this.#awaited.set(thread.id, thread);
  }

  /** Notes that the ending of a thread need not be told any more. */
  forget(id: number): void {
    this.#awaited.delete(id);
  }

  /** Takes the ending of a thread, which the hub tells. */
  settle({ id, a, payload }: Message): void {
    const thread = this.#awaited.get(id);
    if (!thread) return this.#crossing.drop(payload); // It ended here, or was told twice.
    this.#awaited.delete(id);
    thread.settle(a, payload);
    this.#handles.letGo(thread);
  }
}
