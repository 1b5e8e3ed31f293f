/**
 * The part of a side that makes references for the codec, and finds their objects.
 *
 * @module
 */

import type { Entry, Ref } from "../wire/payload.ts";

/** Makes and resolves the references of one side, to and from one other side. */
export interface ReferenceKinds {
  /**
   * Returns a reference for a value, or undefined when it does not go by reference. Asked for every
   * function, and every object that is not plain data or of a built-in class that the codec knows;
   * before registered classes, and before refusing. It counts nothing: the payload may never be sent.
   */
  toRef(value: object): Ref | undefined;
  /** Returns advice for a value that must not cross, though it would go by reference. Asked before `toRef()`. */
  refusal?(value: object): string | undefined;
  /** Receives the table of a payload that has arrived, and takes its counts over. Its errors go through `decode` as they are. */
  receive(entries: readonly Entry[]): readonly Ref[];
  /**
   * Returns the near side's object for a reference.
   *
   * @param ref The reference, received or of this side.
   * @param data The part of it that is in the text, if there is one.
   */
  resolve(ref: Ref, data: unknown): unknown;
}
