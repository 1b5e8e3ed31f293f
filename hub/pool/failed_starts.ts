/**
 * Workers that could not start: for want of a thread or of memory, or as they died before they were ready.
 *
 * Others may go on, and end their threads, so those in the queue wait for these; only where there is no Worker left do they fail.
 * No start is tried again before some time has passed, twice as long after each failure; one that succeeds makes up for all.
 *
 * ```text
 * well ──failed──> waiting ──its time──> trying ──failed──> waiting, for longer
 *   ^                                      └──succeeded──> well
 * ```
 *
 * A Worker whose start was begun before another one failed may still become ready while this is waiting: then it is well again.
 *
 * @module
 */

/** The time without a start after the first failure, in milliseconds. */
const FIRST_PAUSE = 250;

/** The longest time without a start, after many failures, in milliseconds. */
const LONGEST_PAUSE = 10_000;

/** Starts of Workers that have failed in a row. */
export class FailedStarts {
  readonly #again: () => void;
  #pause = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #error: unknown;
  /** The time of the first of these failures. */
  #since: number | undefined;

  /** @param again Called when a start may be tried again. */
  constructor(again: () => void) {
    this.#again = again;
  }

  /** Whether no Worker is to be started now. */
  get waiting(): boolean {
    return this.#timer !== undefined;
  }

  /** Since when no Worker could be started, in `performance.now()` time; nothing if the last start went well. */
  get since(): number | undefined {
    return this.#since;
  }

  /** Why the last one failed. */
  get error(): unknown {
    return this.#error;
  }

  /** A Worker could not start. */
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

  /** A Worker has started. */
  succeeded(): void {
    if (this.#since === undefined) return;
    this.stop();
    this.#pause = 0;
    this.#error = this.#since = undefined;
  }

  /** No start will be tried again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
