/**
 * Blobs of a Worker that are to be freed before it ends.
 *
 * The bytes of a blob belong to the process, and Deno 2.9.6 frees them by a finalizer in each thread that had the blob. Where a
 * thread ends before its finalizers have run, the bytes stay for as long as the process does. So a Worker that is about to
 * end has its garbage collected first. There is no call for that; but memory that is taken and not kept makes V8 do it. Of that
 * nothing is ever touched, so it costs nothing but addresses. What the Worker's code still refers to is not freed, nor is what
 * it has made and not sent; and a Worker that crashes does none of this.
 *
 * @module
 */

/** With 64 MB V8 took up to six turns, and once more than twelve; with this at most four. */
const PRESSURE_BYTES = 2 ** 30;

/** How many turns of the event loop are spent on it, at the most. */
const MOST_TURNS = 12;

/** How many turns the finalizers of the platform take, once those here have been called. */
const LAST_TURNS = 4;

/** Counts the blobs that a Worker has had from the hub, or sent there. */
export class BlobLitter {
  /** How many have not been garbage-collected. One that was noted twice counts twice. */
  count = 0;
  readonly #collected = new FinalizationRegistry<void>(() => void this.count--);
  #turns = 0;
  #last = LAST_TURNS;

  /** A blob has come, or is about to go. */
  note(blob: object): void {
    this.count++;
    this.#collected.register(blob, undefined);
  }

  /**
   * For a Worker that is about to end: has garbage collected.
   *
   * @returns Whether it is to have a turn of the event loop and to call this once more.
   */
  clear(): boolean {
    if (this.count === 0) return this.#turns > 0 && this.#last-- > 0;
    if (this.#turns++ === MOST_TURNS) return false;
    try {
      new ArrayBuffer(PRESSURE_BYTES);
    } catch {
      // V8 has collected all that it could before it said that there is no room.
    }
    return true;
  }
}
