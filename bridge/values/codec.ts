/**
 * Values as the rings carry them: every value that crosses between the hub and a green thread goes
 * through `encode` on one side and `decode` on the other.
 *
 * Plain data goes as JSON text, which is the fastest that the platform has. A long string goes as it
 * is. Values that JSON does not carry go in the structured form (see `structured.ts`), large buffers
 * beside it without a copy.
 *
 * The value that arrives is the one that `structuredClone` would give, with these differences:
 *
 * - A property or item that is a function, and objects such as green threads and locks, go by
 *   reference, when the side's {@linkcode ReferenceKinds} says so.
 * - Instances of registered classes arrive as such, and so do plain ones of classes that both sides know
 *   from an exporting module (see `own_classes.ts`). Others are refused rather than arriving as bare
 *   objects; so are instances of subclasses of the built-in classes, but for node's `Buffer`.
 * - `URL`, `URLSearchParams` and `Headers` arrive as themselves.
 * - Errors keep their class, `name`, own fields and `errors`: see `error_values.ts`.
 * - Nesting is limited to {@linkcode MAX_DEPTH} levels.
 *
 * As with `structuredClone` getters are read, symbol keys and hidden properties are left out, an
 * object with a null prototype arrives as a plain object, and a typed array brings its whole buffer
 * along, which all views on it in the same message go on sharing: `slice()` a small part of a large
 * buffer before sending it.
 *
 * @module
 */

import { inOneLine } from "../checks.ts";
import { BridgeProtocolError, NotCloneableError } from "../errors.ts";
import { textOfError } from "./error_values.ts";
import {
  captureStackTrace,
  create,
  getPrototypeOf,
  isA,
  isArray,
  isToJsonSet,
  keys,
  parse,
  setPrototypeOf,
  stringify,
} from "../primordials.ts";
import { isDeeperThan, isPlain, isPlainNumber, MAX_DEPTH } from "./plain.ts";
import type { ReferenceKinds } from "./reference_kinds.ts";
import { Format, type Payload, type Ref } from "../wire/payload.ts";
import { isSealed, unseal } from "../wire/ref_table.ts";
import { ForeignError } from "./structured_checks.ts";
import { StructuredReader } from "./structured_reader.ts";
import { StructuredWriter } from "./structured_writer.ts";

export type { ReferenceKinds } from "./reference_kinds.ts";

/** The length up to which JSON is as fast as plain text, in UTF-16 units. */
const SHORT_TEXT = 256;

const NO_BUFFERS: readonly Uint8Array[] = Object.freeze([]);
const NO_REFS: readonly Ref[] = Object.freeze([]);
const UNDEFINED: Payload = textBody(Format.Undefined, "");

const encoder = new TextEncoder();
/** Without `ignoreBOM` a text that begins with U+FEFF would lose it. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The payload for a thrown value when hardly any of the stack is left. It is made beforehand, so that nothing can fail. */
const NO_ROOM: Payload = encodeStructured(
  new RangeError("Maximum call stack size exceeded"),
  "error",
  { toRef: () => undefined, receive: () => NO_REFS, resolve: () => undefined },
  true,
);

/**
 * Makes a value ready for the ring. The value may be changed again only when the transport has
 * copied the buffers.
 *
 * @param value Any value.
 * @param root The name of the value in a refusal, for example `arguments` or `result`.
 * @param kinds Makes the references.
 * @returns The payload.
 * @throws {NotCloneableError} If something in the value cannot cross. Nothing was sent.
 */
export function encode(value: unknown, root: string, kinds: ReferenceKinds): Payload {
  switch (typeof value) {
    case "undefined":
      return UNDEFINED;
    case "string":
      if (value.isWellFormed()) return textBody(Format.Text, value);
      break;
    case "number":
      if (isInt(value)) return intBody(Format.Int, value);
      if (isPlainNumber(value)) return textBody(Format.Json, String(value));
      break;
    case "boolean":
      return textBody(Format.Json, String(value));
  }
  try {
    return encodeSingle(value) ?? encodePlain(value) ??
      encodeStructured(value, root, kinds, false);
  } catch (error) {
    const refusal = isStackOverflow(error) ? tooDeep(root, error) : error;
    // Its stack tells who sent the value, and not how deep in the value the walk had come.
    if (isA(refusal, NotCloneableError)) captureStackTrace(refusal, encode);
    throw refusal;
  }
}

/**
 * Makes a thrown value ready for the ring. Unlike {@linkcode encode} it never throws: parts that cannot
 * cross are described in words, and a value that cannot cross as a whole arrives as a
 * {@linkcode NotCloneableError} that describes it.
 *
 * @param value The thrown value; an error or anything else.
 * @param root The name of the value in a description.
 * @param kinds Makes the references; but functions are described, never sent.
 * @returns The payload.
 */
export function encodeThrown(value: unknown, root: string, kinds: ReferenceKinds): Payload {
  try {
    if (value === undefined) return UNDEFINED;
    return encodePlainOrNothing(value) ?? encodeStructured(value, root, kinds, true);
  } catch (error) {
    const description = isA(error, NotCloneableError) ? error : new NotCloneableError(
      `Cannot send ${root}: reading its properties failed: ${inOneLine(error)}`,
      { path: root },
    );
    return describe(description, root, kinds);
  }
}

/** Encodes the description of a thrown value. It runs no code of people's, so it fails only when the stack has no room for it. */
function describe(description: unknown, root: string, kinds: ReferenceKinds): Payload {
  try {
    return encodeStructured(description, root, kinds, true);
  } catch {
    return NO_ROOM;
  }
}

/**
 * Reads a value that {@linkcode encode} or {@linkcode encodeThrown} has made ready.
 *
 * @param payload The payload that arrived. The value takes its buffers over.
 * @param kinds Resolves the references.
 * @returns The value.
 * @throws {BridgeProtocolError} If the payload is malformed, names a class that is not registered on
 * this side, or a class's `fromWire` fails.
 */
export function decode(payload: Payload, kinds: ReferenceKinds): unknown {
  try {
    switch (payload.format) {
      case Format.Json:
        return decodeJson(payload.text);
      case Format.Undefined:
        return undefined;
      case Format.Text:
        return payload.text;
      case Format.TextInArray:
        return [payload.text];
      case Format.Int:
        return payload.int;
      case Format.IntInArray:
        return [payload.int];
      case Format.Bytes:
        return onlyBuffer(payload.buffers);
      case Format.BytesInArray:
        return [onlyBuffer(payload.buffers)];
      case Format.Tagged: {
        const { text, refs } = received(payload, kinds);
        return decodeTagged(text, NO_BUFFERS, kinds, refs);
      }
      case Format.Structured: {
        const { meta, buffers, refs } = received(payload, kinds);
        return decodeStructured(meta, buffers, kinds, refs);
      }
    }
  } catch (error) {
    if (error instanceof BridgeProtocolError) throw error;
    if (error instanceof ForeignError) throw error.thrown;
    throw new BridgeProtocolError(`Cannot read a message: ${inOneLine(error)}`, {
      cause: error,
    });
  }
  throw new BridgeProtocolError(`Cannot read a message: there is no format ${payload.format}`);
}

/**
 * A payload with its references, which are received if it is sealed. Then it can be decoded, more than once with `copyOf()`, and
 * be sealed for somebody else.
 *
 * @param payload A payload that has arrived.
 * @param kinds Receives its references.
 * @throws The error of `kinds.receive()`.
 */
export function receive(payload: Payload, kinds: ReferenceKinds): Payload {
  if (!isSealed(payload)) return payload;
  const { entries, payload: rest } = unseal(payload);
  return { ...rest, refs: kinds.receive(entries) };
}

/** As {@linkcode receive}, within {@linkcode decode}. */
function received(payload: Payload, kinds: ReferenceKinds): Payload {
  try {
    return receive(payload, kinds);
  } catch (error) {
    throw new ForeignError(error);
  }
}

function textBody(format: number, text: string): Payload {
  return { format, text, meta: undefined, buffers: NO_BUFFERS, int: 0 };
}

function intBody(format: number, int: number): Payload {
  return { format, text: "", meta: undefined, buffers: NO_BUFFERS, int };
}

function bytesBody(format: number, bytes: Uint8Array): Payload {
  return { format, text: "", meta: undefined, buffers: [bytes], int: 0 };
}

/** Whether a number is a whole one of 32 bits, and not -0. */
export function isInt(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0);
}

/** Encodes a whole number, a long string or bytes, alone or as the one item of an array. */
function encodeSingle(value: unknown): Payload | undefined {
  if (!isArray(value)) {
    return isWholeBuffer(value) ? bytesBody(Format.Bytes, value) : undefined;
  }
  if (value.length !== 1) return undefined;
  const item: unknown = value[0];
  if (typeof item === "string") {
    if (item.length <= SHORT_TEXT || !isBareArray(value) || !item.isWellFormed()) return undefined;
    return textBody(Format.TextInArray, item);
  }
  if (typeof item === "number") {
    if (!isPlainNumber(item) || !isBareArray(value)) return undefined;
    return isInt(item) ? intBody(Format.IntInArray, item) : textBody(Format.Json, `[${item}]`);
  }
  return isWholeBuffer(item) && isBareArray(value)
    ? bytesBody(Format.BytesInArray, item)
    : undefined;
}

/** Whether a value is a `Uint8Array` over all of a buffer that is like any other. */
function isWholeBuffer(value: unknown): value is Uint8Array {
  if (typeof value !== "object" || !(value instanceof Uint8Array)) return false;
  if (getPrototypeOf(value) !== Uint8Array.prototype) return false;
  const { buffer } = value;
  return buffer instanceof ArrayBuffer && !buffer.resizable && !buffer.detached &&
    value.byteLength === buffer.byteLength;
}

/** Whether an array of one item is nothing more than that. */
function isBareArray(array: unknown[]): boolean {
  return getPrototypeOf(array) === Array.prototype && keys(array).length === 1;
}

/** Encodes plain data. Nothing when the value is not plain, or is too long for one text. */
function encodePlain(value: unknown): Payload | undefined {
  if (typeof value !== "object" || (value !== null && !isPlain(value))) return undefined;
  try {
    return textBody(Format.Json, stringify(value));
  } catch {
    return undefined;
  }
}

/** The same for a thrown value: nothing also when the value cannot be looked at. */
function encodePlainOrNothing(value: unknown): Payload | undefined {
  try {
    return encodePlain(value);
  } catch {
    return undefined;
  }
}

function encodeStructured(
  value: unknown,
  root: string,
  kinds: ReferenceKinds,
  describes: boolean,
): Payload {
  const writer = new StructuredWriter(root, kinds, describes);
  const text = textOf(writer.write(value), root);
  const { buffers, refs } = writer;
  const payload = buffers.length === 0
    ? textBody(Format.Tagged, text)
    : { format: Format.Structured, text: "", meta: encoder.encode(text), buffers, int: 0 };
  return refs.length === 0 ? payload : { ...payload, refs };
}

/** Makes text of the structured form. It fails only when the text is longer than V8's limit. */
function textOf(wire: unknown, root: string): string {
  try {
    return stringify(isToJsonSet() ? withoutPrototypes(wire) : wire);
  } catch (cause) {
    const message = `Cannot send ${root}: it is too large for one message: ${inOneLine(cause)}`;
    throw new NotCloneableError(message, { path: root, cause });
  }
}

/** A copy whose objects and arrays inherit nothing, so that there is no `toJSON` to be called. */
function withoutPrototypes(wire: unknown): unknown {
  if (typeof wire !== "object" || wire === null) return wire;
  const copy: Record<string, unknown> = isArray(wire) ? setPrototypeOf([], null) : create(null);
  for (const key of keys(wire)) copy[key] = withoutPrototypes((wire as typeof copy)[key]);
  return copy;
}

/** Whether the walk of a value ran out of stack: then the caller had used most of it before. */
function isStackOverflow(error: unknown): boolean {
  return isA(error, RangeError) &&
    textOfError(error).message === "Maximum call stack size exceeded";
}

function tooDeep(root: string, cause: unknown): NotCloneableError {
  const message = `Cannot send ${root}: it is nested too deeply for the rest of the call stack: ` +
    `with enough room on the stack, ${MAX_DEPTH} levels can be sent`;
  return new NotCloneableError(message, { path: root, cause });
}

function decodeJson(text: string): unknown {
  const value: unknown = parse(text);
  // A level takes two characters, so a short text cannot be too deep.
  if (text.length > 2 * MAX_DEPTH && isDeeperThan(value, MAX_DEPTH)) {
    throw new BridgeProtocolError("Cannot read a message: its values are nested too deeply");
  }
  return value;
}

function decodeTagged(
  text: string,
  buffers: readonly Uint8Array[],
  kinds: ReferenceKinds,
  refs: readonly Ref[] = NO_REFS,
): unknown {
  return new StructuredReader(buffers, kinds, refs).read(parse(text));
}

function decodeStructured(
  meta: Uint8Array | undefined,
  buffers: readonly Uint8Array[],
  kinds: ReferenceKinds,
  refs: readonly Ref[] | undefined,
): unknown {
  if (meta) return decodeTagged(decoder.decode(meta), buffers, kinds, refs);
  throw new BridgeProtocolError("Cannot read a message: it has no structured part");
}

function onlyBuffer(buffers: readonly Uint8Array[]): Uint8Array {
  if (buffers.length === 1) return buffers[0];
  throw new BridgeProtocolError(
    `Cannot read a message: it has ${buffers.length} buffers in place of 1`,
  );
}
