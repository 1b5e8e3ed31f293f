/**
 * Counts of how often each thing crossed between this side and one other.
 *
 * @module
 */

/** Counts, by the numbers of the things. */
export class Counts {
  readonly #counts = new Map<number, number>();

  /** The numbers with a count. */
  get numbers(): number[] {
    return [...this.#counts.keys()];
  }

  /** Whether a thing has a count. */
  has(number: number): boolean {
    return this.#counts.has(number);
  }

  /** Counts one more. Says whether it is the first. */
  add(number: number): boolean {
    const count = this.#counts.get(number) ?? 0;
    this.#counts.set(number, count + 1);
    return count === 0;
  }

  /**
   * Takes counts back: no more than there are, since the other side is not trusted.
   *
   * @param number The thing's number.
   * @param count The most to take back; all by default.
   * @returns How many were taken back.
   */
  take(number: number, count = Infinity): number {
    const known = this.#counts.get(number) ?? 0;
    const taken = Math.min(known, Math.max(0, count));
    if (taken === known) this.#counts.delete(number);
    else this.#counts.set(number, known - taken);
    return taken;
  }
}
