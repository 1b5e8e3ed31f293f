/**
 * Copies of values for the thread's own side: what another thread of the same Worker gets of a result.
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
 * Copies a value as crossing would, but for what goes by reference: that is the very object here. Blobs and forms are
 * values: what has come from another thread can be read without a promise, from wherever that is.
 *
 * @param value What a thread returned or threw. It has been encoded for the other side before, so it can be.
 * @param referred What went by reference then.
 * @param thrown Whether it was thrown.
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

/** For what a registered class's `toWire` makes anew each time it is asked. */
function mayBeReferred(object: object): boolean {
  return isShared(object) || handledObject(object) !== undefined ||
    object instanceof AbortSignal || goesByReference(object, false);
}
