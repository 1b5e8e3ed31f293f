/**
 * Words for values that cannot cross: the name of the value, and advice.
 *
 * @module
 */

import { isBranded, madeElsewhere } from "../brand.ts";

/** The advice for values of these kinds, by the tag that `Object.prototype.toString` gives. */
const ADVICE: Readonly<Record<string, string>> = {
  AbortController: "send its signal",
  CryptoKey: "send the exported key: await crypto.subtle.exportKey()",
  DedicatedWorkerGlobalScope: "each side has its own: use globalThis there",
  Event: "send the values that you need of it",
  FinalizationRegistry: "it works only on the side that made it",
  MessagePort: "pass a function, which the other side can call",
  Promise: "await it first",
  Symbol: "send a string in its place",
  WeakMap: "its entries cannot be listed: send a Map",
  WeakSet: "its items cannot be listed: send a Set",
  WeakRef: "send the object that deref() gives",
  Generator: "send an array of its items",
  AsyncGenerator: "green code is synchronous: make it a generator without async",
  TransformStream: "send its readable and its writable",
  Blob: "send its bytes: await blob.bytes()",
  File: "send its name and its bytes: await file.bytes()",
  FormData: "send its entries",
  Request: "send its URL, headers and body",
  Response: "send its status, headers and body",
  ReadableStream: "green code is synchronous: send a generator of the chunks",
  WritableStream: "green code is synchronous: send a function that takes each chunk",
  "WebAssembly.Memory": "send its buffer, if it is shared",
  "WebAssembly.Instance": "send its module: each thread makes an instance of its own",
  Window: "each side has its own: use globalThis there",
  SharedArrayBuffer: "pass it as an argument or a result",
};

/** The advice for objects of the library, by the brands of their classes. People cannot register those classes. */
const OWN_ADVICE: Readonly<Record<string, string>> = {
  Permit:
    "pass the lock or semaphore itself, or release the permit on the side that acquired the permit",
  Spawner: "pass its options, and call spawnWith() on the other side",
  Hub: "green code needs no hub: spawn() and its like there use the hub of their thread",
  GreenPile: "send an array of its results, or pass its pool",
};

/**
 * Names a value that cannot cross, in few words: `function "onClick"`, `instance of class "Point"`. The words may cross in
 * place of
 * the value; see `show()` for values in other messages.
 */
export function describeValue(value: unknown): string {
  try {
    if (typeof value === "function") return value.name ? `function "${value.name}"` : "function";
    if (typeof value === "symbol") return `symbol ${String(value)}`;
    if (typeof value !== "object" || value === null) return `${typeof value} ${String(value)}`;
    return describeObject(value);
  } catch {
    return "object that cannot be read";
  }
}

/** Names an object: by its built-in kind, or by its class. */
function describeObject(value: object): string {
  const kind = kindOf(value);
  if (Object.hasOwn(ADVICE, kind)) return kind;
  const name = className(value);
  if (name !== undefined) return `instance of class "${name}"`;
  return "object with a custom prototype";
}

/** The built-in kind of an object, by its own tag. */
function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** The name of the class of an instance; none when its prototype is no class's. */
function className(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || !Object.hasOwn(prototype, "constructor")) return undefined;
  const name: unknown = prototype.constructor?.name;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** The advice for a value that cannot cross. */
export function adviseOn(value: unknown): string {
  try {
    const elsewhere = madeElsewhere(value);
    if (elsewhere) return elsewhere;
    if (typeof value === "function") {
      return "pass it as an argument or a result, where functions become callbacks";
    }
    if (typeof value === "symbol") return "send a string in its place";
    if (typeof value !== "object" || value === null) return "leave it out";
    return adviseOnObject(value);
  } catch {
    return "leave it out";
  }
}

/** The advice for an object that cannot cross. */
function adviseOnObject(value: object): string {
  const kind = kindOf(value);
  if (Object.hasOwn(ADVICE, kind)) return ADVICE[kind];
  for (const [brand, advice] of Object.entries(OWN_ADVICE)) {
    if (isBranded(value, brand)) return advice;
  }
  const name = className(value);
  if (typeof (value as { then?: unknown }).then === "function") {
    return "await it first, or pass it by reference with handle(): the other side calls wait() for the result";
  }
  if (name === undefined) return "copy its fields into a plain object";
  return `register the class with registerClass(${name}, { name, toWire, fromWire }) in a module ` +
    "that both sides import, or pass the object by reference with handle()";
}
