/**
 * The values of the hub that go to green code by reference.
 *
 * @module
 */

import { madeElsewhere } from "../../bridge/brand.ts";
import { classOfPrototype } from "../../bridge/values/classes.ts";
import { handle, handledObject } from "../../bridge/references/handle.ts";
import { classNumber, FACE, isClass, lazyTraits, traitsOf } from "../../bridge/references/live.ts";
import type { Ref } from "../../bridge/wire/payload.ts";
import { watch } from "../base/held_promises.ts";
import { platformClassOf } from "../../bridge/values/platform_classes.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import { remoteOf } from "../../bridge/references/remote_object.ts";
import { Resource } from "../../bridge/references/exports.ts";
import { isLazy, isPromise } from "../../bridge/references/thenables.ts";
import { writerOf } from "./hub_writer.ts";

/** A value that goes by reference. */
export interface HubReferent {
  /** The {@linkcode RefKind}: a function, a signal, or an object behind a handle. */
  readonly kind: number;
  readonly object: object;
}

/**
 * Gives the object that goes by reference for a value; nothing if the value does not go by reference.
 *
 * @param value A function, or an object that the codec does not know.
 * @param all Whether instances of classes that cannot cross go by reference, and are not refused. So it is for results of
 * methods of handles and of functions of imported modules, as green code has no part in them.
 */
export function hubReferent(value: object, all: boolean): HubReferent | undefined {
  const handled = handledObject(value);
  if (handled) return object(handled instanceof WritableStream ? writerOf(handled) : handled);
  if (remoteOf(value)) return object(value);
  if (madeElsewhere(value)) return undefined;
  if (typeof value === "function") {
    const isObject = isClass(value) || isLazy(value);
    return { kind: isObject ? RefKind.Object : RefKind.Function, object: value };
  }
  if (value instanceof AbortSignal) return { kind: RefKind.Signal, object: value };
  if (value instanceof WritableStream) return object(writerOf(value));
  if (FACE in value || value instanceof Resource || isIteration(value) || isBody(value)) {
    return object(value);
  }
  if (isError(value)) return undefined;
  if (isLazy(value)) return all || isBare(value) ? object(value) : undefined;
  if (!all || isPromise(value)) return undefined;
  const isValue = classOfPrototype(Object.getPrototypeOf(value)) || platformClassOf(value);
  return isValue ? undefined : object(value);
}

/**
 * The reference for a value of the hub; nothing if the value does not go by reference. It is for no Worker in particular.
 *
 * @param value See {@linkcode hubReferent}.
 * @param all See {@linkcode hubReferent}.
 */
export function referToLive(value: object, all: boolean): Ref | undefined {
  const referent = hubReferent(value, all);
  if (!referent) return undefined;
  const { kind, object } = referent;
  if (kind !== RefKind.Object) return referent;
  const lazy = lazyTraits(object);
  if (lazy) watch(object);
  return { kind, object, about: [traitsOf(object) | lazy, classNumber(object)] };
}

/**
 * Wraps a result in a handle if it would be taken for plain data and is not: an async iterable without a class of its own, and
 * an object that begins its work when it is awaited.
 */
export function asReferent(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isLazy(value)) return handle(value);
  if (!isBare(value)) return value;
  const isIterable = typeof (value as Record<symbol, unknown>)[Symbol.asyncIterator] === "function";
  return isIterable ? handle(value) : value;
}

/** Whether an object has no class. */
function isBare(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function object(object: object): HubReferent {
  return { kind: RefKind.Object, object };
}

/** Whether a value is made for iteration: a stream, a generator, or another iterator. */
function isIteration(value: object): boolean {
  return value instanceof Iterator ||
    typeof (value as Record<symbol, unknown>)[Symbol.asyncIterator] === "function";
}

/** Whether a value has a body that only the hub's event loop can read. */
function isBody(value: object): boolean {
  return value instanceof Response || value instanceof Request;
}

function isError(value: object): boolean {
  return value instanceof Error || value instanceof DOMException;
}
