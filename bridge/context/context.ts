/**
 * Async context: the values that a flow of control carries along.
 *
 * Registered storages (`register.ts`) keep their values here, all in one `AsyncLocalStorage`, by name: so that one
 * operation takes all of them across, and a name that is not registered on this side is carried through all the same.
 *
 * **Values go down only.** A callee begins with its caller's values, and the caller goes on with its own, as a caller does
 * that awaits an async function. So a call or a thread runs {@linkcode within} the values that came with it, and nothing is
 * brought back.
 *
 * A map of values never changes: whoever sets a value makes another map. So the same map means the same values, and flows that
 * branch off share it.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { state } from "../state.ts";

/** Values by the names of their storages. In a difference, `undefined` takes the value away. */
export type ContextValues = ReadonlyMap<string, unknown>;

/** The async context of this thread of execution. */
interface Known {
  /** The values of each flow; `undefined` if it has none. */
  readonly values: AsyncLocalStorage<ContextValues | undefined>;
  /** Whether a storage was ever registered here, or a context came: if not, nobody has to look. */
  used: boolean;
}

const known: Known = state("context", () => ({
  values: new AsyncLocalStorage<ContextValues | undefined>(),
  used: false,
}));

/** Whether there may be any context at all: the one look that a call pays for when there is none. */
export function usesContext(): boolean {
  return known.used;
}

/** Notes that from now on there may be context. */
export function useContext(): void {
  known.used = true;
}

/** The value of a storage in the current flow. */
export function valueOf(name: string): unknown {
  return known.values.getStore()?.get(name);
}

/** All values of the current flow; nothing if there are none. */
export function currentValues(): ContextValues | undefined {
  return known.used ? known.values.getStore() : undefined;
}

/** Sets a value for the rest of the flow, as `enterWith()` does. `undefined` takes the value away. */
export function setValue(name: string, value: unknown): void {
  known.values.enterWith(valuesWith(name, value));
}

/** Calls a function with a value, as `run()` does: values set inside stay inside. */
export function withValue<R>(name: string, value: unknown, fn: () => R): R {
  return known.values.run(valuesWith(name, value), fn);
}

/** The values of the current flow, with one of them set. */
function valuesWith(name: string, value: unknown): ContextValues | undefined {
  return merge(known.values.getStore(), new Map([[name, value]]));
}

/** Calls a function with the given values and no others. What it sets by `enterWith()` is its own. */
export function within<R>(values: ContextValues | undefined, fn: () => R): R {
  return known.values.run(values, fn);
}

/** The context in which this module was loaded: that of nobody in particular. */
const unbound = AsyncLocalStorage.snapshot();

/** Calls a function outside of all context: for work that serves many flows, whichever has started it. */
export function outsideContext<R>(fn: () => R): R {
  return unbound(() => within(undefined, fn));
}

/**
 * The changes that make the context `now` of the context `then`.
 *
 * @returns The changes; nothing if there are none.
 */
export function difference(
  then: ContextValues | undefined,
  now: ContextValues | undefined,
): ContextValues | undefined {
  if (then === now) return undefined;
  const changes = new Map<string, unknown>();
  for (const [name, value] of now ?? []) if (then?.get(name) !== value) changes.set(name, value);
  for (const name of then?.keys() ?? []) if (!now?.has(name)) changes.set(name, undefined);
  return changes.size === 0 ? undefined : changes;
}

/** The context that {@linkcode difference} was given as `now`: the changes made to `then`. */
export function merge(
  then: ContextValues | undefined,
  changes: ContextValues | undefined,
): ContextValues | undefined {
  if (!changes) return then;
  const now = new Map(then);
  for (const [name, value] of changes) {
    if (value === undefined) now.delete(name);
    else now.set(name, value);
  }
  return now.size === 0 ? undefined : now;
}
