/**
 * Payloads: values made ready for the ring, with a table of the things that they refer to, and the attachments that go beside them.
 *
 * @module
 */

/**
 * An object that goes beside the message that refers to it, as only the runtime can send it: see `Passage`. It is sent when the
 * message is, so that a message which is refused half-way, or dropped, leaves nothing on the way.
 */
export interface Attachment {
  /** The number by which the reference names it. */
  readonly id: number;
  readonly object: object;
}

/**
 * Something that a payload refers to, as one side has it. See `ref_table.ts` for who counts it.
 *
 * The sender fills in what its `toRef()` knows; the receiver makes a `Ref` of an {@linkcode Entry}.
 */
export interface Ref {
  /** The kind: see `RefKind`. */
  readonly kind: number;
  /** The object here: the thing itself, or a proxy. None if it is made of the part of it that is in the text. */
  readonly object?: object;
  /** The number of a thing that is at home on the other side, there. */
  readonly number?: number;
  /** The id of the thread with which an export ends; 0 for none. */
  readonly owner?: number;
  /** Further parts of the entry. */
  readonly about?: readonly (number | string)[];
  /** Another thing that it needs: it comes before this one in the table. */
  readonly of?: object;
  /** The part of it that is a value like any other, and so is in the text: the ending of a thread, the entries of a form. */
  readonly data?: unknown;
  /** Whether there is such a part in the text, when the reference has arrived. */
  readonly inText?: boolean;
}

/** A reference as it crosses: its {@linkcode RefKind}, and what that needs. */
export type Entry = readonly [kind: number, ...parts: (number | string)[]];

/** A value made ready for the ring. */
export interface Payload {
  /** The way to decode it: one of the {@linkcode Format} constants. */
  readonly format: number;
  /** The text, where the format has one; else "". The transport writes it as UTF-8. */
  readonly text: string;
  /** The structured bytes when the format is structured; else undefined. */
  readonly meta: Uint8Array | undefined;
  /**
   * Bulk bytes carried beside the meta without being copied into it: the transport copies each one
   * straight from here into the ring and on the far side straight into a fresh buffer of its own.
   * Only the formats `Structured`, `Bytes` and `BytesInArray` have any.
   */
  readonly buffers: readonly Uint8Array[];
  /** The value of the formats `Int` and `IntInArray`: 32 bits, signed. */
  readonly int?: number;
  /** The table of its references, while it is not sealed: see `ref_table.ts`. A payload that refers to nothing has none. */
  readonly refs?: readonly Ref[];
  /** Objects that are sent beside the message, and before it. */
  readonly attachments?: readonly Attachment[];
}

/** The ways to decode a payload. */
export const Format = {
  /** The value is `undefined`: the payload is empty. */
  Undefined: 0,
  /** Plain JSON. */
  Json: 1,
  /** The structured form in the meta, and its large runs of bytes as buffers. */
  Structured: 2,
  /** The structured form as text, when it needs no buffers. */
  Tagged: 3,
  /** The value is the text itself. */
  Text: 4,
  /** The value is an array of one string, the text: a call with one string as its argument sends that. */
  TextInArray: 5,
  /** The value is the one buffer, as a `Uint8Array` with a buffer of its own. */
  Bytes: 6,
  /** The value is an array of that. */
  BytesInArray: 7,
  /** The value is a whole number of 32 bits. */
  Int: 8,
  /** The value is an array of one such number. */
  IntInArray: 9,
} as const;
