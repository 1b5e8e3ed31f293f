/**
 * Parcels: values that wait on the hub for whoever will want them.
 *
 * A queue's items and an event's value lie in shared memory when they are small and say all by themselves. One that is
 * large, or refers to something (a function, a green thread, another queue), is deposited on the hub instead, where
 * references are kept track of, and only its number lies in shared memory. Depositing it and taking it are ordinary
 * calls to the hub.
 *
 * @module
 */

import { type Body, encode, encodeThrown } from "../codec.ts";
import { handledObject } from "../handle.ts";
import { intern, type Target } from "../protocol.ts";
import type { Referrer } from "../referrer.ts";
import { greenSide } from "../side.ts";
import { isShared } from "./objects.ts";
import { place } from "./place.ts";

/** A value as it is on the hub, and as it goes to green code: there an object of the hub may have to be a handle. */
interface Parcel {
  readonly here: unknown;
  readonly passing: unknown;
}

const parcels = new Map<number, Parcel>();

/** Leaves a value on the hub. */
export function depositParcel(id: number, here: unknown, passing: unknown = here): void {
  parcels.set(id, { here, passing });
}

/** Looks at a value that was left on the hub, for green code. */
export function peekParcel(id: number): unknown {
  return parcels.get(id)?.passing;
}

/** Throws a value away that was left on the hub. */
export function dropParcel(id: number): void {
  parcels.delete(id);
}

function onHub(name: string): Target {
  return intern({ kind: "hub", specifier: import.meta.url, name });
}

/** What leaves a value on the hub. */
export const DEPOSIT: Target = onHub("depositParcel");

/** On either side: leaves a value on the hub. In green code it blocks. */
export function deposit(value: unknown): number {
  const id = place().arena.takeId();
  const green = greenSide();
  if (!green) {
    // It must be able to cross, be it taken on the hub or not.
    encode(value, "item", BLIND);
    const here = typeof value === "object" && value !== null ? handledObject(value) : undefined;
    depositParcel(id, here ?? value, value);
    return id;
  }
  try {
    green.callAtOnce(DEPOSIT, [id, value]);
  } catch (error) {
    drop(id);
    throw error;
  }
  return id;
}

/** On either side: looks at a value. In green code it blocks. */
export function peek(id: number): unknown {
  const green = greenSide();
  return green ? green.callAtOnce(onHub("peekParcel"), [id]) : parcels.get(id)?.here;
}

/** On either side: throws a value away. */
export function drop(id: number): void {
  const green = greenSide();
  if (green) green.start(onHub("dropParcel"), [id]);
  else dropParcel(id);
}

let goesByReference = (_value: object): boolean => false;

/** The hub says what it refers to, of functions and of the objects that the codec does not know. */
export function knowsWhatRefers(tells: (value: object) => boolean): void {
  goesByReference = tells;
}

/** Refers to all that can be referred to, without keeping count. */
const BLIND: Referrer = {
  refer: (value) => isShared(value) || goesByReference(value) ? { kind: 0, data: 0 } : undefined,
  resolve(kind) {
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  },
};

/** Thrown by {@linkcode plainBody} at the first thing that may go by reference. */
const REFERS = new Error("The value refers to something");

const PLAIN: Referrer = {
  refer() {
    throw REFERS;
  },
  resolve(kind) {
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  },
};

/**
 * A value made ready for shared memory.
 *
 * @returns The body, or nothing if the value may refer to something: it goes as a parcel.
 * @throws {NotCloneableError} If something in it cannot cross.
 */
export function plainBody(value: unknown): Body | undefined {
  try {
    return encode(value, "item", PLAIN);
  } catch (error) {
    if (error === REFERS) return undefined;
    throw error;
  }
}

/** A thrown value made ready for shared memory. */
export function thrownBody(value: unknown): Body {
  return encodeThrown(value, "error", BLIND_TO_ALL);
}

const BLIND_TO_ALL: Referrer = { refer: () => undefined, resolve: PLAIN.resolve };

/** For reading what {@linkcode plainBody} made. */
export const NO_REFERENCES: Referrer = PLAIN;
