/**
 * Waits of a Worker with its event loop turning: for a module that is imported, or for the promise of an `async` green function.
 *
 * The Worker sleeps on the same word as in a blocking call, but asynchronously. So the order is the same: read the wake
 * counter, take in the messages that have arrived, look at the promise, sleep if the counter has not changed since.
 *
 * @module
 */

import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from "node:timers";
import { LONGEST_TIMER } from "../../bridge/checks.ts";
import { PATIENCE } from "../../bridge/patience.ts";
import type { GreenBase } from "./base.ts";
import type { Intake } from "./intake.ts";
import type { RunToken } from "./run_token.ts";

/** Waits of a Worker in its event loop. */
export class Awaiting {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #token: GreenBase["token"];
  readonly #intake: Intake;

  /**
   * @param base The common ground of all parts.
   * @param intake The messages that have arrived.
   */
  constructor(base: GreenBase, intake: Intake) {
    this.#mailbox = base.mailbox;
    this.#token = base.token;
    this.#intake = intake;
  }

  /** Keeps the event loop turning, and takes in messages, until a promise has settled. */
  async until(promise: Promise<unknown>, loading = false): Promise<void> {
    const token = this.#token;
    const { board, slot, down } = this.#mailbox;
    let done = false;
    const patience = loading && token
      ? setTimeout(() => token.idle(), PATIENCE.loading)
      : undefined;
    // Neither the promise nor the asynchronous park keeps a Worker alive, and it may be for the hub to settle the promise.
    const alive = setInterval(() => {}, LONGEST_TIMER);
    const settled = promise.finally(() => done = true);
    try {
      while (!done) {
        const counter = board.woken(slot);
        if (token === undefined) this.#intake.takeIn();
        else if (loading) this.#intake.receive(true);
        else await this.#takeInTurn(token);
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

  /**
   * Takes in messages while an `async` green function of a cooperative hub waits. Code that a message resumes, or a blocking call
   * of its own, goes on to its next `await` with the run lock.
   */
  async #takeInTurn(token: RunToken): Promise<void> {
    this.#intake.receive(true);
    for (;;) {
      if (token.isHeld) {
        this.#intake.serveNext();
        this.#intake.runSoon();
        await new Promise<void>((resolve) => void setImmediate(resolve));
        token.idle();
        this.#intake.receive(true);
      }
      if (!this.#intake.hasWork) return;
      token.request();
      if (!token.isHeld) return;
    }
  }
}
