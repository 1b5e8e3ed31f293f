/**
 * Brands: the kind of an object, whichever copy of the library has made it.
 *
 * Each copy has classes of its own. So the classes that people see, and those that the library asks about, are branded: a mark
 * on the prototype says what the instances are, and `instanceof` asks for the mark. That is one read of a property.
 *
 * - The brands of errors are the same for all versions of the library, for all time: an error is a value, and crosses.
 * - All others contain the protocol's number: a lock of a copy with another number is no lock here. But it says who has made
 *   it, so that the refusal can say so: {@linkcode madeElsewhere}.
 *
 * A subclass that people make has no brand of its own: `instanceof` is the language's there.
 *
 * @module
 */

import { keyOf, PROTOCOL, VERSION } from "./state.ts";

/** The copy of the library that has made an object. The shape and the key are for all time. */
export interface Maker {
  /** The version of the library. */
  readonly version: string;
  /** See {@linkcode PROTOCOL}. */
  readonly protocol: number;
}

/** Key of the {@linkcode Maker} of an object, and of a Worker's global scope. */
export const MAKER: symbol = Symbol.for("aiohub.maker");

/** Key of the {@linkcode Maker} that has wrapped a function. The function is one still, and crosses as one. */
const WRAPPER = Symbol.for("aiohub.wrapper");

/** Key of the name of an error's class, if it is one of the library. */
const ERROR = Symbol.for("aiohub.error");

/** This copy. */
export const SELF: Maker = Object.freeze({ version: VERSION, protocol: PROTOCOL });

type Class = { readonly prototype: object };
type Marked = { readonly [key: symbol]: unknown } | null | undefined;

const ordinary = Function.prototype[Symbol.hasInstance];

/**
 * Brands a class whose instances are bound to this process: a lock, a thread, a hub.
 *
 * @param Class The class.
 * @param name Its name, which no other class of the library has.
 */
export function brand(Class: Class, name: string): void {
  brandAs(Class, keyOf(`is ${name}`), true);
  Object.defineProperty(Class.prototype, MAKER, { value: SELF });
}

/** Says whether a value is an instance of a class that {@linkcode brand} has branded by a name. */
export function isBranded(value: object, name: string): boolean {
  return (value as Marked)?.[keyOf(`is ${name}`)] === true;
}

/** Brands a class of errors by its name. */
export function brandError(Class: Class, name: string): void {
  brandAs(Class, ERROR, name);
}

function brandAs(Class: Class, key: symbol, mark: unknown): void {
  Object.defineProperty(Class.prototype, key, { value: mark });
  Object.defineProperty(Class, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== Class) return ordinary.call(this as typeof Function, value);
      return typeof value === "object" && (value as Marked)?.[key] === mark;
    },
  });
}

/** The library's class of errors that a prototype belongs to, by name. */
export function errorBrand(prototype: object): string | undefined {
  return Object.hasOwn(prototype, ERROR)
    ? (prototype as { readonly [ERROR]: string })[ERROR]
    : undefined;
}

/** Says of a function that it was wrapped by this copy. */
export function brandWrapped(fn: object): void {
  Object.defineProperty(fn, WRAPPER, { value: SELF });
}

/**
 * Says of an object that a copy with another protocol has made: which copy, and what to do. Nothing for all other objects.
 */
export function madeElsewhere(value: unknown): string | undefined {
  const isObject = typeof value === "object" || typeof value === "function";
  const other = isObject ? stranger((value as Marked)?.[MAKER]) : undefined;
  return other &&
    `another copy of the library, ${other}, made this value; this copy is ${SELF_NAME}: ${ONE_VERSION}`;
}

/** Says the same of a function that such a copy has wrapped. */
export function wrappedElsewhere(fn: (...args: never[]) => unknown): string | undefined {
  const other = stranger((fn as unknown as Marked)?.[WRAPPER]);
  return other &&
    `another copy of the library, ${other}, wrapped this function; this copy is ${SELF_NAME}: call the function instead, or ` +
      ONE_VERSION;
}

/** The name in messages of a copy with another protocol; nothing for one with this protocol. */
export function stranger(maker: unknown): string | undefined {
  return maker === undefined || maker === SELF ? undefined : otherName(maker as Maker | null);
}

function otherName(maker: Maker | null): string | undefined {
  const { version, protocol } = maker ?? SELF;
  // An object that has an answer to everything, such as a mock, says nothing by that.
  return typeof protocol !== "number" || protocol === PROTOCOL
    ? undefined
    : `aiohub ${version} (protocol ${protocol})`;
}

/** The name of this copy in messages. */
export const SELF_NAME = `aiohub ${VERSION} (protocol ${PROTOCOL})`;

/** Advice for messages where two protocols meet. */
export const ONE_VERSION =
  `use one version of the library in the whole process ("deno info" shows which module imports which version)`;
