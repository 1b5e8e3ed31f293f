/**
 * The run token: with it the Worker of a cooperative hub waits until it may run green code. The words and their races are in
 * `run_lock.ts`.
 *
 * Calls to the hub are made and served while other Workers run; only going on in green code needs the run lock. So a Worker that
 * waits takes in messages, and runs no green code for them: a thread on top of its stack, a callback or a link has to wait for
 * the turn as well.
 *
 * @module
 */

import type { Board } from "../../bridge/wire/board.ts";
import type { RunLock } from "../../bridge/wire/run_lock.ts";

/** The Worker, as far as a wait for a turn needs it. */
export interface Waiting {
  /** Takes in arrived messages, and runs nothing. */
  receive(): void;
  /** Whether the Worker is to end, even if threads wait. */
  isShut(): boolean;
  /** Whether there is something to go on with. */
  hasWork(): boolean;
  /** Sleeps, unless the Worker was woken since the counter was read. */
  sleep(counter: number): void;
}

/** A Worker's view of the run lock: while it holds the token, it runs green code. */
export class RunToken {
  readonly #runLock: RunLock;
  readonly #board: Board;
  readonly #slot: number;

  constructor(runLock: RunLock, board: Board, slot: number) {
    this.#runLock = runLock;
    this.#board = board;
    this.#slot = slot;
  }

  /** Whether this Worker may run green code. */
  get isHeld(): boolean {
    return this.#runLock.isHeldBy(this.#slot);
  }

  /** Whether this Worker could go on, and waits for its turn. */
  get isQueued(): boolean {
    return this.#runLock.isQueued(this.#slot);
  }

  /** Takes an order number for a new thread. */
  enlist(): number {
    return this.#runLock.enlist();
  }

  /** Takes the next order number, for a release of the run lock that comes soon. */
  takeOrder(): number {
    return this.#runLock.takeOrder();
  }

  /** Takes the run lock, which has arrived with a thread to begin. */
  arrived(): void {
    this.#runLock.arrived(this.#slot);
  }

  /** Queues this Worker: there is something to go on with. */
  request(): void {
    this.#runLock.request(this.#slot);
  }

  /** Gives up the run lock, or the order number: there is nothing to go on with. */
  idle(): void {
    this.#runLock.idle(this.#slot);
  }

  /**
   * Gives the run lock up, and waits until it is here again: there is something to go on with then, or was. Returns without it
   * when the Worker is to end.
   *
   * @param waiting See {@linkcode Waiting}.
   * @param due The time when there is something to go on with, in `performance.now()` time.
   * @param again Whether there is something now.
   * @param order The order number, if one was taken.
   */
  standBy(waiting: Waiting, due: number, again: boolean, order?: number): void {
    this.#runLock.release(this.#slot, due, again, order);
    for (;;) {
      const counter = this.#board.woken(this.#slot);
      const { isHeld } = this;
      // After that look: the messages that this turn is for were sent before the turn was given.
      waiting.receive();
      if (isHeld || waiting.isShut()) return;
      if (!this.isQueued && waiting.hasWork()) this.request();
      if (!this.isHeld) waiting.sleep(counter);
    }
  }
}
