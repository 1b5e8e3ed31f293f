/**
 * Objects of the library that exist for the other side only: an iteration, a lock that is held, a writer.
 *
 * @module
 */

import { brand } from "../brand.ts";

/** Something that the other side holds and asks, and that has to be tidied up when it holds it no longer. */
export abstract class Resource {
  static {
    brand(this, "Service");
  }

  /**
   * Does what the other side asks for.
   *
   * @param op One of the operations in `live.ts`.
   * @param args What it needs.
   */
  abstract perform(op: number, args: readonly unknown[]): unknown;

  /** The other side holds it no longer: it let go of it, or it has ended. */
  abstract released(): void;
}
