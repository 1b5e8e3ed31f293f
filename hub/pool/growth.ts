/**
 * When a pool starts more Workers.
 *
 * Workers are started when threads wait, none is idle (one that serves a callback takes no thread), and those that run do not
 * end their threads so quickly that they empty the queue before one more has started. Starting one takes about 40 ms, half of
 * which the event loop stands still, so no more are started than there are cores until those have shown how quick they are: by
 * ending a thread, or by being blocked.
 *
 * @module
 */

import type { GreenWorker } from "../records/worker.ts";

/** How long the queue is watched before it is decided whether to start Workers, in milliseconds. */
const LOOK_AFTER = 5;

/** About how long it takes to start a Worker, in milliseconds. */
const START_TAKES = 40;

/** The pool that grows. */
export interface Growing {
  readonly workers: ReadonlySet<GreenWorker>;
  /** How many Workers there may be. */
  readonly maxWorkers: number;
  /** How many Workers there are, but for those that have nothing to do and take nothing, as they serve a callback. */
  usable(): number;
  /** How many threads are in the queue. */
  queued(): number;
  /** How many Workers have been started and are not ready. */
  starting(): number;
  closed(): boolean;
  /** Whether one more may be started now. */
  mayStart(): boolean;
  /** Starts one more; says whether it could. */
  startWorker(): boolean;
}

/** Looks from time to time whether a pool needs more Workers. */
export class Growth {
  readonly #pool: Growing;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How many threads have ended since the last look. */
  #ended = 0;
  #lookedAt = 0;

  constructor(pool: Growing) {
    this.#pool = pool;
  }

  /** A thread has ended. */
  ended(): void {
    this.#ended++;
  }

  /** Looks in a moment whether the threads that wait need more Workers. */
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
    // From here: while a Worker is being started, no thread can be.
    this.#ended = 0;
    this.#lookedAt = performance.now();
    if (pool.queued() > 0 && !pool.closed()) this.lookLater();
  }
}
