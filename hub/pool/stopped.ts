/**
 * Workers that were stopped: each ends by itself as soon as it hears of it, and otherwise is given up.
 *
 * One that is blocked, or in its event loop, hears of it as soon as it gets a core, and unwinds. One that computes does not:
 * it cannot be terminated either, so it goes on until its code returns (see `green/worker/worker_exit.ts`), at the latest when
 * the process ends; nobody listens to it, and its slot is never used again.
 *
 * @module
 */

import type { GreenWorker } from "../records/worker.ts";
import { settlesWithin } from "../base/time.ts";

/** How long a Worker that was stopped may take to hear of it, in milliseconds. */
const STOP_MS = 1000;

/** How long it may then take to end by itself, in milliseconds. */
const UNWIND_MS = 5000;

/** The Workers of one hub that were stopped. */
export class StoppedWorkers {
  /** Their ends. */
  readonly #ends = new Set<Promise<void>>();
  #leaked = 0;

  /** How many of them go on. */
  get leaked(): number {
    return this.#leaked;
  }

  /** A Worker was told to end. */
  add(worker: GreenWorker): void {
    const end = this.#awaitEnd(worker).finally(() => this.#ends.delete(end));
    this.#ends.add(end);
  }

  /** Settles when all have ended, or are known not to end. */
  async ended(): Promise<void> {
    await Promise.all(this.#ends);
  }

  async #awaitEnd(worker: GreenWorker): Promise<void> {
    if (await settlesWithin(worker.exited, STOP_MS)) return;
    if (worker.post.outbox.heard && await settlesWithin(worker.exited, UNWIND_MS)) return;
    // To terminate one that computes does nothing, but Deno (2.9.6) says that it has ended.
    if (worker.ready && !worker.post.outbox.left) {
      worker.lost = true;
      worker.objects.lost();
      this.#leaked++;
    }
    await worker.process?.terminate();
  }
}
