/**
 * The size of a pool: decides when it starts more Workers, and when it has fewer.
 *
 * **Growth.** Workers are started when threads wait, no Worker is idle (one that serves a callback takes no thread), and the busy
 * Workers do not end threads so quickly that the queue would be empty before one more has started. A start takes about 40 ms, and
 * for half of it the event loop stands still. So no more Workers are started than there are cores until these have shown how
 * quick they are: by ending a thread, or by being blocked.
 *
 * **Shrinking.** A Worker that has been idle for `idleTimeout` is told to end, the one that has been idle longest first, down to
 * `minWorkers`; a Worker beyond `maxWorkers` sooner. The look comes some time after the Worker became idle, so everything is
 * checked then: whether the Worker is still idle, and since when; whether it does something for the hub; and whether anybody
 * holds an object that lives there.
 *
 * @module
 */

import type { GreenWorker } from "../records/worker.ts";
import type { Settings } from "../base/options.ts";

/** The time for which the queue is watched before Workers are started, in milliseconds. */
const LOOK_AFTER = 5;

/** The time that the start of a Worker takes, about, in milliseconds. */
const START_TAKES = 40;

/** The pool that grows. */
interface Growing {
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

/** The time for which an idle Worker beyond `maxWorkers` is kept, in milliseconds. */
const EXTRA_MS = 100;

/** The number of looks for idle Workers in one `idleTimeout`. */
const SWEEPS = 4;

/** The pool that shrinks. */
interface Shrinkable {
  readonly workers: ReadonlySet<GreenWorker>;
  /** Workers with nothing to do, the one that became idle last at the end. */
  readonly idle: readonly GreenWorker[];
  readonly settings: Pick<Settings, "maxWorkers" | "minWorkers" | "idleTimeout">;
  /** Tells a Worker to end. */
  dismiss(worker: GreenWorker): void;
}

/** Looks from time to time whether a pool has Workers to spare. */
export class Shrinking {
  readonly #pool: Shrinkable;
  #sweeper: ReturnType<typeof setInterval> | undefined;

  constructor(pool: Shrinkable) {
    this.#pool = pool;
  }

  /** Has a Worker that has become idle looked at later. */
  becameIdle(worker: GreenWorker): void {
    if (this.#staying > this.#pool.settings.maxWorkers) this.#dismissLater(worker);
    else this.#sweepLater();
  }

  /** Looks no more: the pool closes, and all Workers are told to end anyway. */
  stop(): void {
    clearInterval(this.#sweeper);
  }

  /** The number of Workers that have not been told to end. */
  get #staying(): number {
    let count = 0;
    for (const { closing } of this.#pool.workers) if (!closing) count++;
    return count;
  }

  /** Keeps a Worker beyond `maxWorkers` for a moment: a thread that has waited for a thread there may well do so again. */
  #dismissLater(worker: GreenWorker): void {
    const { maxWorkers } = this.#pool.settings;
    const { idleSince } = worker;
    const timer = setTimeout(() => {
      const isExtra = this.#staying > maxWorkers && !worker.references.lasting;
      if (isExtra && worker.idle && worker.idleSince === idleSince) this.#pool.dismiss(worker);
    }, EXTRA_MS);
    Deno.unrefTimer(timer);
  }

  #sweepLater(): void {
    const { idleTimeout } = this.#pool.settings;
    if (this.#sweeper !== undefined || idleTimeout === Infinity) return;
    this.#sweeper = setInterval(() => this.#sweep(), Math.max(10, idleTimeout / SWEEPS));
    Deno.unrefTimer(this.#sweeper);
  }

  #sweep(): void {
    const { idleTimeout, minWorkers } = this.#pool.settings;
    const now = performance.now();
    for (const worker of [...this.#pool.idle]) {
      if (this.#staying <= minWorkers || now - worker.idleSince < idleTimeout) break;
      if (worker.serving || worker.references.lasting) continue;
      this.#pool.dismiss(worker);
    }
    if (this.#pool.idle.length > 0 && this.#staying > minWorkers) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}
