/**
 * What all ways out of the outbox have in common.
 *
 * @module
 */

import { Word } from "./ring.ts";

/** A message that could not be written at once. */
export interface Departure {
  /**
   * Writes as much as there is room for.
   *
   * @param until When to stop, in `performance.now()` time: a Worker that reads makes room all the while.
   * @returns Whether all is written.
   */
  advance(until?: number): boolean;
  /**
   * Takes a copy of the bytes that are not written yet: from now on whoever owns them may change them. Bytes that the
   * codec made are its own and need none, but they are few.
   */
  keep(): void;
}

/** Writes the header of a frame. */
export function writeHeader(
  words: Int32Array,
  at: number,
  size: number,
  kind: number,
  id: number,
  a: number,
  b: number,
  format: number,
  meta: number,
  buffers: number,
): void {
  const word = at >> 2;
  words[word + Word.Size] = size;
  words[word + Word.Kind] = kind;
  words[word + Word.Id] = id;
  words[word + Word.A] = a;
  words[word + Word.B] = b;
  words[word + Word.Format] = format;
  words[word + Word.Meta] = meta;
  words[word + Word.Buffers] = buffers;
}
