/**
 * Shrinking: decides when a pool has fewer Workers.
 *
 * A Worker that has been idle for `idleTimeout` is told to end, the one that has been idle longest first, down to `minWorkers`; a
 * Worker beyond `maxWorkers` sooner. The look comes some time after the Worker became idle, so everything is checked then:
 * whether the Worker is still idle, and since when; whether it does something for the hub; and whether anybody holds an object
 * that lives there.
 *
 * @module
 */

import type { GreenWorker } from "../records/worker.ts";
import type { Settings } from "../base/options.ts";

/** The time for which an idle Worker beyond `maxWorkers` is kept, in milliseconds. */
const EXTRA_MS = 100;

/** The number of looks for idle Workers in one `idleTimeout`. */
const SWEEPS = 4;

/** The pool that shrinks. */
export interface Shrinkable {
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

  /** Keeps a Worker beyond `maxWorkers` for a moment: whoever has waited for a thread there may well do so again. */
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
