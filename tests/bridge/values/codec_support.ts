/**
 * What the tests of the codec share: a copy of a payload through bytes, as the transport makes it, and
 * reference kinds.
 *
 * @module
 */

import { decode, encode, encodeThrown, type ReferenceKinds } from "../../../bridge/values/codec.ts";
import type { Entry, Payload, Ref } from "../../../bridge/wire/payload.ts";
import { sealed } from "../../../bridge/wire/ref_table.ts";

/** A side on which nothing goes by reference. */
export const noKinds: ReferenceKinds = {
  toRef: () => undefined,
  receive: ([[kind]]) => {
    throw new RangeError(`Nothing goes by reference here, got kind ${kind}`);
  },
  resolve: ({ kind }) => {
    throw new RangeError(`Nothing goes by reference here, got kind ${kind}`);
  },
};

/** A side that lets functions and some objects go by reference: by their place in a list. */
export class ListKinds implements ReferenceKinds {
  /** All that was referred to, in order. */
  readonly referred: object[] = [];
  readonly #refers: (value: object) => boolean;

  constructor(refers: (value: object) => boolean = (value) => typeof value === "function") {
    this.#refers = refers;
  }

  toRef(value: object): Ref | undefined {
    if (!this.#refers(value)) return undefined;
    const place = this.referred.push(value) - 1;
    return { kind: 7, object: value, number: place, data: { place } };
  }

  receive(entries: readonly Entry[]): Ref[] {
    return entries.map(([kind, number]) => ({ kind, number: Number(number) }));
  }

  resolve({ kind, number }: Ref, data: unknown): unknown {
    const { place } = data as { place: number };
    if (kind !== 7 || number !== place || !(place in this.referred)) {
      throw new RangeError("Nothing has that place");
    }
    return this.referred[place];
  }
}

/** A payload as one run of bytes, the way it lies in shared memory. */
export function toBytes(payload: Payload): Uint8Array {
  const { refs } = payload;
  const { format, text, meta, buffers, int = 0 } = refs
    ? sealed(payload, refs.map(({ kind, number = 0 }): Entry => [kind, number]), [])
    : payload;
  const main = meta ?? new TextEncoder().encode(text);
  const parts = [main, ...buffers];
  const head = new Uint32Array([
    format,
    meta === undefined ? 0 : 1,
    int,
    parts.length,
    ...parts.map((part) => part.length),
  ]);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, head.byteLength));
  bytes.set(new Uint8Array(head.buffer));
  let at = head.byteLength;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The payload again: nothing in it is shared with the one that the bytes were made of. */
export function fromBytes(bytes: Uint8Array): Payload {
  const [format, hasMeta, int, count] = new Int32Array(bytes.slice(0, 16).buffer);
  const lengths = new Uint32Array(bytes.slice(16, 16 + 4 * count).buffer);
  let at = 16 + 4 * count;
  const [main, ...buffers] = [...lengths].map((length) => bytes.slice(at, at += length));
  return {
    format,
    text: hasMeta ? "" : new TextDecoder("utf-8", { ignoreBOM: true }).decode(main),
    meta: hasMeta ? main : undefined,
    buffers,
    int,
  };
}

/** A payload as it arrives. */
export function carry(payload: Payload): Payload {
  return fromBytes(toBytes(payload));
}

/** A value as it arrives. */
export function cross<T>(value: T, kinds: ReferenceKinds = noKinds): T {
  return decode(carry(encode(value, "value", kinds)), kinds) as T;
}

/** A thrown value as it arrives. */
export function crossThrown(value: unknown, kinds: ReferenceKinds = noKinds): unknown {
  return decode(carry(encodeThrown(value, "thrown", kinds)), kinds);
}
