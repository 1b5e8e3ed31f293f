/**
 * Payloads: values made ready for the ring, with the attachments that go beside it.
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

/** Whether a payload may carry references: then it is for one side only, and has to be decoded to be passed on. */
export function mayRefer(payload: Payload): boolean {
  return payload.format === Format.Structured || payload.format === Format.Tagged;
}
