/**
 * Classes of the application that cross without being registered: those that a module exports which both sides have loaded.
 *
 * A class crosses as its export names, so that both sides mean the same one: URL and name, of each module that is known to export
 * it (see `known_modules.ts`). The other side looks for them among the modules that it has loaded itself; it never imports
 * anything for that. A new object arrives, with the prototype of the class and the own fields of the instance. No constructor
 * runs: it may take any parameters, and do anything.
 *
 * **Errors** always keep their class. The private fields of their class stay behind: an error that is thrown has to arrive.
 *
 * **Other instances** are refused unless their own fields are all there is: an instance with private fields, hidden ones, or with
 * nothing but accessors would arrive without its contents.
 *
 * **Before a module is known** (its exports are, one turn of the event loop after the hub has started) a class may already be
 * sent.
 * Then it is named by each module that may export it and its own name, with a fingerprint of its source: the other side takes a
 * class that it finds there only if that has the same fingerprint.
 *
 * **A name that is not found** stays with the error, so that an error which is only passed on arrives with its own class.
 *
 * @module
 */

import { classOfPrototype } from "./classes.ts";
import { noteLostClass, notePrivateFields } from "./class_loss.ts";
import { isKnownError } from "./error_values.ts";
import { exportAt, exportNamesOf, unlearnedModules } from "./known_modules.ts";
import { state } from "../state.ts";
import { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, ownKeys } from "../primordials.ts";

/** The name of a class, and then its possible export names, three parts each: a URL, a name, and a fingerprint or 0. */
export type ClassWire = [name: string, ...exports: (string | number)[]];

/** A class, as far as it is known without running its code. */
interface OwnClass {
  readonly name: string;
  readonly Class: object;
  readonly prototype: object;
  readonly source: string;
  /** Whether it has private members of its own. */
  readonly isPrivate: boolean;
}

const sourceOf: (this: unknown) => string = Function.prototype.toString;
const NATIVE = /\{\s*\[native code\]\s*\}$/;

/** The declaration of a private member: in a class's text it stands at the beginning of a statement or after such a word. */
const PRIVATE =
  /(?:^|[;{}\n)]|\*\/|\*|\b(?:static|async|get|set|accessor)\s)\s*#[\p{ID_Start}$_\\]|\b__privateAdd\(|\b__classPrivateField/u;

const classes = new WeakMap<object, OwnClass | null>();
const problems = new WeakMap<object, string>();
/** The classes that are not known here, by the errors that had them. */
const lost = state("lost classes", () => new WeakMap<object, ClassWire>());

/** The most modules that are named for a class whose module is not known. */
const MOST_GUESSES = 16;

/** The class of a prototype, if it is one of the application's. Runs no getters of the prototype. */
function classWith(prototype: object | null): OwnClass | undefined {
  if (prototype === null) return undefined;
  const Class: unknown = getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof Class !== "function") return undefined;
  const own = ownClass(Class);
  return own?.prototype === prototype ? own : undefined;
}

function ownClass(Class: object): OwnClass | undefined {
  let own = classes.get(Class);
  if (own === undefined) classes.set(Class, own = readClass(Class) ?? null);
  return own ?? undefined;
}

function readClass(Class: object): OwnClass | undefined {
  // A proxy has no source either: so it is recognized without a call of a trap.
  const source = sourceOf.call(Class);
  if (NATIVE.test(source)) return undefined;
  const prototype: unknown = getOwnPropertyDescriptor(Class, "prototype")?.value;
  if (typeof prototype !== "object" || prototype === null) return undefined;
  const name: unknown = getOwnPropertyDescriptor(Class, "name")?.value;
  const isPrivate = PRIVATE.test(source);
  return { name: typeof name === "string" ? name : "", Class, prototype, source, isPrivate };
}

/** Adds the possible export names of a class. */
function addExportNames(wire: ClassWire, { name, Class, source }: OwnClass): void {
  const known = exportNamesOf(Class);
  for (const { url, name } of known) wire.push(url, name, 0);
  if (known.length > 0 || name === "") return;
  for (const url of unlearnedModules()) {
    if (wire.length > 3 * MOST_GUESSES) return;
    wire.push(url, name, fingerprint(source));
  }
}

/** Hash of a text: 32 bits of FNV-1a, and never 0. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0 || 1;
}

/**
 * Names the class of an error: the nearest one that the other side may find.
 *
 * @param error The error.
 * @returns The class, with nothing but a name if none is known to be exported. Nothing if both sides know the error's class
 * anyway.
 */
export function nameErrorClass(error: object): ClassWire | undefined {
  const before = lost.get(error);
  if (before) return before;
  let wire: ClassWire | undefined;
  for (
    let prototype = getPrototypeOf(error) as object | null;
    prototype !== null && !isKnown(prototype);
    prototype = getPrototypeOf(prototype)
  ) {
    const own = classWith(prototype);
    if (!own) continue;
    wire ??= [own.name];
    addExportNames(wire, own);
    // A guess may be wrong: then the class above it is the nearest one.
    if (exportNamesOf(own.Class).length === 0) continue;
    if (wire[0] !== own.name) noteLostClass(wire[0]);
    else if (hasPrivateMembers(prototype)) notePrivateFields(wire[0]);
    return wire;
  }
  if (wire?.length === 1) noteLostClass(wire[0]);
  return wire;
}

/** Whether a prototype is that of the very class that was sent, and not of the nearest class that could be found. */
export function isOfClass(prototype: object, [name]: ClassWire): boolean {
  return classWith(prototype)?.name === name;
}

/** Whether both sides know the class of a prototype anyway: a class of the platform, or one that is registered. */
function isKnown(prototype: object): boolean {
  return isKnownError(prototype) || classOfPrototype(prototype) !== undefined;
}

/** Whether errors of a class leave private fields behind. */
export function hasPrivateMembers(prototype: object): boolean {
  for (let at = prototype; at !== null && !isKnown(at); at = getPrototypeOf(at)) {
    const own = classWith(at);
    if (own?.isPrivate) return true;
  }
  return false;
}

/**
 * Names the class of an instance that crosses by its fields.
 *
 * @param instance The instance.
 * @param prototype Its prototype.
 * @returns The class, and the reason why the instance cannot cross so, if it cannot; nothing if no module is known to export it.
 */
export function nameClass(
  instance: object,
  prototype: object | null,
): { readonly wire: ClassWire; readonly problem: string | undefined } | undefined {
  const own = classWith(prototype);
  if (!own) return undefined;
  const wire: ClassWire = [own.name];
  addExportNames(wire, own);
  if (wire.length === 1) return undefined;
  return { wire, problem: classProblem(own.Class) ?? instanceProblem(instance, own.prototype) };
}

/** The reason why instances of a class cannot cross by their fields; nothing if they can. */
function classProblem(Class: object): string | undefined {
  let problem = problems.get(Class);
  if (problem === undefined) problems.set(Class, problem = findProblem(Class) ?? "");
  return problem === "" ? undefined : problem;
}

function findProblem(Class: object): string | undefined {
  for (
    let prototype = getOwnPropertyDescriptor(Class, "prototype")!.value as object | null;
    prototype !== Object.prototype && prototype !== null;
    prototype = getPrototypeOf(prototype)
  ) {
    const own = classWith(prototype);
    if (!own) {
      return "it inherits from a built-in class, and what that class keeps inside would be lost";
    }
    if (own.isPrivate) return "its private fields would be lost";
  }
  return undefined;
}

function instanceProblem(instance: object, prototype: object): string | undefined {
  const names = ownKeys(instance);
  for (const name of names) {
    const field = getOwnPropertyDescriptor(instance, name)!;
    if (typeof name === "symbol" || !field.enumerable || !hasOwn(field, "value")) {
      return `its ${
        typeof name === "symbol" ? "symbol" : field.enumerable ? "accessor" : "hidden field"
      } ${String(name)} would be lost`;
    }
  }
  return names.length === 0 && hasAccessor(prototype)
    ? "it has accessors in place of fields, and their values would be lost"
    : undefined;
}

function hasAccessor(prototype: object | null): boolean {
  for (
    ;
    prototype !== Object.prototype && prototype !== null;
    prototype = getPrototypeOf(prototype)
  ) {
    for (const name of ownKeys(prototype)) {
      if (getOwnPropertyDescriptor(prototype, name)?.get) return true;
    }
  }
  return false;
}

/**
 * Finds the prototype of a class that the other side has sent, in the modules that this side has loaded.
 *
 * @param wire The class.
 * @returns The prototype; nothing if it is not found.
 */
export function findPrototype(wire: ClassWire): object | undefined {
  for (let i = 1; i + 2 < wire.length; i += 3) {
    const value = exportAt({ url: String(wire[i]), name: String(wire[i + 1]) });
    const own = typeof value === "function" ? ownClass(value) : undefined;
    const print = wire[i + 2];
    if (!own || (print !== 0 && print !== fingerprint(own.source))) continue;
    return own.prototype;
  }
  return undefined;
}

/** As {@linkcode findPrototype}, for an instance that crosses by its fields: only a class that {@linkcode nameClass} allows. */
export function findDataPrototype(wire: ClassWire): object | undefined {
  const prototype = findPrototype(wire);
  const own = prototype && classWith(prototype);
  return own && !classProblem(own.Class) ? prototype : undefined;
}

/** Keeps the class of an error that is not known here, for when the error is passed on. */
export function keepLostClass(error: object, wire: ClassWire): void {
  lost.set(error, wire);
}
