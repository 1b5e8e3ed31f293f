/**
 * Stored values: values that wait on the hub for whoever will want them.
 *
 * A queue's items and an event's value lie in shared memory when they are small and say all by themselves. One that is
 * large, or refers to something (a function, a green thread, another queue), is stored on the hub instead, where
 * references are kept track of, and only its number lies in shared memory. To store it and to take it are ordinary
 * calls to the hub.
 *
 * A stored value belongs to the object for which it was stored, and goes with it: when nobody has the object any more, nobody can
 * ask for what is in it. The hub knows when that is, as it has each object as long as any Worker has it; so one that has never
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

/** A value as it is on the hub, and as it goes to green code: there an object of the hub may have to be a handle. */
interface StoredValue {
  readonly here: unknown;
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
 * Leaves a value on the hub.
 *
 * @param id The value's number.
 * @param here The value.
 * @param owner The object that it is for; of one that the hub has already its id will do.
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

/** Looks at a value that was left on the hub, for green code. */
export function readOnHub(id: number): unknown {
  return values.get(id)?.passing;
}

/** Throws a value away that was left on the hub. */
export function discardOnHub(id: number): void {
  values.get(id)?.siblings?.delete(id);
  values.delete(id);
}

/** How many values lie on the hub. For tests. */
export function storedCount(): number {
  return values.size;
}

/** The target that stores a value on the hub. The names are older than these: copies of the library share them. */
export const STORE: Target = serve("depositParcel", storeOnHub);
const READ = serve("peekParcel", readOnHub);
const DISCARD = serve("dropParcel", discardOnHub);

/**
 * On either side: leaves a value on the hub. In green code it blocks.
 *
 * @param value The value.
 * @param core The object that it is for.
 * @returns The value's number.
 */
export function storeValue(value: unknown, core: Core): number {
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
 * @param id The value's number.
 * @param shared Whether others get it too: then each gets a value of its own.
 */
export function readValue(id: number, shared: boolean): unknown {
  const green = greenSide();
  if (green) return green.callAtOnce(READ, [id]);
  const stored = values.get(id);
  return stored && shared && stored.here === stored.passing ? copyOf(stored.here) : stored?.here;
}

/** On either side: throws a value away. */
export function discardValue(id: number): void {
  const green = greenSide();
  if (green) green.start(DISCARD, [id]);
  else discardOnHub(id);
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
  const kinds: ReferenceKinds = {
    toRef: (value) =>
      isShared(value) || goesByReference(value)
        ? { kind: 0, data: referred.push(value) - 1 }
        : undefined,
    resolve: (_kind, data) => referred[data as number],
  };
  return decode(copyBytes(encode(value, "item", kinds)), kinds);
}

/** Thrown by {@linkcode plainPayload} at the first thing that may go by reference. */
const REFERS = new Error("The value refers to something");

const PLAIN: ReferenceKinds = {
  toRef() {
    throw REFERS;
  },
  resolve(kind) {
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  },
};

/**
 * A value made ready for shared memory.
 *
 * @returns The payload, or nothing if the value may refer to something: it is stored on the hub.
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

const BLIND_TO_ALL: ReferenceKinds = { toRef: () => undefined, resolve: PLAIN.resolve };

/** For reading what {@linkcode plainPayload} made. */
export const NO_REFERENCES: ReferenceKinds = PLAIN;
