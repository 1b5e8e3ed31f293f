/**
 * The hub's end of the doorbell: listens for Workers that ring, and has their messages taken in.
 *
 * One loop for all Workers. Asleep, the loop is a single `Atomics.waitAsync` on the board's doorbell, for any number of
 * Workers. Awake, it takes in messages in bounded passes, and lets microtasks run after each pass: in them, the async
 * functions that green code called go on, and their replies are written. When nothing is left, the loop listens for a few
 * microseconds more, since a wake-up costs far more than that, and only then sleeps.
 *
 * Microtasks starve timers and I/O, so a busy loop gives the event loop a turn of its own every millisecond.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Board } from "../../bridge/wire/board.ts";
import { Patience } from "../../bridge/wire/patience.ts";

/** The longest time that the hub listens before it sleeps, in milliseconds. */
const MOST_SPIN = 0.03;

/** The longest time that the event loop goes without a turn, in milliseconds. */
const MOST_HOLD = 1;

/** Listens to the doorbell of one hub. */
export class Doorbell {
  readonly #board: Board;
  readonly #takeIn: () => boolean;
  readonly #patience = new Patience(MOST_SPIN);
  /** The number of cores beside the hub's. With more Workers awake than that, listening takes a core from one of them. */
  readonly #spareCores = Math.max(0, navigator.hardwareConcurrency - 1);
  #closed = false;

  /**
   * @param board The hub's board.
   * @param takeIn Takes in some messages; says whether there were any. It must not throw.
   */
  constructor(board: Board, takeIn: () => boolean) {
    this.#board = board;
    this.#takeIn = takeIn;
  }

  /** Listens until the bell is closed. */
  async listen(): Promise<void> {
    while (!this.#closed) {
      const heard = await this.#serve();
      await this.#board.arm(heard);
      this.#board.disarm();
    }
  }

  /** Stops listening. */
  close(): void {
    this.#closed = true;
    this.#board.ring();
  }

  /**
   * Takes in messages until none has come for a while.
   *
   * @returns The bell's count when it was last read.
   */
  async #serve(): Promise<number> {
    let turned = performance.now();
    let quietSince = turned;
    let budget = -1;
    for (;;) {
      const heard = this.#board.heard();
      const worked = this.#takeIn();
      await null;
      const now = performance.now();
      if (worked || this.#board.heard() !== heard) {
        if (budget > 0) this.#patience.judge(true);
        budget = -1;
      } else if (budget < 0) {
        quietSince = now;
        budget = this.#board.awake <= this.#spareCores ? this.#patience.next() : 0;
      }
      if (this.#closed || budget >= 0 && now - quietSince >= budget) {
        if (budget > 0) this.#patience.judge(false);
        return heard;
      }
      if (now - turned < MOST_HOLD) continue;
      await new Promise<void>((resolve) => setImmediate(resolve));
      turned = performance.now();
    }
  }
}
