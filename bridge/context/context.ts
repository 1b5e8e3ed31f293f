/**
 * Async context: the values that a flow of control carries along, as a chain of layers.
 *
 * Registered storages (`register.ts`) keep their values here, all in one `AsyncLocalStorage`, by name: so that one
 * operation takes all of them across, and a name that is not registered on this side is carried through all the same.
 *
 * ```text
 * set     made by run(), enterWith(), or the values that came with a call: its values hide those below
 * joined  put in by a flow that awaits a thread: empty until that has ended (pending), then filled with the changes that
 *         the thread made: the later one of its values and those below counts
 * ```
 *
 * **Who sees a change.** A flow cannot be given another context while it awaits: it goes on with the context that it had. So
 * `await thread` puts a joined layer into the flow first, and the end of the thread fills that layer in. Flows that branched
 * off before do not have the layer. When several threads end, the last one counts ({@linkcode Write.at}); values that the flow
 * itself sets after it had joined stay.
 *
 * **Where changes go.** A call or a thread is a {@linkcode Scope}: it notes the values that `enterWith()` sets in it, in
 * whichever of its flows and after whichever `await`, but not inside of a `run()`, which ends by itself. The noted changes go
 * back to the caller.
 *
 * Chains stay short: a layer absorbs those below it that are not pending, so there are never more than twice as many layers as
 * pending ones. Nothing else about a layer changes, so a flow that is at a layer further down is not concerned.
 *
 * The changes of a thread wait in a {@linkcode Join} for those who wait for the thread.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { state } from "../state.ts";

/** Values by the names of their storages. A change to `undefined` takes the value away. */
export type ContextValues = ReadonlyMap<string, unknown>;

/** The scope of a call or a thread: notes the changes that are made in it. */
export interface Scope {
  /** The values that came from the caller or spawner. */
  given?: ContextValues;
  /** The changes, by name. */
  changes?: Map<string, unknown>;
}

/** One write of one value. */
interface Write {
  readonly value: unknown;
  /** The time of the write, by the count of writes on this side. */
  readonly at: number;
  /** Whether it counts before the writes below, however late those were made. */
  readonly hides: boolean;
}

/** One layer of a context. */
interface Layer {
  /** The layer below it. */
  below: Layer | undefined;
  /** The writes in the layer itself, by name. */
  writes: Map<string, Write> | undefined;
  /** The scope of the call or thread that the layer is in; none in a `run()`. */
  readonly scope: Scope | undefined;
  /** Whether the layer was put in by a flow that awaits a thread. */
  readonly joined: boolean;
  /** Whether the layer may still be filled in. */
  pending: boolean;
  /** All values that a flow at this layer sees, once they cannot change any more. */
  values?: { readonly all: ContextValues | undefined };
}

/** The async context of this thread of execution. */
interface Known {
  readonly layers: AsyncLocalStorage<Layer>;
  /** Whether a storage was ever registered here, or a context came: if not, nobody has to look. */
  used: boolean;
  /** The count of writes so far. */
  writes: number;
  /** Finds the scope of a flow that has no layer. */
  outermost: (() => Scope | undefined) | undefined;
}

const known: Known = state("context", () => ({
  layers: new AsyncLocalStorage<Layer>(),
  used: false,
  writes: 0,
  outermost: undefined,
}));

/** Whether there may be any context at all: the one look that a call pays for when there is none. */
export function usesContext(): boolean {
  return known.used;
}

/** Notes that from now on there may be context. */
export function useContext(): void {
  known.used = true;
}

/** Registers the function that finds the scope of a flow without a layer. */
export function findScopeBy(find: () => Scope | undefined): void {
  known.outermost = find;
}

/** The value of a storage in the current flow. */
export function valueOf(name: string): unknown {
  return lookUp(foundation(known.layers.getStore()), name)?.value;
}

/** All values of the current flow; nothing if there are none. */
export function currentValues(): ContextValues | undefined {
  if (!known.used) return undefined;
  const layer = foundation(known.layers.getStore());
  if (!layer) return undefined;
  if (layer.values) return layer.values.all;
  const found = new Map<string, unknown>();
  for (const name of namesOf(layer)) {
    const value = lookUp(layer, name)?.value;
    if (value !== undefined) found.set(name, value);
  }
  const values = found.size === 0 ? undefined : found;
  if (!layer.pending && !layer.below) layer.values = { all: values };
  return values;
}

/** Sets a value for the rest of the flow, as `enterWith()` does. */
export function setValue(name: string, value: unknown): void {
  const below = known.layers.getStore();
  const scope = scopeOf(below);
  if (scope) note(scope, name, value);
  known.layers.enterWith(layerOn(below, scope, written([[name, value]])));
}

/** Calls a function with a value, as `run()` does: values set inside stay inside. */
export function withValue<R>(name: string, value: unknown, fn: () => R): R {
  const below = known.layers.getStore();
  return known.layers.run(layerOn(below, undefined, written([[name, value]])), fn);
}

/** Calls a function in a scope: the function starts with the given values, and sees nothing of the flow that calls. */
export function within<R>(scope: Scope, fn: () => R): R {
  const { given } = scope;
  const layer = layerOn(undefined, scope, written(given ?? []));
  layer.values = { all: given };
  return known.layers.run(layer, fn);
}

/** The context in which this module was loaded: that of nobody in particular. */
const unbound = AsyncLocalStorage.snapshot();

/** Calls a function outside of all context: for work that serves many flows, whichever has started it. */
export function outsideContext<R>(fn: () => R): R {
  return unbound(() => known.layers.run(undefined as unknown as Layer, fn));
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

/** The changes in a scope, compared with the values that it was given; nothing if there are none. */
export function changesIn({ changes, given }: Scope): ContextValues | undefined {
  if (!changes) return undefined;
  for (const [name, value] of changes) if (given?.get(name) === value) changes.delete(name);
  return changes.size === 0 ? undefined : changes;
}

/** Changes that a thread or call has made, from when this side has heard of them. */
export class Changes {
  readonly values: ContextValues;
  readonly #at = ++known.writes;

  /** @param values The changed values. */
  constructor(values: ContextValues) {
    this.values = values;
  }

  /** Takes the changes over into the current flow, as far as they are newer than its own values. */
  takeOver(): void {
    const below = known.layers.getStore();
    const writes = new Map<string, Write>();
    for (const [name, value] of this.values) {
      const now = lookUp(below, name);
      if (now && now.at >= this.#at) continue;
      writes.set(name, { value, at: this.#at, hides: true });
    }
    if (writes.size === 0) return;
    const scope = scopeOf(below);
    if (scope) { for (const [name, { value }] of writes) note(scope, name, value); }
    known.layers.enterWith(layerOn(below, scope, writes));
  }

  /** Fills a pending layer with the changes. */
  fill(layer: Layer): void {
    layer.writes = new Map();
    for (const [name, value] of this.values) {
      layer.writes.set(name, { value, at: this.#at, hides: false });
      if (layer.scope) note(layer.scope, name, value);
    }
  }
}

/** A joined layer in a flow, which waits for the changes of a thread. */
export class Join {
  readonly #layer: Layer;

  /** Puts a pending layer into the current flow. The flow goes on. */
  constructor() {
    const below = known.layers.getStore();
    this.#layer = {
      below: foundation(below),
      writes: undefined,
      scope: scopeOf(below),
      joined: true,
      pending: true,
    };
    known.layers.enterWith(this.#layer);
  }

  /** Fills the layer in, as the thread has ended; the flow sees the changes, if any, from now on. */
  settle(changes: Changes | undefined): void {
    if (!this.#layer.pending) return;
    this.#layer.pending = false;
    changes?.fill(this.#layer);
  }
}

function scopeOf(layer: Layer | undefined): Scope | undefined {
  return layer ? layer.scope : known.outermost?.();
}

function note(scope: Scope, name: string, value: unknown): void {
  (scope.changes ??= new Map()).set(name, value);
}

function written(values: Iterable<readonly [string, unknown]>): Map<string, Write> {
  const writes = new Map<string, Write>();
  for (const [name, value] of values) writes.set(name, { value, at: ++known.writes, hides: true });
  return writes;
}

function layerOn(
  below: Layer | undefined,
  scope: Scope | undefined,
  writes: Map<string, Write>,
): Layer {
  const layer: Layer = { below: foundation(below), writes, scope, joined: false, pending: false };
  absorb(layer);
  return layer;
}

/** The layer on which to put a new one: layers that have turned out to be empty are skipped. */
function foundation(layer: Layer | undefined): Layer | undefined {
  while (layer?.joined && !layer.pending && !layer.writes) layer = layer.below;
  if (layer && !layer.pending) absorb(layer);
  return layer;
}

/** Takes into a layer the writes of those below it that cannot change any more. */
function absorb(layer: Layer): void {
  while (layer.below && !layer.below.pending) {
    const { writes, below } = layer.below;
    if (writes && writes.size > 0) {
      const all = new Map(writes);
      for (const [name, write] of layer.writes ?? []) {
        const lower = writes.get(name);
        all.set(name, lower && !write.hides ? later(write, lower) : write);
      }
      layer.writes = all;
    }
    layer.below = below;
  }
}

/** The write that counts, of one and another below it that it does not hide. */
function later(upper: Write, lower: Write): Write {
  const { value, at } = upper.at > lower.at ? upper : lower;
  return { value, at, hides: lower.hides };
}

function namesOf(layer: Layer): Set<string> {
  const names = new Set<string>();
  for (let at: Layer | undefined = layer; at; at = at.below) {
    for (const name of at.writes?.keys() ?? []) names.add(name);
  }
  return names;
}

/** The latest of the writes, down to the first one that hides those below it. */
function lookUp(layer: Layer | undefined, name: string): Write | undefined {
  let last: Write | undefined;
  for (let at = layer; at; at = at.below) {
    const write = at.writes?.get(name);
    if (!write) continue;
    if (!last || write.at > last.at) last = write;
    if (write.hides) break;
  }
  return last;
}

/** The way back of one thread's context. */
export class ContextReturn {
  readonly #joins: Join[] = [];
  #changes: Changes | undefined;
  #ended = false;

  /** The changes; nothing before the end. */
  get changes(): ContextValues | undefined {
    return this.#changes?.values;
  }

  /** Hands the changes to those who wait, as the thread has ended. */
  end(changes: ContextValues | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#changes = changes && new Changes(changes);
    for (const join of this.#joins) join.settle(this.#changes);
    this.#joins.length = 0;
  }

  /** Called by a flow that is about to await the thread. */
  join(): void {
    if (this.#ended) this.#changes?.takeOver();
    else this.#joins.push(new Join());
  }

  /** Takes the last {@linkcode ContextReturn.join} back: that flow has read `then` to call it by itself. */
  leave(): void {
    this.#joins.pop()?.settle(undefined);
  }

  /** Takes the changes over into a flow that has waited for the thread. */
  takeOver(): void {
    this.#changes?.takeOver();
  }
}

/** A thread that can be awaited. */
export interface Awaitable {
  // deno-lint-ignore no-explicit-any
  then(...args: any[]): unknown;
  /** Called when `then` is read: by `await`, `Promise.all()` and the like at once, in the flow that awaits. */
  beforeThen(): void;
}

/**
 * Has the objects of a class hear that they are awaited before it happens. `await` reads `then` in the flow that awaits, and
 * calls it in a microtask of its own: by then it is too late to put anything into the flow.
 */
export function hearOfAwaits(prototype: Awaitable): void {
  const { then } = prototype;
  Object.defineProperty(prototype, "then", {
    configurable: true,
    get(this: Awaitable) {
      if (usesContext() && this !== prototype) this.beforeThen();
      return then;
    },
  });
}
