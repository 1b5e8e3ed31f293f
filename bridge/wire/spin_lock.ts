/**
 * A spin lock: one word of shared memory that says which side is changing the words beside it.
 *
 * ```text
 * the word   0, or 1 + the key of the side that has the lock   by compare-and-swap from 0; its holder stores 0
 * ```
 *
 * It is held for some hundred nanoseconds at a time, and never while anything blocks, awaits, calls the application or allocates
 * without bound. A side that finds it taken spins, then sleeps for a few microseconds at a time (the holder may have lost the
 * processor), on the hub too.
 *
 * **Deaths.** A Worker that dies with the lock leaves its key there. The hub frees it when it hears of the death
 * ({@linkcode SpinLock.breakFor}). It cannot hear of that while it waits for the lock itself: after {@linkcode GIVEN_UP} it takes
 * the holder for dead. The change that the holder had begun may be half done.
 *
 * @module
 */

import { pause } from "./patience.ts";

/** The key of the hub. Those of Workers are higher. */
const HUB = 0;

/** For how long to spin before sleeping, in turns: some ten microseconds. */
const SPINS = 200;

/** The time to sleep at a time, in milliseconds. */
const NAP = 0.05;

/**
 * After how long the hub takes a holder for dead, in milliseconds. One that lives and had no core for so long would change the
 * words beside others after that.
 */
const GIVEN_UP = 10_000;

/** The time after which a side that wants the lock takes a holder that has left for dead, in milliseconds. */
const LEFT_FOR = 500;

/** One side's view of a lock. */
export class SpinLock {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #mark: number;
  readonly #hasLeft: ((key: number) => boolean) | undefined;

  /**
   * @param words The memory.
   * @param at The index of the lock's word.
   * @param key The side's key: 0 for the hub.
   * @param hasLeft Whether the side with a key is known to have left, so that it will not free the lock. Where the hub may never
   * ask for the lock again, the others have to find out.
   */
  constructor(words: Int32Array, at: number, key: number, hasLeft?: (key: number) => boolean) {
    this.#words = words;
    this.#at = at;
    this.#mark = key + 1;
    this.#hasLeft = hasLeft;
  }

  /** Takes the lock. */
  enter(): void {
    if (Atomics.compareExchange(this.#words, this.#at, 0, this.#mark) !== 0) this.#enterSlowly();
  }

  /** Gives the lock back. */
  leave(): void {
    Atomics.store(this.#words, this.#at, 0);
  }

  /** Frees the lock if the side with a key has it, which is dead. */
  breakFor(key: number): void {
    Atomics.compareExchange(this.#words, this.#at, key + 1, 0);
  }

  #enterSlowly(): void {
    const since = performance.now();
    for (;;) {
      let mark = 0;
      for (let i = 0; i < SPINS; i++) {
        mark = Atomics.compareExchange(this.#words, this.#at, 0, this.#mark);
        if (mark === 0) return;
        pause();
      }
      Atomics.wait(this.#words, this.#at, mark, NAP);
      const waited = performance.now() - since;
      const isLost = this.#mark === HUB + 1 && waited > GIVEN_UP;
      if (isLost || waited > LEFT_FOR && this.#hasLeft?.(mark - 1)) this.breakFor(mark - 1);
    }
  }
}
