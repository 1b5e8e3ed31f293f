/**
 * The errors that a caller may catch. Importing this entry loads neither the hub nor the coordination objects.
 *
 * The classes are those of the entry `.`: `instanceof` holds, whichever entry a class was imported from.
 *
 * @example Tell errors apart
 * ```ts
 * import { GreenletExit, Timeout } from "@aiohub/aiohub/errors";
 * import { assertEquals } from "@std/assert";
 *
 * function isHarmless(error: unknown): boolean {
 *   return error instanceof Timeout || error instanceof GreenletExit;
 * }
 *
 * assertEquals(isHarmless(new GreenletExit()), true);
 * assertEquals(isHarmless(new TypeError("a defect")), false);
 * ```
 *
 * @module
 */

export {
  BlockingCallError,
  BrokenBarrierError,
  Collision,
  CycleError,
  type CycleErrorOptions,
  DeadlockError,
  Empty,
  Full,
  GreenletExit,
  HubClosedError,
  HubSaturatedError,
  NotCloneableError,
  type NotCloneableErrorOptions,
  PropagateError,
  QueueClosedError,
  WorkerCrashedError,
} from "./bridge/errors.ts";
export { Timeout, type TimeoutOptions } from "./bridge/side/timeout.ts";
