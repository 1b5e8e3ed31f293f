/**
 * The functions of the language that the codec stands on, as they are when the library is loaded.
 *
 * People's code may replace them later, and packages do: a `JSON.parse` that freezes, a `toJSON` on all arrays. What crosses
 * has to stay what it is.
 *
 * Also {@linkcode isA}, a look at a value that people's code has returned or thrown. Such a value may run code whenever it is
 * looked at, even when it is only asked for its class: a proxy has traps, a getter may throw, and a proxy that was revoked throws
 * at everything. So between the end of people's code and the message that says how it ended there are two ways to look:
 * `encodeThrown()`, which never throws, and {@linkcode isA}.
 *
 * @module
 */

export const parse: typeof JSON.parse = JSON.parse;
export const stringify: typeof JSON.stringify = JSON.stringify;
export const isArray: typeof Array.isArray = Array.isArray;
export const create: typeof Object.create = Object.create;
export const defineProperty: typeof Object.defineProperty = Object.defineProperty;
export const getOwnPropertyDescriptor: typeof Object.getOwnPropertyDescriptor =
  Object.getOwnPropertyDescriptor;
export const getPrototypeOf: typeof Object.getPrototypeOf = Object.getPrototypeOf;
export const setPrototypeOf: typeof Object.setPrototypeOf = Object.setPrototypeOf;
export const hasOwn: typeof Object.hasOwn = Object.hasOwn;
export const isExtensible: typeof Object.isExtensible = Object.isExtensible;
export const keys: typeof Object.keys = Object.keys;
export const ownKeys: typeof Reflect.ownKeys = Reflect.ownKeys;
export const values: typeof Object.values = Object.values;
export const isFinite: typeof Number.isFinite = Number.isFinite;
export const isSafeInteger: typeof Number.isSafeInteger = Number.isSafeInteger;
export const captureStackTrace: typeof Error.captureStackTrace = Error.captureStackTrace;

const arrayPrototype: object = Array.prototype;

/** Whether `JSON.stringify` would call a method that somebody has given to all arrays or all objects. */
export function isToJsonSet(): boolean {
  // Arrays inherit from the prototype of all objects, so one look is enough.
  return "toJSON" in arrayPrototype;
}

/** Sets an own property as an assignment to a plain object does, whatever its name. */
export function defineOwn(object: object, key: string, value: unknown): void {
  defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/**
 * As `instanceof`, for a value of which nobody knows what it does: one that cannot be asked is of no class.
 *
 * @param value The value.
 * @param Class The class: of the library or of the language.
 */
export function isA<T>(
  value: unknown,
  // deno-lint-ignore no-explicit-any -- an abstract class, and one with any parameters, fits too
  Class: abstract new (...args: any[]) => T,
): value is T {
  try {
    return value instanceof Class;
  } catch {
    return false;
  }
}

/** `Error`, with the hook by which people's code writes stacks in its own way: as any value, or not at all if it throws. */
const errors = Error as { prepareStackTrace?: unknown };

/** Reads a stack as the engine writes it. The engine writes a stack when it is read first. */
export function asEngineWrites<T>(read: () => T): T {
  const { prepareStackTrace } = errors;
  if (prepareStackTrace === undefined) return read();
  errors.prepareStackTrace = undefined;
  try {
    return read();
  } finally {
    errors.prepareStackTrace = prepareStackTrace;
  }
}
