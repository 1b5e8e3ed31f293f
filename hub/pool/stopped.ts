/**
 * Stopped Workers: each ends by itself as soon as it hears that it is to end, and is given up if it does not.
 *
 * A Worker that is blocked, or in its event loop, hears of it as soon as it gets a core, and unwinds. A Worker that computes does
 * not hear of it, and cannot be terminated either. So it goes on until its code returns (see `green/worker/entry.ts`), at
 * the latest until the process ends. Nobody listens to it, and its slot is never used again.
 *
 * @module
 */

import { PATIENCE } from "../../bridge/patience.ts";
import type { GreenWorker } from "../records/worker.ts";
import { settlesWithin } from "../base/time.ts";

/** The stopped Workers of one hub. */
export class StoppedWorkers {
  /** Promises of their ends. */
  readonly #ends = new Set<Promise<void>>();
  #leaked = 0;

  /** The number of stopped Workers that go on. */
  get leaked(): number {
    return this.#leaked;
  }

  /** Watches the end of a Worker that was told to end. */
  add(worker: GreenWorker): void {
    const end = this.#awaitEnd(worker).finally(() => this.#ends.delete(end));
    this.#ends.add(end);
  }

  /** Settles when all stopped Workers have ended, or are known not to end. */
  async ended(): Promise<void> {
    await Promise.all(this.#ends);
  }

  async #awaitEnd(worker: GreenWorker): Promise<void> {
    if (await settlesWithin(worker.exited, PATIENCE.stopping)) return;
    if (worker.post.outbox.ring.heard && await settlesWithin(worker.exited, PATIENCE.unwinding)) {
      return;
    }
    // To terminate a Worker that computes does nothing, but Deno (2.9.6) says that it has ended.
    if (worker.ready && !worker.post.outbox.ring.left) {
      worker.lost = true;
      worker.objects.lost();
      this.#leaked++;
    }
    await worker.process?.terminate();
  }
}
