/**
 * The walk that writes values in the structured form: see `structured.ts` for the form itself.
 *
 * It never changes the user's objects: a part that JSON does not carry is replaced in a copy, and an
 * object all of whose parts JSON carries is handed to `JSON.stringify` itself. A getter may therefore
 * be read more than once.
 *
 * The walk keeps the path to the part at which it is, for the message of a refusal: as bare keys while the
 * walk goes well, made text only when it does not.
 *
 * @module
 */

import { inOneLine } from "../checks.ts";
import { classOfPrototype, type RegisteredClass } from "./classes.ts";
import { fieldKeys, hiddenKeys, isError, isKnownError, textOfError } from "./error_values.ts";
import { nameClass, nameErrorClass } from "./own_classes.ts";
import { userFrames } from "./stacks.ts";
import { NotCloneableError } from "../errors.ts";
import { MAX_DEPTH } from "./plain.ts";
import { platformClassOf } from "./platform_classes.ts";
import { defineOwn, getPrototypeOf, isArray, keys, values } from "../primordials.ts";
import type { ReferenceKinds } from "./reference_kinds.ts";
import type { Ref } from "../wire/payload.ts";
import { adviseOn, describeValue } from "./refusals.ts";
import {
  BUFFER_BYTES,
  BUFFER_UNITS,
  type ErrorNode,
  Letter,
  MARK,
  type Node,
  Tag,
  type Wire,
} from "./structured.ts";
import { takeView, viewNames } from "./structured_buffers.ts";
import { type Fields, Limits } from "./structured_checks.ts";
import {
  unboxed,
  writeBigInt,
  writeDate,
  writeNumber,
  writeString,
  writeWideText,
} from "./structured_leaves.ts";

type WireFields = { [key: string]: Wire };

const utf8 = new TextEncoder();

/** The built-in classes with a way of their own, by their prototypes. */
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

/** The length of each list of a message at some moment. */
interface Begun {
  readonly objects: number;
  readonly buffers: number;
  readonly refs: number;
}

/** Writes one message. */
export class StructuredWriter {
  /** The buffers that go beside the text, in the order in which the reader meets them. */
  readonly buffers: Uint8Array[] = [];
  /** The table of references. */
  readonly refs: Ref[] = [];
  /** The places of objects in the table. */
  readonly #places = new Map<object, number>();
  readonly #kinds: ReferenceKinds;
  readonly #path: Path;
  /** Whether parts that cannot cross are described, as those of thrown values are; otherwise the value is refused. */
  readonly #describes: boolean;
  /** The objects that have been begun, and their numbers in the order of that. */
  readonly #numbers = new Map<object, number>();
  /** The same as a list, when some may be taken back: a thrown value may hold thousands of objects that do not cross. */
  readonly #order: object[] | undefined;
  /** The objects that the reader can make only when it has read their surrogates, which are being written. */
  readonly #unfinished: object[] = [];
  readonly #limits = new Limits();

  /**
   * Begins a message.
   *
   * @param root The name of the value as a whole in a refusal.
   * @param kinds Makes the references.
   * @param describes Whether parts that cannot cross are described; the value as a whole is refused in any case.
   */
  constructor(root: string, kinds: ReferenceKinds, describes: boolean) {
    this.#path = new Path(root);
    this.#kinds = kinds;
    this.#describes = describes;
    this.#order = describes ? [] : undefined;
  }

  /**
   * Writes a value.
   *
   * @param value The value.
   * @param level Its level in the value as a whole.
   * @returns The value to give to `JSON.stringify`.
   * @throws {NotCloneableError} If the value, or something in it, cannot cross.
   */
  write(value: unknown, level = 0): Wire {
    switch (typeof value) {
      case "string":
        return value.length < BUFFER_UNITS ? writeString(value) : this.#longText(value);
      case "number":
        return writeNumber(value);
      case "boolean":
        return value;
      case "undefined":
        return MARK + Letter.Undefined;
      case "bigint":
        return writeBigInt(value);
      default:
        if (value === null) return null;
        return this.#describes && level > 0
          ? this.#writeOrDescribe(value as object, level)
          : this.#object(value as object, level);
    }
  }

  /** Writes a part of a thrown value, or a few words about it when it cannot cross. */
  #writeOrDescribe(value: object, level: number): Wire {
    const begun = this.#begun();
    try {
      return this.#object(value, level);
    } catch {
      this.#takeBack(begun);
      return writeString(`[${describeValue(value)}]`);
    }
  }

  /** The lengths of the lists so far. */
  #begun(): Begun {
    return {
      objects: this.#numbers.size,
      buffers: this.buffers.length,
      refs: this.refs.length,
    };
  }

  /** Takes back all that was begun since the lists had these lengths. */
  #takeBack({ objects, buffers, refs }: Begun): void {
    // When the stack has run out, any call may fail, and a caller further down takes back the rest: so an object leaves the
    // list last, as it comes into the list first.
    const order = this.#order!;
    for (let at = order.length - 1; at >= objects; at--) {
      this.#numbers.delete(order[at]);
      order.length = at;
    }
    this.buffers.length = buffers;
    for (let at = this.refs.length - 1; at >= refs; at--) {
      const { object } = this.refs[at];
      if (object) this.#places.delete(object);
      this.refs.length = at;
    }
  }

  #longText(value: string): Wire {
    if (value.isWellFormed()) {
      this.buffers.push(utf8.encode(value));
      return [Tag.Text] satisfies Node;
    }
    this.buffers.push(writeWideText(value));
    return [Tag.WideText] satisfies Node;
  }

  /** Writes an object, a function, or refuses a symbol. */
  #object(value: object, level: number): Wire {
    const number = this.#numbers.get(value);
    if (number !== undefined) return this.#back(value, number, level);
    if (level >= MAX_DEPTH) return this.#refuseDepth();
    this.#order?.push(value);
    this.#numbers.set(value, this.#numbers.size);
    if (typeof value !== "object") return this.#byReference(value, level);
    const prototype = getPrototypeOf(value);
    if (isArray(value)) {
      if (prototype === Array.prototype) return this.#array(value, level);
    } else if (prototype === Object.prototype || prototype === null) {
      return this.#plain(value as Fields, level);
    }
    if (isKnownError(prototype)) return this.#error(value as Error, true, level);
    const kind = builtIns.get(prototype);
    switch (kind) {
      case undefined:
        return this.#other(value, prototype, level);
      case "Map":
        return this.#map(value as Map<unknown, unknown>, level);
      case "Set":
        return this.#set(value as Set<unknown>, level);
      case "Date":
        return writeDate(value as Date);
      case "RegExp":
        return this.#pattern(value as RegExp, level);
      case "ArrayBuffer":
        return this.#buffer(value as ArrayBuffer, level);
      case "URL":
        return [Tag.Url, this.write((value as URL).href)] satisfies Node;
      case "URLSearchParams":
        return [Tag.SearchParams, this.write(String(value))] satisfies Node;
      case "Headers":
        return this.#headers(value as Headers, level);
      default:
        return [Tag.Boxed, this.write(unboxed(kind, value), level + 1)] satisfies Node;
    }
  }

  /** Writes an object whose class its prototype alone does not tell. */
  #other(value: object, prototype: object, level: number): Wire {
    const view = viewNames.get(prototype);
    if (view !== undefined) return this.#view(view, value as ArrayBufferView, level);
    const reference = this.#reference(value, level);
    if (reference !== undefined) return reference;
    if (isError(value)) return this.#ownError(value, level);
    const registered = classOfPrototype(prototype) ?? platformClassOf(value);
    if (registered === undefined) return this.#exported(value, prototype, level);
    return [Tag.Class, registered.name, this.#instance(value, registered, level)] satisfies Node;
  }

  /** Writes an instance of a class that a module exports: its fields. */
  #exported(value: object, prototype: object | null, level: number): Wire {
    const named = nameClass(value, prototype);
    if (named === undefined) return this.#refuse(value, level);
    const { wire, problem } = named;
    if (problem !== undefined) {
      return this.#refuseAs(describeValue(value), `${problem}: ${adviseOn(value)}`, level);
    }
    const fields = this.#fields(value as Fields, keys(value), level);
    return (this.#describes && level > 0
      ? [Tag.Instance, wire, fields, 1]
      : [Tag.Instance, wire, fields]) satisfies Node;
  }

  #back(value: object, number: number, level: number): Wire {
    if (this.#unfinished.includes(value)) {
      return this.#refuseAs(
        describeValue(value),
        "the result of its toWire contains the instance itself",
        level,
      );
    }
    return MARK + Letter.Back + number;
  }

  #plain(value: Fields, level: number): Wire {
    if (this.#describes) return this.#fields(value, keys(value), level);
    // An object that waits to be awaited is no data, for a side that makes references to such objects.
    if (typeof value.then === "function") {
      const reference = this.#reference(value, level);
      if (reference !== undefined) return reference;
    }
    let copy: Fields | undefined;
    for (const key of keys(value)) {
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
    // JSON.stringify would call the method; a copy does not have it, as it can only be a hidden one here.
    if (copy === undefined && (value as { toJSON?: unknown }).toJSON !== undefined) {
      copy = value.slice();
    }
    return (copy ?? value) as Wire[];
  }

  #sparse(value: unknown[], level: number): Wire {
    const items = this.#fields(value as unknown as Fields, keys(value), level);
    return [Tag.SparseArray, value.length, items] satisfies Node;
  }

  /** Writes some properties of an object into a new one. */
  #fields(from: Fields, keys: readonly string[], level: number): WireFields {
    const written: WireFields = {};
    for (const key of keys) {
      this.#path.enter(level, key);
      const item = this.#describes ? readOrDescribe(from, key) : from[key];
      defineOwn(written, key, this.write(item, level + 1));
    }
    return written;
  }

  #map(value: Map<unknown, unknown>, level: number): Wire {
    const node: Node = [Tag.Map];
    let index = 0;
    for (const [key, item] of value) {
      this.#path.enter(level, index++, PathPart.MapKey);
      node.push(this.write(key, level + 1));
      this.#path.enter(level, key, PathPart.MapValue);
      node.push(this.write(item, level + 1));
    }
    return node as Wire;
  }

  #set(value: Set<unknown>, level: number): Wire {
    const node: Node = [Tag.Set];
    let index = 0;
    for (const item of value) {
      this.#path.enter(level, index++, PathPart.SetItem);
      node.push(this.write(item, level + 1));
    }
    return node as Wire;
  }

  #pattern({ source, flags }: RegExp, level: number): Wire {
    const why = this.#limits.pattern(source, flags);
    if (why !== undefined) return this.#refuseAs("RegExp", why, level);
    return [Tag.RegExp, this.write(source), flags] satisfies Node;
  }

  #headers(value: Headers, level: number): Wire {
    const entries = [...value];
    const why = this.#limits.headers(entries.length);
    if (why !== undefined) return this.#refuseAs("Headers", why, level);
    return [Tag.Headers, ...entries.flat().map((text) => this.write(text))] satisfies Node;
  }

  #buffer(value: ArrayBuffer, level: number): Wire {
    if (value.detached) {
      return this.#refuseAs(
        "ArrayBuffer",
        "it is detached: its bytes were transferred before",
        level,
      );
    }
    const bytes = new Uint8Array(value);
    const isLarge = bytes.length >= BUFFER_BYTES;
    if (isLarge) this.buffers.push(bytes);
    const data = isLarge ? null : bytes.toBase64();
    if (!value.resizable) return [Tag.Buffer, data] satisfies Node;
    const why = this.#limits.resizable(value.maxByteLength);
    if (why !== undefined) return this.#refuseAs("ArrayBuffer", why, level);
    return [Tag.Buffer, data, value.maxByteLength] satisfies Node;
  }

  #view(name: string, value: ArrayBufferView, level: number): Wire {
    const parts = takeView(value);
    if (parts === undefined) {
      return this.#refuseAs(
        name,
        "its buffer has shrunk, and the view is outside the buffer",
        level,
      );
    }
    this.#path.enter(level, "buffer");
    const buffer = this.write(value.buffer, level + 1);
    return [Tag.View, name, buffer, parts.byteOffset, parts.length] satisfies Node;
  }

  /** Writes a function by reference, or refuses it; a symbol is always refused. */
  #byReference(value: object, level: number): Wire {
    // A thrown value may be kept for long, and callbacks in it would be too: they are described.
    if (typeof value !== "function" || this.#describes) return this.#refuse(value, level);
    return this.#reference(value, level) ?? this.#refuse(value, level);
  }

  /** Writes the reference for a value; nothing when it does not go by reference. */
  #reference(value: object, level: number): Wire | undefined {
    const why = this.#kinds.refusal?.(value);
    if (why !== undefined) this.#refuseAs(describeValue(value), why, level);
    const ref = this.#kinds.toRef(value);
    if (ref === undefined) return undefined;
    const place = this.#place(ref);
    if (ref.data === undefined) return [Tag.Reference, place] satisfies Node;
    return [Tag.Reference, place, this.#surrogate(value, ref.data, level)] satisfies Node;
  }

  /** The place of a reference in the table. A thing that was referred to before has one. */
  #place(ref: Ref): number {
    const { object, of } = ref;
    const known = object && this.#places.get(object);
    if (known !== undefined) return known;
    const needed = of && this.#kinds.toRef(of);
    if (needed) this.#place(needed);
    const place = this.refs.push(ref) - 1;
    if (object) this.#places.set(object, place);
    return place;
  }

  /** Writes the result of a class's `toWire` for an instance. */
  #instance(value: object, { name, toWire }: RegisteredClass, level: number): Wire {
    let wire: unknown;
    try {
      wire = toWire(value);
    } catch (error) {
      const why = `its toWire failed: ${inOneLine(error)}`;
      return this.#refuseAs(`instance of class "${name}"`, why, level, error);
    }
    return this.#surrogate(value, wire, level);
  }

  /** Writes the surrogate of an object; the object itself cannot be part of that. */
  #surrogate(value: object, surrogate: unknown, level: number): Wire {
    this.#unfinished.push(value);
    this.#path.enter(level, undefined, PathPart.Surrogate);
    const wire = this.write(surrogate, level + 1);
    this.#unfinished.pop();
    return wire;
  }

  /** Writes an error of a class that is registered, or that only this side knows. */
  #ownError(value: Error, level: number): Wire {
    const registered = registeredErrorClass(value);
    if (registered === undefined) return this.#error(value, true, level);
    const { name } = registered;
    const begun = this.#begun();
    try {
      const wire = this.#instance(value, registered, level);
      const isExact = classOfPrototype(getPrototypeOf(value)) === registered;
      return [Tag.Class, name, wire, this.#error(value, !isExact, level)] satisfies Node;
    } catch (error) {
      if (!this.#describes) throw error;
      this.#takeBack(begun);
      return this.#error(value, true, level);
    }
  }

  /** Writes an error: with its own fields, or only with the parts that every error has. */
  #error(value: Error, withFields: boolean, level: number): ErrorNode {
    const { kind, ...texts } = textOfError(value);
    const message = this.write(texts.message);
    const name = this.write(texts.name);
    // The one who gets the error did not make it: the library's callers in its stack mean nothing there.
    const told = texts.stack !== null && this.#describes ? userFrames(texts.stack) : texts.stack;
    const stack = this.write(told);
    const from = value as unknown as Fields;
    const hiddenNames = hiddenKeys(value, kind);
    const hidden = this.#fields(from, hiddenNames, level);
    const fields = this.#fields(from, withFields ? fieldKeys(value, hiddenNames) : [], level);
    const Class = nameErrorClass(value);
    if (Class === undefined) return [Tag.Error, kind, message, name, stack, hidden, fields];
    return [Tag.Error, kind, message, name, stack, hidden, fields, Class];
  }

  #refuse(value: unknown, level: number): never {
    return this.#refuseAs(describeValue(value), adviseOn(value), level);
  }

  #refuseDepth(): never {
    const path = `${this.#path.at(4)}…`;
    const message = `Cannot send ${path}: it is nested more than ${MAX_DEPTH} levels deep`;
    throw new NotCloneableError(message, { path });
  }

  #refuseAs(what: string, why: string, level: number, cause?: unknown): never {
    const path = this.#path.at(level);
    const message = `Cannot send ${path}: ${what} cannot be cloned: ${why}`;
    throw new NotCloneableError(message, cause === undefined ? { path } : { path, cause });
  }
}

/** The registration of the nearest class in an error's ancestry that has one. */
function registeredErrorClass(error: Error): RegisteredClass | undefined {
  let prototype: unknown = getPrototypeOf(error);
  while (prototype !== null) {
    const registered = classOfPrototype(prototype);
    if (registered !== undefined) return registered;
    prototype = getPrototypeOf(prototype);
  }
  return undefined;
}

/** Whether an array has all its items and nothing beside them. */
function isDense(array: unknown[]): boolean {
  if (values(array).length !== array.length) return false;
  for (let i = 0; i < array.length; i++) {
    if (array[i] === undefined && !(i in array)) return false;
  }
  return true;
}

/** Reads a property; a few words in its place when that fails. */
function readOrDescribe(from: Fields, key: string): unknown {
  try {
    return from[key];
  } catch (error) {
    return `[getter failed: ${inOneLine(error)}]`;
  }
}

/** The kinds of the parts of a path: how a level is entered from the one above. */
const PathPart = {
  Property: 0,
  MapKey: 1,
  MapValue: 2,
  SetItem: 3,
  /** From an object to its surrogate, which is sent in its place: it does not show in the path. */
  Surrogate: 4,
} as const;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** A path: the keys from the root to the level of the walk. */
class Path {
  readonly #root: string;
  readonly #keys: unknown[] = [];
  readonly #parts: number[] = [];

  /** Begins a path with the name of the value as a whole, for example `arguments`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Notes the key by which the walk goes from this level to the next. */
  enter(level: number, key: unknown, part: number = PathPart.Property): void {
    this.#keys[level] = key;
    this.#parts[level] = part;
  }

  /** The path to the value at this level, for example `arguments[0].user.onClick`. */
  at(level: number): string {
    let text = this.#root;
    for (let i = 0; i < level; i++) text += describePart(this.#keys[i], this.#parts[i]);
    return text;
  }
}

/** One part as text. */
function describePart(key: unknown, part: number): string {
  switch (part) {
    case PathPart.MapKey:
      return `.keys()[${key}]`;
    case PathPart.MapValue:
      return `.get(${describeKey(key)})`;
    case PathPart.SetItem:
      return `.values()[${key}]`;
    case PathPart.Surrogate:
      return "";
    default:
      if (typeof key === "number") return `[${key}]`;
      return IDENTIFIER.test(String(key)) ? `.${key}` : `[${JSON.stringify(key)}]`;
  }
}

/** The key of a Map as text. */
function describeKey(key: unknown): string {
  switch (typeof key) {
    case "string":
      return JSON.stringify(key);
    case "object":
      return key === null ? "null" : "{…}";
    case "function":
      return "function";
    default:
      return String(key);
  }
}
