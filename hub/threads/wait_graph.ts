/**
 * The graph of waits: what blocked threads have reported, and the circles in that. With it, a circle of waits is an error and
 * not a hang.
 *
 * An edge says "A cannot go on before B has ended (or has released something)". Edges lead
 *
 * - from each thread on the stack of a blocked Worker to the thread above it;
 * - from the innermost thread to the thread for which it waits, or which holds the lock at which it waits;
 * - from a thread in a call to the hub to the threads that the function awaits.
 *
 * No edge is kept. Edges are read from the reports (`Up.Parked`), from the calls that are being served, and from the memory of
 * the locks, each time that a circle is looked for. A wait that may end by itself gives no edge. Neither does a wait on a Worker
 * that is told of a kill, until the Worker has reported the wait once more, as a `shield()` holds off the kill.
 *
 * **A circle is a proof** if all Workers in it have said nothing since ({@linkcode Circle.isCurrent}). A thread that leaves its
 * wait says so (`Up.Unparked`) before it does anything else, such as to release a lock:
 *
 * ```text
 * the hub                                   a thread
 *   reads the holders of the locks            is given a lock     (then the lock's memory names the thread: no edge)
 *                                             writes Unparked
 *                                             releases the lock   (then another thread may hold it)
 *   finds the rings empty: no Unparked
 * ```
 *
 * So all threads in the circle have been in their waits while the holders were read, and they can only be ended from outside.
 *
 * @module
 */

import { DeadlockError } from "../../bridge/errors.ts";
import type { ReportedThread, WaitReport } from "../../bridge/protocol/messages.ts";
import { CORE } from "../../bridge/memory/objects.ts";
import type { Call } from "../base/call_context.ts";
import { heldObject } from "../references/worker_objects.ts";
import type { HubThread } from "../records/thread.ts";

/** The most threads of which the message of a deadlock tells the sites: nobody reads more. */
const MOST_SITES = 16;

/** A Worker, as far as waits need it. */
export interface Blockable {
  readonly dead: boolean;
  /** Its calls to the hub that have not been answered. */
  readonly answers: ReadonlyMap<number, Call>;
  readonly post: { readonly inbox: { readonly ring: { readonly empty: boolean } } };
}

/** The wait of the innermost thread on a Worker, as reported. */
export interface Wait {
  readonly worker: Blockable;
  /** The number by which the Worker knows the wait. */
  readonly number: number;
  /** The count of waits that had been reported when this one was. */
  readonly order: number;
  /** The id of the coordination object at which the thread waits; 0 or less if it waits at none. */
  readonly object: number;
  readonly on: string;
  readonly holder: number | undefined;
  /** The threads on the Worker's stack, the innermost last. */
  readonly stack: readonly ReportedThread[];
  /** The place of each thread on the stack, by its id. */
  readonly places: ReadonlyMap<number, number>;
  /** Whether the wait may be about to end: one of the threads was killed, or the wait was part of a deadlock. */
  ending: boolean;
}

/** An edge of the graph. */
export interface Edge {
  readonly from: HubThread;
  readonly to: HubThread;
  /** The means by which it waits, for people: `wait()`, `a call to readAll()`, `lock "cache"`. */
  readonly by: string;
  /** Whether the waiter waits at a lock. */
  readonly atLock: boolean;
  /** The wait that gives the edge. */
  readonly wait: Wait;
}

/** The waits of one hub. */
export class WaitGraph {
  readonly #byId: (id: number) => HubThread | undefined;
  readonly #waits = new WeakMap<object, Wait>();
  #order = 0;

  /** @param byId Finds a thread by its id. */
  constructor(byId: (id: number) => HubThread | undefined) {
    this.#byId = byId;
  }

  /** Takes the report of a wait. A report of the same wait replaces the one before. */
  report(worker: Blockable, number: number, object: number, report: WaitReport): void {
    const { on, holder, stack = [] } = report;
    const before = this.#waits.get(worker);
    const order = before?.number === number ? before.order : ++this.#order;
    const places = new Map(stack.map(([id], place) => [id, place]));
    // The Worker had not heard of the kill when it reported the wait.
    const ending = stack.some(([id, killed]) => !killed && this.#byId(id)?.killed !== undefined);
    this.#waits.set(worker, { worker, number, order, object, on, holder, stack, places, ending });
  }

  /** Notes that a thread is killed: the wait of its Worker may be about to end, unless the Worker knows of a kill of it. */
  killed({ id, worker }: HubThread): void {
    const wait = worker && this.#waits.get(worker);
    const place = wait?.places.get(id);
    if (place !== undefined && !wait!.stack[place][1]) wait!.ending = true;
  }

  /** Forgets the wait of a Worker: its innermost thread goes on, or waits with a limit. */
  forget(worker: object): void {
    this.#waits.delete(worker);
  }

  /** The threads for which a thread waits, as far as that was reported. */
  edges(from: HubThread): Edge[] {
    const worker = from.worker;
    const wait = worker && this.#waits.get(worker);
    if (!wait || from.dead || wait.worker.dead || wait.ending) return [];
    const at = wait.places.get(from.id);
    if (at === undefined) return [];
    const edges: Edge[] = [];
    const add = (to: HubThread | undefined, by: string, atLock: boolean) => {
      if (to && !to.dead) edges.push({ from, to, by, atLock, wait });
    };
    if (at < wait.stack.length - 1) add(this.#byId(wait.stack[at + 1][0]), "wait()", false);
    else if (wait.object <= 0) add(this.#byId(wait.holder ?? 0), "wait()", false);
    else {
      const holder = holderOf(wait);
      // The thread itself has been given the lock, and is about to go on.
      if (holder !== from.id) add(this.#byId(holder ?? 0), wait.on, true);
    }
    for (const call of wait.worker.answers.values()) {
      if (call.threadId !== from.id) continue;
      const by = `a call to ${call.name}()`;
      for (const to of call.awaited) add(to as HubThread, by, false);
    }
    return edges;
  }

  /** Finds a circle among the waits that can be reached from some threads. */
  circle(from: Iterable<HubThread>): Circle | undefined {
    const path: Edge[] = [];
    /** The place of each thread on the path. */
    const places = new Map<HubThread, number>();
    const visited = new Set<HubThread>();
    const visit = (thread: HubThread): Circle | undefined => {
      if (visited.has(thread)) return undefined;
      visited.add(thread);
      places.set(thread, path.length);
      for (const edge of this.edges(thread)) {
        path.push(edge);
        const place = places.get(edge.to);
        const circle = place === undefined ? visit(edge.to) : new Circle(path.slice(place));
        if (circle) return circle;
        path.pop();
      }
      places.delete(thread);
    };
    return first(from, visit);
  }

  /**
   * The last edge of a way from one of some threads to a thread of which `is()` is true, if there is such a way. Locks count for
   * nothing: others may release them.
   */
  wayTo(from: Iterable<HubThread>, is: (thread: HubThread) => boolean): Edge | undefined {
    const visited = new Set<HubThread>();
    const visit = (thread: HubThread): Edge | undefined => {
      if (visited.has(thread)) return undefined;
      visited.add(thread);
      for (const edge of this.edges(thread)) {
        if (edge.atLock) continue;
        const last = is(edge.to) ? edge : visit(edge.to);
        if (last) return last;
      }
    };
    return first(from, visit);
  }
}

/** The first result that a function gives for some values. */
function first<T, R>(values: Iterable<T>, fn: (value: T) => R | undefined): R | undefined {
  for (const value of values) {
    const result = fn(value);
    if (result !== undefined) return result;
  }
}

/** The id of the thread that holds the lock at which a thread waits. */
function holderOf({ object, holder }: Wait): number | undefined {
  const held = heldObject(object);
  // An object that has never left the Worker has the holder that it had when the Worker blocked.
  return held ? held[CORE].holder() : holder;
}

/** Whether the Workers of some edges have said nothing since these were read. */
export function areCurrent(edges: readonly Edge[]): boolean {
  return edges.every(({ wait }) => wait.worker.post.inbox.ring.empty);
}

/** Of some edges the one whose wait was reported last; the last in the list if several are of that wait. */
export function latest(edges: readonly Edge[]): Edge {
  return edges.reduce((last, edge) => edge.wait.order >= last.wait.order ? edge : last);
}

/** A circle of waits. */
export class Circle {
  readonly #edges: readonly Edge[];
  /**
   * The edge whose wait is to end: the one that was reported last. If there are locks in the circle, one of a wait at a lock.
   */
  readonly last: Edge;

  constructor(edges: readonly Edge[]) {
    const atLocks = edges.filter(({ atLock }) => atLock);
    this.last = latest(atLocks.length > 0 ? atLocks : edges);
    const at = edges.indexOf(this.last);
    this.#edges = [...edges.slice(at), ...edges.slice(0, at)];
  }

  /** Whether the circle is proven. See above. */
  get isCurrent(): boolean {
    return areCurrent(this.#edges);
  }

  /** Makes the error for the thread whose wait is to end. */
  error(): DeadlockError {
    const cycle = this.#edges.map(({ from }) => from.name);
    const waits = this.#edges.map(({ from, to, by }) =>
      `"${from.name}" waits for "${to.name}" by ${by}`
    );
    const sites = describeSites(this.#edges);
    return new DeadlockError(
      `Cannot wait: these green threads would wait for each other forever: ${
        waits.join(", ")
      }${sites}`,
      { cycle },
    );
  }
}

/** Makes the lines of a message that tell where threads are blocked. */
export function describeSites(edges: readonly Edge[]): string {
  return edges.slice(0, MOST_SITES).map(({ from, wait }) => {
    const [, , site] = wait.stack[wait.places.get(from.id)!];
    return site ? `\n    "${from.name}" at ${site}` : "";
  }).join("");
}
