/**
 * A green thread, as the hub keeps it.
 *
 * ```text
 * pending ──> running ──> fulfilled | rejected | killed
 *    └───────────────────────────────────────────┘ (killed, or the hub closed, before it started)
 * ```
 *
 * The first ending stays; a later one is dropped. A thread is either run by a Worker, or stands for something async on
 * the hub (a *future*: `futureToGreenlet()`, `.spawn()` of an async function).
 *
 * @module
 */

import { brand } from "../../bridge/brand.ts";
import { checkOptionsObject } from "../../bridge/checks.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import type { ContextValues } from "../../bridge/context/context.ts";
import { ContextReturn, hearOfAwaits } from "../../bridge/context/context_return.ts";
import { BlockingCallError } from "../../bridge/errors.ts";
import { currentLimit, limited, untilAborted } from "../../bridge/side/limit.ts";
import { joinStacks } from "../../bridge/values/stacks.ts";
import { isPromise } from "../../bridge/references/thenables.ts";
import {
  checkGrace,
  checkLink,
  GRACE_KEYS,
  GreenThread,
  KILL_KEYS,
  type KillOptions,
  type ThreadState,
} from "../../bridge/side/green_thread.ts";
import type { Outcome, SpawnSite, Target } from "../../bridge/protocol/messages.ts";
import type { Ended } from "./ended.ts";
import type { Post } from "./post.ts";
import { stackHere } from "../../bridge/values/stack_here.ts";

/** What a thread needs of its hub. */
export interface ThreadHost {
  /** Ends a thread early. */
  killThread(thread: HubThread, reason: unknown, onlyPending: boolean, graceMs: number): void;
  /** A thread failed, and so far nobody has asked for its result. */
  failedUnhandled(thread: HubThread): void;
  readonly events: {
    /** Something that the library calls for the user threw. */
    error(error: unknown): void;
  };
  readonly waits: {
    /**
     * Async code is about to await a thread that has not ended.
     *
     * @returns A promise of the error that it is to get instead, if it looks as if it could never go on.
     */
    awaiting(thread: HubThread): Promise<Error | undefined> | undefined;
    /** Async code wants a thread that has not ended, and may go on before it has. */
    wanted(thread: HubThread): void;
  };
}

interface Linked {
  // deno-lint-ignore no-explicit-any
  readonly fn: (thread: any, ...args: any[]) => unknown;
  readonly args: unknown[];
}

/** A Worker, as far as the threads on it have to know it. */
export interface RunsOn {
  readonly slot: number;
  readonly post: Post;
  /** The threads on its stack, the innermost last. */
  readonly stack: HubThread[];
  readonly gone: boolean;
  readonly dead: boolean;
  /** Tells it how a thread ended. */
  tell(thread: HubThread): void;
}

/** The task of a thread: what it is to run, until it does. */
export interface Task {
  readonly target: Target;
  readonly args: Payload;
  /** What the arguments refer to, if anything. */
  readonly luggage?: { handTo(worker: unknown): void; drop(): void };
  /** The async context, if there is any; and as it is on the hub. */
  readonly context?: { readonly payload: Payload; readonly values: ContextValues };
}

/** A green thread's record on the hub, which is its handle there too. */
export class HubThread<T = unknown> extends GreenThread<T> {
  readonly id: number;
  readonly #host: ThreadHost;
  /** Its name, if it was given one; else the name is made of the label and the id. */
  readonly givenName: string | undefined;
  /** What it is to run; gone once it runs. */
  task: Task | undefined;
  /** What the name is made of when none was given. */
  readonly label: string;
  /** The id of the thread that spawned it; 0 for the hub. */
  readonly parent: number;
  /** Whether nobody has a handle to it. */
  readonly detached: boolean;
  /** When it was made, in `performance.now()` time. */
  readonly since = performance.now();
  /** The Worker that runs it. */
  worker: RunsOn | undefined;
  /** Cancels the wait for its time. */
  cancelDelay: (() => void) | undefined;
  /** Starts the async work that it stands for, if it waits for somebody to want it. */
  begin: (() => void) | undefined;
  /** Aborts the async work that it stands for. */
  abort: ((reason: unknown) => void) | undefined;
  /** Workers that are to hear how it ends. */
  watchers: Set<RunsOn> | undefined;
  /** How many references to it Workers hold. */
  holds = 0;
  /** Whether anybody has asked for its result. */
  observed = false;
  /** The Worker that looks whether anybody there asks for its result, and reports its failure if not. */
  keeper: RunsOn | undefined;
  /** Why it was killed first, if it was. */
  killed: { readonly reason: unknown } | undefined;
  /** What it has been blocked on for a while. */
  parkedOn: string | undefined;
  /** Whether it has been blocked for a while on something that another green thread may have to end. */
  stalled = false;
  /** Whether that is a coordination object: then another thread may hold it by now than the one that it has said. */
  atObject = false;
  /** Since when it is so, without a time limit. */
  stuckSince: number | undefined;
  /** Since when it has been blocked on anything but its own sleep. */
  blockedSince: number | undefined;
  /** Whether it does not count towards `maxWorkers` until it goes on: see `lending.ts`. */
  lends = false;
  /** Identity of the last `Parked` report: each new one replaces it, so a late answer to an old one is ignored. */
  lastParked: object | undefined;
  /** Takes back the edge of that in the graph of waits. */
  unpark: (() => void) | undefined;
  /** Its order number among the new threads, if its hub is cooperative and it took one. */
  order: number | undefined;
  /** A thread that waits for this one, which has not begun, and can run it on its stack: of a cooperative hub. */
  host: HubThread | undefined;
  /** The thread that it waits for, by `wait()`. */
  waitingFor: HubThread | undefined;
  /** It waits no longer for the thread that it waited for last. */
  stopWaiting: (() => void) | undefined;
  /** Async work that was aborted because it was killed, and has not ended. */
  readonly aborted = new Set<Promise<unknown>>();
  /** Threads that are not to start once it has ended: see `spawnAfterLocal()`. */
  dependants: Set<HubThread> | undefined;
  /** How often in a row it was found in a circle of waits. */
  suspicions = 0;
  /** Where it was spawned, if the hub records that. */
  spawnSites: SpawnSite[] | undefined;
  /** Stops the clock of its time limit. */
  stopClock: (() => void) | undefined;
  /** How many still want its result, of those who may lose interest. */
  interest = 0;
  /** The thread of another hub that it stands for. */
  proxyFor: HubThread | undefined;
  /** The id of the `GreenPool` that it is a member of. */
  memberOf: number | undefined;
  /** The async context with which it was started: its Worker knows it too. */
  context: ContextValues | undefined;
  /** What it has changed of that, to be said before it ends. */
  changes: ContextValues | undefined;
  #back: ContextReturn | undefined;
  #running = false;
  #ended: Ended | undefined;
  #promise: Promise<T> | undefined;
  #settle: ((outcome: Outcome<unknown>) => void) | undefined;
  #links: Linked[] | undefined;

  static {
    brand(this, "HubThread");
    hearOfAwaits(this.prototype);
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

  /** Somebody is about to await it. */
  beforeThen(): void {
    (this.#back ??= new ContextReturn()).join();
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

  /** How it ended, if it has. */
  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** Called once it has started: its clock. */
  onStart: (() => void) | undefined;
  /** Called once it has started or ended: it depends on its owner no longer. */
  onBegin: (() => void) | undefined;

  /** It has started. */
  start(): void {
    this.#running = true;
    this.onBegin?.();
    this.onBegin = undefined;
    this.onStart?.();
  }

  /**
   * It has ended.
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
    // First the links, then those who await it.
    if (this.#links) queueMicrotask(() => this.#runLinks());
    if (this.changes) this.#back ??= new ContextReturn();
    this.#back?.end(this.changes);
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

  override kill(reason?: unknown, options: KillOptions = {}): void {
    checkOptionsObject("kill a green thread", options, "{ graceMs: 1000 }", KILL_KEYS);
    const graceMs = checkGrace(options.graceMs);
    if (options.wait) {
      throw new BlockingCallError(
        "Cannot kill() and wait on the hub as it would block the event loop: use await killAsync()",
      );
    }
    if (!this.#ended) this.#host.killThread(this, reason, false, graceMs);
  }

  override killAsync(reason?: unknown, options?: Omit<KillOptions, "wait">): Promise<void> {
    checkOptionsObject("kill a green thread", options, "{ graceMs: 1000 }", GRACE_KEYS);
    this.kill(reason, { ...options, wait: false });
    return this.afterwards();
  }

  /** Settles once it has ended, and the async work that was aborted with it. */
  async afterwards(): Promise<void> {
    const deadlock = this.#ended ? undefined : await this.#host.waits.awaiting(this);
    if (deadlock) throw deadlock;
    await limited(async () => {
      if (!this.#ended) await new Promise<void>((resolve) => this.onEnd(() => resolve()));
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

  /** Whether it stands for async work on the hub, and needs no Worker. */
  get isAsync(): boolean {
    return this.abort !== undefined || this.begin !== undefined;
  }

  override want(): () => void {
    this.interest++;
    this.begin?.();
    if (!this.#ended) this.#host.waits.wanted(this);
    return () => void this.interest--;
  }

  override onEnd(fn: () => void): void {
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
    onrejected?: ((reason: unknown) => R2 | PromiseLike<R2>) | null,
  ): Promise<R1 | R2> {
    this.interest++;
    this.begin?.();
    const adopted = isAdoption(onfulfilled);
    const limit = currentLimit(0)?.signal;
    const settled = limit ? untilAborted(this.settled(adopted), limit) : this.settled(adopted);
    const back = this.#back;
    if (adopted || !back) return settled.then(onfulfilled, onrejected);
    // Not the flow that calls waits for it, but what it has given.
    back.leave();
    return settled.then(
      onfulfilled && ((value) => {
        back.takeOver();
        return onfulfilled(value);
      }),
      onrejected && ((reason) => {
        back.takeOver();
        return onrejected(reason);
      }),
    );
  }

  /**
   * As `then()`, for one who may lose interest, and does not start what waits to be wanted.
   *
   * @param awaits Whether the caller goes on only when the thread has ended.
   */
  settled(awaits: boolean): Promise<T> {
    this.observed = true;
    if (!this.#ended && !awaits) this.#host.waits.wanted(this);
    const deadlock = this.#ended || !awaits ? undefined : this.#host.waits.awaiting(this);
    if (!deadlock) return this.#promise ??= this.#makePromise();
    return deadlock.then((error) => {
      if (error) throw error;
      return this.#promise ??= this.#makePromise();
    });
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
    // From this handler, and from nowhere else, the engine can tell who awaits.
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
 * Whether it is the engine that calls `then()`, for `await`, `Promise.all()` and the like: it passes functions of its own.
 * Code that calls `then(fn)` itself goes on at once.
 */
function isAdoption(onfulfilled: unknown): boolean {
  return typeof onfulfilled === "function" && onfulfilled.name === "" &&
    Function.prototype.toString.call(onfulfilled).includes("[native code]");
}
