/**
 * Waits: notes which thread waits for which, and finds deadlocks.
 *
 * A deadlock is a circle of waits, or a wait for a thread that can never start. The hub looks for one when a thread reports that
 * it has been blocked for a while (`Up.Parked`), and when a function of the hub begins to await a thread while it serves a call:
 * a deadlock is complete with one of these. See `wait_graph.ts` for what counts, and for when it is proven. Then one of the waits
 * in it is ended with an error (`Down.Kill` with `KillMode.Once`), and the other threads can go on.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { encodeThrown } from "../../bridge/values/codec.ts";
import { DeadlockError } from "../../bridge/errors.ts";
import { currentLimit } from "../../bridge/side/limit.ts";
import { Down, KillMode, type WaitReport } from "../../bridge/protocol/messages.ts";
import { servedCall } from "../base/call_context.ts";
import { type GreenWorker, workerOf } from "../records/worker.ts";
import type { HubThread } from "../records/thread.ts";
import type { Pool } from "../pool/pool.ts";
import { areCurrent, describeSites, type Edge, latest, WaitGraph } from "./wait_graph.ts";

/** The threads of a hub, as far as waits need them. */
interface Threads {
  byId(id: number): HubThread | undefined;
  /** Makes a record in place of a thread that the hub has forgotten. */
  forgotten(id: number): HubThread;
}

/** Threads of which none could ever go on. */
interface Deadlock {
  /** An edge whose wait is to end. */
  readonly last: Edge;
  /** Whether it is proven: none of the threads has gone on meanwhile. */
  readonly isCurrent: boolean;
  /** Makes the error for the thread whose wait is to end. */
  error(): DeadlockError;
}

/** The waits of one hub's threads. */
export class Waits {
  readonly #name: string;
  readonly #threads: Threads;
  readonly #pool: Pool;
  readonly #graph: WaitGraph;

  /**
   * @param name The hub's name.
   * @param threads The threads that wait, and are waited for.
   * @param pool The pool that runs them.
   */
  constructor(name: string, threads: Threads, pool: Pool) {
    this.#name = name;
    this.#threads = threads;
    this.#pool = pool;
    this.#graph = new WaitGraph((id) => threads.byId(id));
  }

  // Async code that awaits a thread.

  /** Notes that async code is about to await a thread that has not ended. */
  awaiting(thread: HubThread): void {
    const call = servedCall();
    // Once the call is answered, code that its function has left behind keeps nobody waiting.
    if (!call || call.ended) return;
    const caller = this.#threads.byId(call.threadId);
    if (caller?.dead) return;
    // A callback that is a thread of its own is not in the hub's table.
    const isSure = caller && !currentLimit(0)?.timed;
    if (isSure) call.awaits(thread);
    // The caller keeps its Worker, so the thread may need one more.
    this.#pool.urge(thread);
    if (isSure) this.#look([caller]);
  }

  /** Notes that async code wants a thread that has not ended. The code may go on before; its caller keeps a Worker meanwhile. */
  wanted(thread: HubThread): void {
    const call = servedCall();
    if (call && !call.ended) this.#pool.urge(thread);
  }

  // Green threads that wait for a thread.

  /**
   * Takes a Worker's request to be told how a thread ends: `Up.Wait`.
   *
   * @param worker The Worker.
   * @param id The thread's id.
   * @param waiter The id of the thread that is blocked for it, or 0.
   * @param limited Whether the waiter's wait has a time limit.
   */
  wait(worker: GreenWorker, id: number, waiter: number, limited: boolean): void {
    const thread = this.#threads.byId(id) ?? this.#threads.forgotten(id);
    thread.observed = true;
    if (waiter === 0) worker.watched.add(id);
    if (thread.dead) return worker.tell(thread);
    (thread.watchers ??= new Set()).add(worker);
    thread.begin?.();
    // Without a waiter nobody is blocked: the Worker only asked to be told.
    if (waiter === 0) return;
    const from = worker.stack.findLast((thread) => thread.id === waiter);
    if (from) {
      this.stopWaiting(from);
      from.waitingFor = thread;
      thread.interest++;
    }
    this.#pool.awaited(worker, thread, limited);
  }

  /** Takes that a thread has given up waiting for another one: `Up.Unwait`. */
  unwait(worker: GreenWorker, waiter: number): void {
    const from = worker.stack.findLast((thread) => thread.id === waiter);
    if (from) this.stopWaiting(from);
  }

  /** Notes that a thread does not wait for another one any more. */
  stopWaiting(from: HubThread): void {
    if (!from.waitingFor) return;
    from.waitingFor.interest--;
    from.waitingFor = undefined;
  }

  // Green threads that are parked.

  /**
   * Takes the report of a thread that has been parked for a while: `Up.Parked`.
   *
   * @param worker Its Worker.
   * @param id Its id.
   * @param number The number of the wait.
   * @param object The id of the object at which it waits; without one, -1 if another green thread may have to end the wait, else
   * 0.
   * @param report The report.
   */
  parked(
    worker: GreenWorker,
    id: number,
    number: number,
    object: number,
    report: WaitReport,
  ): void {
    const { on, limited, generator } = report;
    if (generator !== undefined) return worker.parked(id, { name: generator, on });
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) return;
    worker.proven = true;
    const stalled = object !== 0 &&
      !(object === -1 && waitsForAsync(worker, thread, this.#threads));
    const now = performance.now();
    // A thread that only sleeps has a limit, and calls nobody.
    const isBlocked = object !== 0 || !limited || worker.isCalling(id);
    const { blocked } = thread;
    thread.blocked = {
      on,
      stalled,
      since: isBlocked ? blocked?.since ?? now : undefined,
      stuckSince: stalled && !limited ? blocked?.stuckSince ?? now : undefined,
    };
    if (stalled) this.#pool.relieve();
    if (limited) return this.#graph.forget(worker);
    this.#graph.report(worker, number, object, report);
    this.#look(worker.stack);
  }

  /** Notes that a thread is killed: it may be about to leave its wait. */
  killed(thread: HubThread): void {
    this.#graph.killed(thread);
  }

  /** Notes that a thread that was parked goes on: `Up.Unparked`. */
  unparked(worker: GreenWorker, id: number): void {
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) return worker.parked(id, undefined);
    thread.blocked = undefined;
    thread.lends = false;
    this.#graph.forget(worker);
  }

  // Deadlocks.

  /** Looks for a deadlock that some threads may have completed, and ends one of the waits in it. */
  #look(threads: readonly HubThread[]): void {
    const deadlock = this.#graph.circle(threads) ?? this.#stuck(threads);
    if (!deadlock) return;
    if (!deadlock.isCurrent) {
      // One of the threads may have gone on: first that is to be read.
      return void setImmediate(() => this.#look(threads.filter(({ dead }) => !dead)));
    }
    const { from, wait } = deadlock.last;
    const worker = workerOf(from);
    if (!worker) return;
    const error = encodeThrown(deadlock.error(), "reason", worker.kinds);
    wait.ending = true;
    worker.post.send(Down.Kill, from.id, wait.number, KillMode.Once, error);
    worker.post.ready();
  }

  /**
   * Finds out whether a thread for which others wait can never start, because all Workers that there may be run threads that
   * wait for threads which have not started.
   */
  #stuck(threads: readonly HubThread[]): Deadlock | undefined {
    const holds = (thread: HubThread) => this.#pool.holds(thread);
    const edge = this.#graph.wayTo(threads, holds);
    const running = edge && this.#pool.blocking(edge.to);
    if (!running) return undefined;
    const ends: Edge[] = [];
    for (const thread of running) {
      const end = this.#graph.wayTo([thread], holds);
      if (!end) return undefined;
      ends.push(end);
    }
    const last = latest(ends);
    const edges = running.map((thread) => this.#graph.edges(thread)[0]);
    return { last, isCurrent: areCurrent(edges), error: () => this.#neverStarts(last.to, edges) };
  }

  #neverStarts({ name }: HubThread, edges: readonly Edge[]): DeadlockError {
    const message =
      `Cannot wait for "${name}": it can never start: all ${edges.length} Workers that hub "${this.#name}" can have ` +
      "run green threads that wait for green threads that have not started: raise maxWorkers";
    return new DeadlockError(message + describeSites(edges), {
      cycle: [...edges.map(({ from }) => from.name), name],
    });
  }
}

/** Whether a thread that waits for threads waits only for threads for async work of the hub, which need no Worker. */
function waitsForAsync(worker: GreenWorker, { waitingFor }: HubThread, threads: Threads): boolean {
  if (waitingFor) return waitingFor.isAsync;
  let some = false;
  for (const id of worker.watched) {
    const thread = threads.byId(id);
    if (!thread || thread.dead) continue;
    if (!thread.isAsync) return false;
    some = true;
  }
  return some;
}
