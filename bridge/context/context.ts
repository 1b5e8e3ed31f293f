/**
 * Async context: what a flow of control carries along, as an immutable chain of layers.
 *
 * Registered storages (`register.ts`) keep their values here, all in one `AsyncLocalStorage`, by name: so that one
 * operation takes all of them across, and a name that is not registered on this side is carried through all the same.
 *
 * ```text
 * set     run(), enterWith(), or what came with a call: its values hide those below
 * joined  put in by one who awaits something: empty until that has ended (pending), then what it had changed: the
 *         later one of its values and those below counts
 * ```
 *
 * **Who sees a change.** A flow cannot be given another context while it awaits: what it goes on with is what it had. So
 * `await thread` puts a joined layer into the flow first, and the end of the thread fills that in. Flows that branched off
 * before do not have the layer. Of several that end, the last one counts ({@linkcode Write.at}); what the flow itself sets
 * after it had joined stays.
 *
 * **Where changes go.** A call or a thread is a {@linkcode Scope}: it notes what `enterWith()` sets in it, in whichever of
 * its flows and after whichever `await`, but not inside of a `run()`, which ends by itself. What was noted goes back to
 * the caller.
 *
 * Chains stay short: a layer absorbs those below it that are not pending, so there are never more than twice as many as
 * there are pending ones. Nothing else about a layer changes, so whoever is at one further down is not concerned.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { state } from "../state.ts";

/** Values by the names of their storages. A change to `undefined` takes the value away. */
export type ContextValues = ReadonlyMap<string, unknown>;

/** A call or a thread: notes what is changed in it. */
export interface Scope {
  /** What it was given by whoever called or spawned. */
  given?: ContextValues;
  /** What was changed, by name. */
  changes?: Map<string, unknown>;
}

/** A value, and when it was written, by the count of writes on this side. */
interface Write {
  readonly value: unknown;
  readonly at: number;
  /** Whether it counts before what is below, however late that was written. */
  readonly hides: boolean;
}

/** One layer. */
interface Layer {
  /** What is below it. */
  below: Layer | undefined;
  /** What it says itself. */
  writes: Map<string, Write> | undefined;
  /** The call or thread that it is in; none in a `run()`. */
  readonly scope: Scope | undefined;
  /** Whether it was put in by one who awaits something. */
  readonly joined: boolean;
  /** Whether it may still be filled in. */
  pending: boolean;
  /** All values that one sees who is at this layer, once they cannot change any more. */
  values?: { readonly all: ContextValues | undefined };
}

/** What this thread of execution knows. */
interface Known {
  readonly layers: AsyncLocalStorage<Layer>;
  /** Whether a storage was ever registered here, or a context came: while not, nobody has to look. */
  used: boolean;
  /** How many writes there were. */
  writes: number;
  /** Gives the scope of a flow that has no layer. */
  outermost: (() => Scope | undefined) | undefined;
}

const known: Known = state("context", () => ({
  layers: new AsyncLocalStorage<Layer>(),
  used: false,
  writes: 0,
  outermost: undefined,
}));

/** Whether there may be any context at all: the one question that a call pays for when there is none. */
export function usesContext(): boolean {
  return known.used;
}

/** From now on there may be context. */
export function useContext(): void {
  known.used = true;
}

/** Says how to find the scope of a flow that carries nothing. */
export function findScopeBy(find: () => Scope | undefined): void {
  known.outermost = find;
}

/** The value of a storage in the flow that asks. */
export function valueOf(name: string): unknown {
  return lookUp(foundation(known.layers.getStore()), name)?.value;
}

/** All values of the flow that asks; nothing if there are none. */
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

/** Calls a function with a value, as `run()` does: what is set inside stays inside. */
export function withValue<R>(name: string, value: unknown, fn: () => R): R {
  const below = known.layers.getStore();
  return known.layers.run(layerOn(below, undefined, written([[name, value]])), fn);
}

/** Calls a function in a scope: it starts with what that was given, and sees nothing of the flow that calls. */
export function within<R>(scope: Scope, fn: () => R): R {
  const { given } = scope;
  const layer = layerOn(undefined, scope, written(given ?? []));
  layer.values = { all: given };
  return known.layers.run(layer, fn);
}

/** The context in which this module was loaded: that of nobody in particular. */
const unbound = AsyncLocalStorage.snapshot();

/** Calls a function outside of all context: for what serves many, whoever has started it. */
export function outsideContext<R>(fn: () => R): R {
  return unbound(() => known.layers.run(undefined as unknown as Layer, fn));
}

/**
 * What one who has `then` as its context has to be told, if he thinks that it is `now`.
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

/** What {@linkcode difference} was made of. */
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

/** What was changed in a scope of what it was given; nothing if all is as it was. */
export function changesIn({ changes, given }: Scope): ContextValues | undefined {
  if (!changes) return undefined;
  for (const [name, value] of changes) if (given?.get(name) === value) changes.delete(name);
  return changes.size === 0 ? undefined : changes;
}

/** What somebody else has changed, as this side has heard of it. */
export class Changes {
  readonly values: ContextValues;
  readonly #at = ++known.writes;

  /** @param values What was changed. */
  constructor(values: ContextValues) {
    this.values = values;
  }

  /** The flow that calls takes them over, as far as they are newer than what it has. */
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

  /** Fills in a layer. */
  fill(layer: Layer): void {
    layer.writes = new Map();
    for (const [name, value] of this.values) {
      layer.writes.set(name, { value, at: this.#at, hides: false });
      if (layer.scope) note(layer.scope, name, value);
    }
  }
}

/** A flow that waits for what something else will have changed. */
export class Join {
  readonly #layer: Layer;

  /** The flow that calls waits from now on, without being held up. */
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

  /** It has ended; what it has changed, if anything, is seen from now on. */
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

/** What a new layer is put on: not on what has turned out to say nothing. */
function foundation(layer: Layer | undefined): Layer | undefined {
  while (layer?.joined && !layer.pending && !layer.writes) layer = layer.below;
  if (layer && !layer.pending) absorb(layer);
  return layer;
}

/** Takes into a layer those below it that cannot change any more. */
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

/** What counts of a write and one below it that it does not hide. */
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

/** Of the writes down to the first one that hides what is below, the last one. */
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
