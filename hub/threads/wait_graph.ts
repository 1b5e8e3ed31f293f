/**
 * The graph of waits: threads that wait for threads. With it, a circle of waits is an error and not a hang.
 *
 * An edge says "A cannot go on before B has ended (or has released something)". Only waits that nothing else can end
 * are edges: a wait with a time limit or a signal is not one, nor is a wait for a lock whose holder is not known. Edges come from
 *
 * - `wait()` in green code (`Up.Wait` without a limit);
 * - a function of the hub that awaits a green thread while it serves another one's call;
 * - a thread that has been parked for a while, without a limit, on an object that has one holder (`Up.Parked`).
 *
 * A circle is looked for when an edge is added, so the thread that closes it gets the error, and the others go on. Slow progress
 * is no circle.
 *
 * The holder of a lock may have changed since it was reported, so such an edge is not *sure*. It counts only if the lock's memory
 * says at that moment that the holder is still the same: many threads that take turns at one lock seem to wait for each other,
 * because the hub hears late which of them goes on. And a circle with such an edge is believed only when the parked thread has
 * reported it several times in a row, 100 ms apart, each time with the holder of that moment: it is asked to (see `waits.ts`).
 *
 * A thread has few edges at a time: one for its own wait, more only through hub functions that await several threads at once.
 *
 * @module
 */

import { DeadlockError } from "../../bridge/errors.ts";
import { describeSites, type Sites } from "./call_sites.ts";
import type { HubThread } from "../records/thread.ts";

/** The number of reports after which a circle that is not sure is believed. */
export const BELIEVED_AFTER = 3;

/** One wait. */
export interface Edge {
  readonly from: HubThread;
  readonly to: HubThread;
  /** The means by which it waits, for people: `wait()`, `readAll()`, `lock "cache"`. */
  readonly by: string;
  /** Whether the edge holds until it is taken back. */
  readonly sure: boolean;
  /** For an edge that is not sure: says whether it holds at this moment, as far as that can be known. */
  readonly holds?: () => boolean;
}

/** The waits of one hub. */
export class WaitGraph {
  readonly #edges = new Map<HubThread, Set<Edge>>();

  /**
   * Adds an edge, unless it would close a circle.
   *
   * @returns A function that takes the edge back, or the circle, for which the waiter is to get an error.
   */
  add(edge: Edge): (() => void) | Circle {
    const path = isOver(edge) ? undefined : this.#path(edge.to, edge.from, edge.sure);
    if (path) return new Circle([edge, ...path]);
    const edges = this.#edges.get(edge.from) ?? new Set();
    edges.add(edge);
    this.#edges.set(edge.from, edges);
    return () => {
      edges.delete(edge);
      if (edges.size === 0 && this.#edges.get(edge.from) === edges) this.#edges.delete(edge.from);
    };
  }

  /**
   * The threads for which a thread waits, directly or through other threads, as far as was ever reported. The thread itself is
   * among them if that is a circle.
   *
   * @param from The waiter.
   * @param to A thread that it waits for, whether or not there is an edge.
   */
  reach(from: HubThread, to: HubThread | undefined): Iterable<HubThread> {
    const reached = new Set<HubThread>(to ? [to] : []);
    const add = (thread: HubThread) => {
      for (const { to } of this.#edges.get(thread) ?? []) reached.add(to);
    };
    add(from);
    for (const thread of reached) add(thread);
    return reached;
  }

  /** Whether a thread waits, directly or through other threads, for a thread of which `is()` is true. */
  leadsTo(from: HubThread, is: (thread: HubThread) => boolean): boolean {
    const visited = new Set<HubThread>();
    const leads = (thread: HubThread): boolean => {
      if (is(thread)) return true;
      if (thread.dead || visited.has(thread)) return false;
      visited.add(thread);
      for (const { to, sure } of this.#edges.get(thread) ?? []) if (sure && leads(to)) return true;
      return false;
    };
    return leads(from);
  }

  /** Takes back all edges from a thread: it has ended, or is about to leave its wait. */
  clear(thread: HubThread): void {
    this.#edges.delete(thread);
  }

  /** The edges that lead from one thread to another one, if there is a way; threads that have ended hold nobody up. */
  #path(
    from: HubThread,
    to: HubThread,
    onlySure: boolean,
    visited: Set<HubThread> = new Set(),
  ): Edge[] | undefined {
    if (from === to) return [];
    if (from.dead || visited.has(from)) return undefined;
    visited.add(from);
    for (const edge of this.#edges.get(from) ?? []) {
      if (onlySure && !edge.sure || isOver(edge)) continue;
      const rest = this.#path(edge.to, to, onlySure, visited);
      if (rest) return [edge, ...rest];
    }
    return undefined;
  }
}

function isOver({ holds }: Edge): boolean {
  return holds !== undefined && !holds();
}

/** Threads of which none could ever go on. */
export interface Deadlock {
  readonly threads: readonly HubThread[];
  /** Makes the error for the thread that has come last. */
  error(sites: Sites): DeadlockError;
}

/** A circle of waits. */
export class Circle implements Deadlock {
  readonly #edges: readonly Edge[];

  constructor(edges: readonly Edge[]) {
    this.#edges = edges;
  }

  get threads(): HubThread[] {
    return this.#edges.map(({ from }) => from);
  }

  error(sites: Sites): DeadlockError {
    const cycle = this.threads.map(({ name }) => name);
    const waits = this.#edges.map(({ from, to, by }) =>
      `"${from.name}" waits for "${to.name}" by ${by}`
    );
    return new DeadlockError(
      `Cannot wait: these green threads would wait for each other forever: ${waits.join(", ")}${
        describeSites(sites)
      }`,
      { cycle },
    );
  }
}
