/**
 * Tasks that depend on each other, for green threads and async code at once. Semantics: eventlet's `DAGPool`.
 *
 * The tasks and values of a pool are kept on the hub, and green code calls the hub for them. The pool's own memory holds
 * nothing but the pool's id: so it crosses as all coordination objects do.
 *
 * ```text
 * spawn ──> waiting (for values) ──> running (a green thread) ──> a value, or a PropagateError
 * post ───────────────────────────────────────────────────────> a value
 * ```
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import {
  checkOptionsObject,
  checkWaiting,
  show as found,
  timeLimit,
  type WaitOptions,
} from "../bridge/checks.ts";
import { Collision, CycleError, PropagateError } from "../bridge/errors.ts";
import type { GreenThread } from "../bridge/side/green_thread.ts";
import { intern, type Target } from "../bridge/protocol/messages.ts";
import { bounded } from "../bridge/side/bounded.ts";
import { serve } from "../bridge/protocol/served.ts";
import { blocking, greenSide } from "../bridge/side/side.ts";
import { state } from "../bridge/state.ts";
import { asyncSteps, END, GreenSteps } from "../bridge/side/steps.ts";
import { Core, FIRST_WORD, nameIn } from "../bridge/memory/core.ts";
import { Coordination, CORE, registerKind } from "../bridge/memory/objects.ts";
import { mark, spawnTarget } from "../bridge/protocol/targets.ts";
import { registerOwnClass } from "../bridge/values/classes.ts";
import { launch } from "./launch.ts";
import { twin } from "./permits.ts";
import type { NameOptions } from "./semaphore.ts";

const POST_KEYS = ["replace"];

/**
 * The key of a task: a string or a number. `1` and `"1"` are two keys. Each call throws a `TypeError` if its key is something else.
 *
 * @category Coordination
 */
export type DagKey = string | number;

/** A value, or the error in place of one. */
type Entry = { readonly value: unknown } | { readonly error: PropagateError };

interface Task {
  readonly depends: readonly DagKey[];
  readonly target: Target;
  readonly args: readonly unknown[];
  thread?: GreenThread<unknown>;
}

/** The tasks and values of one pool. Hub only. */
class DagState {
  readonly #pool: DAGPool;
  readonly #entries = new Map<DagKey, Entry>();
  readonly #tasks = new Map<DagKey, Task>();
  #changed = Promise.withResolvers<void>();

  constructor(pool: DAGPool) {
    this.#pool = pool;
  }

  spawn(key: DagKey, depends: readonly DagKey[], target: Target, args: readonly unknown[]): void {
    if (this.#tasks.has(key) || this.#entries.has(key)) {
      throw new Collision(`Cannot spawn ${show(key)}: the pool has that key already`);
    }
    const cycle = this.#pathBack(key, depends, [key], new Set());
    if (cycle) {
      throw new CycleError(`Cannot spawn ${show(key)}: it needs itself: ${cycle.join(" needs ")}`, {
        cycle: cycle.slice(0, -1).map(String),
      });
    }
    const unique = [...new Set(depends)];
    this.#tasks.set(key, { depends: unique, target: intern(target), args });
    this.#startReady();
  }

  post(key: DagKey, value: unknown, replace: boolean): void {
    const mayReplace = replace || this.#tasks.get(key)?.thread !== undefined &&
        !this.#entries.has(key);
    if (!mayReplace && (this.#tasks.has(key) || this.#entries.has(key))) {
      throw new Collision(`Cannot post ${show(key)}: the pool has that key already`);
    }
    this.#settle(key, { value });
  }

  has(key: DagKey): boolean {
    return this.#entries.has(key);
  }

  get(key: DagKey): unknown {
    const entry = this.#entries.get(key);
    return entry && unwrap(entry);
  }

  async at(key: DagKey, options?: WaitOptions): Promise<unknown> {
    const [, entry] = await bounded(options, () => this.#next([key]));
    return unwrap(entry);
  }

  /** Waits for the first of some keys to have a value or an error; returns that as a result, which can cross. */
  async next(
    keys: readonly DagKey[],
    options?: WaitOptions,
    ms?: number,
  ): Promise<[DagKey, boolean, unknown]> {
    const [key, entry] = await bounded(options, () => this.#next(keys), ms);
    return "error" in entry ? [key, false, entry.error] : [key, true, entry.value];
  }

  all(): DagKey[] {
    return [...new Set([...this.#entries.keys(), ...this.#tasks.keys()])];
  }

  size(): number {
    return this.#entries.size;
  }

  keys(): DagKey[] {
    return [...this.#entries.keys()];
  }

  runningKeys(): DagKey[] {
    return this.#keysOf(([key, { thread }]) => thread !== undefined && !this.#entries.has(key));
  }

  waitingKeys(): DagKey[] {
    return this.#keysOf(([, { thread }]) => thread === undefined);
  }

  waitingFor(key: DagKey): DagKey[] {
    const task = this.#tasks.get(key);
    if (!task) {
      if (this.#entries.has(key)) return [];
      throw new RangeError(
        `Cannot list the keys that ${show(key)} waits for: the pool has no task of that key`,
      );
    }
    return task.depends.filter((key) => !this.#entries.has(key));
  }

  kill(key: DagKey): void {
    const task = this.#tasks.get(key);
    if (!task) {
      throw new RangeError(
        `Cannot kill ${show(key)}: the task has ended, or the pool has none of that key`,
      );
    }
    if (task.thread) return task.thread.kill();
    this.#tasks.delete(key);
  }

  async #next(keys: readonly DagKey[]): Promise<[DagKey, Entry]> {
    const wanted = new Set(keys);
    for (;;) {
      for (const [key, entry] of this.#entries) if (wanted.has(key)) return [key, entry];
      await this.#changed.promise;
    }
  }

  #settle(key: DagKey, entry: Entry): void {
    this.#entries.set(key, entry);
    if (!this.#tasks.get(key)?.thread) this.#tasks.delete(key);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.#startReady();
  }

  #startReady(): void {
    for (const [key, task] of this.#tasks) {
      if (task.thread || !task.depends.every((key) => this.#entries.has(key))) continue;
      this.#start(key, task);
    }
  }

  #start(key: DagKey, task: Task): void {
    const order = [...this.#entries.keys()].filter((key) => task.depends.includes(key));
    const results = new DagResults(this.#pool, order);
    const fn = () => {};
    mark(fn, task.target);
    try {
      task.thread = launch(fn, [key, results, ...task.args], {});
    } catch (error) {
      this.#tasks.delete(key);
      return this.#settle(key, { error: new PropagateError(key, error) });
    }
    task.thread.link((thread) => {
      this.#tasks.delete(key);
      if (this.#entries.has(key)) return; // A value was posted: the result of the task does not count.
      const outcome = thread.outcome()!;
      this.#settle(
        key,
        outcome.status === "fulfilled"
          ? { value: outcome.value }
          : { error: new PropagateError(key, outcome.reason) },
      );
    });
  }

  #pathBack(
    key: DagKey,
    depends: readonly DagKey[],
    path: readonly DagKey[],
    seen: Set<DagKey>,
  ): DagKey[] | undefined {
    for (const next of depends) {
      if (next === key) return [...path, key];
      const task = this.#tasks.get(next);
      if (!task || seen.has(next)) continue;
      seen.add(next);
      const found = this.#pathBack(key, task.depends, [...path, next], seen);
      if (found) return found;
    }
    return undefined;
  }

  #keysOf(filter: (entry: [DagKey, Task]) => boolean): DagKey[] {
    return [...this.#tasks].filter(filter).map(([key]) => key);
  }
}

function show(key: DagKey): string {
  return typeof key === "string" ? `"${key}"` : String(key);
}

/**
 * Checks a key.
 *
 * @param action What cannot be done then: `kill a task`.
 * @param key The key.
 * @returns The key.
 * @throws {TypeError} If it is neither a string nor a number.
 */
function checkKey(action: string, key: DagKey): DagKey {
  if (typeof key === "string" || typeof key === "number") return key;
  throw new TypeError(
    `Cannot ${action}: expected a string or a number as key, found ${found(key)}`,
  );
}

function unwrap(entry: Entry): unknown {
  if ("error" in entry) throw entry.error;
  return entry.value;
}

/** The questions that green code can ask the state. */
type Question = Exclude<keyof DagState, symbol>;

/** Serves the questions of green code about a pool. */
export function askDagPool(pool: DAGPool, question: string, args: unknown[]): unknown {
  const state = stateOf(pool);
  if (!QUESTIONS.includes(question)) throw new TypeError(`Cannot ask a DAGPool "${question}"`);
  return (state as unknown as Record<string, (...args: unknown[]) => unknown>)[question](...args);
}

const QUESTIONS: readonly string[] = [
  "spawn",
  "post",
  "has",
  "get",
  "at",
  "next",
  "all",
  "size",
  "keys",
  "runningKeys",
  "waitingKeys",
  "waitingFor",
  "kill",
];

const ASK = serve("askDagPool", askDagPool);

const states = state("dags", () => new WeakMap<DAGPool, DagState>());

function stateOf(pool: DAGPool): DagState {
  let state = states.get(pool);
  if (!state) states.set(pool, state = new DagState(pool));
  return state;
}

/** Asks the state, on either side: in green code this blocks for the answer; on the hub it returns the answer, or a promise. */
function ask(pool: DAGPool, question: Question, ...args: unknown[]): unknown {
  const green = greenSide();
  // A wait has the keys alone, or options too, and then it ends by itself.
  return green
    ? green.call(ASK, [pool, question, args], undefined, true, args.length > 1)
    : askDagPool(pool, question, args);
}

/** Returns the keys of results. */
let keysOf: (results: DagResults) => readonly DagKey[];

/** The core of a pool: nothing but its id. */
export class DagCore extends Core {
  readonly kind = "dag pool";
  readonly wireName = "DAGPool";
  readonly lists = [];

  constructor(buffer?: SharedArrayBuffer, name?: string) {
    super(FIRST_WORD, buffer);
    this.named(name);
  }

  protected handBack(): void {}
}

/**
 * The argument of a task of a {@linkcode DAGPool}: the values that the task depends on.
 *
 * It is read as a `Map` is: `keys()`, `values()`, `entries()`, `has()`, `get()` and `size`. Pairs stand in the order in which the
 * values came, as do the keys of the pool. A value is asked for when it is read: in green code that is a round trip to the hub.
 *
 * @typeParam V The type of the values.
 *
 * @example Read the values
 * ```ts
 * import { DAGPool, type DagResults } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new DAGPool<number>({ a: 1, b: 2 });
 * pool.spawn("sum", ["a", "b"], (_key, results: DagResults<number>) =>
 *   results.values().reduce((sum, value) => sum + value, results.size));
 * assertEquals(await pool.atAsync("sum"), 5);
 * ```
 *
 * @category Coordination
 */
export class DagResults<V = unknown> implements Iterable<[DagKey, V]> {
  static {
    brand(this, "DagResults");
    keysOf = (results) => results.#keys;
  }

  readonly #pool: DAGPool<V>;
  readonly #keys: readonly DagKey[];

  /**
   * For the library.
   *
   * @ignore
   */
  constructor(pool: DAGPool<V>, keys: readonly DagKey[]) {
    this.#pool = pool;
    this.#keys = keys;
  }

  /** The pool. */
  get pool(): DAGPool<V> {
    return this.#pool;
  }

  /** The number of values. */
  get size(): number {
    return this.#keys.length;
  }

  /**
   * Says whether the task depends on a key.
   *
   * @param key The key.
   * @returns Whether it does: then the key has a value, or its task has failed.
   */
  has(key: DagKey): boolean {
    return this.#keys.includes(key);
  }

  /**
   * Returns the value of a key.
   *
   * @param key The key.
   * @returns The value, or `undefined` if the task does not depend on the key.
   * @throws {PropagateError} If the task of the key has failed.
   */
  get(key: DagKey): V | undefined {
    return this.has(key) ? this.#pool.get(key) : undefined;
  }

  /**
   * Iterates over the keys.
   *
   * @returns The keys, in the order in which their values came.
   */
  keys(): IteratorObject<DagKey, undefined, unknown> {
    return this.#keys.values();
  }

  /**
   * Iterates over the values.
   *
   * @returns The values, in the order in which they came.
   * @throws {PropagateError} By `next()`, in place of a value whose task has failed. The iteration is over then.
   */
  values(): Generator<V, void, undefined> {
    return this.#each((_key, value) => value);
  }

  /**
   * Iterates over the pairs of key and value.
   *
   * @returns The pairs, in the order in which the values came.
   * @throws {PropagateError} By `next()`, in place of a pair whose task has failed. The iteration is over then.
   */
  entries(): Generator<[DagKey, V], void, undefined> {
    return this.#each((key, value) => [key, value]);
  }

  /**
   * Iterates over the pairs: see {@linkcode DagResults.prototype.entries | DagResults.entries}.
   *
   * @returns The pairs of key and value.
   */
  [Symbol.iterator](): Generator<[DagKey, V], void, undefined> {
    return this.entries();
  }

  /**
   * Returns all pairs as an object.
   *
   * @returns An object with a property for each key.
   * @throws {PropagateError} If a task that the values come from has failed.
   */
  toObject(): Record<DagKey, V> {
    return Object.fromEntries(this);
  }

  /** Iterates over items made of each pair. After a limit the same item can be asked for again. */
  #each<T>(make: (key: DagKey, value: V) => T): Generator<T, void, undefined> {
    const left = [...this.#keys];
    return new GreenSteps(() => {
      if (left.length === 0) return END;
      const [key] = left;
      try {
        const value = make(key, this.#pool.get(key) as V);
        left.shift();
        return { done: false, value };
      } catch (error) {
        if (error instanceof PropagateError) left.length = 0;
        throw error;
      }
    });
  }
}

/**
 * Tasks by key, each with the keys of the tasks whose values it needs.
 *
 * - A task runs in a green thread. It starts when each key that it needs has a value or has failed, and takes no Worker before.
 * - A value may also come from outside, by `post()`.
 * - A task that fails has a `PropagateError` in place of a value. The error is thrown where the value is asked for, also in a
 *   task that needs the value, where it reads the value.
 * - Keys may be added at any time, also later than the tasks that need them. A cycle is refused with a `CycleError`.
 * - *Kill, timeout* of a waiter for values: it waits no longer, and nothing else changes.
 * - A pool has no close. In green code each call is a round trip to the hub.
 *
 * @typeParam V The type of the values.
 *
 * @example Two that feed a third
 * ```ts
 * import { DAGPool, type DagResults } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new DAGPool<number>({ a: 1 });
 * pool.spawn("b", ["a"], (_key, results: DagResults<number>) => results.toObject().a + 1);
 * pool.spawn("sum", ["a", "b"], (_key, results: DagResults<number>) => {
 *   let sum = 0;
 *   for (const [, value] of results) sum += value;
 *   return sum;
 * });
 * assertEquals(await pool.waitAsync(["sum"]), new Map([["sum", 3]]));
 * ```
 *
 * @category Coordination
 */
export class DAGPool<V = unknown> extends Coordination {
  static {
    brand(this, "DAGPool");
  }

  /**
   * For the library.
   *
   * @ignore
   */
  readonly [CORE]: DagCore;

  /**
   * Makes a pool.
   *
   * @param values The values at the start: an object, or pairs of key and value.
   * @param options See {@linkcode NameOptions}.
   * @throws {TypeError} If `values` is neither, or a key is neither a string nor a number.
   * @throws {Collision} If two pairs have one key.
   */
  constructor(
    values: Readonly<Record<string, V>> | Iterable<readonly [DagKey, V]> = {},
    options?: NameOptions,
  ) {
    super();
    this[CORE] = new DagCore(undefined, nameIn(options));
    if (typeof values !== "object" && typeof values !== "function" || values === null) {
      throw new TypeError(
        `Cannot create a DAGPool: expected an object or pairs of values, found ${
          typeof values === "string" ? `"${values}"` : String(values)
        }`,
      );
    }
    const pairs = Symbol.iterator in values
      ? values as Iterable<readonly [DagKey, V]>
      : Object.entries(values as Record<string, V>);
    for (const [key, value] of pairs) this.post(key, value);
  }

  /**
   * Adds a task.
   *
   * @param key The key of the task.
   * @param depends The keys whose values the task needs.
   * @param fn The function to run, as for the function `spawn`. It gets the key, the values, and the arguments.
   * @param args More arguments of the call.
   * @throws {TypeError} If a key is neither a string nor a number, `depends` is no iterable, or `fn` cannot run in a green thread.
   * @throws {Collision} If the pool has the key already.
   * @throws {CycleError} If the task would need itself.
   */
  // deno-lint-ignore no-explicit-any
  spawn<A extends any[]>(
    key: DagKey,
    depends: Iterable<DagKey>,
    // deno-lint-ignore no-explicit-any
    fn: (key: any, results: DagResults<V>, ...args: A) => V | PromiseLike<V>,
    ...args: A
  ): void {
    checkKey("spawn a task", key);
    if (typeof (depends as Partial<Iterable<DagKey>> | null)?.[Symbol.iterator] !== "function") {
      throw new TypeError(
        `Cannot spawn ${show(key)}: expected an iterable of the keys that it needs, found ${
          String(depends)
        }`,
      );
    }
    const needs = Array.from(depends, (need) => checkKey(`spawn ${show(key)}`, need));
    ask(this, "spawn", key, needs, spawnTarget(fn), args);
  }

  /**
   * Adds a task for each key of an object.
   *
   * @param depends The keys of the tasks, each with the keys whose values that task needs.
   * @param fn As for {@linkcode DAGPool.prototype.spawn | DAGPool.spawn}.
   * @param args As for {@linkcode DAGPool.prototype.spawn | DAGPool.spawn}.
   * @throws As {@linkcode DAGPool.prototype.spawn | DAGPool.spawn} does. The tasks before the one that is refused are added.
   */
  // deno-lint-ignore no-explicit-any
  spawnMany<A extends any[]>(
    depends: Readonly<Record<string, Iterable<DagKey>>>,
    // deno-lint-ignore no-explicit-any
    fn: (key: any, results: DagResults<V>, ...args: A) => V | PromiseLike<V>,
    ...args: A
  ): void {
    for (const [key, needs] of Object.entries(depends)) this.spawn(key, needs, fn, ...args);
  }

  /**
   * Gives a key its value.
   *
   * @param key The key. A running task may be given its value in this way: then its own result does not count.
   * @param value The value.
   * @param options `replace`: whether to replace a value, or a task that waits.
   * @throws {Collision} If the pool has the key already.
   */
  post(key: DagKey, value: V, options?: { replace?: boolean }): void {
    checkOptionsObject("post", options, "{ replace: true }", POST_KEYS);
    checkKey("post a value", key);
    ask(this, "post", key, value, options?.replace ?? false);
  }

  /** The number of keys that have a value, or whose task has failed. */
  get size(): number {
    return ask(this, "size") as number;
  }

  /**
   * Says whether a key has a value, or its task has failed.
   *
   * @param key The key.
   * @returns Whether it has, or it has failed.
   */
  has(key: DagKey): boolean {
    return ask(this, "has", checkKey("look for a value", key)) as boolean;
  }

  /**
   * Returns the value of a key, without waiting.
   *
   * @param key The key.
   * @returns The value, or `undefined` if there is none yet.
   * @throws {PropagateError} If its task has failed.
   */
  get(key: DagKey): V | undefined {
    return ask(this, "get", checkKey("get a value", key)) as V | undefined;
  }

  /**
   * Returns the value of a key; blocks the green thread until there is one, even if the key is added later.
   *
   * @param key The key.
   * @param options See {@linkcode WaitOptions}.
   * @returns The value.
   * @throws {PropagateError} If its task has failed.
   * @throws {Timeout} If there was no value in time.
   * @throws {BlockingCallError} If it is called on the hub: use `atAsync()` there.
   */
  at(key: DagKey, options?: WaitOptions): V {
    blocking("at()", "await atAsync()");
    checkKey("get a value", key);
    checkWaiting(options);
    const limits = options ? [{ timeout: timeLimit(options), signal: options.signal }] : [];
    return ask(this, "at", key, ...limits) as V;
  }

  /**
   * Returns the value of a key, in async code: see {@linkcode DAGPool.prototype.at | DAGPool.at}.
   *
   * @param key The key.
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the value; it rejects with a `PropagateError` if the task has failed, and with a `Timeout` if there was
   * no value in time.
   */
  atAsync(key: DagKey, options?: WaitOptions): Promise<V> {
    return twin(
      () => this.at(key, options),
      async () => await stateOf(this).at(checkKey("get a value", key), options) as V,
    );
  }

  /**
   * Blocks the green thread until keys have values.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole wait.
   * @returns The values, in the order in which they came.
   * @throws {PropagateError} If a task among them has failed.
   * @throws {Timeout} If some had no value in time.
   * @throws {BlockingCallError} If it is called on the hub: use `waitAsync()` there.
   */
  wait(keys?: Iterable<DagKey>, options?: WaitOptions): Map<DagKey, V> {
    blocking("wait()", "await waitAsync()");
    return new Map(this.waitEach(keys, options));
  }

  /**
   * Waits until keys have values, in async code: see {@linkcode DAGPool.prototype.wait | DAGPool.wait}.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}.
   * @returns A promise of the values, in the order in which they came; it rejects with a `PropagateError` if a task has failed,
   * and with a `Timeout` if they did not come in time.
   */
  async waitAsync(keys?: Iterable<DagKey>, options?: WaitOptions): Promise<Map<DagKey, V>> {
    const values = new Map<DagKey, V>();
    for await (const [key, value] of this.waitEachAsync(keys, options)) values.set(key, value);
    return values;
  }

  /**
   * Iterates over the values of keys, each as it comes, those that are there already first. For green code.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole iteration, from its first step.
   * @returns The pairs of key and value, with the helpers of `Iterator.prototype`.
   * @throws {PropagateError} By `next()`, in place of a value whose task has failed. The iteration is over then.
   * @throws {Timeout} By `next()`, in place of a value that did not come in time.
   * @throws {BlockingCallError} By the first `next()` on the hub: use `waitEachAsync()` there.
   */
  waitEach(
    keys?: Iterable<DagKey>,
    options?: WaitOptions,
  ): Generator<[DagKey, V], void, undefined> {
    return stepsOf(this, keys, options, valueOf<V>, "waitEach");
  }

  /**
   * Iterates over the values of keys, as {@linkcode DAGPool.prototype.waitEach | DAGPool.waitEach} does, without the keys that
   * fail. For green code.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole iteration, from its first step.
   * @returns The pairs of key and value.
   * @throws {Timeout} By `next()`, in place of a value that did not come in time.
   * @throws {BlockingCallError} By the first `next()` on the hub: use `waitEachSuccessAsync()` there.
   */
  waitEachSuccess(
    keys?: Iterable<DagKey>,
    options?: WaitOptions,
  ): Generator<[DagKey, V], void, undefined> {
    return stepsOf(this, keys, options, successOf<V>, "waitEachSuccess");
  }

  /**
   * Iterates over the errors of keys that fail, each as it comes. For green code.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole iteration, from its first step.
   * @returns The pairs of key and error.
   * @throws {Timeout} By `next()`, in place of a value that did not come in time.
   * @throws {BlockingCallError} By the first `next()` on the hub: use `waitEachErrorAsync()` there.
   */
  waitEachError(
    keys?: Iterable<DagKey>,
    options?: WaitOptions,
  ): Generator<[DagKey, PropagateError], void, undefined> {
    return stepsOf(this, keys, options, errorOf, "waitEachError");
  }

  /**
   * Iterates over the values of keys, in async code: see {@linkcode DAGPool.prototype.waitEach | DAGPool.waitEach}.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole iteration, from its first step.
   * @returns The pairs of key and value.
   * @throws {PropagateError} By `next()`, in place of a value whose task has failed. The iteration is over then.
   * @throws {Timeout} By `next()`, in place of a value that did not come in time.
   */
  waitEachAsync(
    keys?: Iterable<DagKey>,
    options?: WaitOptions,
  ): AsyncGenerator<[DagKey, V], void, undefined> {
    return asyncStepsOf(this, keys, options, valueOf<V>);
  }

  /**
   * Iterates over the values of keys that do not fail, in async code: see
   * {@linkcode DAGPool.prototype.waitEachSuccess | DAGPool.waitEachSuccess}.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole iteration, from its first step.
   * @returns The pairs of key and value.
   * @throws {Timeout} By `next()`, in place of a value that did not come in time.
   */
  waitEachSuccessAsync(
    keys?: Iterable<DagKey>,
    options?: WaitOptions,
  ): AsyncGenerator<[DagKey, V], void, undefined> {
    return asyncStepsOf(this, keys, options, successOf<V>);
  }

  /**
   * Iterates over the errors of keys that fail, in async code: see
   * {@linkcode DAGPool.prototype.waitEachError | DAGPool.waitEachError}.
   *
   * @param keys The keys; by default all keys that the pool has now.
   * @param options See {@linkcode WaitOptions}; `timeout` is for the whole iteration, from its first step.
   * @returns The pairs of key and error.
   * @throws {Timeout} By `next()`, in place of an error that did not come in time.
   */
  waitEachErrorAsync(
    keys?: Iterable<DagKey>,
    options?: WaitOptions,
  ): AsyncGenerator<[DagKey, PropagateError], void, undefined> {
    return asyncStepsOf(this, keys, options, errorOf);
  }

  /**
   * Iterates over the keys that have a value, or whose task has failed, as they are at the call.
   *
   * @returns The keys, in the order in which their values came.
   */
  keys(): IteratorObject<DagKey, undefined, unknown> {
    return (ask(this, "keys") as DagKey[]).values();
  }

  /**
   * Iterates over the keys whose tasks run, as they are at the call.
   *
   * @returns The keys, in the order in which their tasks were added.
   */
  runningKeys(): IteratorObject<DagKey, undefined, unknown> {
    return (ask(this, "runningKeys") as DagKey[]).values();
  }

  /**
   * Iterates over the keys whose tasks wait for values, as they are at the call.
   *
   * @returns The keys, in the order in which their tasks were added.
   */
  waitingKeys(): IteratorObject<DagKey, undefined, unknown> {
    return (ask(this, "waitingKeys") as DagKey[]).values();
  }

  /**
   * Iterates over the keys that a task still waits for, including keys that nobody has spawned or posted.
   *
   * @param key The key of the task.
   * @returns The keys, in the order in which the task was given them; none if the task has ended.
   * @throws {RangeError} If the pool does not have the key.
   */
  waitingFor(key: DagKey): IteratorObject<DagKey, undefined, unknown> {
    checkKey("list the keys that a task waits for", key);
    return (ask(this, "waitingFor", key) as DagKey[]).values();
  }

  /**
   * Kills a task. If the task waits, the pool forgets it, and its key can be used again. If it runs, it fails.
   *
   * @param key The key of the task.
   * @throws {RangeError} If there is no such task, or the task has ended.
   */
  kill(key: DagKey): void {
    ask(this, "kill", checkKey("kill a task", key));
  }
}

/** The options of one step of an iteration: with what is left of the whole time, and that time. Nothing if they limit nothing. */
type Rest = () => [options?: WaitOptions, ms?: number];

function restOf(options: WaitOptions | undefined): Rest {
  checkWaiting(options);
  const timeout = timeLimit(options);
  const signal = options?.signal;
  if (timeout === Infinity && signal === undefined) return () => [];
  let until: number | undefined;
  return () => {
    until ??= performance.now() + timeout;
    return [{ timeout: until - performance.now(), signal }, timeout];
  };
}

function iterated(keys: Iterable<DagKey>): DagKey[] {
  if (typeof Object(keys)[Symbol.iterator] === "function") {
    return Array.from(keys, (key) => checkKey("wait for keys", key));
  }
  throw new TypeError(`Cannot wait for keys: expected an iterable of them, found ${found(keys)}`);
}

/** Iterates over the items of keys, in green code. */
function stepsOf<T>(
  pool: DAGPool,
  keys: Iterable<DagKey> | undefined,
  options: WaitOptions | undefined,
  pick: Pick<T>,
  call: string,
): Generator<T, void, undefined> {
  const rest = restOf(options);
  let left: Set<DagKey> | undefined;
  return new GreenSteps(() => {
    if (!greenSide()) blocking(`${call}()`, `for await … of ${call}Async()`);
    left ??= new Set(iterated(keys ?? ask(pool, "all") as DagKey[]));
    while (left.size > 0) {
      const result = ask(pool, "next", [...left], ...rest()) as Result;
      left.delete(result[0]);
      const picked = pickFrom(left, result, pick);
      if (picked) return { done: false, value: picked[0] };
    }
    return END;
  });
}

/** Iterates over the items of keys, in async code. */
function asyncStepsOf<T>(
  pool: DAGPool,
  keys: Iterable<DagKey> | undefined,
  options: WaitOptions | undefined,
  pick: Pick<T>,
): AsyncGenerator<T, void, undefined> {
  const each = greenSide() ? stepsOf(pool, keys, options, pick, "waitEach") : undefined;
  const rest = restOf(options);
  let left: Set<DagKey> | undefined;
  const step = async (): Promise<IteratorResult<T, undefined>> => {
    if (each) return each.next() as IteratorResult<T, undefined>;
    const state = stateOf(pool);
    left ??= new Set(iterated(keys ?? state.all()));
    while (left.size > 0) {
      const result = await state.next([...left], ...rest());
      left.delete(result[0]);
      const picked = pickFrom(left, result, pick);
      if (picked) return { done: false, value: picked[0] };
    }
    return END;
  };
  return asyncSteps(step, () => {});
}

/** A key, whether its task has succeeded, and its value or error. */
type Result = [key: DagKey, succeeded: boolean, value: unknown];

/** Makes an item of a result, in an array; `undefined` to leave the result out. */
type Pick<T> = (result: Result) => [T] | undefined;

function valueOf<V>([key, succeeded, value]: Result): [[DagKey, V]] {
  if (!succeeded) throw value;
  return [[key, value as V]];
}

function successOf<V>([key, succeeded, value]: Result): [[DagKey, V]] | undefined {
  return succeeded ? [[key, value as V]] : undefined;
}

function errorOf([key, succeeded, value]: Result): [[DagKey, PropagateError]] | undefined {
  return succeeded ? undefined : [[key, value as PropagateError]];
}

/** Makes an item of a result. An error that is thrown in place of an item ends the iteration. */
function pickFrom<T>(left: Set<DagKey>, result: Result, pick: Pick<T>): [T] | undefined {
  try {
    return pick(result);
  } catch (error) {
    left.clear();
    throw error;
  }
}

registerKind("DAGPool", DAGPool, (buffer, name) => new DagCore(buffer, name));

registerOwnClass<DagResults, readonly [DAGPool, readonly DagKey[]]>(DagResults, {
  name: "aiohub.DagResults",
  toWire: (results) => [results.pool, keysOf(results)],
  fromWire: ([pool, keys]) => new DagResults(pool, keys),
});
