/**
 * Saturation: a hub may have no more Workers, or can start none, and all that it has are blocked.
 *
 * A blocked thread keeps its Worker, and there may be many more Workers than `maxWorkers` (see {@linkcode mostWorkers}), so that
 * threads which wait for others do not keep these from starting. When those Workers are used up too, the running threads may all
 * wait for threads in the queue, and nobody could ever go on. The hub cannot know: async code may put the item that one of the
 * blocked threads waits for. So the hub waits for a while. If all Workers are blocked for all that time, each thread that has
 * been in the queue as long ends with an error that says so.
 *
 * A thread whose wait has a time limit or a signal may go on by itself, and so may one that waits for an async function: neither
 * counts as blocked.
 *
 * @module
 */

import { HubSaturatedError } from "../../bridge/errors.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import type { HubThread } from "../records/thread.ts";

/** How many Workers a hub may have beyond twice as many as `maxWorkers`. Tests set fewer, as each takes its time to start. */
export const EXTRA = { workers: 32 };

/** The most Workers that a hub may have, those beyond `maxWorkers` included. */
export function mostWorkers(maxWorkers: number): number {
  return 2 * maxWorkers + EXTRA.workers;
}

/** The pool that may be saturated. */
export interface Saturable {
  readonly name: string;
  readonly maxWorkers: number;
  /** The threads in the queue. */
  readonly queue: ReadonlySet<HubThread>;
  /** The time since which all Workers that there may be are blocked; nothing if they are not. */
  stuckSince(): number | undefined;
  /** The error with which the last Worker could not start; nothing if one could. */
  startError?(): unknown;
  /** Ends a thread of the queue. */
  refuse(thread: HubThread, reason: HubSaturatedError): void;
}

/** Watches whether a pool is saturated. */
export class Saturation {
  readonly #pool: Saturable;
  readonly #patience: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param pool The pool.
   * @param patience The time for which all have to be blocked, in milliseconds.
   */
  constructor(pool: Saturable, patience: number = PATIENCE.saturated) {
    this.#pool = pool;
    this.#patience = patience;
  }

  /** Begins to watch, if need be: a thread has come to wait in the queue, or on its Worker. */
  look(): void {
    const { queue } = this.#pool;
    if (this.#timer !== undefined || queue.size === 0) return;
    if (this.#pool.stuckSince() === undefined) return;
    const since = performance.now();
    const waiting = [...queue];
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const stuck = this.#pool.stuckSince();
      if (stuck !== undefined && stuck <= since) this.#refuse(waiting);
      this.look();
    }, this.#patience);
    Deno.unrefTimer(this.#timer);
  }

  /** Stops watching. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #refuse(waiting: readonly HubThread[]): void {
    const { queue } = this.#pool;
    const [workers, advice, options] = this.#limit();
    for (const thread of waiting) {
      if (!queue.has(thread)) continue;
      const reason = new HubSaturatedError(
        `Cannot start "${thread.name}": ${workers} run green threads that have been blocked for ` +
          `${this.#patience / 1000} s, and what they wait for may be this one: ${advice}`,
        options,
      );
      this.#pool.refuse(thread, reason);
    }
  }

  /** The parts of the error's message: which Workers there are, why there are no more, and what to do about that. */
  #limit(): [workers: string, advice: string, options?: ErrorOptions] {
    const { name, maxWorkers } = this.#pool;
    const cause = this.#pool.startError?.();
    if (cause === undefined) {
      const most = mostWorkers(maxWorkers);
      return [
        `all ${most} Workers that hub "${name}" may have, with maxWorkers ${maxWorkers},`,
        "raise maxWorkers, or have fewer of them, or async functions",
      ];
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    return [
      `no more Workers of hub "${name}" can be started (${why}), and all that there are`,
      "raise what limits the process, or have fewer of them, or async functions",
      { cause },
    ];
  }
}
