/**
 * What the codec asks of its side for all that goes by reference.
 *
 * @module
 */

import type { Attachment } from "../wire/payload.ts";

/** Knows what goes by reference from and to one side of one connection. */
export interface ReferenceKinds {
  /**
   * Returns a reference for a value, or undefined when it does not go by reference. Asked for every
   * function, and every object that is not plain data or of a built-in class that the codec knows;
   * before registered classes, and before refusing.
   */
  toRef(value: object): Ref | undefined;
  /** Why a value does not go at all, though it would go by reference: what to do in place of that. Asked before `toRef()`. */
  refusal?(value: object): string | undefined;
  /** Returns the near side's object for a reference that arrived. What it throws, `decode` throws. */
  resolve(kind: number, data: unknown): unknown;
}

/** What is sent in place of something that goes by reference. */
export interface Ref {
  /** What kind of thing it is, as the two sides have agreed. */
  kind: number;
  /** What the other side needs to know of it: a value that crosses by itself. */
  data: unknown;
  /** What goes beside the message. */
  attachment?: Attachment;
}
