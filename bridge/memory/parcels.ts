/**
 * Parcels: values that wait on the hub for whoever will want them.
 *
 * A queue's items and an event's value lie in shared memory when they are small and say all by themselves. One that is
 * large, or refers to something (a function, a green thread, another queue), is deposited on the hub instead, where
 * references are kept track of, and only its number lies in shared memory. Depositing it and taking it are ordinary
 * calls to the hub.
 *
 * A parcel belongs to the object for which it was deposited, and goes with it: when nobody has the object any more, nobody can
 * ask for what is in it. The hub knows when that is, as it has each object as long as any Worker has it; so one that has never
 * left its Worker crosses together with its first parcel.
 *
 * @module
 */

import { decode, encode, encodeThrown } from "../values/codec.ts";
import type { Payload } from "../wire/payload.ts";
import { NotCloneableError } from "../errors.ts";
import { handledObject } from "../references/handle.ts";
import { Trait } from "../references/live.ts";
import { copyOf as copyBytes } from "../wire/message.ts";
import type { Target } from "../protocol/messages.ts";
import type { Referrer } from "../values/referrer.ts";
import { remoteOf } from "../references/remote.ts";
import { serve } from "../protocol/served.ts";
import { greenSide } from "../side/side.ts";
import { state } from "../state.ts";
import { isLazy } from "../references/thenables.ts";
import type { Core } from "./core.ts";
import { type Coordination, coreOf, isShared, objectById } from "./objects.ts";
import { here } from "./process_side.ts";

/** A value as it is on the hub, and as it goes to green code: there an object of the hub may have to be a handle. */
interface Parcel {
  readonly here: unknown;
  readonly passing: unknown;
  /** The numbers of all parcels of the same object. */
  readonly siblings: Set<number> | undefined;
}

const { parcels, owned } = state("parcels", () => ({
  parcels: new Map<number, Parcel>(),
  /** The numbers of the parcels of each object, by its core. */
  owned: new WeakMap<Core, Set<number>>(),
}));
const abandoned = new FinalizationRegistry<Set<number>>((numbers) => {
  for (const number of numbers) parcels.delete(number);
});

/**
 * Leaves a value on the hub.
 *
 * @param id The parcel's number.
 * @param here The value.
 * @param owner The object that it is for; of one that the hub has already its id will do.
 * @param passing The value as it goes to green code.
 */
export function depositParcel(
  id: number,
  here: unknown,
  owner: Coordination | number,
  passing: unknown = here,
): void {
  const object = typeof owner === "number" ? objectById(owner) : owner;
  const siblings = object && siblingsOf(coreOf(object));
  parcels.set(id, { here, passing, siblings });
  siblings?.add(id);
}

function siblingsOf(core: Core | undefined): Set<number> | undefined {
  if (!core) return undefined;
  let siblings = owned.get(core);
  if (!siblings) {
    owned.set(core, siblings = new Set());
    abandoned.register(core, siblings);
  }
  return siblings;
}

/** Looks at a value that was left on the hub, for green code. */
export function peekParcel(id: number): unknown {
  return parcels.get(id)?.passing;
}

/** Throws a value away that was left on the hub. */
export function dropParcel(id: number): void {
  parcels.get(id)?.siblings?.delete(id);
  parcels.delete(id);
}

/** How many values lie on the hub. For tests. */
export function parcelCount(): number {
  return parcels.size;
}

/** What leaves a value on the hub. */
export const DEPOSIT: Target = serve("depositParcel", depositParcel);
const PEEK = serve("peekParcel", peekParcel);
const DROP = serve("dropParcel", dropParcel);

/**
 * On either side: leaves a value on the hub. In green code it blocks.
 *
 * @param value The value.
 * @param core The object that it is for.
 * @returns The parcel's number.
 */
export function deposit(value: unknown, core: Core): number {
  if (wouldRun(value)) {
    throw new TypeError(
      "Cannot put in a query or the like that has not run, as whoever takes it out by await would run it: call its " +
        "wait() and put in the result, or put it in as part of an object: { query }",
    );
  }
  const id = here().arena.takeId();
  const owner = core.object as Coordination;
  const green = greenSide();
  if (!green) {
    // It must be able to cross, be it taken on the hub or not.
    const copy = copyOf(value);
    const here = typeof copy === "object" && copy !== null ? handledObject(copy) : undefined;
    depositParcel(id, here ?? copy, owner, copy);
    return id;
  }
  try {
    green.callAtOnce(DEPOSIT, [id, value, objectById(core.id) ? core.id : owner]);
  } catch (error) {
    drop(id);
    throw error instanceof NotCloneableError ? asItem(error) : error;
  }
  return id;
}

/** Whether a value, or what it stands for, would be awaited by the language but is no promise. */
function wouldRun(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const remote = remoteOf(value);
  return remote ? (remote.traits & Trait.Lazy) !== 0 : isLazy(handledObject(value) ?? value);
}

/** Whoever gave the value knows of no other arguments. */
function asItem(error: NotCloneableError): NotCloneableError {
  for (const part of ["path", "message", "stack"] as const) {
    error[part] = error[part]?.replace("arguments[1]", "item") ?? "";
  }
  return error;
}

/**
 * On either side: looks at a value. In green code it blocks.
 *
 * @param id The parcel's number.
 * @param shared Whether others get it too: then each gets a value of its own.
 */
export function peek(id: number, shared: boolean): unknown {
  const green = greenSide();
  if (green) return green.callAtOnce(PEEK, [id]);
  const parcel = parcels.get(id);
  return parcel && shared && parcel.here === parcel.passing ? copyOf(parcel.here) : parcel?.here;
}

/** On either side: throws a value away. */
export function drop(id: number): void {
  const green = greenSide();
  if (green) green.start(DROP, [id]);
  else dropParcel(id);
}

let goesByReference = (_value: object): boolean => false;

/** The hub says what it refers to, of functions and of the objects that the codec does not know. */
export function knowsWhatRefers(tells: (value: object) => boolean): void {
  goesByReference = tells;
}

/**
 * A value as it would arrive, but with the very things in it that go by reference. Bytes that were given away are copied too:
 * there may be many who get them.
 */
function copyOf(value: unknown): unknown {
  const referred: object[] = [];
  const referrer: Referrer = {
    refer: (value) =>
      isShared(value) || goesByReference(value)
        ? { kind: 0, data: referred.push(value) - 1 }
        : undefined,
    resolve: (_kind, data) => referred[data as number],
  };
  return decode(copyBytes(encode(value, "item", referrer)), referrer);
}

/** Thrown by {@linkcode plainPayload} at the first thing that may go by reference. */
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
 * @returns The payload, or nothing if the value may refer to something: it goes as a parcel.
 * @throws {NotCloneableError} If something in it cannot cross.
 */
export function plainPayload(value: unknown): Payload | undefined {
  try {
    return encode(value, "item", PLAIN);
  } catch (error) {
    if (error === REFERS) return undefined;
    throw error;
  }
}

/** A thrown value made ready for shared memory. */
export function thrownPayload(value: unknown): Payload {
  return encodeThrown(value, "error", BLIND_TO_ALL);
}

const BLIND_TO_ALL: Referrer = { refer: () => undefined, resolve: PLAIN.resolve };

/** For reading what {@linkcode plainPayload} made. */
export const NO_REFERENCES: Referrer = PLAIN;
