/**
 * Patience: how long to spin before sleeping.
 *
 * Waking a sleeping thread costs 50 to 150 µs, so while answers come quickly it pays to spin for them; when they do not,
 * spinning only takes the core from whoever works on the answer. Each wait is judged after the event by how long it took
 * in all. A wait that would have been short had nobody slept (two wake-ups and some work, so up to ten times the spin)
 * makes the next spin full again: two threads that both sleep would otherwise never find back to spinning. A longer one
 * halves it. So a thread that waits for seconds soon does not spin at all, and hot traffic gets its spin back after one
 * wait, at the price of a tenth of the time where that does not help.
 *
 * @module
 */

/** A spin loop's hint to the processor. */
export const pause: () => void = (Atomics as unknown as { pause?: () => void }).pause ??
  (() => {});

/** Remembers how the last waits went. */
export class Patience {
  readonly #most: number;
  #budget: number;

  /** @param most How long to spin at the most, in milliseconds. */
  constructor(most: number) {
    this.#most = most;
    this.#budget = most;
  }

  /** How long to spin now, in milliseconds; 0 when it has not paid of late. */
  get budget(): number {
    return this.#budget;
  }

  /** @param ms How long the wait took in all, from its start to the wake-up. */
  judge(ms: number): void {
    if (ms <= this.#most * 10) this.#budget = this.#most;
    else this.#budget = this.#budget < 0.002 ? 0 : this.#budget / 2;
  }
}
