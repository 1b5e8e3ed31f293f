/**
 * Classes of the application that cross without being registered: those that a module exports which both sides have loaded.
 *
 * A class is named by where it can be found, so that both sides mean the same one: by URL and name, of each module that is known to
 * export it (see `known_modules.ts`). The other side looks there among what it has loaded itself; it never imports anything for
 * that. What arrives is a new object with the prototype of the class and the own fields of the instance. No constructor runs: it
 * may take any parameters, and do anything.
 *
 * **Errors** keep their class always. What their class keeps in private fields stays behind: an error that is thrown has to arrive.
 *
 * **Other instances** are refused unless their fields are all there is: an instance with private fields, hidden ones, or with
 * nothing but accessors would arrive without what it is made of.
 *
 * **Before a module is known** (its exports are, one turn of the event loop after the hub has started) a class may already be sent.
 * It is named by the module that it may be of and the name that it has, with a fingerprint of its source: the other side takes it
 * only if what it finds there has the same.
 *
 * **What is not found** stays with an error, so that one which is only passed on arrives as what it was.
 *
 * @module
 */

import { classOfPrototype } from "./classes.ts";
import { noteLostClass, notePrivateFields } from "./class_loss.ts";
import { isKnownError } from "./error_values.ts";
import { exportAt, exportNamesOf, unlearnedModules } from "./known_modules.ts";
import { state } from "../state.ts";
import { getOwnPropertyDescriptor, getPrototypeOf, hasOwn, ownKeys } from "../primordials.ts";

/** The name of a class, and then by three where it may be found: a URL, a name, and a fingerprint or 0. */
export type ClassWire = [name: string, ...exports: (string | number)[]];

/** A class, as it can be told without asking it. */
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

/** Private members, where they are declared: in a class's text they stand at the beginning of a statement or after such a word. */
const PRIVATE =
  /(?:^|[;{}\n)]|\*\/|\*|\b(?:static|async|get|set|accessor)\s)\s*#[\p{ID_Start}$_\\]|\b__privateAdd\(|\b__classPrivateField/u;

const classes = new WeakMap<object, OwnClass | null>();
const problems = new WeakMap<object, string>();
/** The classes of errors that are not known here, by the errors. */
const lost = state("lost classes", () => new WeakMap<object, ClassWire>());

/** The most modules that are named for a class of which it is not known which module exports it. */
const MOST_GUESSES = 16;

/** The class that has a prototype, if it is one of the application's. Asks the prototype for nothing: there may be getters. */
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
  // A proxy has no source either: it is told without a trap being called.
  const source = sourceOf.call(Class);
  if (NATIVE.test(source)) return undefined;
  const prototype: unknown = getOwnPropertyDescriptor(Class, "prototype")?.value;
  if (typeof prototype !== "object" || prototype === null) return undefined;
  const name: unknown = getOwnPropertyDescriptor(Class, "name")?.value;
  const isPrivate = PRIVATE.test(source);
  return { name: typeof name === "string" ? name : "", Class, prototype, source, isPrivate };
}

/** Says of a class where it may be found. */
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
 * @returns How it is named: with nothing but its own class's name if no class is found. Nothing if the error is of a class that both
 * sides know anyway.
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
    // What is only guessed may be wrong: then the class above it is the nearest one.
    if (exportNamesOf(own.Class).length === 0) continue;
    if (wire[0] !== own.name) noteLostClass(wire[0]);
    else if (hasPrivateMembers(prototype)) notePrivateFields(wire[0]);
    return wire;
  }
  if (wire?.length === 1) noteLostClass(wire[0]);
  return wire;
}

/** Whether a prototype is that of the very class that was named, and not of the nearest one that could be found. */
export function isOfClass(prototype: object, [name]: ClassWire): boolean {
  return classWith(prototype)?.name === name;
}

/** Whether errors with this prototype arrive as they are anyway: of a class of the platform, or one that is registered. */
function isKnown(prototype: object): boolean {
  return isKnownError(prototype) || classOfPrototype(prototype) !== undefined;
}

/** Whether errors of a class leave something behind. */
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
 * @returns How the class is named, and why the instance cannot cross so if it cannot; nothing if the class is not known to be exported.
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

/** Why instances of a class cannot cross by their fields; nothing if they can. */
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
    if (!own) return "what it has of a built-in class would be left behind";
    if (own.isPrivate) return "its private fields would be left behind";
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
      } ${String(name)} would be left behind`;
    }
  }
  return names.length === 0 && hasAccessor(prototype)
    ? "it has no fields, so that what its accessors give would be left behind"
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
 * Finds the prototype of a class that the other side has named, among what this side has loaded.
 *
 * @param wire The class.
 * @returns The prototype; nothing if it is not there.
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

/** As {@linkcode findPrototype}, for an instance that is made of its fields: only of a class that {@linkcode nameClass} would name. */
export function findDataPrototype(wire: ClassWire): object | undefined {
  const prototype = findPrototype(wire);
  const own = prototype && classWith(prototype);
  return own && !classProblem(own.Class) ? prototype : undefined;
}

/** Keeps the name of an error's class that is not known here, for when the error is passed on. */
export function keepLostClass(error: object, wire: ClassWire): void {
  lost.set(error, wire);
}
