/**
 * Objects that are the same on both sides: locks, queues and their like, threads.
 *
 * A handle to such an object could add nothing, and would have its blocking methods run on the hub, where nothing blocks.
 *
 * @module
 */

import { keyOf } from "../state.ts";

/** Key of the mark of objects that are the same on both sides. */
export const ITSELF: unique symbol = keyOf("itself") as never;

/**
 * An object that is the same on both sides: a green thread, a lock, a queue and their like.
 *
 * @category Values
 */
export interface CrossesAsItself {
  /**
   * The mark.
   *
   * @ignore
   */
  readonly [ITSELF]: true;
}

/** Marks all objects of a class as the same on both sides. */
export function crossesAsItself(prototype: object): void {
  Object.defineProperty(prototype, ITSELF, { value: true });
}

/** Whether an object is the same on both sides. */
export function isItself(object: object): object is CrossesAsItself {
  return ITSELF in object;
}
