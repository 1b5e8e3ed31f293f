/**
 * Copies of results for the same side: another thread of the same Worker gets a copy, as a thread elsewhere would.
 *
 * @module
 */

import { blobWithin, formOf, isBlob } from "../../bridge/memory/blobs.ts";
import {
  decode,
  encode,
  encodeThrown,
  type Ref,
  type ReferenceKinds,
} from "../../bridge/values/codec.ts";
import { goesByReference } from "./references.ts";
import { handledObject } from "../../bridge/references/handle.ts";
import { copyOf } from "../../bridge/wire/message.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import { isShared } from "../../bridge/memory/objects.ts";

/**
 * Copies a value as crossing would, except that an object that goes by reference is the very object here. Blobs and forms are
 * values: a blob that has come from another thread can be read without a promise, wherever that thread was.
 *
 * @param value The value that a thread returned or threw. It has been encoded for the other side before, so it can be encoded.
 * @param referred The objects that went by reference then.
 * @param thrown Whether the value was thrown.
 */
export function copyWithin(
  value: unknown,
  referred: ReadonlySet<object>,
  thrown: boolean,
): unknown {
  const objects: object[] = [];
  const kinds: ReferenceKinds = {
    toRef(object): Ref | undefined {
      if (!referred.has(object) && !mayBeReferred(object)) return undefined;
      if (object instanceof FormData) return { kind: RefKind.FormData, data: [...object] };
      return { kind: 0, data: objects.push(object) - 1 };
    },
    resolve(kind, data) {
      if (kind === RefKind.FormData) return formOf(data);
      const object = objects[data as number];
      return isBlob(object) ? blobWithin(object) : handledObject(object) ?? object;
    },
  };
  const payload = thrown ? encodeThrown(value, "error", kinds) : encode(value, "result", kinds);
  return decode(copyOf(payload), kinds);
}

/** Whether an object goes by reference. For objects that a registered class's `toWire` makes anew each time it is called. */
function mayBeReferred(object: object): boolean {
  return isShared(object) || handledObject(object) !== undefined ||
    object instanceof AbortSignal || goesByReference(object, false);
}
