/**
 * The hub: the main thread's part of the library, which owns the Workers and the green threads.
 *
 * @module
 */

import { brand } from "../bridge/brand.ts";
import { currentValues, outsideContext } from "../bridge/context/context.ts";
import { outsideLimits } from "../bridge/side/limit.ts";
import { BlockingCallError } from "../bridge/errors.ts";
import { checkOptionsObject, show } from "../bridge/checks.ts";
import { PATIENCE } from "../bridge/patience.ts";
import { keyOf } from "../bridge/state.ts";
import { graceIn, type GreenThread } from "../bridge/side/green_thread.ts";
import { greenSide } from "../bridge/side/side.ts";
import { ITS_TURN } from "../bridge/side/green.ts";
import { type FutureOptions, makeAsyncThread } from "./threads/async_threads.ts";
import { Doorbell } from "./pool/doorbell.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type GreenModule, importGreen } from "./green_import.ts";
import {
  type HubEventMap,
  type HubListener,
  ListenerGuards,
  UnhandledThreadEvent,
} from "./base/events.ts";
import type { HubThread } from "./records/thread.ts";
import type { HubThreadOptions } from "../bridge/side/spawnable.ts";
import { checkOptions, type HubOptions } from "./base/options.ts";
import { checkDelay, Spawner, type SpawnOptions } from "./spawner.ts";
import type {
  Passed,
  Result,
  Returned,
  Spawnable,
  SpawnableWith,
  SpawnArguments,
} from "../bridge/side/spawnable.ts";
import { spawnTarget } from "../bridge/protocol/targets.ts";
import { type Fault, faultEvent, printFault } from "./base/faults.ts";
import { onUnload } from "./base/unload.ts";
import { settlesWithin } from "./base/time.ts";

/** Key of the method that makes a green thread for async work. */
export const FUTURE: unique symbol = keyOf("future") as never;

/** Key of the method that spawns with all options that a thread can have. */
export const LAUNCH: unique symbol = keyOf("launch") as never;

/**
 * Options for {@linkcode Hub.prototype.close | Hub.close}.
 *
 * @category Hubs
 */
export interface CloseOptions {
  /**
   * The time that running threads may go on, in milliseconds. Then they are killed with a `HubClosedError`, and, if they do
   * not end soon after that, their Workers are stopped.
   *
   * @default {5_000}
   */
  grace?: number;
  /**
   * The old name of `grace`, which is taken until 1.0.
   *
   * @deprecated Use `grace`.
   */
  graceMs?: number;
}

const CLOSE_KEYS = ["grace"];

/**
 * Figures of a hub at one moment.
 *
 * @category Hubs
 */
export interface HubStatistics {
  /** All Workers, those that are starting included. */
  readonly workers: number;
  /** Workers that have been started and are not ready. */
  readonly starting: number;
  /** Workers that wait for a thread. */
  readonly idle: number;
  /** Workers that run a thread. */
  readonly busy: number;
  /** Threads that wait for a Worker. */
  readonly queued: number;
  /** Threads that have not ended, those for async work included. */
  readonly threads: number;
  /** Calls from green code that are being served. */
  readonly calls: number;
  /** Functions of the hub that green code holds. */
  readonly functions: number;
  /** Objects of the hub that green code holds by handles, iterations and locks included. */
  readonly handles: number;
  /** Threads that were ever spawned. */
  readonly totalThreads: number;
  /** Calls that green code ever made. */
  readonly totalCalls: number;
  /** Workers that ended on their own. */
  readonly crashed: number;
  /** Workers that were stopped by force: what they computed may go on until it returns, or the process ends. */
  readonly leaked: number;
}

/**
 * One green thread in {@linkcode Hub.prototype.threads | Hub.threads}.
 *
 * @category Hubs
 */
export interface ThreadInfo {
  /** The thread's number. */
  readonly id: number;
  /** The thread's name. */
  readonly name: string;
  /** The state of its life. */
  readonly state: GreenThread["state"];
  /** The time since it was made, in milliseconds. */
  readonly age: number;
  /** The number of the thread that spawned it; 0 for the hub. */
  readonly parent: number;
  /**
   * A text about the object or call on which it has been blocked for more than about 20 ms; `its turn` if it could go on, and
   * another thread of its cooperative hub runs.
   */
  readonly parkedOn: string | undefined;
}

/**
 * A hub runs green threads: synchronous-looking code in Workers, which may block, beside the async code of the main
 * thread, which may not.
 *
 * - Workers are started when they are needed, and reused; threads queue for them, first come, first served.
 * - While a thread that was spawned has not ended, the process stays alive; idle Workers do not keep it.
 * - Most programs need no hub of their own: the functions `spawn`, `syncToAsync` and the like use the default one.
 * - Closing: see {@linkcode Hub.prototype.close | Hub.close}. `await using` closes at the end of the block.
 *
 * It dispatches three events:
 *
 * - `"unhandledthread"` (an {@linkcode UnhandledThreadEvent}) when a thread has failed and nobody has asked for its result, or
 *   when code that it left behind has failed;
 * - `"error"` (an `ErrorEvent`) when something has failed that nobody waits for, such as a callback of `link()` or a listener of
 *   green code;
 * - `"blocked"` (an `ErrorEvent` too) when a function has kept the event loop for longer than `blockedWarning`.
 *
 * An event is printed to stderr if nobody calls `preventDefault()` on it. An error that a listener throws ends nothing: it is an
 * `"error"` event, or is printed.
 *
 * @example A hub of one's own
 * ```ts
 * import { Hub } from "@aiohub/aiohub";
 * import { assertEquals } from "@std/assert";
 *
 * await using hub = new Hub({ maxWorkers: 2 });
 * const threads = [1, 2, 3].map((n) => hub.spawn((n: number) => n * n, n));
 * assertEquals(await Promise.all(threads), [1, 4, 9]);
 * ```
 *
 * @category Hubs
 * @priority 20
 */
export class Hub extends EventTarget implements AsyncDisposable {
  static {
    brand(this, "Hub");
  }

  /** The hub's name. */
  readonly name: string;
  readonly #dispatcher: Dispatcher;
  readonly #doorbell: Doorbell;
  readonly #forgetUnload: () => void;
  /** Has Workers tell of failures before the process ends: nothing keeps it any more, but code left behind may have failed. */
  readonly #beforeUnload = (event: Event): void => {
    // The timer of the limit for these turns keeps the process meanwhile; then this is called again.
    if (this.#dispatcher.pool.lastTurns()) event.preventDefault();
  };
  readonly #guards = new ListenerGuards((type, error) => this.#listenerFailed(type, error));
  #closing: Promise<void> | undefined;

  /**
   * Makes a hub. Its Workers start when they are needed.
   *
   * @param options See {@linkcode HubOptions}.
   * @throws {TypeError} If an option has the wrong type or is not known.
   * @throws {RangeError} If an option is out of range.
   * @throws {BlockingCallError} If it is called in green code: a hub belongs to the main thread.
   */
  constructor(options?: HubOptions) {
    super();
    if (greenSide()) {
      throw new BlockingCallError(
        "Cannot create a hub in a green thread: the hub that runs this thread is on the main thread: call spawn() " +
          "directly here. Put the main program under `if (import.meta.main)`, as a Worker may import its module",
      );
    }
    const settings = checkOptions(options);
    this.name = settings.name;
    const scope = [
      new URL("../mod.ts", import.meta.url).href,
      new URL("../sync/mod.ts", import.meta.url).href,
      new URL("../green/mod.ts", import.meta.url).href,
    ];
    this.#dispatcher = new Dispatcher(settings, scope, {
      unhandledThread: (thread) => this.#reportThread(thread),
      error: (error, fault) => this.#reportError(error, fault),
      blocked: (name, ms) => this.#reportBlocked(name, ms),
    });
    const { pool } = this.#dispatcher;
    this.#doorbell = new Doorbell(pool.board, pool.takeIn);
    // The doorbell serves all: the context and the limits of whoever made the hub are not its own.
    outsideContext(() => outsideLimits(() => this.#doorbell.listen()));
    this.#forgetUnload = onUnload(() => this.#stopAll());
    globalThis.addEventListener("beforeunload", this.#beforeUnload);
  }

  /**
   * Spawns a green thread. It starts as soon as a Worker is free.
   *
   * @param fn A function made by `syncToAsync`, a function of a module that `greenImport()` gave, or an inline function. An
   * inline function is sent as source text: the names of the library are in scope there, arguments bring the rest.
   * @param args The arguments of the call. Functions among them become blocking callbacks.
   * @returns The thread. It rejects with a {@linkcode HubClosedError} or {@linkcode HubSaturatedError} if the hub does not
   * take it.
   * @throws {TypeError} If `fn` is no function, or has no source text.
   * @throws {NotCloneableError} If an argument cannot cross.
   */
  spawn<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Result<Returned<F>>>;
  /** As above, for a generic function: this finds what it returns. */
  spawn<A extends unknown[], R>(
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Result<R>>;
  // deno-lint-ignore no-explicit-any
  spawn(fn: unknown, ...args: unknown[]): GreenThread<any> {
    return this[LAUNCH](fn, args, {});
  }

  /**
   * Spawns a green thread after some time.
   *
   * @param ms The delay, in milliseconds; less than zero is zero.
   * @param fn As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @param args As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @returns The thread; `cancel()` calls it off.
   * @throws {TypeError} If `ms` is not a number.
   */
  spawnAfter<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    ms: number,
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<Result<Returned<F>>>;
  /** As above, for a generic function: this finds what it returns. */
  spawnAfter<A extends unknown[], R>(
    ms: number,
    fn: Spawnable<A, R>,
    ...args: A | Passed<A>
  ): GreenThread<Result<R>>;
  // deno-lint-ignore no-explicit-any
  spawnAfter(ms: number, fn: unknown, ...args: unknown[]): GreenThread<any> {
    return this[LAUNCH](fn, args, { delay: checkDelay(ms) });
  }

  /**
   * Spawns a green thread whose result nobody wants. Its failure is reported as an `"unhandledthread"` event.
   *
   * @param fn As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @param args As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @returns The thread, to watch or to kill.
   * @throws {TypeError} If `fn` is no function, or has no source text.
   * @throws {NotCloneableError} If an argument cannot cross.
   */
  spawnN<F extends SpawnableWith<P>, P extends unknown[] = never[]>(
    fn: F,
    ...args: SpawnArguments<F, P>
  ): GreenThread<unknown>;
  /** As above, for a generic function. */
  spawnN<A extends unknown[]>(
    fn: Spawnable<A, unknown>,
    ...args: A | Passed<A>
  ): GreenThread<unknown>;
  spawnN(fn: unknown, ...args: unknown[]): GreenThread<unknown> {
    return this[LAUNCH](fn, args, { detached: true });
  }

  /**
   * Spawns with options.
   *
   * @param options See {@linkcode SpawnOptions}.
   * @returns An object that spawns with them: it has `spawn()`, `spawnAfter()` and `spawnN()`.
   * @throws {TypeError} If an option has the wrong type or is not known.
   * @throws {RangeError} If `delay` is longer than a timer can be, about 25 days.
   *
   * @example A name, a time limit and a way to call it off
   * ```ts
   * import { Hub } from "@aiohub/aiohub";
   * import { assertEquals } from "@std/assert";
   *
   * await using hub = new Hub();
   * const controller = new AbortController();
   * const { signal } = controller;
   * const thread = hub.with({ name: "adder", timeout: 60_000, signal }).spawn((a: number) => a + 1, 1);
   * assertEquals(thread.name, "adder");
   * assertEquals(await thread, 2);
   * ```
   */
  with(options: SpawnOptions): Spawner {
    return new Spawner((fn, args, own) => this[LAUNCH](fn, args, own), options);
  }

  /**
   * Gives a module whose functions run in green threads.
   *
   * @param url The module: `import.meta.resolve("./m.ts")`, a `URL`, or a bare name that the import map knows.
   * @returns An object with the module's functions; each call spawns a green thread.
   * @throws {TypeError} If the specifier is relative, or a name that the import map does not know.
   *
   * @example Call a module of plain synchronous functions
   * ```ts
   * import { Hub } from "@aiohub/aiohub";
   * import { assertEquals } from "@std/assert";
   *
   * await using hub = new Hub();
   * const { basename } = hub.greenImport<typeof import("node:path")>("node:path");
   * assertEquals(await basename("/tmp/a.txt"), "a.txt");
   * ```
   */
  greenImport<M extends object>(url: string | URL): GreenModule<M> {
    return importGreen<M>(url, (fn, args) => this[LAUNCH](fn, args, {}));
  }

  /**
   * Lets green code call functions of the hub by name: `call("name", ...args)`. Promises that they return are awaited, as for
   * `async` functions.
   *
   * @param functions The functions, sync or async, by name.
   * @throws {TypeError} If one is no function, or its name is taken by another one.
   */
  // deno-lint-ignore no-explicit-any
  expose(functions: Readonly<Record<string, (...args: any[]) => unknown>>): void {
    if (typeof functions !== "object" || functions === null) {
      throw new TypeError(`Cannot expose: expected an object, found ${show(functions)}`);
    }
    this.#dispatcher.functions.expose(functions);
  }

  /**
   * Lists the green threads that have not ended.
   *
   * @returns One entry for each of them, the oldest first.
   */
  threads(): ThreadInfo[] {
    const now = performance.now();
    return [...this.#dispatcher.threads.all()].map((thread) => ({
      id: thread.id,
      name: thread.name,
      state: thread.state,
      age: now - thread.since,
      parent: thread.parent,
      parkedOn: this.#dispatcher.pool.isQueued(thread) ? ITS_TURN : thread.blocked?.on,
    }));
  }

  /**
   * The list of {@linkcode Hub.prototype.threads | Hub.threads}, as a table for people.
   *
   * @returns One line for each green thread that has not ended, and one for each generator of green code that is blocked while
   * the hub waits for an item, under a line of headings.
   */
  dump(): string {
    const rows = this.threads().map(({ id, name, state, age, parent, parkedOn }) => [
      String(id),
      name,
      state,
      `${Math.round(age)} ms`,
      parent === 0 ? "" : String(parent),
      parkedOn ?? "",
    ]);
    const now = performance.now();
    for (const { parkedIterations } of this.#dispatcher.pool.workers) {
      for (const { id, name, since, on } of parkedIterations) {
        rows.push([String(id), name, "running", `${Math.round(now - since)} ms`, "", on]);
      }
    }
    const table = [["id", "name", "state", "age", "parent", "parked on"], ...rows];
    const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
    return table.map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd())
      .join("\n");
  }

  /**
   * Counts Workers, threads and calls.
   *
   * @returns The figures of this moment; they do not change later.
   */
  statistics(): HubStatistics {
    const { pool, launches, callServer, exports } = this.#dispatcher;
    let calls = 0;
    for (const worker of pool.workers) calls += worker.answers.size;
    let threads = 0;
    for (const _ of this.#dispatcher.threads.all()) threads++;
    return Object.freeze({
      ...pool.counts,
      threads,
      calls,
      ...exports.counts,
      totalThreads: launches.count,
      totalCalls: callServer.count,
    });
  }

  /** Whether {@linkcode Hub.prototype.close | Hub.close} was called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Closes the hub: refuses new threads, ends those that have not started with a `HubClosedError`, lets those that run
   * finish, or kills them with that error after `grace`, and ends all Workers. Closing again waits for the first closing.
   *
   * @param options See {@linkcode CloseOptions}.
   * @returns A promise that settles when all Workers have ended. It never rejects.
   * @throws {TypeError} If `grace` is not a number, or `options` is no object.
   */
  close(options?: CloseOptions): Promise<void> {
    checkOptionsObject("close the hub", options, "{ grace: 1000 }", CLOSE_KEYS);
    const grace = graceIn(options, PATIENCE.closing);
    return this.#closing ??= this.#close(grace);
  }

  /** Closes the hub at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Makes a green thread for async work: see `futureToGreenlet`. For the library.
   *
   * @param label The base of its name.
   * @param work Starts the work.
   * @param options See {@linkcode FutureOptions}.
   * @ignore
   */
  [FUTURE]<T>(
    label: string,
    work: (signal: AbortSignal) => T | PromiseLike<T>,
    options: FutureOptions = {},
  ): GreenThread<Awaited<T>> {
    const thread = makeAsyncThread(this.#dispatcher.threads, label, options, work);
    return thread as HubThread as GreenThread<Awaited<T>>;
  }

  /**
   * Spawns with all options that a thread can have. For the library.
   *
   * @param fn As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @param args As for {@linkcode Hub.prototype.spawn | Hub.spawn}.
   * @param options See {@linkcode HubThreadOptions}.
   * @ignore
   */
  [LAUNCH](fn: unknown, args: readonly unknown[], options: HubThreadOptions): GreenThread<unknown> {
    const { launches } = this.#dispatcher;
    return launches.launch(launches.pack(spawnTarget(fn), args, currentValues()), options);
  }

  async #close(grace: number): Promise<void> {
    const dispatcher = this.#dispatcher;
    dispatcher.keepAlive.hold();
    dispatcher.refuse();
    const ended = dispatcher.pool.close();
    if (!await settlesWithin(ended, grace)) {
      for (const worker of dispatcher.pool.workers) {
        const { stack } = worker;
        worker.killServing(dispatcher.closedError());
        for (const thread of [...stack]) {
          thread.observed = true;
          dispatcher.threads.killThread(thread, dispatcher.closedError(), false, Infinity);
        }
      }
      if (!await settlesWithin(ended, PATIENCE.cleanUp)) this.#stopAll();
    }
    await dispatcher.pool.ended();
    dispatcher.threads.endAll();
    this.#doorbell.close();
    this.#forgetUnload();
    globalThis.removeEventListener("beforeunload", this.#beforeUnload);
    dispatcher.keepAlive.release();
    dispatcher.keepAlive.close();
  }

  /**
   * Listens to an event of the hub.
   *
   * @param type The event's type.
   * @param listener The listener to call.
   * @param options As for any `EventTarget`.
   */
  override addEventListener<K extends keyof HubEventMap>(
    type: K,
    listener: HubListener<HubEventMap[K]> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /**
   * Listens to an event of any other type.
   *
   * @param type The event's type.
   * @param listener The listener to call.
   * @param options As for any `EventTarget`.
   */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: unknown,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, this.#guards.of(type, listener), options);
  }

  /**
   * Listens to an event of the hub no longer.
   *
   * @param type The event's type.
   * @param listener The listener that is called.
   * @param options As for any `EventTarget`.
   */
  override removeEventListener<K extends keyof HubEventMap>(
    type: K,
    listener: HubListener<HubEventMap[K]> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  /**
   * Listens to an event of any other type no longer.
   *
   * @param type The event's type.
   * @param listener The listener that is called.
   * @param options As for any `EventTarget`.
   */
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: unknown,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, this.#guards.of(type, listener), options);
  }

  /**
   * Describes the hub for logs.
   *
   * @returns Its name, and the number of its threads and Workers.
   */
  override toString(): string {
    const { threads, workers } = this.statistics();
    const state = this.closed ? "closed" : `threads: ${threads}, Workers: ${workers}`;
    return `Hub "${this.name}" (${state})`;
  }

  /**
   * Describes the hub for `console.log`.
   *
   * @returns As `toString()`.
   */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  #stopAll(): void {
    const { pool } = this.#dispatcher;
    const reason = this.#dispatcher.closedError();
    for (const worker of [...pool.workers]) pool.stop(worker, reason);
  }

  #reportThread(thread: HubThread): void {
    const outcome = thread.ended!.outcome;
    if (outcome.status !== "rejected") return;
    thread.observed = true;
    const event = new UnhandledThreadEvent(thread, outcome.reason);
    if (!this.dispatchEvent(event)) return;
    printFault(outcome.reason, `green thread "${thread.name}"`);
  }

  #reportBlocked(name: string, ms: number): void {
    const message = `${name}() blocked the event loop of hub "${this.name}" for ${
      Math.round(ms)
    } ms`;
    const event = new ErrorEvent("blocked", { message, cancelable: true });
    if (this.dispatchEvent(event)) console.warn(`Warning: ${message}`);
  }

  /** Reports an error that a listener has thrown: as an event, but not for `"error"`, as that could go on for ever. */
  #listenerFailed(type: string, error: unknown): void {
    const where = `a listener of "${type}" of hub "${this.name}"`;
    if (type === "error") printFault(error, where);
    else this.#reportError(error, { where });
  }

  #reportError(error: unknown, fault: Fault = {}): void {
    const { where = `hub "${this.name}"`, brief, again } = fault;
    if (this.dispatchEvent(faultEvent(error, where)) && !again) printFault(error, where, brief);
  }
}
