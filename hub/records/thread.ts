/**
 * The hub's record of a green thread.
 *
 * ```text
 * pending ──> running ──> fulfilled | rejected | killed
 *    └───────────────────────────────────────────┘ (killed, or the hub closed, before it started)
 * ```
 *
 * The first ending stays; a later one is dropped. A thread is either run by a Worker, or is there for async work on the hub (a
 * *future*: `futureToGreenlet()`, `.spawn()` of an async function).
 *
 * @module
 */

import { brand } from "../../bridge/brand.ts";
import { timeLimit, type WaitOptions } from "../../bridge/checks.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import type { ContextValues } from "../../bridge/context/context.ts";
import { BlockingCallError } from "../../bridge/errors.ts";
import { currentLimit, untilAborted } from "../../bridge/side/limit.ts";
import { bounded } from "../../bridge/side/bounded.ts";
import { joinStacks, stackHere } from "../../bridge/values/stacks.ts";
import { isPromise } from "../../bridge/references/thenables.ts";
import {
  checkKill,
  checkLink,
  GreenThread,
  type KillOptions,
  ON_END,
  type ThreadState,
  WANT,
} from "../../bridge/side/green_thread.ts";
import type { Outcome, SpawnSite, Target } from "../../bridge/protocol/messages.ts";
import type { Ended } from "./ended.ts";
import type { Post } from "./post.ts";

/** The hub, as far as its threads need it. */
export interface ThreadHost {
  /** Ends a thread early. */
  killThread(thread: HubThread, reason: unknown, onlyPending: boolean, grace: number): void;
  /** Reports a failed thread, unless somebody asks for its result soon. */
  failedUnhandled(thread: HubThread): void;
  readonly events: {
    /** Reports an error of user code that the library has called. */
    error(error: unknown): void;
  };
  readonly waits: {
    /** Notes that async code is about to await a thread that has not ended. */
    awaiting(thread: HubThread): void;
    /** Notes that async code wants a thread that has not ended, and may go on before it has. */
    wanted(thread: HubThread): void;
  };
}

/** A function to call when the thread has ended. */
interface Linked {
  // deno-lint-ignore no-explicit-any
  readonly fn: (thread: any, ...args: any[]) => unknown;
  readonly args: unknown[];
}

/** A Worker, as far as threads need it. */
export interface RunsOn {
  readonly slot: number;
  readonly post: Post;
  /** The threads on its stack, the innermost last. */
  readonly stack: HubThread[];
  readonly gone: boolean;
  readonly dead: boolean;
  /** Tells the Worker how a thread ended. */
  tell(thread: HubThread): void;
}

/** The task of a thread: its target with the arguments. */
export interface Task {
  readonly target: Target;
  readonly args: Payload;
  /** The async context, if there is any: encoded, and its values on the hub. */
  readonly context?: { readonly payload: Payload; readonly values: ContextValues };
}

/** The wait of a thread that has been blocked for a while. */
export interface Blocked {
  /** A text about the wait. */
  readonly on: string;
  /** Whether another green thread may have to end the wait. */
  readonly stalled: boolean;
  /** The time since which the thread has been blocked on anything but its own sleep. */
  readonly since: number | undefined;
  /** The time since which it has been stalled without a time limit. */
  readonly stuckSince: number | undefined;
}

/** The record of a green thread, which is its handle on the hub too. */
export class HubThread<T = unknown> extends GreenThread<T> {
  readonly id: number;
  readonly #host: ThreadHost;
  /** The name that it was given. Without one, its name is made of the label and the id. */
  readonly givenName: string | undefined;
  /** Its task, until it runs. */
  task: Task | undefined;
  /** The base of its name, if none was given. */
  readonly label: string;
  /** The id of the thread that spawned it; 0 for the hub. */
  readonly parent: number;
  /** Whether nobody wants its result: see `spawnN()`. */
  readonly detached: boolean;
  /** The time at which it was made, in `performance.now()` time. */
  readonly since = performance.now();
  /** The Worker that runs it. */
  worker: RunsOn | undefined;
  /** Starts its async work, if that waits until somebody wants it. */
  begin: (() => void) | undefined;
  /** Aborts its async work. */
  abort: ((reason: unknown) => void) | undefined;
  /** The Workers that are to be told how it ends. */
  watchers: Set<RunsOn> | undefined;
  /** The number of references that Workers hold to it. */
  holds = 0;
  /** Whether anybody has asked for its result. */
  observed = false;
  /** The Worker that spawned it, and that reports its failure if nobody there asks for the result. */
  keeper: RunsOn | undefined;
  /** The reason of its first kill. */
  killed: { readonly reason: unknown } | undefined;
  /** The wait in which it has been blocked for a while. */
  blocked: Blocked | undefined;
  /** Whether it lends its place, and does not count towards `maxWorkers` until it goes on: see `saturation.ts`. */
  lends = false;
  /** Its order number among the new threads of a cooperative hub, if its spawner took one. */
  order: number | undefined;
  /** The thread that it waits for, by `wait()`. */
  waitingFor: HubThread | undefined;
  /** Async work that was aborted by its kill, and has not ended. */
  readonly aborted = new Set<Promise<unknown>>();
  /** The sites at which it and its ancestors were spawned, if the hub records that. */
  spawnSites: SpawnSite[] | undefined;
  /** The number of those that want its result, without those that have lost interest. */
  interest = 0;
  /** The thread of another hub, if this is a proxy thread. */
  proxyFor: HubThread | undefined;
  /** The id of the `GreenPool` that it is a member of. */
  memberOf: number | undefined;
  /** The async context with which it was started, which its Worker has too. */
  context: ContextValues | undefined;
  #running = false;
  #ended: Ended | undefined;
  #promise: Promise<T> | undefined;
  #settle: ((outcome: Outcome<unknown>) => void) | undefined;
  #links: Linked[] | undefined;

  static {
    brand(this, "HubThread");
  }

  constructor(host: ThreadHost, id: number, options: {
    readonly label: string;
    readonly name?: string;
    readonly parent?: number;
    readonly detached?: boolean;
    readonly task?: Task;
  }) {
    super();
    this.#host = host;
    this.id = id;
    this.label = options.label;
    this.givenName = options.name;
    this.parent = options.parent ?? 0;
    this.detached = options.detached ?? false;
    this.task = options.task;
    this.context = options.task?.context?.values;
  }

  get name(): string {
    return this.givenName ?? `${this.label}-${this.id}`;
  }

  get state(): ThreadState {
    if (this.#ended) return this.#ended.status;
    return this.#running ? "running" : "pending";
  }

  override get dead(): boolean {
    return this.#ended !== undefined;
  }

  /** Its ending, if it has ended. */
  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** Starts the clock of its time limit; called once it has started. */
  onStart: (() => void) | undefined;
  /** Frees it from its owner; called once it has started or ended. */
  onBegin: (() => void) | undefined;

  /** Notes that it has started. */
  start(): void {
    this.#running = true;
    this.onBegin?.();
    this.onBegin = undefined;
    this.onStart?.();
  }

  /**
   * Ends it.
   *
   * @returns Whether this ending counts: `false` if it had ended before.
   */
  end(ended: Ended): boolean {
    if (this.#ended) return false;
    this.#ended = ended;
    this.task = undefined;
    this.abort = undefined;
    this.begin = undefined;
    this.onBegin?.();
    this.onBegin = undefined;
    // First the links are called, then those go on that await it.
    if (this.#links) queueMicrotask(() => this.#runLinks());
    this.#settle?.(ended.outcome);
    this.#settle = undefined;
    if (ended.status === "rejected" && !this.observed) this.#host.failedUnhandled(this);
    return true;
  }

  override outcome(): Outcome<T> | undefined {
    if (this.#ended) this.observed = true;
    return this.#ended?.outcome as Outcome<T> | undefined;
  }

  override wait(): T {
    throw new BlockingCallError(
      "Cannot wait() on the hub as it would block the event loop: use await",
    );
  }

  override kill(reason?: unknown, options?: KillOptions): void {
    const { grace } = checkKill(options);
    if (options?.wait) {
      throw new BlockingCallError(
        "Cannot kill() with { wait: true } on the hub as it would block the event loop: use await killAsync()",
      );
    }
    this.#kill(reason, grace);
  }

  #kill(reason: unknown, grace: number): void {
    if (!this.#ended) this.#host.killThread(this, reason, false, grace);
  }

  override async killAsync(reason?: unknown, options?: Omit<KillOptions, "wait">): Promise<void> {
    const { grace, waiting } = checkKill(options, true);
    this.#kill(reason, grace);
    await this.afterwards(waiting);
  }

  /**
   * Settles once it has ended, and also the async work that was aborted with it.
   *
   * @param options The options of the wait for that.
   */
  async afterwards(options?: WaitOptions): Promise<void> {
    const isLimited = options?.signal !== undefined || timeLimit(options) < Infinity;
    if (!this.#ended && !isLimited) this.#host.waits.awaiting(this);
    await bounded(options, async () => {
      if (!this.#ended) await new Promise<void>((resolve) => this[ON_END](() => resolve()));
      await Promise.allSettled(this.aborted);
    });
  }

  override cancel(reason?: unknown): void {
    if (!this.#ended) this.#host.killThread(this, reason, true, Infinity);
  }

  override link<A extends unknown[]>(
    fn: (thread: GreenThread<T>, ...args: A) => unknown,
    ...args: A
  ): void {
    checkLink(fn);
    this.observed = true;
    (this.#links ??= []).push({ fn, args });
    if (this.#ended) queueMicrotask(() => this.#runLinks());
  }

  /** Whether it is there for async work on the hub, and needs no Worker. */
  get isAsync(): boolean {
    return this.abort !== undefined || this.begin !== undefined;
  }

  override [WANT](): () => void {
    this.interest++;
    this.begin?.();
    if (!this.#ended) this.#host.waits.wanted(this);
    return () => void this.interest--;
  }

  override [ON_END](fn: () => void): void {
    if (this.#ended) fn();
    else (this.#links ??= []).push({ fn, args: [] });
  }

  // deno-lint-ignore no-explicit-any
  override unlink(fn: (thread: GreenThread<T>, ...args: any[]) => unknown): boolean {
    const at = this.#links?.findIndex((link) => link.fn === fn) ?? -1;
    if (at >= 0) this.#links!.splice(at, 1);
    return at >= 0;
  }

  override then<R1 = T, R2 = never>(
    onfulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null,
    // deno-lint-ignore no-explicit-any
    onrejected?: ((reason: any) => R2 | PromiseLike<R2>) | null,
  ): Promise<R1 | R2> {
    this.interest++;
    this.begin?.();
    const adopted = isAdoption(onfulfilled);
    const limit = currentLimit(0)?.signal;
    const settled = limit ? untilAborted(this.settled(adopted), limit) : this.settled(adopted);
    return settled.then(onfulfilled, onrejected);
  }

  /**
   * Does as `then()`, for a caller that may lose interest. Async work that waits until somebody wants it is not started.
   *
   * @param awaits Whether the caller goes on only when the thread has ended.
   */
  settled(awaits: boolean): Promise<T> {
    this.observed = true;
    if (!this.#ended && awaits) this.#host.waits.awaiting(this);
    else if (!this.#ended) this.#host.waits.wanted(this);
    return this.#promise ??= this.#makePromise();
  }

  #makePromise(): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      this.#settle = (outcome) => {
        if (outcome.status === "fulfilled") resolve(outcome.value as T);
        else reject(outcome.reason);
      };
      if (!this.#ended) return;
      this.#settle(this.#ended.outcome);
      this.#settle = undefined;
    });
    // From this handler, and from nowhere else, the engine can tell which code awaits.
    return promise.catch((reason) => {
      const line = `    --- thrown in green thread "${this.name}", awaited on the hub ---`;
      if (this.#ended?.crossed) joinStacks(reason, line, stackHere());
      throw reason;
    });
  }

  #runLinks(): void {
    for (;;) {
      const link = this.#links?.shift();
      if (!link) break;
      this.#call(link);
    }
    this.#links = undefined;
  }

  #call({ fn, args }: Linked): void {
    const onError = (error: unknown) => this.#host.events.error(error);
    try {
      const result = fn(this, ...args);
      if (isPromise(result)) result.then(undefined, onError);
    } catch (error) {
      onError(error);
    }
  }
}

/**
 * Whether the engine calls `then()`, for `await`, `Promise.all()` and the like: it passes functions of its own. Code that
 * calls `then(fn)` itself goes on at once.
 */
function isAdoption(onfulfilled: unknown): boolean {
  return typeof onfulfilled === "function" && onfulfilled.name === "" &&
    Function.prototype.toString.call(onfulfilled).includes("[native code]");
}
