/**
 * What one side holds of the other's: stand-ins for what came by reference.
 *
 * What came twice has one stand-in, as long as that is reachable. When it has been garbage-collected, or released by
 * hand, the other side is told how often it had come.
 *
 * @module
 */

interface Hold {
  readonly number: number;
  count: number;
}

/** The stand-ins of one kind for the things of one other side. */
export class Imports<T extends object> {
  readonly #onRelease: (number: number, count: number) => void;
  readonly #standIns = new Map<number, WeakRef<T>>();
  readonly #holds = new WeakMap<T, Hold>();
  readonly #collected = new FinalizationRegistry<Hold>((hold) => this.#forget(hold));

  /** @param onRelease Called with the number of something that nobody here holds any more, and how often it had come. */
  constructor(onRelease: (number: number, count: number) => void) {
    this.#onRelease = onRelease;
  }

  /** How many stand-ins there are. */
  get size(): number {
    return this.#standIns.size;
  }

  /**
   * The stand-in for something that has just come.
   *
   * @param number Its number.
   * @param make Makes the stand-in, if there is none.
   */
  import(number: number, make: () => T): T {
    let standIn = this.#standIns.get(number)?.deref();
    if (!standIn) {
      standIn = make();
      const hold = { number, count: 0 };
      this.#standIns.set(number, new WeakRef(standIn));
      this.#holds.set(standIn, hold);
      this.#collected.register(standIn, hold, hold);
    }
    this.#holds.get(standIn)!.count++;
    return standIn;
  }

  /** The stand-in with a number, if there is one. */
  find(number: number): T | undefined {
    return this.#standIns.get(number)?.deref();
  }

  /** Whether there is or was one, and the other side has not been told that it is gone. */
  knows(number: number): boolean {
    return this.#standIns.has(number);
  }

  /** The number of what a stand-in stands for; none when it is no stand-in, or was released. */
  numberOf(standIn: object): number | undefined {
    return this.#holds.get(standIn as T)?.number;
  }

  /** Lets go of the stand-in with a number now. What comes later gets a new one. */
  release(number: number): void {
    const standIn = this.#standIns.get(number)?.deref();
    const hold = standIn && this.#holds.get(standIn);
    if (!hold) return;
    this.#holds.delete(standIn);
    this.#collected.unregister(hold);
    this.#standIns.delete(number);
    this.#onRelease(number, hold.count);
  }

  #forget({ number, count }: Hold): void {
    if (this.#standIns.get(number)?.deref() === undefined) this.#standIns.delete(number);
    this.#onRelease(number, count);
  }
}
