/**
 * Errors as values: the class as which an error crosses, and the making of it on the other side.
 *
 * @module
 */

import { errorBrand } from "../brand.ts";
import { inOneLine } from "../checks.ts";
import * as own from "../errors.ts";
import type { Fields } from "./structured_checks.ts";
import { asEngineWrites, defineOwn } from "../primordials.ts";
import {
  defineProperty,
  getPrototypeOf,
  hasOwn,
  isExtensible,
  keys,
  setPrototypeOf,
} from "../primordials.ts";

/** A class of errors, as far as the table needs it. */
export type ErrorClass = { readonly prototype: object };

/** A kind of errors, with the way to make one. */
interface ErrorKind {
  /** The usual `name` of its errors. */
  readonly name: string;
  /** Makes an error; a `DOMException` takes its name here, all others have it set afterwards. */
  readonly make: (message: string | undefined, name: string | undefined) => Error;
}

/** The texts of an error, which cross. `null` for a text that the error does not have, or has as usual. */
export interface ErrorText {
  /** The kind as which it crosses, by its name in the table. */
  readonly kind: string;
  /** Its message. */
  readonly message: string | null;
  /** Its name, unless it is that of the class. */
  readonly name: string | null;
  /** Its stack. */
  readonly stack: string | null;
}

const kindByName: Map<string, ErrorKind> = new Map();
const nameByPrototype: Map<object, string> = new Map();

/** The properties that are hidden in errors, as the language has them: in all, and by kind. */
const HIDDEN: Readonly<Record<string, readonly string[]>> = {
  AggregateError: ["cause", "errors"],
  SuppressedError: ["cause", "error", "suppressed"],
};
const HIDDEN_IN_ALL: readonly string[] = ["cause"];

const TEXT_KEYS: readonly string[] = ["name", "message", "stack"];

/** Adds a kind to the tables. */
function addKind(wireName: string, Class: ErrorClass, kind: ErrorKind): void {
  kindByName.set(wireName, kind);
  nameByPrototype.set(Class.prototype, wireName);
}

/** Adds the classes of the language. */
function addBuiltIns(): void {
  const simple = [
    Error,
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  ];
  for (const Class of simple) {
    addKind(Class.name, Class, { name: Class.name, make: (message) => new Class(message) });
  }
  addKind("AggregateError", AggregateError, {
    name: "AggregateError",
    make: (message) => new AggregateError([], message),
  });
  // Not every runtime has it: then it arrives as a plain Error with this name.
  if (typeof SuppressedError === "function") {
    addKind("SuppressedError", SuppressedError, {
      name: "SuppressedError",
      make: (message) => new SuppressedError(undefined, undefined, message),
    });
  }
  addKind("DOMException", DOMException, {
    name: "",
    make: (message, name) => new DOMException(message, name),
  });
}

/** Adds the errors of WebAssembly: it is there wherever the language is, but the compiler knows of it elsewhere. */
function addWasmErrors(): void {
  const { WebAssembly } = globalThis as { WebAssembly?: Record<string, unknown> };
  for (const name of ["CompileError", "LinkError", "RuntimeError"]) {
    const Class = WebAssembly?.[name] as (new (message?: string) => Error) | undefined;
    if (!Class) continue;
    addKind(`WebAssembly.${name}`, Class, { name, make: (message) => new Class(message) });
  }
}

/** Adds the classes of `Deno.errors`, when this is Deno. */
function addDenoErrors(): void {
  const errors = (globalThis as { Deno?: { errors?: Record<string, unknown> } }).Deno?.errors ?? {};
  for (const [name, Class] of Object.entries(errors)) {
    if (typeof Class !== "function") continue;
    const Denoish = Class as new (message?: string) => Error;
    addKind(`Deno.${name}`, Denoish, { name, make: (message) => new Denoish(message) });
  }
}

/**
 * Adds an error class of this library. Its instances arrive with their class, `name`, `cause`,
 * stack and own enumerable fields. Its constructor does not run on arrival, so that it may take any
 * parameters; it must not have private fields.
 *
 * @param name The name under which both sides know it.
 * @param Class The class.
 */
export function registerOwnError(name: string, Class: ErrorClass): void {
  addKind(`aiohub.${name}`, Class, {
    name: (Class.prototype as Error).name,
    make: (message) => Reflect.construct(Error, [message], Class as unknown as new () => Error),
  });
}

addBuiltIns();
addWasmErrors();
addDenoErrors();
for (const [name, Class] of Object.entries(own)) registerOwnError(name, Class);

const { isPrototypeOf } = Object.prototype;

/** Whether a value is an error, of any realm or by the old way of inheriting. */
export function isError(value: object): value is Error {
  return value instanceof Error || Error.isError(value);
}

/** Takes the text of an error: never throws, whatever its getters do. */
export function textOfError(error: Error): ErrorText {
  const kind = kindOfError(error);
  const name = readText(error, "name");
  const message = readText(error, "message");
  const usual = kind === "DOMException" ? undefined : kindByName.get(kind)?.name;
  return {
    kind,
    message: message === "" && !hasOwn(error, "message") ? null : message,
    name: name === usual ? null : name,
    stack: readText(error, "stack"),
  };
}

/** Whether errors with this prototype are of a class that both sides know without registering it. */
export function isKnownError(prototype: object): boolean {
  return nameByPrototype.has(prototype);
}

/** The nearest class in the error's ancestry that both sides know. */
function kindOfError(error: Error): string {
  let prototype: object | null = getPrototypeOf(error);
  while (prototype !== null) {
    const name = nameByPrototype.get(prototype);
    if (name !== undefined) return name;
    // Another copy of the library has made it.
    const brand = errorBrand(prototype);
    if (brand !== undefined && kindByName.has(`aiohub.${brand}`)) return `aiohub.${brand}`;
    prototype = getPrototypeOf(prototype);
  }
  return "Error";
}

function stackOf(error: Error): unknown {
  const isOwn = (Error as { prepareStackTrace?: unknown }).prepareStackTrace === undefined;
  return isOwn ? error.stack : asEngineWrites(() => error.stack);
}

/** A property as text, or null when it has none or cannot be read. */
function readText(error: Error, key: "name" | "message" | "stack"): string | null {
  try {
    const value: unknown = key === "stack" ? stackOf(error) : error[key];
    if (typeof value === "string") return value;
    // A stack that is no string was made by people's code: it is no text.
    if (value === undefined || value === null || key === "stack") return null;
    return String(value);
  } catch (error) {
    return key === "message" ? `[getter failed: ${inOneLine(error)}]` : null;
  }
}

/** The hidden properties that an error of this kind may have beside its text. */
export function hiddenKeys(error: Error, kind: string): string[] {
  return (HIDDEN[kind] ?? HIDDEN_IN_ALL).filter((key) => hasOwn(error, key));
}

/** Whether a property of an error of this kind is a hidden one. */
export function isHiddenKey(kind: string, key: string): boolean {
  return (HIDDEN[kind] ?? HIDDEN_IN_ALL).includes(key);
}

/** The keys of an error's own fields: without its texts and the hidden properties. */
export function fieldKeys(error: Error, hidden: readonly string[]): string[] {
  return keys(error).filter((key) => !TEXT_KEYS.includes(key) && !hidden.includes(key));
}

/**
 * Makes an error again, without its other properties.
 *
 * @param text The error's texts.
 * @param prototype The prototype of its class, if this side has found it. It is used only if it inherits from the kind's.
 * @returns The error, or `undefined` when there is no such kind.
 */
export function makeError(text: ErrorText, prototype?: object): Error | undefined {
  const kind = kindByName.get(text.kind);
  if (kind === undefined) return undefined;
  const error = withoutStack(() => kind.make(text.message ?? undefined, text.name ?? undefined));
  if (prototype && isPrototypeOf.call(getPrototypeOf(error), prototype)) {
    setPrototypeOf(error, prototype);
  }
  if (text.name !== null && error.name !== text.name) defineHidden(error, "name", text.name);
  if (text.stack !== null) error.stack = text.stack;
  return error;
}

/** Makes an error without a stack of its own, which nobody would see. */
function withoutStack(make: () => Error): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Sets a property the way the language sets an error's own: hidden, and free to change. */
export function defineHidden(error: Error, key: string, value: unknown): void {
  defineProperty(error, key, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/**
 * Completes an error of a registered class that its `fromWire` has made: with its stack and its cause; and, if it is of a
 * subclass that was found, with that class and the fields.
 *
 * @param made The result of `fromWire`.
 * @param error The error as it is without that class.
 */
export function completeError(made: unknown, error: Error): void {
  if (typeof made !== "object" || made === null || !isExtensible(made)) return;
  const { stack, cause } = error;
  defineHidden(made as Error, "stack", stack);
  if (cause !== undefined && !hasOwn(made, "cause")) defineHidden(made as Error, "cause", cause);
  const prototype: object = getPrototypeOf(error);
  if (!isPrototypeOf.call(getPrototypeOf(made), prototype)) return;
  setPrototypeOf(made, prototype);
  for (const key of fieldKeys(error, HIDDEN_IN_ALL)) {
    if (!hasOwn(made, key)) defineOwn(made, key, (error as unknown as Fields)[key]);
  }
}
