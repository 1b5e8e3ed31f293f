/**
 * What is done when a hub may have no more Workers, or can start none, and all that it has are blocked.
 *
 * A blocked thread keeps its Worker, and there may be a good many more than `maxWorkers` of them (see {@linkcode mostWorkers}), so
 * that threads which wait for others do not keep those from starting. When these are used up too, threads in the queue may be just
 * the ones that all others wait for, and nobody could ever go on. That is not known: async code may put the item that one of
 * them waits for. So they are given time; when all Workers have been blocked all the while, each thread that has waited in the queue
 * all the while ends with an error that says so.
 *
 * A thread whose wait has a time limit or a signal may go on by itself, as does one that waits for an async function: neither
 * counts as blocked.
 *
 * @module
 */

import { HubSaturatedError } from "../../bridge/errors.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import type { HubThread } from "../records/thread.ts";

/** How many Workers a hub may have beyond twice as many as `maxWorkers`. Tests set fewer, as each takes its time to start. */
export const EXTRA = { workers: 32 };

/** How many Workers a hub may have in all, those that run what blocked threads wait for included. */
export function mostWorkers(maxWorkers: number): number {
  return 2 * maxWorkers + EXTRA.workers;
}

/** The pool that may be saturated. */
export interface Saturable {
  readonly name: string;
  readonly maxWorkers: number;
  /** The threads in the queue. */
  readonly queue: ReadonlySet<HubThread>;
  /** Since when all Workers that there may be are blocked; nothing if they are not. */
  stuckSince(): number | undefined;
  /** Why no more Workers can be started; nothing if they can. */
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
   * @param patience How long all have to have been blocked, in milliseconds.
   */
  constructor(pool: Saturable, patience: number = PATIENCE.saturated) {
    this.#pool = pool;
    this.#patience = patience;
  }

  /** Something has come to wait: a thread in the queue, or one on its Worker. */
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

  /** Nothing will be run any more. */
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

  /** Which Workers there are and why there are no more, and what to do about that. */
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
