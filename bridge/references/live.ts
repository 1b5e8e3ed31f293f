/**
 * Operations on live objects: what one side can do to an object of the other, and how that is done where the object lives.
 *
 * **Members that can be reached.** Only the object's own and those of its classes, up to and not including `Object.prototype` and
 * `Function.prototype`. `constructor`, `__proto__` and `prototype` are refused: from there code could get at everything. Symbols
 * do not cross; those with a meaning of their own have an operation.
 *
 * @module
 */

import type { WaitOptions } from "../checks.ts";
import { remoteOf } from "./remote_object.ts";
import { Resource } from "./exports.ts";
import { keyOf } from "../state.ts";
import { isAwaitable, isPromise, isThenable } from "./thenables.ts";
import { servedAs } from "../protocol/targets.ts";

/** The operations, each with its arguments. The numbers are in messages, so they are only added to. */
export const Op = {
  /** Call it. The arguments. */
  Call: 0,
  /** Make an instance of it. The arguments. */
  New: 1,
  /** Read a property. Its name. Answers {@linkcode Found} and the value. */
  Get: 2,
  /** Set a property. Its name, the value. */
  Set: 3,
  /** Call a method. Its name, the arguments. */
  Invoke: 4,
  /** Make an instance of a class that is a property. Its name, the arguments. */
  NewMember: 5,
  /** Whether it has a property. Its name. */
  Has: 6,
  /** The names of its own properties. */
  Keys: 7,
  /** An own property. Its name. Answers as {@linkcode Op.Get}, or nothing. */
  Own: 8,
  /** Delete a property. Its name. */
  Delete: 9,
  /** Convert it to text or a number. `"string"`, `"number"` or `"default"`. */
  Primitive: 10,
  /** Begin to iterate over it. Answers an iteration; nothing is asked for yet. */
  Iterate: 11,
  /** Dispose of it, if it can be. */
  Dispose: 12,
  /** Lock it. Answers a resource; letting go of that unlocks it. */
  Lock: 13,
  /** Call it as the tag of a template. The strings, the raw strings, the values. */
  Template: 14,
  /** The same with a method. Its name, the strings, the raw strings, the values. */
  TemplateMember: 15,
  /** Await it, though it is no promise. */
  Await: 16,
  /**
   * Of an iteration: the next item. In a Worker: no arguments; answers `[item]`, or `[]` at the end. On the hub: how many items
   * have been received, and how many more than the next one may be asked for; answers the items that are there, and whether that
   * is all.
   */
  Pull: 32,
  /** Of an iteration: end it, and wait for its `finally`. */
  Stop: 33,
} as const;

/** The kind of a property that was read. */
export const Found = {
  /** A value; it follows. */
  Value: 0,
  /** A method that the object has from its class: all objects of that class have it. */
  ClassMethod: 1,
  /** A function of the object's own. */
  OwnMethod: 2,
} as const;

/** The traits of an object, as far as its proxy has to know them. Bits. */
export const Trait = {
  /** It can be called or constructed. */
  Callable: 1,
  /** It is an array. */
  Array: 2,
  /** It can be iterated over. */
  Iterable: 4,
  /** It is a {@linkcode Resource}. */
  Resource: 8,
  /** It can be disposed of. */
  Disposable: 16,
  /** It can be iterated over once: a generator, a stream. Its proxy is let go of when the iteration is over. */
  Once: 32,
  /** The language would await it, but here it waits to be asked: see `thenables.ts`. Only the hub says so of its objects. */
  Lazy: 64,
  /** It is lazy, and has a `wait()` of its own. */
  OwnWait: 128,
} as const;

/** A side's part in the operations that need more than the object. */
export interface LiveHost {
  /** Begins to iterate, over an object of a third side too. */
  iterate(object: object): unknown;
  /** Takes the object's lock. */
  lock(object: object, options?: WaitOptions): unknown;
}

/** Key of the object that the other side is to see in place of one that always goes by reference. */
export const FACE: unique symbol = keyOf("face") as never;

// deno-lint-ignore no-explicit-any
type Members = Record<PropertyKey, any>;

/** The names of properties that are refused. */
const REFUSED: ReadonlySet<string> = new Set(["constructor", "__proto__", "prototype"]);

/** The prototypes of everything: their members are no part of an object. */
const ROOTS: ReadonlySet<object | null> = new Set([
  null,
  Object.prototype,
  Function.prototype,
]);

/** Whether the property with a name is refused. */
export function isRefused(name: string): boolean {
  return REFUSED.has(name);
}

/** The traits of an object, for its proxy. */
export function traitsOf(object: object): number {
  if (object instanceof Resource) return Trait.Resource;
  const remote = remoteOf(object);
  if (remote) return remote.traits;
  const { [Symbol.iterator]: each, [Symbol.asyncIterator]: eachAsync } = object as Members;
  const { [Symbol.dispose]: dispose, [Symbol.asyncDispose]: disposeAsync } = object as Members;
  return (typeof object === "function" ? Trait.Callable : 0) |
    (Array.isArray(object) ? Trait.Array : 0) |
    (typeof each === "function" || typeof eachAsync === "function" ? Trait.Iterable : 0) |
    (typeof dispose === "function" || typeof disposeAsync === "function" ? Trait.Disposable : 0) |
    (isOnce(object) ? Trait.Once : 0);
}

/** Traits beside {@linkcode traitsOf} that only objects of the hub have. */
export function lazyTraits(object: object): number {
  if (object instanceof Resource || remoteOf(object) || !isAwaitable(object)) return 0;
  return Trait.Lazy | (typeof (object as Members).wait === "function" ? Trait.OwnWait : 0);
}

const asyncGenerators: object = Object.getPrototypeOf(
  Object.getPrototypeOf(async function* () {}.prototype),
);

/** Whether an object is used up by iterating over it. */
function isOnce(object: object): boolean {
  return object instanceof ReadableStream || object instanceof Iterator ||
    Object.prototype.isPrototypeOf.call(asyncGenerators, object);
}

const classes = new WeakMap<object, number>();
let lastClass = 0;

/** A number that all objects with the same prototype have; 0 for those of no class. */
export function classNumber(object: object): number {
  const prototype = Object.getPrototypeOf(object);
  if (ROOTS.has(prototype)) return 0;
  let number = classes.get(prototype);
  if (number === undefined) classes.set(prototype, number = ++lastClass);
  return number;
}

/** Whether a function is a class, which is used in other ways than a callback. */
export function isClass(fn: object): boolean {
  return Object.getOwnPropertyDescriptor(fn, "prototype")?.writable === false;
}

/**
 * Performs an operation on an object of this side, for the other side.
 *
 * @param host The side's part in it.
 * @param object The object.
 * @param op One of {@linkcode Op}.
 * @param args The arguments of the operation.
 * @returns The answer; on the hub it may be a promise of that.
 * @throws What the object threw; a `TypeError` if the operation cannot be done.
 */
export function perform(
  host: LiveHost,
  object: object,
  op: number,
  args: readonly unknown[],
): unknown {
  if (object instanceof Resource) return object.perform(op, args);
  // The proxy for an object of a third side: the operation is done there.
  const remote = remoteOf(object);
  // But items of an iteration that are on their way are kept here, for the next one who asks.
  if (remote && op === Op.Iterate) return host.iterate(object);
  if (remote) return remote.ask(op, args);
  object = (object as Members)[FACE] ?? object;
  switch (op) {
    case Op.Call:
      return callable(object)(...args);
    case Op.New:
      return Reflect.construct(callable(object), args);
    case Op.Get:
      return read(object, name(args[0]));
    case Op.Set:
      (object as Members)[allowed(args[0])] = args[1];
      return undefined;
    case Op.Invoke:
      return method(object, args[0]).apply(object, args.slice(1));
    case Op.NewMember:
      return Reflect.construct(method(object, args[0]), args.slice(1));
    case Op.Has:
      return find(object, name(args[0])) !== Where.Nowhere;
    case Op.Keys:
      return Object.keys(object);
    case Op.Own:
      return Object.hasOwn(object, name(args[0])) ? read(object, name(args[0])) : undefined;
    case Op.Delete:
      return Reflect.deleteProperty(object, allowed(args[0]));
    case Op.Primitive:
      return primitive(object, args[0]);
    case Op.Iterate:
      return host.iterate(object);
    case Op.Dispose:
      return dispose(object);
    case Op.Lock:
      return host.lock(object, args[0] as WaitOptions | undefined);
    case Op.Template:
      return callable(object)(template(args[0], args[1]), ...args.slice(2));
    case Op.TemplateMember:
      return method(object, args[0]).call(object, template(args[1], args[2]), ...args.slice(3));
    case Op.Await:
      return awaited(object);
    default:
      throw new TypeError(`Cannot use a handle: there is no operation ${String(op)}`);
  }
}

/** The origin of an object's property. */
const Where = { Nowhere: 0, Own: 1, Class: 2 } as const;

function find(object: object, name: string): number {
  if (REFUSED.has(name)) return Where.Nowhere;
  if (Object.hasOwn(object, name)) return Where.Own;
  let holder: object | null = Object.getPrototypeOf(object);
  while (!ROOTS.has(holder)) {
    if (Object.hasOwn(holder!, name)) return Where.Class;
    holder = Object.getPrototypeOf(holder);
  }
  return Where.Nowhere;
}

function read(object: object, name: string): unknown {
  const where = find(object, name);
  if (where === Where.Nowhere) return [Found.Value, undefined];
  const value = (object as Members)[name];
  if (typeof value === "function" && !isClass(value) && !remoteOf(value)) {
    return [where === Where.Own ? Found.OwnMethod : Found.ClassMethod];
  }
  // The result of a promise is read, and not the promise.
  if (isPromise(value)) return value.then((value) => [Found.Value, value]);
  return [Found.Value, value];
}

async function awaited(object: object): Promise<unknown> {
  return await object;
}

// deno-lint-ignore no-explicit-any
type Method = (...args: any[]) => any;

function callable(object: object): Method {
  if (typeof object === "function") return servedAs(object as Method);
  throw new TypeError("Cannot call a handle: its object is not a function");
}

function method(object: object, value: unknown): Method {
  const key = name(value);
  const fn = find(object, key) === Where.Nowhere ? undefined : (object as Members)[key];
  if (typeof fn === "function") return servedAs(fn);
  const found = fn === undefined
    ? "the object has no such method"
    : `expected a method, found ${typeof fn}`;
  throw new TypeError(`Cannot call "${key}" of a handle: ${found}`);
}

function name(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError("Cannot use a handle: expected the name of a property");
}

function allowed(value: unknown): string {
  const key = name(value);
  if (!REFUSED.has(key)) return key;
  throw new TypeError(`Cannot change "${key}" of a handle: this property is protected`);
}

function primitive(object: object, hint: unknown): unknown {
  return hint === "number" ? Number(object) : String(object);
}

function dispose(object: object): unknown {
  const members = object as Members;
  const fn = members[Symbol.asyncDispose] ?? members[Symbol.dispose];
  const done = typeof fn === "function" ? fn.call(object) : undefined;
  return isThenable(done) ? done.then(() => undefined) : undefined;
}

const templates = new Map<string, TemplateStringsArray>();

/** Makes the strings of a template again; for the same text the same object, as libraries use it as a key. */
function template(strings: unknown, raw: unknown): TemplateStringsArray {
  if (!isTexts(strings) || !isTexts(raw)) {
    throw new TypeError(
      "Cannot call a template tag: expected a list of strings as the first argument",
    );
  }
  const key = JSON.stringify([strings, raw]);
  const known = templates.get(key);
  if (known) return known;
  const made = Object.freeze(
    Object.defineProperty(strings, "raw", { value: Object.freeze(raw) }),
  ) as unknown as TemplateStringsArray;
  if (templates.size < MAX_TEMPLATES) templates.set(key, made);
  return made;
}

/** The most templates that are kept: a program has few, and one that makes them up must not fill the memory. */
const MAX_TEMPLATES = 1000;

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Whether a list of arguments is one with which the language calls the tag of a template. */
export function isTemplateCall(args: readonly unknown[]): boolean {
  const strings = args[0] as { raw?: unknown } | undefined;
  return Array.isArray(strings) && Object.isFrozen(strings) && isTexts(strings.raw);
}
