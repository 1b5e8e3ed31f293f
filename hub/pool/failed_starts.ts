/**
 * Workers that could not start: for want of a thread or of memory, or as they died before they were ready.
 *
 * Others may go on, and end their threads, so those in the queue wait for these; only where there is no Worker left do they fail.
 * No start is tried again before some time has passed, twice as long after each failure; one that succeeds makes up for all.
 *
 * ```text
 * well ──failed──> resting ──its time──> trying ──failed──> resting, for longer
 *   ^                                      └──succeeded──> well
 * ```
 *
 * A Worker whose start was begun before another one failed may still become ready while this is resting: then it is well again.
 *
 * @module
 */

/** The time without a start after the first failure, in milliseconds. */
const FIRST_REST = 250;

/** The longest time without a start, after many failures, in milliseconds. */
const LONGEST_REST = 10_000;

/** Starts of Workers that have failed in a row. */
export class FailedStarts {
  readonly #again: () => void;
  #rest = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #error: unknown;
  /** The time of the first of these failures. */
  #since: number | undefined;

  /** @param again Called when a start may be tried again. */
  constructor(again: () => void) {
    this.#again = again;
  }

  /** Whether no Worker is to be started now. */
  get resting(): boolean {
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
    if (this.resting) return;
    this.#rest = Math.min(LONGEST_REST, 2 * this.#rest || FIRST_REST);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#again();
    }, this.#rest);
    Deno.unrefTimer(this.#timer);
  }

  /** A Worker has started. */
  succeeded(): void {
    if (this.#since === undefined) return;
    this.stop();
    this.#rest = 0;
    this.#error = this.#since = undefined;
  }

  /** No start will be tried again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
