/**
 * The part of a side that makes references for the codec, and finds their objects.
 *
 * @module
 */

import type { Attachment } from "../wire/payload.ts";

/** Makes and resolves the references of one side, to and from one other side. */
export interface ReferenceKinds {
  /**
   * Returns a reference for a value, or undefined when it does not go by reference. Asked for every
   * function, and every object that is not plain data or of a built-in class that the codec knows;
   * before registered classes, and before refusing.
   */
  toRef(value: object): Ref | undefined;
  /** Returns advice for a value that must not cross, though it would go by reference. Asked before `toRef()`. */
  refusal?(value: object): string | undefined;
  /** Returns the near side's object for a reference that arrived. Its errors go through `decode` as they are. */
  resolve(kind: number, data: unknown): unknown;
}

/** A reference: it is sent in place of an object that goes by reference. */
export interface Ref {
  /** The kind of the object: one of `RefKind`. */
  kind: number;
  /** The data that the other side needs for the object: a value that crosses by itself. */
  data: unknown;
  /** The object that goes beside the message. */
  attachment?: Attachment;
}
