/**
 * The walk that writes values in the structured form: see `structured.ts` for the form itself.
 *
 * It never changes the user's objects: what cannot stand as it is is replaced in a copy, and an
 * object all of whose parts can stand is handed to `JSON.stringify` itself. A getter may therefore be
 * read more than once.
 *
 * @module
 */

import { classOfPrototype, type RegisteredClass } from "./classes.ts";
import { hiddenKeys, isError, isErrorText, isKnownError, textOfError } from "./error_values.ts";
import { NotCloneableError } from "./errors.ts";
import { MAX_DEPTH } from "./plain.ts";
import type { Referrer } from "./referrer.ts";
import { adviseOn, describeFailure, describeValue } from "./refusals.ts";
import {
  BLOB_BYTES,
  BLOB_UNITS,
  type ErrorNode,
  Letter,
  MARK,
  MARK_CODE,
  type Node,
  Tag,
  type Wire,
} from "./structured.ts";
import {
  defineOwn,
  MAX_HEADERS,
  unboxed,
  writeBigInt,
  writeDate,
  writeHeaders,
  writeNumber,
  writeWideText,
} from "./structured_leaves.ts";
import { takeView, viewNames } from "./structured_buffers.ts";
import { Path, Step } from "./structured_path.ts";

type Fields = { [key: string]: unknown };
type WireFields = { [key: string]: Wire };

const UNDEFINED = MARK + Letter.Undefined;
const utf8 = new TextEncoder();

/** The names of built-in classes by their prototypes, for those that have a way of their own. */
const builtIns: ReadonlyMap<unknown, string> = new Map(
  [
    Map,
    Set,
    Date,
    RegExp,
    ArrayBuffer,
    Number,
    String,
    Boolean,
    BigInt,
    URL,
    URLSearchParams,
    Headers,
  ].map((Class) => [Class.prototype, Class.name]),
);

/** Writes one message. */
export class StructuredWriter {
  /** What goes beside the text, in the order in which the reader meets it. */
  readonly blobs: Uint8Array[] = [];
  readonly #referrer: Referrer;
  readonly #path: Path;
  /** Thrown values are described as far as they cannot cross; all others are refused. */
  readonly #describes: boolean;
  /** The objects that have been begun, in order; each one's number is its place. */
  readonly #numbers = new Map<object, number>();
  /** Those whose other self exists only when their data has been read. */
  #unfinished: Set<object> | undefined;

  /**
   * @param root What a refusal calls the value as a whole.
   * @param referrer Asked for what goes by reference.
   * @param describes Whether what cannot cross is described, unless it is the value as a whole.
   */
  constructor(root: string, referrer: Referrer, describes: boolean) {
    this.#path = new Path(root);
    this.#referrer = referrer;
    this.#describes = describes;
  }

  /**
   * Writes a value.
   *
   * @param value The value.
   * @param level How deep it stands.
   * @returns What `JSON.stringify` is to be given.
   * @throws {NotCloneableError} If the value, or something in it, cannot cross.
   */
  write(value: unknown, level = 0): Wire {
    if (this.#describes && level > 0) return this.#writeOrDescribe(value, level);
    return this.#write(value, level);
  }

  #write(value: unknown, level: number): Wire {
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        return writeNumber(value);
      case "boolean":
        return value;
      case "undefined":
        return UNDEFINED;
      case "bigint":
        return writeBigInt(value);
      case "symbol":
        return this.#refuse(value, level);
      default:
        return value === null ? null : this.#object(value as object, level);
    }
  }

  /** Writes a part of a thrown value, or a few words about it when it cannot cross. */
  #writeOrDescribe(value: unknown, level: number): Wire {
    const objects = this.#numbers.size;
    const blobs = this.blobs.length;
    try {
      return this.#write(value, level);
    } catch {
      this.#forget(objects, blobs);
      return `[${describeValue(value)}]`;
    }
  }

  /** Takes back all that was begun since there were so many objects and blobs. */
  #forget(objects: number, blobs: number): void {
    for (const [object, number] of this.#numbers) {
      if (number >= objects) this.#numbers.delete(object);
    }
    this.blobs.length = blobs;
  }

  #string(value: string): Wire {
    if (value.charCodeAt(0) === MARK_CODE) {
      return value.length < BLOB_UNITS ? MARK + value : this.#text(value);
    }
    return value.length < BLOB_UNITS ? value : this.#text(value);
  }

  #text(value: string): Wire {
    if (value.isWellFormed()) {
      this.blobs.push(utf8.encode(value));
      return [Tag.Text] satisfies Node;
    }
    this.blobs.push(writeWideText(value));
    return [Tag.WideText] satisfies Node;
  }

  #object(value: object, level: number): Wire {
    const number = this.#numbers.get(value);
    if (number !== undefined) return this.#back(value, number, level);
    if (level >= MAX_DEPTH) return this.#refuseDepth(level);
    this.#numbers.set(value, this.#numbers.size);
    if (typeof value === "function") {
      return this.#reference(value, level) ?? this.#refuse(value, level);
    }
    const prototype = Object.getPrototypeOf(value);
    if (Array.isArray(value)) {
      if (prototype === Array.prototype) return this.#array(value, level);
    } else if (prototype === Object.prototype || prototype === null) {
      return this.#plain(value as Fields, level);
    }
    const name = builtIns.get(prototype);
    if (name !== undefined) return this.#builtIn(name, value, level);
    const view = viewNames.get(prototype);
    if (view !== undefined) return this.#view(view, value as ArrayBufferView, level);
    if (isKnownError(prototype)) return this.#errorNode(value as Error, level, true);
    return this.#reference(value, level) ?? this.#instance(value, prototype, level);
  }

  #back(value: object, number: number, level: number): Wire {
    if (this.#unfinished?.has(value)) {
      return this.#refuseFor(level, describeValue(value), "it is part of what its toWire returned");
    }
    return MARK + Letter.Back + number;
  }

  #plain(value: Fields, level: number): Wire {
    if (this.#describes) return this.#fields(value, Object.keys(value), level);
    let copy: Fields | undefined;
    for (const key of Object.keys(value)) {
      const item = value[key];
      this.#path.enter(level, key);
      const wire = this.write(item, level + 1);
      // A copy has all keys as its own, so that assigning to "__proto__" is harmless.
      if (wire !== item) (copy ??= { ...value })[key] = wire;
    }
    if (copy === undefined && typeof value.toJSON === "function") copy = { ...value };
    return (copy ?? value) as WireFields;
  }

  #array(value: unknown[], level: number): Wire {
    if (!isDense(value)) return this.#sparse(value, level);
    let copy: unknown[] | undefined;
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      this.#path.enter(level, i);
      const wire = this.write(item, level + 1);
      if (wire !== item) (copy ??= value.slice())[i] = wire;
    }
    return (copy ?? value) as Wire[];
  }

  #sparse(value: unknown[], level: number): Wire {
    const items = this.#fields(value as unknown as Fields, Object.keys(value), level);
    return [Tag.SparseArray, value.length, items] satisfies Node;
  }

  /** Writes these properties of an object into a new one. */
  #fields(value: Fields, keys: string[], level: number): WireFields {
    const fields: WireFields = {};
    for (const key of keys) {
      this.#path.enter(level, key);
      defineOwn(fields, key, this.#field(value, key, level));
    }
    return fields;
  }

  #field(value: Fields, key: string, level: number): Wire {
    if (!this.#describes) return this.write(value[key], level + 1);
    let item: unknown;
    try {
      item = value[key];
    } catch (error) {
      return this.#string(`[getter failed: ${describeFailure(error)}]`);
    }
    return this.write(item, level + 1);
  }

  #builtIn(name: string, value: object, level: number): Wire {
    switch (name) {
      case "Map":
        return this.#map(value as Map<unknown, unknown>, level);
      case "Set":
        return this.#set(value as Set<unknown>, level);
      case "Date":
        return writeDate(value as Date);
      case "RegExp":
        return [Tag.RegExp, (value as RegExp).source, (value as RegExp).flags] satisfies Node;
      case "ArrayBuffer":
        return this.#buffer(value as ArrayBuffer, level);
      case "URL":
        return [Tag.Url, (value as URL).href] satisfies Node;
      case "URLSearchParams":
        return [Tag.SearchParams, String(value)] satisfies Node;
      case "Headers":
        return this.#headers(value as Headers, level);
      default:
        return [Tag.Boxed, this.write(unboxed(name, value), level + 1)] satisfies Node;
    }
  }

  #headers(value: Headers, level: number): Wire {
    const wire = writeHeaders(value);
    if ((wire as Wire[]).length <= 2 * MAX_HEADERS + 1) return wire;
    return this.#refuseFor(level, "Headers", `it has more than ${MAX_HEADERS} entries`);
  }

  #map(value: Map<unknown, unknown>, level: number): Wire {
    const node: Node = [Tag.Map];
    let index = 0;
    for (const [key, item] of value) {
      this.#path.enter(level, index++, Step.MapKey);
      node.push(this.write(key, level + 1));
      this.#path.enter(level, key, Step.MapValue);
      node.push(this.write(item, level + 1));
    }
    return node as Wire;
  }

  #set(value: Set<unknown>, level: number): Wire {
    const node: Node = [Tag.Set];
    let index = 0;
    for (const item of value) {
      this.#path.enter(level, index++, Step.SetItem);
      node.push(this.write(item, level + 1));
    }
    return node as Wire;
  }

  #buffer(value: ArrayBuffer, level: number): Wire {
    if (value.detached) {
      return this.#refuseFor(
        level,
        "ArrayBuffer",
        "it is detached: its bytes have been moved away",
      );
    }
    const bytes = new Uint8Array(value);
    const isBlob = bytes.length >= BLOB_BYTES;
    if (isBlob) this.blobs.push(bytes);
    const data = isBlob ? null : bytes.toBase64();
    if (value.resizable) return [Tag.Buffer, data, value.maxByteLength] satisfies Node;
    return [Tag.Buffer, data] satisfies Node;
  }

  #view(name: string, value: ArrayBufferView, level: number): Wire {
    const parts = takeView(value);
    if (parts === undefined) {
      return this.#refuseFor(level, name, "it lies outside of its buffer, which has shrunk");
    }
    this.#path.enter(level, "buffer");
    const buffer = this.write(value.buffer, level + 1);
    return [Tag.View, name, buffer, parts.byteOffset, parts.length] satisfies Node;
  }

  /** Writes what the referrer gives out for a value; nothing when it does not go by reference. */
  #reference(value: object, level: number): Wire | undefined {
    // What is thrown may be kept for long, and so would the callbacks in it.
    if (this.#describes && typeof value === "function") return undefined;
    const reference = this.#referrer.refer(value);
    if (reference === undefined) return undefined;
    (this.#unfinished ??= new Set()).add(value);
    const data = this.write(reference.data, level + 1);
    this.#unfinished.delete(value);
    return [Tag.Reference, reference.kind, data] satisfies Node;
  }

  /** Writes an object of some class: registered, an error, or to be refused. */
  #instance(value: object, prototype: unknown, level: number): Wire {
    if (isError(value)) return this.#error(value, level);
    const registered = classOfPrototype(prototype);
    if (registered === undefined) return this.#refuse(value, level);
    return [Tag.Class, registered.name, this.#wireOf(value, registered, level)] satisfies Node;
  }

  /** Writes what a class's `toWire` makes of an instance. */
  #wireOf(value: object, { name, toWire }: RegisteredClass, level: number): Wire {
    let wire: unknown;
    try {
      wire = toWire(value);
    } catch (error) {
      const why = `its toWire failed: ${describeFailure(error)}`;
      return this.#refuseFor(level, `instance of class "${name}"`, why, error);
    }
    (this.#unfinished ??= new Set()).add(value);
    const written = this.write(wire, level + 1);
    this.#unfinished.delete(value);
    return written;
  }

  #error(value: Error, level: number): Wire {
    const registered = registeredErrorClass(value);
    if (registered === undefined) return this.#errorNode(value, level, true);
    const objects = this.#numbers.size;
    const blobs = this.blobs.length;
    try {
      const wire = this.#wireOf(value, registered, level);
      return [
        Tag.Class,
        registered.name,
        wire,
        this.#errorNode(value, level, false),
      ] satisfies Node;
    } catch (error) {
      if (!this.#describes) throw error;
      this.#forget(objects, blobs);
      return this.#errorNode(value, level, true);
    }
  }

  #errorNode(value: Error, level: number, withFields: boolean): ErrorNode {
    const { kind, message, name, stack } = textOfError(value);
    const hiddenNames = hiddenKeys(value, kind);
    const from = value as unknown as Fields;
    const hidden = this.#fields(from, hiddenNames, level);
    const names = withFields
      ? Object.keys(value).filter((key) => !isErrorText(key) && !hiddenNames.includes(key))
      : [];
    return [Tag.Error, kind, message, name, stack, hidden, this.#fields(from, names, level)];
  }

  /** Refuses a value: never returns. */
  #refuse(value: unknown, level: number): never {
    return this.#refuseFor(level, describeValue(value), adviseOn(value));
  }

  #refuseDepth(level: number): never {
    const why = `values may be nested ${MAX_DEPTH} levels deep`;
    const path = `${this.#path.at(4)}…`;
    throw new NotCloneableError(
      `Cannot send ${path}: object at level ${level} cannot be cloned: ${why}`,
      {
        path,
      },
    );
  }

  #refuseFor(level: number, what: string, why: string, cause?: unknown): never {
    const path = this.#path.at(level);
    const message = `Cannot send ${path}: ${what} cannot be cloned: ${why}`;
    throw new NotCloneableError(message, cause === undefined ? { path } : { path, cause });
  }
}

/** The registration of the nearest class in an error's ancestry that has one. */
function registeredErrorClass(error: Error): RegisteredClass | undefined {
  let prototype: unknown = Object.getPrototypeOf(error);
  while (prototype !== null) {
    const registered = classOfPrototype(prototype);
    if (registered !== undefined) return registered;
    prototype = Object.getPrototypeOf(prototype);
  }
  return undefined;
}

/** Whether an array has all its items and nothing beside them. */
function isDense(array: unknown[]): boolean {
  if (Object.values(array).length !== array.length) return false;
  for (let i = 0; i < array.length; i++) {
    if (array[i] === undefined && !(i in array)) return false;
  }
  return true;
}
