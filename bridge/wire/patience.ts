/**
 * Patience: whether to spin before sleeping.
 *
 * Waking a thread that sleeps on an idle core costs 50 to 150 µs, so where answers come within that time it pays to spin
 * for them. On a loaded machine it is the other way round: the thread that is to answer may wait for the core on which this
 * thread spins, and a sleep frees the core within microseconds. So only one thing counts, whether spins have paid:
 *
 * - *hot*: each wait begins with a spin; after two that were in vain in a row, it is
 * - *cold*: waits sleep at once, and only now and then one tries a spin: every 4th, and half as often after each try in
 *   vain, down to one in 256. A spin that pays makes it hot again.
 *
 * A thread whose answers take milliseconds thus spends next to nothing on spinning, and hot traffic gets its spin back
 * after a few waits.
 *
 * @module
 */

/** A spin loop's hint to the processor. */
export const pause: () => void = (Atomics as unknown as { pause?: () => void }).pause ??
  (() => {});

/** The count of vain spins that make it cold. */
const FORGIVEN = 2;

/** The waits per trial spin when cold, at first and at the most. */
const FIRST_PERIOD = 4;
const LAST_PERIOD = 256;

/** Remembers whether spins have paid. */
export class Patience {
  readonly #most: number;
  #failures = 0;
  #period = FIRST_PERIOD;
  #skipped = 0;

  /** @param most How long to spin at the most, in milliseconds. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * The time to spin in the wait that begins now, in milliseconds; 0 for not at all. Say with
   * {@linkcode Patience.judge} how a spin went.
   */
  next(): number {
    if (this.#failures < FORGIVEN) return this.#most;
    if (++this.#skipped < this.#period) return 0;
    this.#skipped = 0;
    return this.#most;
  }

  /** @param paid Whether the spin ended because its condition held. */
  judge(paid: boolean): void {
    if (paid) {
      this.#failures = 0;
      this.#period = FIRST_PERIOD;
    } else if (this.#failures < FORGIVEN) this.#failures++;
    else this.#period = Math.min(2 * this.#period, LAST_PERIOD);
  }
}
