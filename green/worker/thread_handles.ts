/**
 * The handles of green threads in one Worker: each thread has one here, as long as anybody holds it.
 *
 * The hub keeps a thread for as long as any Worker holds a reference to it. So the hub counts how often it has sent a reference,
 * and is told when the handle here knows the thread's ending, or is gone.
 *
 * @module
 */

import { endingOf, outcomeOf, RefKind, type ThreadRef } from "../../bridge/protocol/messages.ts";
import type { Ref } from "../../bridge/values/reference_kinds.ts";
import { type HandleHost, type Hold, RemoteThread } from "./remote_thread.ts";

/** The handles of one Worker. */
export class ThreadHandles {
  readonly #host: HandleHost;
  readonly #sayReleased: (id: number, count: number) => void;
  readonly #handles = new Map<number, WeakRef<RemoteThread>>();
  readonly #registry = new FinalizationRegistry<Hold>((hold) => this.#forget(hold));

  /**
   * @param host The runtime that handles ask.
   * @param sayReleased Tells the hub that a thread, which it had sent so many times, is not held here any more.
   */
  constructor(host: HandleHost, sayReleased: (id: number, count: number) => void) {
    this.#host = host;
    this.#sayReleased = sayReleased;
  }

  /** The one handle that a thread has here, for green code. */
  handle(id: number, name: string): RemoteThread {
    const thread = this.of(id, name);
    thread.given = true;
    return thread;
  }

  /** The one handle that a thread has here. */
  of(id: number, name: string): RemoteThread {
    const known = this.#handles.get(id)?.deref();
    if (known) return known;
    const thread = new RemoteThread(id, name, this.#host);
    this.#handles.set(id, new WeakRef(thread));
    this.#registry.register(thread, thread.hold);
    return thread;
  }

  /** The reference for a handle, with the thread's ending if that is known. */
  toRef(thread: RemoteThread): Ref {
    const { id, name } = thread;
    thread.observed = true;
    const outcome = thread.outcome();
    if (!outcome) return { kind: RefKind.Thread, data: { id, name } };
    return { kind: RefKind.Thread, data: { id, name, ended: endingOf(outcome) } };
  }

  /** The handle for a reference. */
  adopt({ id, name, ended }: ThreadRef): RemoteThread {
    const thread = this.handle(id, name);
    if (ended) thread.settleWith(outcomeOf(ended.ending, ended.value));
    else thread.hold.count++;
    return thread;
  }

  /** Releases a thread whose ending the handle knows: the hub need not keep the ending for this Worker any longer. */
  letGo({ hold }: RemoteThread): void {
    if (hold.count > 0) this.#sayReleased(hold.id, hold.count);
    hold.count = 0;
  }

  /** Drops the handle of an ended thread that nobody here has: code that gets one later gets another, and asks the hub. */
  drop({ id }: RemoteThread): void {
    this.#handles.delete(id);
  }

  /** Forgets a handle that was garbage-collected. */
  #forget(hold: Hold): void {
    if (this.#handles.get(hold.id)?.deref() === undefined) this.#handles.delete(hold.id);
    if (hold.count > 0) this.#sayReleased(hold.id, hold.count);
  }
}
