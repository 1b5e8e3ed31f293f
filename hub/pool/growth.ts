/**
 * Growth: decides when a pool starts more Workers.
 *
 * Workers are started when threads wait, no Worker is idle (one that serves a callback takes no thread), and the busy Workers do
 * not end threads so quickly that the queue would be empty before one more has started. A start takes about 40 ms, and for half
 * of it the event loop stands still. So no more Workers are started than there are cores until these have shown how quick they
 * are: by ending a thread, or by being blocked.
 *
 * @module
 */

import type { GreenWorker } from "../records/worker.ts";

/** The time for which the queue is watched before Workers are started, in milliseconds. */
const LOOK_AFTER = 5;

/** The time that the start of a Worker takes, about, in milliseconds. */
const START_TAKES = 40;

/** The pool that grows. */
export interface Growing {
  readonly workers: ReadonlySet<GreenWorker>;
  /** The number of Workers that may run threads at a time. */
  readonly maxWorkers: number;
  /** The number of Workers that run a thread or could take one: not those that only serve a callback. */
  usable(): number;
  /** The number of threads in the queue. */
  queued(): number;
  /** The number of Workers that have been started and are not ready. */
  starting(): number;
  closed(): boolean;
  /** Whether one more may be started now. */
  mayStart(): boolean;
  /** Starts one more; says whether one is being started. */
  startWorker(): boolean;
}

/** Looks from time to time whether a pool needs more Workers. */
export class Growth {
  readonly #pool: Growing;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The number of threads that have ended since the last look. */
  #ended = 0;
  #lookedAt = 0;

  constructor(pool: Growing) {
    this.#pool = pool;
  }

  /** Counts a thread that has ended. */
  ended(): void {
    this.#ended++;
  }

  /** Looks in a moment whether the threads in the queue need more Workers. */
  lookLater(): void {
    if (this.#timer !== undefined || this.#pool.usable() >= this.#pool.maxWorkers) return;
    if (!this.#pool.mayStart()) return;
    this.#timer = setTimeout(() => this.#grow(), LOOK_AFTER);
    Deno.unrefTimer(this.#timer);
  }

  #grow(): void {
    this.#timer = undefined;
    const pool = this.#pool;
    const now = performance.now();
    const ended = this.#ended / (now - this.#lookedAt) * START_TAKES;
    let unproven = 0;
    for (const worker of pool.workers) if (!worker.isProven(now)) unproven++;
    while (
      pool.queued() > ended &&
      pool.starting() < pool.queued() && unproven++ < navigator.hardwareConcurrency &&
      pool.usable() < pool.maxWorkers && pool.startWorker()
    );
    // The next period begins here: during the start of a Worker the event loop stands still, and no thread ends.
    this.#ended = 0;
    this.#lookedAt = performance.now();
    if (pool.queued() > 0 && !pool.closed()) this.lookLater();
  }
}
