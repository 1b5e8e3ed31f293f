/**
 * The walk that reads the structured form: see `structured.ts` for the form itself.
 *
 * It does not trust the text. Every tag, number and shape is checked, and nothing is allocated that is
 * larger than the message itself. Plain objects and arrays become the user's own: they are fresh from
 * `JSON.parse`.
 *
 * @module
 */

import { inOneLine } from "../checks.ts";
import { noteClassNotFound, noteLostClass, notePrivateFields } from "./class_loss.ts";
import { classOfName } from "./classes.ts";
import { completeError, defineHidden, isHiddenKey, makeError } from "./error_values.ts";
import { MAX_DEPTH } from "./plain.ts";
import { platformClassNamed } from "./platform_classes.ts";
import {
  type ClassWire,
  findDataPrototype,
  findPrototype,
  hasPrivateMembers,
  isOfClass,
  keepLostClass,
} from "./own_classes.ts";
import { create, getPrototypeOf, isArray, keys } from "../primordials.ts";
import type { ReferenceKinds } from "./reference_kinds.ts";
import type { Ref } from "../wire/payload.ts";
import { Letter, MARK, MARK_CODE, Tag } from "./structured.ts";
import { makeView } from "./structured_buffers.ts";
import {
  excerpt,
  fail,
  failForClass,
  type Fields,
  fields,
  ForeignError,
  isCount,
  Limits,
  list,
  text,
  textOrNull,
} from "./structured_checks.ts";
import {
  boxed,
  emptyArray,
  readBigInt,
  readConstant,
  readDate,
  readHeaders,
  readWideText,
} from "./structured_leaves.ts";
import { defineOwn } from "../primordials.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const DIGITS = /^(0|[1-9][0-9]*)$/;

/** Mark for an object that can be made only when its data has been read. */
const UNFINISHED = Symbol("unfinished");

/** Reads one message. */
export class StructuredReader {
  readonly #buffers: readonly Uint8Array[];
  readonly #kinds: ReferenceKinds;
  readonly #refs: readonly Ref[];
  /** The objects that have been begun, in order. */
  readonly #objects: unknown[] = [];
  readonly #limits = new Limits();
  #nextBuffer = 0;

  /**
   * Begins a message.
   *
   * @param buffers The buffers that came beside the text.
   * @param kinds Resolves the references.
   * @param refs The table of references.
   */
  constructor(buffers: readonly Uint8Array[], kinds: ReferenceKinds, refs: readonly Ref[]) {
    this.#buffers = buffers;
    this.#kinds = kinds;
    this.#refs = refs;
  }

  /**
   * Reads a value. Its parts are changed in place.
   *
   * @param wire The result of `JSON.parse`.
   * @param level Its level in the value as a whole.
   * @returns The value.
   * @throws {BridgeProtocolError} If it is not in the structured form.
   */
  read(wire: unknown, level = 0): unknown {
    if (typeof wire === "string") {
      return wire.charCodeAt(0) === MARK_CODE ? this.#special(wire) : wire;
    }
    if (typeof wire !== "object" || wire === null) return wire;
    if (level >= MAX_DEPTH) fail(`its values are nested more than ${MAX_DEPTH} levels deep`);
    if (!isArray(wire)) return this.#plain(wire as Fields, level);
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
    for (const key of keys(object)) {
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
        return this.#error(this.#begin(this.#errorText(node, level)), node, level);
      case Tag.Instance:
        return this.#exported(node, level);
      case Tag.Text:
        return utf8.decode(this.#takeBuffer());
      case Tag.WideText:
        return readWideText(this.#takeBuffer());
    }
    // The object exists only when its data has been read.
    const number = this.#objects.push(UNFINISHED) - 1;
    return this.#objects[number] = this.#late(node, level);
  }

  #late(node: unknown[], level: number): unknown {
    switch (node[0]) {
      case Tag.Buffer:
        return this.#buffer(node);
      case Tag.View:
        return this.#view(node, level);
      case Tag.Class:
        return this.#instance(node, level);
      case Tag.Reference:
        return this.#reference(node, level);
      case Tag.Boxed:
        return boxed(this.read(node[1], level + 1));
      case Tag.RegExp:
        return this.#pattern(this.#text(node[1], level), text(node[2]));
      case Tag.Url:
        return new URL(this.#text(node[1], level));
      case Tag.SearchParams:
        return new URLSearchParams(this.#text(node[1], level));
      case Tag.Headers:
        this.#allow(this.#limits.headers(node.length >> 1));
        return readHeaders(node.slice(1).map((wire) => this.#text(wire, level)));
      default:
        return fail(`there is no kind "${excerpt(node[0])}"`);
    }
  }

  /** Reads a text, which is written as any string is. */
  #text(wire: unknown, level: number): string {
    return text(this.read(wire, level + 1));
  }

  /** Goes on unless something is wrong. */
  #allow(why: string | undefined): void {
    if (why !== undefined) fail(why);
  }

  #pattern(source: string, flags: string): RegExp {
    this.#allow(this.#limits.pattern(source, flags));
    return new RegExp(source, flags);
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

  /** Makes an instance of a class that a module exports here too: its constructor is not run. */
  #exported(node: unknown[], level: number): unknown {
    const wire = classWire(node[1]);
    const prototype = findDataPrototype(wire);
    if (prototype === undefined && node[3] !== 1) failForClass(notFound(wire));
    const number = this.#objects.length;
    const instance = this.#begin(create(prototype ?? null) as object);
    const own = fields(node[2]);
    for (const key of keys(own)) defineOwn(instance, key, this.read(own[key], level + 1));
    if (prototype !== undefined) return instance;
    return this.#objects[number] = `[instance of class "${wire[0]}"]`;
  }

  #sparse(node: unknown[], level: number): unknown {
    const length = node[1];
    const items = fields(node[2]);
    const names = keys(items);
    const array = this.#begin(emptyArray(length, names.length));
    for (const key of names) {
      if (key === "length") fail("an array has an item under the name of its length");
      defineOwn(array, key, this.read(items[key], level + 1));
    }
    if (array.length !== length) fail("an array has items beyond its length");
    return array;
  }

  #takeBuffer(): Uint8Array {
    const buffer = this.#buffers[this.#nextBuffer++];
    return buffer ?? fail("some of its buffers are missing");
  }

  #buffer(node: unknown[]): ArrayBuffer {
    const bytes = node[1] === null ? this.#takeBuffer() : Uint8Array.fromBase64(text(node[1]));
    if (node.length > 2) return this.#resizableBuffer(bytes, node[2]);
    const { buffer } = bytes;
    const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
    return isOwn ? buffer : new Uint8Array(bytes).buffer;
  }

  #resizableBuffer(bytes: Uint8Array, maxByteLength: unknown): ArrayBuffer {
    if (!isCount(maxByteLength)) fail("a buffer has an invalid size");
    this.#allow(this.#limits.resizable(maxByteLength));
    const buffer = new ArrayBuffer(bytes.length, { maxByteLength });
    new Uint8Array(buffer).set(bytes);
    return buffer;
  }

  #view(node: unknown[], level: number): unknown {
    const [, name, wire, byteOffset, length] = node;
    const buffer = this.read(wire, level + 1);
    if (!(buffer instanceof ArrayBuffer) && !(buffer instanceof SharedArrayBuffer)) {
      fail("a view has no buffer");
    }
    if (!isCount(byteOffset) || !(length === null || isCount(length))) {
      fail("a view has an invalid position");
    }
    const view = makeView(text(name), buffer, { byteOffset, length });
    return view ?? fail(`there is no view "${excerpt(name)}"`);
  }

  #reference(node: unknown[], level: number): unknown {
    const place = node[1];
    if (!isCount(place) || place >= this.#refs.length) fail("a reference is not in the table");
    const data = node.length > 2 ? this.read(node[2], level + 1) : undefined;
    try {
      return this.#kinds.resolve(this.#refs[place], data);
    } catch (error) {
      throw new ForeignError(error);
    }
  }

  #instance(node: unknown[], level: number): unknown {
    const name = text(node[1]);
    const wire = this.read(node[2], level + 1);
    if (node.length === 3) return makeInstance(name, wire, undefined);
    const errorNode = list(node[3]);
    const error = this.#error(this.#errorText(errorNode, level), errorNode, level);
    const made = makeInstance(name, wire, error);
    if (made !== error) completeError(made, error);
    return made;
  }

  /** Makes the error of a node, without its fields: those may hold the error. */
  #errorText(node: unknown[], level: number): Error {
    if (node[0] !== Tag.Error) fail("an error is missing");
    const [, kind, message, name, stack] = node;
    const wire = node.length > 7 ? classWire(node[7]) : undefined;
    const prototype = wire && findPrototype(wire);
    const error = makeError({
      kind: text(kind),
      message: textOrNull(this.read(message, level + 1)),
      name: textOrNull(this.read(name, level + 1)),
      stack: textOrNull(this.read(stack, level + 1)),
    }, prototype);
    if (error && wire) noteClass(error, wire, prototype);
    return error ?? fail(`there is no kind of error "${excerpt(kind)}"`);
  }

  /** Gives an error its fields. */
  #error(error: Error, node: unknown[], level: number): Error {
    const kind = text(node[1]);
    const hidden = fields(node[5]);
    for (const key of keys(hidden)) {
      if (!isHiddenKey(kind, key)) fail("an error has an unknown hidden field");
      defineHidden(error, key, this.read(hidden[key], level + 1));
    }
    const own = fields(node[6]);
    for (const key of keys(own)) defineOwn(error, key, this.read(own[key], level + 1));
    return error;
  }
}

/** Takes only the wire form of a class. */
function classWire(value: unknown): ClassWire {
  const wire = list(value);
  if (wire.length % 3 !== 1 || wire.length > MOST_PARTS) fail("a class has an invalid name");
  const isRight = wire.every((part, i) =>
    i % 3 === 0 && i > 0 ? isCount(part) : typeof part === "string"
  );
  return isRight ? wire as ClassWire : fail("a class has an invalid name");
}

/** The most parts of a class's name. */
const MOST_PARTS = 300;

function notFound([name, url]: ClassWire): string {
  return `class "${
    excerpt(name)
  }" of "${url}" is not known on this side: export the class from a module whose green functions or ` +
    "asyncToSync() functions this side uses, or call registerClass() in a module that both sides import";
}

/** Notes that an error has lost its class or its private fields, and keeps the class for when the error is passed on. */
function noteClass(error: Error, wire: ClassWire, prototype: object | undefined): void {
  if (wire.length === 1) return noteLostClass(wire[0]);
  if (getPrototypeOf(error) !== prototype) {
    keepLostClass(error, wire);
    noteClassNotFound(wire[0], String(wire[1]));
  } else if (!isOfClass(prototype!, wire)) noteLostClass(wire[0]);
  else if (hasPrivateMembers(prototype!)) notePrivateFields(wire[0]);
}

/** Whether an array is a node, and not one of the user's. */
function isNode(array: unknown[]): boolean {
  const tag = array[0];
  if (typeof tag !== "string" || tag.charCodeAt(0) !== MARK_CODE) return false;
  const letter = tag.charCodeAt(1);
  return letter >= 65 && letter <= 90;
}

/** Makes an instance of a registered class, or takes the error that came with it instead. */
function makeInstance(name: string, wire: unknown, error: Error | undefined): unknown {
  const registered = classOfName(name) ?? platformClassNamed(name);
  if (registered === undefined) {
    return error ?? failForClass(
      `no class is registered as "${excerpt(name)}" on this side: call registerClass() in a ` +
        "module that both sides import",
    );
  }
  try {
    return registered.fromWire(wire);
  } catch (cause) {
    return error ??
      failForClass(`fromWire of class "${name}" failed: ${inOneLine(cause)}`, cause);
  }
}
