/**
 * Copies of values for the thread's own side: what another thread of the same Worker gets of a result.
 *
 * @module
 */

import { decode, encode, encodeThrown, type Referrer } from "./codec.ts";
import { handledObject } from "./handle.ts";
import { keep } from "./message.ts";

/**
 * Copies a value as crossing would, but for what goes by reference: that is the very object here.
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
  const referrer: Referrer = {
    refer: (object) =>
      referred.has(object) ? { kind: 0, data: objects.push(object) - 1 } : undefined,
    resolve: (_, at) => handledObject(objects[at as number]) ?? objects[at as number],
  };
  const body = thrown ? encodeThrown(value, "error", referrer) : encode(value, "result", referrer);
  return decode(keep(body), referrer);
}
