/**
 * Stored values: values that wait on the hub for those who will want them.
 *
 * A queue's items and an event's value lie in shared memory when they are small and refer to nothing. A value that is large, or
 * refers to something (a function, a green thread, another queue), is stored on the hub instead, where references are kept
 * track of, and only its number lies in shared memory. To store it and to read it are ordinary calls to the hub.
 *
 * A stored value belongs to the object for which it was stored, and ends with it: when nobody has the object any more, nobody can
 * ask for its values. The hub knows when that is, as it has each object as long as any Worker has it; so an object that has never
 * left its Worker crosses together with the first value that is stored for it.
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
import type { ReferenceKinds } from "../values/reference_kinds.ts";
import { remoteOf } from "../references/remote_object.ts";
import { serve } from "../protocol/served.ts";
import { greenSide } from "../side/side.ts";
import { state } from "../state.ts";
import { isLazy } from "../references/thenables.ts";
import type { Core } from "./core.ts";
import { type Coordination, coreOf, isShared, objectById } from "./objects.ts";
import { here } from "./process_side.ts";

/** A stored value. */
interface StoredValue {
  /** The value as it is on the hub. */
  readonly here: unknown;
  /** The value as it goes to green code: there an object of the hub may have to be a handle. */
  readonly passing: unknown;
  /** The numbers of all values of the same object. */
  readonly siblings: Set<number> | undefined;
}

const { values, owned } = state("parcels", () => ({
  values: new Map<number, StoredValue>(),
  /** The numbers of the values of each object, by its core. */
  owned: new WeakMap<Core, Set<number>>(),
}));
const abandoned = new FinalizationRegistry<Set<number>>((numbers) => {
  for (const number of numbers) values.delete(number);
});

/**
 * Stores a value. Hub only.
 *
 * @param id The value's number.
 * @param here The value.
 * @param owner The object that the value is for, or its id if the hub has the object already.
 * @param passing The value as it goes to green code.
 */
export function storeOnHub(
  id: number,
  here: unknown,
  owner: Coordination | number,
  passing: unknown = here,
): void {
  const object = typeof owner === "number" ? objectById(owner) : owner;
  const siblings = object && siblingsOf(coreOf(object));
  values.set(id, { here, passing, siblings });
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

/** Reads a stored value for green code. Hub only. */
export function readOnHub(id: number): unknown {
  return values.get(id)?.passing;
}

/** Discards a stored value. Hub only. */
export function discardOnHub(id: number): void {
  values.get(id)?.siblings?.delete(id);
  values.delete(id);
}

/** The count of stored values. For tests. */
export function storedCount(): number {
  return values.size;
}

/** The target that stores a value on the hub. The names are older than these: copies of the library share them. */
export const STORE: Target = serve("depositParcel", storeOnHub);
const READ = serve("peekParcel", readOnHub);
const DISCARD = serve("dropParcel", discardOnHub);

/**
 * Stores a value on the hub. On either side; in green code it blocks.
 *
 * @param value The value.
 * @param core The core of the object that it is for.
 * @returns The value's number.
 */
export function storeValue(value: unknown, core: Core): number {
  if (wouldRun(value)) {
    throw new TypeError(
      "Cannot put in a query that has not run: it would run when it is taken out by `await`. Put in the result (in green " +
        "code query.wait(), on the hub await query), or an object that holds the query: { query }",
    );
  }
  const id = here().arena.takeId();
  const owner = core.object as Coordination;
  const green = greenSide();
  if (!green) {
    // The value has to be able to cross, be it read on the hub or not.
    const copy = copyOf(value);
    const here = typeof copy === "object" && copy !== null ? handledObject(copy) : undefined;
    storeOnHub(id, here ?? copy, owner, copy);
    return id;
  }
  try {
    green.callAtOnce(STORE, [id, value, objectById(core.id) ? core.id : owner]);
  } catch (error) {
    discardValue(id);
    throw error instanceof NotCloneableError ? asItem(error) : error;
  }
  return id;
}

/** Whether the language would await a value, or the object behind a proxy or handle, that is no promise. */
function wouldRun(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const remote = remoteOf(value);
  return remote ? (remote.traits & Trait.Lazy) !== 0 : isLazy(handledObject(value) ?? value);
}

/** The error in the words of those who put the value in: they know of no arguments. */
function asItem(error: NotCloneableError): NotCloneableError {
  for (const part of ["path", "message", "stack"] as const) {
    error[part] = error[part]?.replace("arguments[1]", "item") ?? "";
  }
  return error;
}

/**
 * Reads a stored value. On either side; in green code it blocks.
 *
 * @param id The value's number.
 * @param shared Whether others read it too: then each gets a copy of its own.
 */
export function readValue(id: number, shared: boolean): unknown {
  const green = greenSide();
  if (green) return green.callAtOnce(READ, [id]);
  const stored = values.get(id);
  return stored && shared && stored.here === stored.passing ? copyOf(stored.here) : stored?.here;
}

/** Discards a stored value. On either side; green code does not wait for that. */
export function discardValue(id: number): void {
  const green = greenSide();
  if (green) green.start(DISCARD, [id]);
  else discardOnHub(id);
}

let goesByReference = (_value: object): boolean => false;

/** Registers the hub's test for functions and objects that go by reference, beside those that this module knows. */
export function knowsWhatRefers(tells: (value: object) => boolean): void {
  goesByReference = tells;
}

/**
 * A value as it would arrive, but with the very objects in it that go by reference. Bytes that were given away are copied too:
 * many may read them.
 */
function copyOf(value: unknown): unknown {
  return decode(copyBytes(encode(value, "item", WITHIN)), WITHIN);
}

/** For a value that stays on its side: an object that goes by reference is the very object. */
const WITHIN: ReferenceKinds = {
  toRef: (object) => isShared(object) || goesByReference(object) ? { kind: 0, object } : undefined,
  receive: refuse,
  resolve: ({ object }) => object,
};

function refuse(): never {
  throw new TypeError("Cannot resolve a reference: a value that stays here has none");
}

/** Thrown by {@linkcode plainPayload} at the first object that may go by reference. */
const REFERS = new Error("The value refers to something");

const PLAIN: ReferenceKinds = {
  toRef() {
    throw REFERS;
  },
  receive: refuse,
  resolve: refuse,
};

/**
 * The payload of a value for shared memory.
 *
 * @returns The payload, or nothing if the value may refer to something: then it has to be stored on the hub.
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

/** The payload of a thrown value for shared memory. */
export function thrownPayload(value: unknown): Payload {
  return encodeThrown(value, "error", BLIND_TO_ALL);
}

const BLIND_TO_ALL: ReferenceKinds = {
  toRef: () => undefined,
  receive: refuse,
  resolve: refuse,
};

/** The reference kinds with which to read a payload that {@linkcode plainPayload} made: none. */
export const NO_REFERENCES: ReferenceKinds = PLAIN;
