/**
 * The common face of all ways out of the outbox: one frame, a frame with its payload beside the ring, chunks.
 *
 * @module
 */

/** A message that could not be written at once. */
export interface Departure {
  /**
   * Writes as much as there is room for.
   *
   * @param until The time to stop, in `performance.now()` time: a Worker that reads makes room all the while.
   * @returns Whether all is written.
   */
  advance(until?: number): boolean;
  /**
   * Takes a copy of the bytes that are not written yet: from now on their owner may change them. Bytes that the codec made
   * are its own and need no copy, but they are few.
   */
  keep(): void;
}
