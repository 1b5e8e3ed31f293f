/**
 * Waits of a Worker with its event loop turning: for a module that is imported, or for the promise of an `async` green function.
 *
 * The Worker sleeps on the same word as in a blocking call, in the same order (see `mailbox.ts`), but asynchronously.
 *
 * @module
 */

import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import { LONGEST_TIMER } from "../../bridge/checks.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import type { GreenBase } from "./base.ts";

/** Waits of a Worker in its event loop. */
export class Awaiting {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #scheduler: GreenBase["scheduler"];

  /** @param base The common ground of all parts. */
  constructor(base: GreenBase) {
    this.#mailbox = base.mailbox;
    this.#scheduler = base.scheduler;
  }

  /** Keeps the event loop turning, and takes in messages, until a promise has settled. */
  async until(promise: Promise<unknown>, loading = false): Promise<void> {
    const { board, slot, down } = this.#mailbox;
    let done = false;
    const patience = loading
      ? setTimeout(() => this.#scheduler.idle(), PATIENCE.loading)
      : undefined;
    // Neither the promise nor the asynchronous park keeps a Worker alive, and it may be for the hub to settle the promise.
    const alive = setInterval(() => {}, LONGEST_TIMER);
    const settled = promise.finally(() => done = true);
    try {
      while (!done) {
        const counter = board.woken(slot);
        if (loading) this.#scheduler.glance();
        else await this.#scheduler.takeInMeanwhile();
        if (down.shut) return;
        if (done) break;
        await Promise.race([settled, board.parkAsync(slot, counter)]);
        board.rise(slot);
      }
      await settled;
    } finally {
      clearInterval(alive);
      clearTimeout(patience);
      board.unpark(slot);
    }
  }
}
