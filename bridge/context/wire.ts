/**
 * Async context as it crosses: a list of names, each followed by its value.
 *
 * @module
 */

import { decode, encode } from "../values/codec.ts";
import type { Payload } from "../wire/payload.ts";
import { type ContextValues, useContext } from "./context.ts";
import { BridgeProtocolError, NotCloneableError } from "../errors.ts";
import type { ReferenceKinds } from "../values/reference_kinds.ts";

/**
 * Makes a context ready for the ring.
 *
 * @param values The values.
 * @param kinds Makes the references in it.
 * @throws {NotCloneableError} If one of the values cannot cross; the error names its storage.
 */
export function encodeContext(values: ContextValues, kinds: ReferenceKinds): Payload {
  try {
    return encode([...values].flat(1), "context", kinds);
  } catch (error) {
    if (!(error instanceof NotCloneableError)) throw error;
    throw blame(error, values, kinds);
  }
}

/** The error that names the storage whose value cannot cross. */
function blame(cause: NotCloneableError, values: ContextValues, kinds: ReferenceKinds): Error {
  for (const [name, value] of values) {
    try {
      encode(value, `context "${name}"`, kinds);
    } catch (error) {
      const { message } = error as Error;
      const { path } = error as NotCloneableError;
      return new NotCloneableError(
        `${message}. Set a value that can be cloned, or do not register the storage`,
        { path, cause },
      );
    }
  }
  return cause;
}

/**
 * Reads a context that {@linkcode encodeContext} made.
 *
 * @throws {BridgeProtocolError} If the payload is malformed.
 */
export function decodeContext(payload: Payload, kinds: ReferenceKinds): ContextValues {
  useContext();
  const list = decode(payload, kinds);
  const values = new Map<string, unknown>();
  if (!Array.isArray(list) || list.length % 2 !== 0) throw malformed();
  for (let i = 0; i < list.length; i += 2) {
    if (typeof list[i] !== "string") throw malformed();
    values.set(list[i], list[i + 1]);
  }
  return values;
}

function malformed(): BridgeProtocolError {
  return new BridgeProtocolError("Cannot read a context: expected a list of names and values");
}
