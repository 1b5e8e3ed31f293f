/**
 * The table of the hub's threads: keeps them, ends them, and forgets them.
 *
 * A thread is kept from its launch until it has ended, no Worker holds a reference to it, and the async work that was aborted
 * with it has ended too. Its first ending counts, and all waiters are told of it.
 *
 * **Dependants** are threads that are not to start once their owner, which spawned them, has ended: see `spawnAfterLocal()`.
 *
 * @module
 */

import { ON_END } from "../../bridge/side/green_thread.ts";
import { LONGEST_TIMER } from "../../bridge/checks.ts";
import { encodeThrown } from "../../bridge/values/codec.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import { Down, KillMode } from "../../bridge/protocol/messages.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import { endBelongings } from "../references/belongings.ts";
import type { Call } from "../base/call_context.ts";
import { Ended } from "../records/ended.ts";
import type { DispatcherEvents } from "../records/reports.ts";
import { type GreenWorker, type Registry, type ThreadTable, workerOf } from "../records/worker.ts";
import { HubThread, type ThreadHost } from "../records/thread.ts";
import type { Pool } from "../pool/pool.ts";
import { Waits } from "./waits.ts";

/** The threads of one hub. */
export class Threads implements ThreadHost, ThreadTable {
  /** The waits of these threads for each other. */
  readonly waits: Waits;
  readonly #registry: Registry;
  readonly #pool: Pool;
  readonly events: DispatcherEvents;
  /** Threads that have not ended, or to which a Worker holds a reference. */
  readonly #threads = new Map<number, HubThread>();

  /**
   * @param name The hub's name.
   * @param registry The hub's tables.
   * @param pool The pool that runs the threads.
   * @param events The reports to the hub's owner.
   */
  constructor(name: string, registry: Registry, pool: Pool, events: DispatcherEvents) {
    this.#registry = registry;
    this.#pool = pool;
    this.events = events;
    this.waits = new Waits(name, this, pool);
  }

  /** All threads that have not ended. */
  *all(): Generator<HubThread> {
    for (const thread of this.#threads.values()) if (!thread.dead) yield thread;
  }

  /** The thread with an id, if it has not been forgotten. */
  byId(id: number): HubThread | undefined {
    return this.#threads.get(id);
  }

  /**
   * Keeps a new thread, or ends it if the hub takes no more.
   *
   * @returns Whether it is kept.
   */
  add(thread: HubThread): boolean {
    if (this.#registry.closed) {
      thread.end(Ended.of({ status: "rejected", reason: this.#registry.closedError() }));
      return false;
    }
    this.#threads.set(thread.id, thread);
    return true;
  }

  // Ending threads.

  killThread(thread: HubThread, reason: unknown, onlyPending: boolean, grace: number): void {
    const exit = reason ?? new GreenletExit();
    const ended = Ended.of({ status: "killed", reason: exit });
    if (thread.state === "pending") {
      this.#pool.remove(thread);
      return this.endThread(thread, ended);
    }
    if (onlyPending || thread.dead) return;
    if (thread.abort) {
      thread.abort(exit);
      return this.endThread(thread, ended);
    }
    const worker = workerOf(thread);
    if (!worker) return;
    if (grace !== Infinity) this.#stopAfter(worker, thread, grace);
    if (thread.killed) return;
    thread.killed = { reason: exit };
    this.waits.killed(thread);
    const { arena } = hereOnHub();
    const payload = encodeThrown(exit, "reason", worker.kinds);
    const mode = grace === Infinity ? 0 : KillMode.Timed;
    worker.post.send(Down.Kill, thread.id, arena.countKill(), mode, payload);
    arena.sayKill();
    worker.post.ready();
  }

  /** Ends a thread; its first ending stays. */
  endThread(thread: HubThread, ended: Ended): void {
    const { task } = thread;
    const ran = task !== undefined || thread.worker !== undefined;
    if (!thread.end(ended)) return;
    // With it goes all that the arguments refer to.
    thread.task = undefined;
    endBelongings(thread.id, ended);
    this.waits.stopWaiting(thread);
    if (ran) this.#registry.keepAlive.release();
    cancelDependants(this, thread);
    if (thread.watchers) {
      for (const worker of thread.watchers) if (!worker.dead) worker.tell(thread);
      thread.watchers = undefined;
    }
    this.#forgetIfDone(thread);
  }

  failedUnhandled(thread: HubThread): void {
    if (thread.keeper && !thread.keeper.dead) return;
    if (thread.detached) return this.events.unhandledThread(thread);
    // As for promises: the app has until the next turn of the event loop to ask for the result.
    // The timer keeps the process alive for that turn, so that no failure is lost at the end of the process.
    setTimeout(() => {
      // A thread that ended while it was spawned may have been handed to a Worker by now, which reports the failure.
      const kept = thread.keeper !== undefined && !thread.keeper.dead;
      if (!thread.observed && !kept) this.events.unhandledThread(thread);
    }, 0);
  }

  #stopAfter(worker: GreenWorker, thread: HubThread, grace: number): void {
    if (grace > LONGEST_TIMER) return;
    const timer = setTimeout(() => {
      if (thread.dead) return;
      this.#pool.stop(
        worker,
        new Error(`The green thread "${thread.name}" was killed and did not end`),
      );
    }, grace);
    thread[ON_END](() => clearTimeout(timer));
  }

  // Async work that is aborted with threads.

  /** Has a call's thread kept until the aborted function has ended: the caller has gone. */
  callAborted(call: Call): void {
    const thread = this.#threads.get(call.threadId);
    if (thread && call.work && call.heeds) this.awaitAborted(thread, call.work);
  }

  /** Keeps a thread that was killed until its aborted async work has ended, which may take a while. */
  awaitAborted(thread: HubThread, work: Promise<unknown>): void {
    const { aborted } = thread;
    aborted.add(work);
    work.finally(() => {
      aborted.delete(work);
      this.#forgetIfDone(thread);
    });
  }

  // Closing the hub.

  /** Ends the threads that have not started: the hub takes no new ones from now on. */
  endPending(): void {
    for (const thread of [...this.all()]) {
      if (thread.state !== "pending") continue;
      this.#pool.remove(thread);
      this.#close(thread);
    }
  }

  /** Ends all threads that are left. */
  endAll(): void {
    for (const thread of [...this.all()]) {
      thread.abort?.(this.#registry.closedError());
      this.#close(thread);
    }
  }

  #close(thread: HubThread): void {
    // The code that closed the hub wanted this ending: there is nothing to report.
    thread.observed = true;
    const reason = this.#registry.closedError();
    this.endThread(thread, Ended.of({ status: "rejected", reason }));
  }

  // Forgetting threads.

  /** Counts a reference to a thread, which a Worker holds from now on. A thread that was forgotten is kept again. */
  hold(thread: HubThread): void {
    thread.holds++;
    this.#threads.set(thread.id, thread);
  }

  /** Takes back references that Workers held to a thread. */
  release(id: number, count: number): void {
    const thread = this.#threads.get(id);
    if (!thread) return;
    thread.holds -= count;
    this.#forgetIfDone(thread);
  }

  /** Makes the record of a thread that is known only by its ending. */
  adopt(id: number, name: string, ended: Ended): HubThread {
    const thread = new HubThread(this, id, { label: "", name });
    thread.observed = true;
    thread.end(ended);
    return thread;
  }

  /**
   * Makes a record in place of a thread that the hub has forgotten. That thread had ended and everybody had been told, so an
   * ending of it that is still on its way comes before the one given here.
   */
  forgotten(id: number): HubThread {
    const thread = new HubThread(this, id, { label: "forgotten" });
    thread.observed = true;
    const reason = new Error(
      `Cannot wait for green thread ${id}: it ended some time ago, and the hub has forgotten it`,
    );
    thread.end(Ended.of({ status: "rejected", reason }));
    return thread;
  }

  #forgetIfDone(thread: HubThread): void {
    if (thread.dead && thread.holds <= 0 && thread.aborted.size === 0) {
      this.#threads.delete(thread.id);
    }
  }
}

/** The threads that have not started and depend on an owner. */
const dependants = new WeakMap<HubThread, Set<HubThread>>();

/**
 * Makes a thread depend on its owner.
 *
 * @returns Whether it may start: `false` if the owner has ended already. Then the thread has ended with it.
 */
export function makeDependent(threads: Threads, thread: HubThread): boolean {
  const owner = threads.byId(thread.parent);
  if (owner && !owner.dead) {
    const others = dependants.get(owner) ?? new Set();
    dependants.set(owner, others.add(thread));
    thread.onBegin = () => others.delete(thread);
    return true;
  }
  cancelDependant(threads, thread);
  return false;
}

/** Ends the dependants of a thread that has ended, as far as they have not started. */
function cancelDependants(threads: Threads, owner: HubThread): void {
  for (const dependant of dependants.get(owner) ?? []) cancelDependant(threads, dependant, owner);
}

function cancelDependant(threads: Threads, thread: HubThread, owner?: HubThread): void {
  const spawner = owner ? `"${owner.name}", which spawned it,` : "the green thread that spawned it";
  const reason = new GreenletExit(
    `The green thread "${thread.name}" was not started: ${spawner} has ended`,
  );
  threads.killThread(thread, reason, true, Infinity);
}
