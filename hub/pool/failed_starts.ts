/**
 * Failed starts: Workers that could not start for want of a thread or of memory, or that died before they were ready.
 *
 * Other Workers may go on and end their threads, so threads in the queue wait for those; they fail only if no Worker is left.
 * The next start is tried after a pause, which is twice as long after each failure. One success ends the series.
 *
 * ```text
 * well ──failed──> waiting ──its time──> trying ──failed──> waiting, for longer
 *   ^                                      └──succeeded──> well
 * ```
 *
 * A Worker whose start was begun before another one failed may still become ready during the pause: that is a success too.
 *
 * @module
 */

/** The time without a start after the first failure, in milliseconds. */
const FIRST_PAUSE = 250;

/** The longest time without a start, after many failures, in milliseconds. */
const LONGEST_PAUSE = 10_000;

/** The starts of Workers that have failed in a row. */
export class FailedStarts {
  readonly #again: () => void;
  #pause = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #error: unknown;
  #since: number | undefined;

  /** @param again Tries a start again. */
  constructor(again: () => void) {
    this.#again = again;
  }

  /** Whether the pause after a failure lasts: no Worker is to be started now. */
  get waiting(): boolean {
    return this.#timer !== undefined;
  }

  /** The time of the first failure in the row, in `performance.now()` time; nothing if the last start went well. */
  get since(): number | undefined {
    return this.#since;
  }

  /** The error of the last failed start. */
  get error(): unknown {
    return this.#error;
  }

  /** Notes that a Worker could not start. */
  failed(error: unknown): void {
    this.#error = error;
    this.#since ??= performance.now();
    if (this.waiting) return;
    this.#pause = Math.min(LONGEST_PAUSE, 2 * this.#pause || FIRST_PAUSE);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#again();
    }, this.#pause);
    Deno.unrefTimer(this.#timer);
  }

  /** Notes that a Worker has started. */
  succeeded(): void {
    if (this.#since === undefined) return;
    this.stop();
    this.#pause = 0;
    this.#error = this.#since = undefined;
  }

  /** Cancels the next try. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
