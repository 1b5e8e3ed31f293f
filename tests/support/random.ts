/**
 * Random numbers that are the same in each run.
 *
 * @module
 */

/** A row of random numbers, the same one for the same seed: mulberry32. */
export class Chance {
  #state = 0;

  constructor(seed: number) {
    this.begin(seed);
  }

  /** Begins the row of a seed. */
  begin(seed: number): void {
    this.#state = seed >>> 0;
  }

  /** A number from 0 to below 1. */
  next(): number {
    this.#state = this.#state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below a limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** One item of a list. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** The items in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const rest = [...items];
    return items.map(() => rest.splice(this.below(rest.length), 1)[0]);
  }
}
