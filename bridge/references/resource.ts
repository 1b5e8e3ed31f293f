/**
 * Resources: objects of the library that exist for the other side only, such as an iteration, a held lock, a writer.
 *
 * @module
 */

import { brand } from "../brand.ts";

/** An object that the other side holds and asks, and that has to tidy up when the other side lets go of it. */
export abstract class Resource {
  static {
    brand(this, "Service");
  }

  /**
   * Performs an operation for the other side.
   *
   * @param op One of the operations in `live.ts`.
   * @param args The arguments of the operation.
   */
  abstract perform(op: number, args: readonly unknown[]): unknown;

  /** Called when the other side holds the resource no longer: it let go of the resource, or it has ended. */
  abstract released(): void;
}
