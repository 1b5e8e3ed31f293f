/**
 * The functions of the language that the codec stands on, as they are when the library is loaded.
 *
 * People's code may replace them later, and packages do: a `JSON.parse` that freezes, a `toJSON` on all arrays. What crosses
 * has to stay what it is.
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
