/**
 * Waits: notes which thread waits for which, and finds deadlocks.
 *
 * The hub hears of three kinds of waits: a green thread's `wait()` (`Up.Wait`), a thread that has been parked for a while
 * (`Up.Parked`), and a function of the hub that awaits a thread while it serves a call. Each may be a deadlock: a circle in
 * the graph (`wait_graph.ts`), or a thread that can never start. The threads in it are asked for their sites, and then the hub
 * checks whether it still is a deadlock. A *limited* wait, which may end by itself (a timeout, a signal), is never part of one.
 *
 * A thread reports its wait once, and then sleeps. So its report may have become wrong: another thread may have the lock
 * by now. That matters when another thread begins to wait for the parked thread. Then each thread that can be reached by the
 * reports, right or wrong, is *asked again*, and so on from each thread that answers. Without a circle, that ends with the last
 * thread in the chain. In a circle it goes on, 100 ms apart for each thread, until the circle is believed or comes apart.
 *
 * @module
 */

import { encodeThrown } from "../../bridge/values/codec.ts";
import { DeadlockError } from "../../bridge/errors.ts";
import { currentLimit } from "../../bridge/side/limit.ts";
import { Down, KillMode } from "../../bridge/protocol/messages.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import { servedCall } from "../base/call_context.ts";
import { CallSites, describeSites, type Sites } from "./call_sites.ts";
import type { GreenWorker } from "../records/worker.ts";
import type { HubThread } from "../records/thread.ts";
import type { Pool } from "../pool/pool.ts";
import { BELIEVED_AFTER, Circle, type Deadlock, WaitGraph } from "./wait_graph.ts";
import { heldObject } from "../references/worker_objects.ts";

/** The threads of a hub, as far as waits need them. */
interface Threads {
  byId(id: number): HubThread | undefined;
  /** Makes a record in place of a thread that the hub has forgotten. */
  forgotten(id: number): HubThread;
}

/** The waits of one hub's threads. */
export class Waits {
  readonly #name: string;
  readonly #threads: Threads;
  readonly #pool: Pool;
  readonly graph = new WaitGraph();
  readonly #sites = new CallSites();

  /**
   * @param name The hub's name.
   * @param threads The threads that wait, and are waited for.
   * @param pool The pool that runs them.
   */
  constructor(name: string, threads: Threads, pool: Pool) {
    this.#name = name;
    this.#threads = threads;
    this.#pool = pool;
  }

  /**
   * Takes the site at which a thread is blocked: `Up.At`.
   *
   * @param leaves Whether the thread goes on now, with a kill or a timeout: then it holds nobody up.
   */
  at(id: number, site: string, leaves: boolean): void {
    const thread = leaves ? this.#threads.byId(id) : undefined;
    if (thread) this.graph.clear(thread);
    this.#sites.take(id, site);
  }

  // Async code that awaits a thread.

  /**
   * Notes that async code is about to await a thread that has not ended.
   *
   * @returns A promise of the error that the code is to get instead, if this looks like a deadlock.
   */
  awaiting(thread: HubThread): Promise<Error | undefined> | undefined {
    const deadlock = this.#startAwaiting(thread);
    return deadlock && this.#confirm(deadlock, () => this.#startAwaiting(thread));
  }

  /** Notes that async code wants a thread that has not ended. The code may go on before; its caller keeps a Worker meanwhile. */
  wanted(thread: HubThread): void {
    const call = servedCall();
    if (call && !call.ended) this.#pool.urge(thread);
  }

  #startAwaiting(thread: HubThread): Deadlock | undefined {
    const call = servedCall();
    // Once the call is answered, code that its function has left behind keeps nobody waiting.
    if (!call || call.ended) return undefined;
    const caller = this.#threads.byId(call.threadId);
    // A callback that is a thread of its own is not in the hub's table.
    if (!caller || currentLimit(0)?.timed) return void this.#pool.urge(thread);
    if (caller.dead) return undefined;
    const by = `a call to ${call.name}()`;
    const edge = this.graph.add({ from: caller, to: thread, by, sure: true });
    if (edge instanceof Circle) return edge;
    call.awaits(thread, edge);
    this.#askAgain(caller, thread);
    // The caller keeps its Worker, so the thread may need one more.
    this.#pool.urge(thread);
    const stuck = this.#stuck(thread);
    if (stuck) edge();
    return stuck;
  }

  /** The error for a deadlock, if it is still one when the threads in it have told their sites. */
  async #confirm(
    deadlock: Deadlock,
    again: () => Deadlock | undefined,
  ): Promise<Error | undefined> {
    const sites = await this.#sites.of(deadlock.threads);
    return again()?.error(sites);
  }

  // Green threads that wait for a thread.

  /**
   * Takes a Worker's request to be told how a thread ends: `Up.Wait`.
   *
   * @param worker The Worker.
   * @param id The thread's id.
   * @param waiter The id of the thread that is blocked for it, or 0.
   * @param limited Whether the waiter's wait has a time limit.
   * @param sites The sites of the threads in a deadlock, if one has been found before, and they have been asked.
   */
  wait(worker: GreenWorker, id: number, waiter: number, limited: boolean, sites?: Sites): void {
    const thread = this.#threads.byId(id) ?? this.#threads.forgotten(id);
    thread.observed = true;
    if (waiter === 0) worker.watched.add(id);
    if (thread.dead) return worker.tell(thread);
    (thread.watchers ??= new Set()).add(worker);
    thread.begin?.();
    const from = worker.stack.findLast((thread) => thread.id === waiter);
    const deadlock = from && this.#startWaiting(from, thread, limited);
    if (deadlock) return this.#refuseWait(worker, from, thread, deadlock, sites);
    // Without a waiter nobody is blocked: the Worker only asked to be told.
    if (waiter !== 0) this.#pool.awaited(worker, thread, limited);
    const stuck = from && !limited ? this.#stuck(thread) : undefined;
    if (!stuck) return;
    from!.stopWaiting?.();
    this.#refuseWait(worker, from!, thread, stuck, sites);
  }

  /** Notes that a thread waits for another one. It waits for one thread at a time. */
  #startWaiting(from: HubThread, to: HubThread, limited: boolean): Deadlock | undefined {
    from.stopWaiting?.();
    const edge = limited ? undefined : this.graph.add({ from, to, by: "wait()", sure: true });
    if (edge instanceof Circle) return edge;
    to.interest++;
    from.waitingFor = to;
    from.stopWaiting = () => {
      from.stopWaiting = undefined;
      from.waitingFor = undefined;
      to.interest--;
      edge?.();
    };
  }

  /**
   * Ends a wait that is part of a deadlock. First the threads in the deadlock are asked for their sites; meanwhile one of them
   * may be killed, so that there is no deadlock any more, or the waiter may have given up.
   */
  #refuseWait(
    worker: GreenWorker,
    from: HubThread,
    to: HubThread,
    deadlock: Deadlock,
    sites: Sites | undefined,
  ): void {
    if (sites) {
      const error = encodeThrown(deadlock.error(sites), "error", worker.kinds);
      worker.post.send(Down.Refuse, to.id, from.id, 0, error);
      return worker.post.ready();
    }
    const stop = from.stopWaiting = () => from.stopWaiting = undefined;
    this.#sites.of(deadlock.threads).then((sites) => {
      if (from.stopWaiting !== stop || worker.dead) return;
      this.wait(worker, to.id, from.id, false, sites);
    });
  }

  /**
   * Finds out whether a thread can never start, because all Workers that there may be run threads that wait for threads which
   * have not started.
   *
   * @returns The deadlock, of which the thread is to hear that has just begun to wait for it.
   */
  #stuck(thread: HubThread): Deadlock | undefined {
    const running = this.#pool.blocking(thread);
    if (!running?.every((thread) => this.graph.leadsTo(thread, (to) => this.#pool.holds(to)))) {
      return undefined;
    }
    const cycle = [...running, thread].map(({ name }) => name);
    const message =
      `Cannot wait for "${thread.name}": it can never start: all ${running.length} Workers that hub "${this.#name}" can have ` +
      "run green threads that wait for green threads that have not started: raise maxWorkers";
    return {
      threads: running,
      error: (sites) => new DeadlockError(message + describeSites(sites), { cycle }),
    };
  }

  // Green threads that are parked.

  /**
   * Takes the report of a thread that has been parked for a while: `Up.Parked`.
   *
   * @param worker Its Worker.
   * @param id Its id.
   * @param holder The id of the thread that holds the object, if there is one.
   * @param object The id of the object at which it waits; without one, -1 if another green thread may have to end the wait, else
   * 0.
   * @param parking The text for people about the wait, whether that ends by itself, and a generator's name if it is one.
   */
  parked(
    worker: GreenWorker,
    id: number,
    holder: number,
    object: number,
    [on, limited, name]: readonly [on: string, limited: boolean, name?: string],
  ): void {
    if (name !== undefined) return worker.parked(id, { name, on });
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) return;
    worker.proven = true;
    thread.lastParked = undefined;
    thread.unpark?.();
    thread.unpark = undefined;
    thread.parkedOn = on;
    thread.stalled = object !== 0 &&
      !(object === -1 && waitsForAsync(worker, thread, this.#threads));
    const now = performance.now();
    thread.stuckSince = thread.stalled && !limited ? thread.stuckSince ?? now : undefined;
    // A thread that only sleeps has a limit, and calls nobody.
    const isBlocked = object !== 0 || !limited || worker.isCalling(id);
    thread.blockedSince = isBlocked ? thread.blockedSince ?? now : undefined;
    if (thread.stalled) this.#pool.relieve();
    thread.atObject = object > 0;
    const to = this.#threads.byId(holder);
    if (limited) thread.suspicions = 0;
    else this.#askAgain(thread, to);
    if (!to || limited) return;
    const holds = () => heldObject(object)?.[CORE].holder() === holder;
    const add = () => {
      const edge = this.graph.add({ from: thread, to, by: on, sure: false, holds });
      if (edge instanceof Circle) return edge;
      thread.unpark = edge;
      thread.suspicions = 0;
    };
    const circle = add();
    if (!circle || ++thread.suspicions < BELIEVED_AFTER) return;
    thread.suspicions = 0;
    // The thread may have been unparked by then, or have reported something else.
    const said = {};
    thread.lastParked = said;
    this.#confirm(circle, () => thread.lastParked === said ? add() : undefined).then((error) => {
      if (!error || worker.dead) return;
      worker.post.send(
        Down.Kill,
        id,
        0,
        KillMode.Once,
        encodeThrown(error, "reason", worker.kinds),
      );
      worker.post.ready();
    });
  }

  /** Asks all threads for which a new waiter may wait, directly or through other threads, to report their waits once more. */
  #askAgain(thread: HubThread, to: HubThread | undefined): void {
    for (const { dead, atObject, worker } of this.graph.reach(thread, to)) {
      if (!dead && atObject && worker && !worker.dead) worker.post.rouse();
    }
  }

  /** Notes that a thread that was parked goes on: `Up.Unparked`. */
  unparked(worker: GreenWorker, id: number): void {
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) return worker.parked(id, undefined);
    thread.parkedOn = undefined;
    thread.stalled = false;
    thread.atObject = false;
    thread.stuckSince = undefined;
    thread.blockedSince = undefined;
    thread.lends = false;
    thread.lastParked = undefined;
    thread.suspicions = 0;
    thread.unpark?.();
    thread.unpark = undefined;
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
