/**
 * A resource that a pool makes for a waiter who may give up meanwhile.
 *
 * @module
 */

import { untilAborted } from "../bridge/side/limit.ts";
import type { Permit } from "./permits.ts";

/**
 * Waits until a resource has been made, or the waiter gives up. Then the resource is kept for the next waiter, and the permit is
 * taken until it has been made. If there will be no resource, the permit is given back.
 *
 * @param making The resource, once it has been made.
 * @param permit The waiter's permit.
 * @param signal Aborted when the waiter gives up.
 * @param keep Takes a resource that nobody waits for any more, and gives its permit back.
 * @returns The resource. The waiter still has the permit.
 * @throws The error of making it, or the signal's reason.
 */
export async function makeOrKeep<T>(
  making: Promise<T>,
  permit: Permit,
  signal: AbortSignal | undefined,
  keep: (resource: T) => unknown,
): Promise<T> {
  try {
    return await (signal ? untilAborted(making, signal) : making);
  } catch (error) {
    const goesOn = signal?.aborted && error === signal.reason;
    if (goesOn) making.then(keep, () => permit.release());
    else permit.release();
    throw error;
  }
}
