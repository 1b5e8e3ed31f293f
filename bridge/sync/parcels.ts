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
import { GreenThread } from "../green_thread.ts";
import { intern, type Target } from "../protocol.ts";
import type { Referrer } from "../referrer.ts";
import { greenSide } from "../side.ts";
import { isShared } from "./objects.ts";
import { place } from "./place.ts";

const parcels = new Map<number, unknown>();

/** Leaves a value on the hub. */
export function depositParcel(id: number, value: unknown): void {
  parcels.set(id, value);
}

/** Looks at a value that was left on the hub. */
export function peekParcel(id: number): unknown {
  return parcels.get(id);
}

/** Throws a value away that was left on the hub. */
export function dropParcel(id: number): void {
  parcels.delete(id);
}

function onHub(name: string): Target {
  return intern({ kind: "hub", specifier: import.meta.url, name });
}

/** On either side: leaves a value on the hub. In green code it blocks. */
export function deposit(value: unknown): number {
  const id = place().arena.takeId();
  const green = greenSide();
  if (!green) {
    // It must be able to cross, be it taken on the hub or not.
    encode(value, "item", BLIND);
    depositParcel(id, value);
    return id;
  }
  try {
    green.call(onHub("depositParcel"), [id, value]);
  } catch (error) {
    drop(id);
    throw error;
  }
  return id;
}

/** On either side: looks at a value. In green code it blocks. */
export function peek(id: number): unknown {
  const green = greenSide();
  return green ? green.call(onHub("peekParcel"), [id]) : peekParcel(id);
}

/** On either side: throws a value away. */
export function drop(id: number): void {
  const green = greenSide();
  if (green) green.start(onHub("dropParcel"), [id]);
  else dropParcel(id);
}

/** Refers to all that can be referred to, without keeping count. */
const BLIND: Referrer = {
  refer(value) {
    const refers = typeof value === "function" || value instanceof GreenThread || isShared(value) ||
      isHandle(value);
    return refers ? { kind: 0, data: 0 } : undefined;
  },
  resolve(kind) {
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  },
};

/** Objects that were lent with `handle()` say so by a symbol. */
function isHandle(value: object): boolean {
  return Reflect.get(value, Symbol.for("aiohub.handle")) !== undefined;
}

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
