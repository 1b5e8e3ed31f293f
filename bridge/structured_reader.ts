/**
 * The walk that reads the structured form: see `structured.ts` for the form itself.
 *
 * It does not trust what it reads. Every tag, number and shape is checked, and nothing is allocated
 * that is larger than what the message itself brings. Plain objects and arrays become the user's own:
 * they are fresh from `JSON.parse`.
 *
 * @module
 */

import { classOfName } from "./classes.ts";
import { defineHidden, isHiddenKey, makeError } from "./error_values.ts";
import { MAX_DEPTH } from "./plain.ts";
import type { Referrer } from "./referrer.ts";
import { describeFailure } from "./refusals.ts";
import {
  excerpt,
  fail,
  type Fields,
  fields,
  ForeignError,
  isCount,
  list,
  text,
  textOrNull,
} from "./structured_checks.ts";
import {
  boxed,
  defineOwn,
  emptyArray,
  readBigInt,
  readConstant,
  readDate,
  readHeaders,
  readWideText,
} from "./structured_leaves.ts";
import { Letter, MARK, MARK_CODE, Tag } from "./structured.ts";
import { makeView, MAX_RESERVED } from "./structured_buffers.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const DIGITS = /^(0|[1-9][0-9]*)$/;

/** Stands where an object will be once its data has been read. */
const UNFINISHED = Symbol("unfinished");

/** Reads one message. */
export class StructuredReader {
  readonly #blobs: readonly Uint8Array[];
  readonly #referrer: Referrer;
  /** The objects that have been begun, in order. */
  readonly #objects: unknown[] = [];
  #nextBlob = 0;
  #reserved = 0;

  /**
   * @param blobs What came beside the text.
   * @param referrer Asked for what came by reference.
   */
  constructor(blobs: readonly Uint8Array[], referrer: Referrer) {
    this.#blobs = blobs;
    this.#referrer = referrer;
  }

  /**
   * Reads a value. What is in it is changed in place.
   *
   * @param wire What `JSON.parse` returned.
   * @param level How deep it stands.
   * @returns The value.
   * @throws {BridgeProtocolError} If it is not in the structured form.
   */
  read(wire: unknown, level = 0): unknown {
    if (typeof wire === "string") {
      return wire.charCodeAt(0) === MARK_CODE ? this.#special(wire) : wire;
    }
    if (typeof wire !== "object" || wire === null) return wire;
    if (level >= MAX_DEPTH) fail(`its values are nested more than ${MAX_DEPTH} levels deep`);
    if (!Array.isArray(wire)) return this.#plain(wire as Fields, level);
    return isNode(wire) ? this.#node(wire, level) : this.#array(wire, level);
  }

  #special(special: string): unknown {
    switch (special[1]) {
      case MARK:
        return special.slice(1);
      case Letter.BigInt:
        return readBigInt(special.slice(2));
      case Letter.Date:
        return this.#begin(readDate(special.slice(2)));
      case Letter.Back:
        return this.#back(special.slice(2));
      default:
        return readConstant(special.slice(1));
    }
  }

  #back(digits: string): unknown {
    const number = DIGITS.test(digits) ? Number(digits) : -1;
    if (number < 0 || number >= this.#objects.length) {
      fail(`there is no object ${excerpt(digits)}`);
    }
    const object = this.#objects[number];
    if (object === UNFINISHED) fail(`object ${number} is part of itself`);
    return object;
  }

  /** Counts an object. */
  #begin<T>(object: T): T {
    this.#objects.push(object);
    return object;
  }

  #plain(object: Fields, level: number): unknown {
    this.#objects.push(object);
    for (const key of Object.keys(object)) {
      const wire = object[key];
      const value = this.read(wire, level + 1);
      // JSON.parse has made all keys its own, so that assigning to "__proto__" is harmless.
      if (value !== wire) object[key] = value;
    }
    return object;
  }

  #array(items: unknown[], level: number): unknown {
    this.#objects.push(items);
    for (let i = 0; i < items.length; i++) {
      const wire = items[i];
      const value = this.read(wire, level + 1);
      if (value !== wire) items[i] = value;
    }
    return items;
  }

  #node(node: unknown[], level: number): unknown {
    switch (node[0]) {
      case Tag.SparseArray:
        return this.#sparse(node, level);
      case Tag.Map:
        return this.#map(node, level);
      case Tag.Set:
        return this.#set(node, level);
      case Tag.Error:
        return this.#error(node, level);
      case Tag.Buffer:
        return this.#begin(this.#buffer(node));
      case Tag.View:
        return this.#later(() => this.#view(node, level));
      case Tag.Class:
        return this.#later(() => this.#instance(node, level));
      case Tag.Reference:
        return this.#later(() => this.#reference(node, level));
      case Tag.Text:
        return utf8.decode(this.#blob());
      case Tag.WideText:
        return readWideText(this.#blob());
      default:
        return this.#begin(this.#builtIn(node, level));
    }
  }

  /** Counts an object that can only be made when its data has been read. */
  #later(make: () => unknown): unknown {
    const number = this.#objects.push(UNFINISHED) - 1;
    return this.#objects[number] = make();
  }

  #builtIn(node: unknown[], level: number): unknown {
    switch (node[0]) {
      case Tag.Boxed:
        return boxed(this.read(node[1], level + 1));
      case Tag.RegExp:
        return new RegExp(text(node[1]), text(node[2]));
      case Tag.Url:
        return new URL(text(node[1]));
      case Tag.SearchParams:
        return new URLSearchParams(text(node[1]));
      case Tag.Headers:
        return readHeaders(node);
      default:
        fail(`there is no kind "${excerpt(node[0])}"`);
    }
  }

  #map(node: unknown[], level: number): unknown {
    if (node.length % 2 === 0) fail("a Map has a key without a value");
    const map = this.#begin(new Map<unknown, unknown>());
    for (let i = 1; i < node.length; i += 2) {
      const key = this.read(node[i], level + 1);
      map.set(key, this.read(node[i + 1], level + 1));
    }
    return map;
  }

  #set(node: unknown[], level: number): unknown {
    const set = this.#begin(new Set<unknown>());
    for (let i = 1; i < node.length; i++) set.add(this.read(node[i], level + 1));
    return set;
  }

  #sparse(node: unknown[], level: number): unknown {
    const length = node[1];
    const items = fields(node[2]);
    const keys = Object.keys(items);
    const array = this.#begin(emptyArray(length, keys.length));
    for (const key of keys) {
      if (key === "length") fail("a length stands among an array's items");
      defineOwn(array, key, this.read(items[key], level + 1));
    }
    if (array.length !== length) fail("an array has items behind its end");
    return array;
  }

  #blob(): Uint8Array {
    const blob = this.#blobs[this.#nextBlob++];
    return blob ?? fail("it has fewer blobs than it speaks of");
  }

  #buffer(node: unknown[]): ArrayBuffer {
    const bytes = node[1] === null ? this.#blob() : Uint8Array.fromBase64(text(node[1]));
    if (node.length > 2) return this.#resizableBuffer(bytes, node[2]);
    const { buffer } = bytes;
    const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
    return isOwn ? buffer : new Uint8Array(bytes).buffer;
  }

  #resizableBuffer(bytes: Uint8Array, maxByteLength: unknown): ArrayBuffer {
    if (!isCount(maxByteLength)) fail("a buffer has no right size");
    this.#reserved += maxByteLength;
    if (this.#reserved > MAX_RESERVED) fail("its buffers reserve too much memory");
    const buffer = new ArrayBuffer(bytes.length, { maxByteLength });
    new Uint8Array(buffer).set(bytes);
    return buffer;
  }

  #view(node: unknown[], level: number): unknown {
    const [, name, wire, byteOffset, length] = node;
    const buffer = this.read(wire, level + 1);
    if (!(buffer instanceof ArrayBuffer) && !(buffer instanceof SharedArrayBuffer)) {
      fail("a view is on no buffer");
    }
    if (!isCount(byteOffset) || !(length === null || isCount(length))) fail("a view has no place");
    const view = makeView(text(name), buffer, { byteOffset, length });
    return view ?? fail(`there is no view "${excerpt(name)}"`);
  }

  #reference(node: unknown[], level: number): unknown {
    const kind = node[1];
    if (typeof kind !== "number") fail("a reference has no kind");
    const data = this.read(node[2], level + 1);
    try {
      return this.#referrer.resolve(kind, data);
    } catch (error) {
      throw new ForeignError(error);
    }
  }

  #instance(node: unknown[], level: number): unknown {
    const name = text(node[1]);
    const wire = this.read(node[2], level + 1);
    const error = node.length > 3 ? this.#errorOf(list(node[3]), level) : undefined;
    const made = makeInstance(name, wire, error);
    if (error !== undefined && made !== error) completeError(made, error);
    return made;
  }

  /** Reads an error that counts as an object. */
  #error(node: unknown[], level: number): Error {
    const error = this.#begin(errorText(node));
    this.#errorFields(error, node, level);
    return error;
  }

  /** Reads an error that goes with an instance and does not count. */
  #errorOf(node: unknown[], level: number): Error {
    if (node[0] !== Tag.Error) fail("an instance has no right error");
    const error = errorText(node);
    this.#errorFields(error, node, level);
    return error;
  }

  #errorFields(error: Error, node: unknown[], level: number): void {
    const kind = text(node[1]);
    const hidden = fields(node[5]);
    for (const key of Object.keys(hidden)) {
      if (!isHiddenKey(kind, key)) fail("an error hides something else");
      defineHidden(error, key, this.read(hidden[key], level + 1));
    }
    const own = fields(node[6]);
    for (const key of Object.keys(own)) {
      defineOwn(error, key, this.read(own[key], level + 1));
    }
  }
}

/** Whether an array stands for something else. */
function isNode(array: unknown[]): boolean {
  const tag = array[0];
  if (typeof tag !== "string" || tag.charCodeAt(0) !== MARK_CODE) return false;
  const letter = tag.charCodeAt(1);
  return letter >= 65 && letter <= 90;
}

/** Makes an instance of a registered class, or takes the error that came with it in its place. */
function makeInstance(name: string, wire: unknown, error: Error | undefined): unknown {
  const registered = classOfName(name);
  if (registered === undefined) {
    return error ?? fail(
      `no class is registered as "${excerpt(name)}" on this side: call registerClass() in a ` +
        "module that both sides import",
    );
  }
  try {
    return registered.fromWire(wire);
  } catch (cause) {
    return error ?? fail(`fromWire of class "${name}" failed: ${describeFailure(cause)}`, cause);
  }
}

/** Gives an error of a registered class what its `fromWire` did not: its stack and its cause. */
function completeError(made: unknown, error: Error): void {
  if (typeof made !== "object" || made === null || !Object.isExtensible(made)) return;
  defineHidden(made as Error, "stack", error.stack);
  if (Object.hasOwn(error, "cause") && !Object.hasOwn(made, "cause")) {
    defineHidden(made as Error, "cause", error.cause);
  }
}

/** Makes the error that a node describes, without its properties. */
function errorText(node: unknown[]): Error {
  const [, kind, message, name, stack] = node;
  const error = makeError({
    kind: text(kind),
    message: textOrNull(message),
    name: textOrNull(name),
    stack: textOrNull(stack),
  });
  return error ?? fail(`there is no kind of error "${excerpt(kind)}"`);
}
