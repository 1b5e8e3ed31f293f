/**
 * Blobs of a Worker that are to be freed before it ends.
 *
 * The bytes of a blob belong to the process, and Deno 2.9.6 frees them by a finalizer in each thread of the system that had the
 * blob. If such a thread ends before its finalizers have run, the bytes stay for as long as the process does. So a Worker that
 * is about to end has its garbage collected first. There is no call for that; but memory that is taken and not kept makes V8 do
 * it. That memory is never touched, so it costs nothing but addresses. Three kinds of blobs are not freed: those that the
 * Worker's code still refers to, those that it has made and not sent, and all blobs of a Worker that crashes.
 *
 * @module
 */

/** The bytes taken to make V8 collect. With 64 MB it took up to six turns, and once more than twelve; with this at most four. */
const PRESSURE_BYTES = 2 ** 30;

/** The most loop turns that are spent on collecting. */
const MOST_TURNS = 12;

/** The loop turns that the finalizers of the platform take, once the finalizers here have been called. */
const LAST_TURNS = 4;

/** Counts the blobs that a Worker has got from the hub, or sent there. */
export class BlobLitter {
  /** The count of blobs that have not been garbage-collected. A blob that was noted twice counts twice. */
  count = 0;
  readonly #collected = new FinalizationRegistry<void>(() => void this.count--);
  #turns = 0;
  #last = LAST_TURNS;

  /** Notes a blob that has come, or is about to go. */
  note(blob: object): void {
    this.count++;
    this.#collected.register(blob, undefined);
  }

  /**
   * Has garbage collected, for a Worker that is about to end.
   *
   * @returns Whether the Worker is to have a loop turn and to call this once more.
   */
  clear(): boolean {
    if (this.count === 0) return this.#turns > 0 && this.#last-- > 0;
    if (this.#turns++ === MOST_TURNS) return false;
    try {
      new ArrayBuffer(PRESSURE_BYTES);
    } catch {
      // V8 says that there is no room only when it has collected all that it could.
    }
    return true;
  }
}
