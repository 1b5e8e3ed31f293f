/**
 * When a Worker goes back to its event loop, though there may be more to do: for finalizers, and for what callbacks and
 * links have left to microtasks and timers.
 *
 * @module
 */

/** How many callbacks are served without a turn of the event loop. */
const CALLBACKS_A_TURN = 64;

/** What was done since the last turn of the event loop. */
export class EventLoopTurns {
  /** How many callbacks were served since then. */
  #callbacks = 0;
  /** Whether anything was run since then. */
  #worked = false;

  /** Whether the event loop is to have a turn now. */
  get isDue(): boolean {
    return this.#callbacks >= CALLBACKS_A_TURN;
  }

  /** Whether anything was run, so that a turn may free something. */
  get worked(): boolean {
    return this.#worked;
  }

  /** A thread is about to be run. */
  noteThread(): void {
    this.#worked = true;
  }

  /** A callback is about to be run. */
  noteCallback(): void {
    this.#callbacks++;
    this.#worked = true;
  }

  /** Something waits for the event loop. */
  hurry(): void {
    this.#callbacks = CALLBACKS_A_TURN;
  }

  /** The event loop has its turn. */
  begin(): void {
    this.#callbacks = 0;
    this.#worked = false;
  }
}
