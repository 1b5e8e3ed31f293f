/**
 * State that is there once in the process, whichever copy of the library asks for it.
 *
 * A program may load the library more than once: the same version from two URLs, or two versions, as two of its
 * dependencies ask for them. All copies with the same {@linkcode PROTOCOL} are one: they have one default hub, one registry
 * of classes, and so on, each under a `Symbol.for` key that contains the number, and understand each other's objects, by
 * marks (here) and brands (`brand.ts`) and not by classes, of which each copy has its own. Copies with another number have
 * other keys, and so a hub and Workers of their own.
 *
 * The rule for that, wherever a copy may get an object of another one: it calls methods and reads public members. It
 * reads no `#field` of what it was given, which only the copy that made the object could; and what it keeps about
 * objects of others, in a `WeakMap` or the like, is a state.
 *
 * @module
 */

/** The version of the library; a test compares it with `deno.json`. */
export const VERSION = "0.1.0";

/**
 * The number of what copies share: the shapes of the states below, the public members of the library's objects that the
 * library uses itself, the messages, the layout of shared memory, and what is served by name. It goes up with each change to
 * one of them, and with each addition that a copy which knows it relies on: a copy that does not may be the one that runs.
 */
export const PROTOCOL = 1;

/** All states. Where each is made, its shape is described. */
export type StateName =
  /** How far a Worker of a bundle has begun: `bridge/memory/in_bundle.ts`. */
  | "begun"
  /** Resources that green threads have opened on the hub: `hub/references/belongings.ts`. */
  | "belongings"
  /** The green calls that functions on the hub serve: `hub/base/call_context.ts`. */
  | "calls"
  /** The registered classes: `classes.ts`. */
  | "classes"
  /** The async context: `context.ts`. */
  | "context"
  /** The registered storages: `context/register.ts`. */
  | "contexts"
  /** The states of `DAGPool`s: `sync/dag_pool.ts`. */
  | "dags"
  /** The functions of green code, in a Worker: `side.ts`. */
  | "green"
  /** Results of `handle()`: `handle.ts`. */
  | "handled"
  /** The objects of proxies: `hub/references/worker_references.ts`. */
  | "homes"
  /** The default hub: `hub/default_hub.ts`. */
  | "hub"
  /** The modules that this side has loaded, and where their classes are: `known_modules.ts`. */
  | "known modules"
  /** The function that spawns on the hub: `sync/launch.ts`. */
  | "launcher"
  /** The limits that go with the async context: `limit.ts`. */
  | "limits"
  /** The waiters for each object's lock: `hub/references/object_lock.ts`. */
  | "locks"
  /** The classes of errors that this side does not know, by the errors: `own_classes.ts`. */
  | "lost classes"
  /** The folders of the library's own modules: `own_modules.ts`. */
  | "modules"
  /** Locks, queues and their like, and the memory that has crossed: `bridge/memory/objects.ts`. */
  | "objects"
  /** The values that are kept on the hub for queues and events: `bridge/memory/stored_values.ts`. */
  | "parcels"
  /** The part of this thread in shared memory: `bridge/memory/process_side.ts`. */
  | "place"
  /** Listeners for objects that the other side has let go of: `exports.ts`. */
  | "released"
  /** The remote objects of proxies: `remote_object.ts`. */
  | "remotes"
  /** Functions that the library serves to its own green code: `served.ts`. */
  | "served"
  /** The objects that `shared()` made: `hub/shared.ts`. */
  | "shared"
  /** The buffers that are given away and not copied: `transfer.ts`. */
  | "transferred"
  /** Promises that green code holds by a handle, and has not waited for: `hub/base/held_promises.ts`. */
  | "unheard"
  /** The functions that were wrapped on the hub: `hub/references/permissions.ts`. */
  | "wrapped"
  /** Those among them that have a name as text: `targets.ts`. */
  | "wrapped names"
  /** Their sources: `bridge/protocol/targets.ts`. */
  | "wrapped texts"
  /** The writers of streams: `hub/references/hub_writer.ts`. */
  | "writers";

const scope = globalThis as unknown as Record<symbol, object | undefined>;

/** The key of a mark that objects have for all copies with this protocol. */
export function keyOf(name: string): symbol {
  return Symbol.for(`aiohub.${PROTOCOL}.${name}`);
}

/**
 * Gives a state of this thread of execution, which all copies with this protocol share.
 *
 * @param name What it is.
 * @param make Makes it, if no copy has done so.
 */
export function state<T extends object>(name: StateName, make: () => T): T {
  return (scope[keyOf(name)] ??= make()) as T;
}

/** Gives what {@linkcode state} would, if a copy has made it already. */
export function stateIfMade<T extends object>(name: StateName): T | undefined {
  return scope[keyOf(name)] as T | undefined;
}
