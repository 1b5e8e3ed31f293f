/**
 * When a pool has fewer Workers.
 *
 * One that has had nothing to do for `idleTimeout` is told to end, the one that has rested longest first, down to `minWorkers`;
 * one beyond `maxWorkers` sooner. The look comes some time after the Worker came to rest, so it looks again at all: whether the
 * Worker still rests, and since when; whether it does something for the hub; and whether anybody holds what lives there.
 *
 * @module
 */

import type { GreenWorker } from "../records/worker.ts";
import type { Settings } from "../base/options.ts";

/** How long a Worker beyond `maxWorkers` is kept when it has nothing to do, in milliseconds. */
const EXTRA_MS = 100;

/** How often idle Workers are looked for, as a part of `idleTimeout`. */
const SWEEPS = 4;

/** The pool that shrinks. */
export interface Shrinkable {
  readonly workers: ReadonlySet<GreenWorker>;
  /** Workers with nothing to do, the one that stopped last at the end. */
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

  /** A Worker has nothing to do. */
  becameIdle(worker: GreenWorker): void {
    if (this.#staying > this.#pool.settings.maxWorkers) this.#dismissLater(worker);
    else this.#sweepLater();
  }

  /** The pool closes: all are told to end anyway. */
  stop(): void {
    clearInterval(this.#sweeper);
  }

  /** How many Workers there are that have not been told to end. */
  get #staying(): number {
    let count = 0;
    for (const { closing } of this.#pool.workers) if (!closing) count++;
    return count;
  }

  /** One more than there may be is kept for a moment: whoever has waited for a thread there may well do so again. */
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
