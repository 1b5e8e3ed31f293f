/**
 * Errors as values: which class an error crosses as, how it is made again on the other side, and how
 * the stacks of the two sides become one story.
 *
 * @module
 */

import { LINES_BEFORE_SOURCE } from "./call_site.ts";
import * as own from "./errors.ts";

/** A class of errors, as far as the table needs it. */
export type ErrorClass = { readonly prototype: object };

/** One way to make an error again. */
interface ErrorKind {
  /** What `error.name` is when nobody changed it. */
  readonly name: string;
  /** Makes one; a `DOMException` takes its name here, all others have it set afterwards. */
  readonly make: (message: string | undefined, name: string | undefined) => Error;
}

/** What crosses of every error. `null` is what the error does not have, or has as usual. */
export interface ErrorText {
  /** The class that it crosses as, by its name in the table. */
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

/** Whether a value is an error, made by any realm or by the old way of inheriting. */
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
    message: message === "" && !Object.hasOwn(error, "message") ? null : message,
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
  let prototype: object | null = Object.getPrototypeOf(error);
  while (prototype !== null) {
    const name = nameByPrototype.get(prototype);
    if (name !== undefined) return name;
    prototype = Object.getPrototypeOf(prototype);
  }
  return "Error";
}

/** A property as text, or null when it has none or cannot be read. */
function readText(error: Error, key: "name" | "message" | "stack"): string | null {
  try {
    const value: unknown = error[key];
    if (typeof value === "string") return value;
    return value === undefined || value === null ? null : String(value);
  } catch {
    return null;
  }
}

/** The hidden properties that an error of this kind may have beside its text. */
export function hiddenKeys(error: Error, kind: string): string[] {
  return (HIDDEN[kind] ?? HIDDEN_IN_ALL).filter((key) => Object.hasOwn(error, key));
}

/** Whether a property of an error of this kind is a hidden one. */
export function isHiddenKey(kind: string, key: string): boolean {
  return (HIDDEN[kind] ?? HIDDEN_IN_ALL).includes(key);
}

/** The fields of an error that are its own: not its text, and not the hidden ones. */
export function fieldKeys(error: Error, hidden: readonly string[]): string[] {
  return Object.keys(error).filter((key) => !TEXT_KEYS.includes(key) && !hidden.includes(key));
}

/**
 * Makes an error again, without its other properties.
 *
 * @returns The error, or `undefined` when there is no such kind.
 */
export function makeError(text: ErrorText): Error | undefined {
  const kind = kindByName.get(text.kind);
  if (kind === undefined) return undefined;
  const error = withoutStack(() => kind.make(text.message ?? undefined, text.name ?? undefined));
  if (text.name !== null && error.name !== text.name) defineHidden(error, "name", text.name);
  if (text.stack !== null) error.stack = text.stack;
  return error;
}

/** Makes an error whose own stack nobody will see. */
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
  Object.defineProperty(error, key, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}

/** Gives an error of a registered class what its `fromWire` did not: its stack and its cause. */
export function completeError(made: unknown, { stack, cause }: Error): void {
  if (typeof made !== "object" || made === null || !Object.isExtensible(made)) return;
  defineHidden(made as Error, "stack", stack);
  if (cause === undefined || Object.hasOwn(made, "cause")) return;
  defineHidden(made as Error, "cause", cause);
}

const FRAME = /^\s+at /;

/** Where this library's own modules are, so that its frames can be told from the caller's. */
const OWN_MODULES: readonly string[] = ["bridge/", "hub/", "green/", "sync/"]
  .map((folder) => new URL(`../${folder}`, import.meta.url).href);

/**
 * Makes one stack of two, that reads as one story: the frames of the far side, a line that says
 * where it crossed, and the frames of the near side. On both sides this library's own frames are left out, with what
 * the runtime has between and below them.
 *
 * Never throws: what has no stack, or does not let it be set, is left as it is.
 *
 * @param error What arrived. Anything but an error is left as it is.
 * @param crossing The line between, for example `    --- called by green thread "x" ---`.
 * @param nearStack The stack of an error made on the near side. Its first line is left out.
 */
export function joinStacks(error: unknown, crossing: string, nearStack: string): void {
  changeStack(error, (far) => [userFrames(far), crossing, ...callerFrames(nearStack)].join("\n"));
}

/**
 * Adds the caller's frames to a stack that has been joined already, when nobody had asked for it yet.
 *
 * @param error What arrived.
 * @param nearStack The stack of an error made on the near side.
 */
export function addCaller(error: unknown, nearStack: string): void {
  changeStack(error, (stack) => [stack, ...callerFrames(nearStack)].join("\n"));
}

function changeStack(error: unknown, change: (stack: string) => string): void {
  try {
    if (typeof error !== "object" || error === null || !isError(error)) return;
    // V8 would let the stack of a frozen error be set all the same.
    if (Object.isFrozen(error)) return;
    const { stack } = error;
    if (typeof stack === "string") error.stack = change(stack);
  } catch {
    // Its stack cannot be read or set: it is still the error.
  }
}

/** The lines of a stack after its first, which may be several, without frames that are not the caller's. */
function callerFrames(stack: string): string[] {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => FRAME.test(line));
  if (first < 0) return [];
  return lines.slice(first).filter((line) => !isRuntimes(line) && !isOwn(line));
}

/**
 * A stack without what called the user's function: frames of this library, and those of the runtime under them. The
 * runtime's at the top stay: they say what was being done. A frame of an inline function says which line of its source it is.
 *
 * @param stack The stack of an error, in one piece.
 */
export function userFrames(stack: string): string {
  if (!OWN_MODULES.some((url) => stack.includes(url))) return stack;
  let below = false;
  return stack.split("\n").filter((line) => {
    if (isOwn(line)) return !(below = true);
    // Above this line it crossed before, and below it are frames of another side.
    if (!FRAME.test(line)) return !(below = false);
    return !(below && isRuntimes(line));
  }).map((line) => line.replace(INLINE, inlinePlace)).join("\n");
}

/** Where a frame of an inline function is, as the engine says it. */
const INLINE = /\(eval at make \(\S*\/bridge\/loader\.ts:\d+:\d+\), <anonymous>:(\d+):(\d+)\)$/;

function inlinePlace(_: string, line: string, column: string): string {
  return `(inline function:${Number(line) - LINES_BEFORE_SOURCE}:${column})`;
}

/** Whether a frame is of this library; those of inline functions only have their origin there. */
function isOwn(line: string): boolean {
  return FRAME.test(line) && !line.includes("(eval at ") &&
    OWN_MODULES.some((url) => line.includes(url));
}

function isRuntimes(line: string): boolean {
  return FRAME.test(line) && line.includes("ext:");
}
