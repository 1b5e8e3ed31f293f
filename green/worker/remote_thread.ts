/**
 * A green thread's handle in a Worker.
 *
 * It knows the thread's ending once the hub has told it (`Down.Settled`), or once the thread has ended on this very stack.
 * The value stays encoded until somebody asks for it.
 *
 * Each thread has one handle here, as long as anybody holds it ({@linkcode ThreadHandles}). The hub keeps a thread for as long as
 * any Worker holds a reference to it. So the hub counts how often it has sent a reference, and is told when the handle here knows
 * the thread's ending, or is gone.
 *
 * @module
 */

import { brand } from "../../bridge/brand.ts";
import { checkWaiting, timeLimit, type WaitOptions } from "../../bridge/checks.ts";
import { decode, type ReferenceKinds } from "../../bridge/values/codec.ts";
import { mayRefer, type Payload } from "../../bridge/wire/payload.ts";
import { DeadlockError } from "../../bridge/errors.ts";
import { joinStacks, stackHere } from "../../bridge/values/stacks.ts";
import {
  checkKill,
  checkLink,
  GreenThread,
  type KillOptions,
  ON_END,
  type ThreadState,
  unwrap,
} from "../../bridge/side/green_thread.ts";
import {
  Ending,
  endingOf,
  type Outcome,
  outcomeOf,
  RefKind,
  STATUSES,
  type Target,
  type ThreadRef,
} from "../../bridge/protocol/messages.ts";
import { servedTarget } from "../../bridge/protocol/served.ts";
import type { Ref } from "../../bridge/values/reference_kinds.ts";

/** Waits, on the hub, for the work that a killed thread leaves behind. */
const KILL = servedTarget("kill");

/** The Worker's runtime, as far as handles need it. */
interface HandleHost {
  /** The waits for threads. */
  readonly waits: {
    /** Whether there is a green thread here that could block. */
    readonly canBlock: boolean;
    waitFor(thread: RemoteThread, timeout: number | undefined, signal?: AbortSignal): void;
    kill(thread: RemoteThread, reason: unknown, onlyPending: boolean, grace?: number): void;
    watch(thread: RemoteThread): void;
  };
  /** Calls something on the hub and blocks for its result. */
  call(target: Target, args: readonly unknown[]): unknown;
  readonly intake: {
    /** Calls a function at the next blocking point; an error that it throws is reported, and harms nobody. */
    soon(fn: () => unknown): void;
  };
  readonly crossing: {
    /** The kinds of references in values that come from the hub. */
    readonly kinds: ReferenceKinds;
  };
  readonly endings: {
    /** Notes a failed thread whose result nobody here has asked for. */
    failedUnhandled(thread: RemoteThread): void;
  };
}

/** One function linked to a thread's end. */
interface Linked {
  // deno-lint-ignore no-explicit-any
  readonly fn: (thread: any, ...args: any[]) => unknown;
  readonly args: unknown[];
}

/** The count of times that the hub has sent a handle here and was not told of its release; see `Up.Release`. */
export interface Hold {
  readonly id: number;
  count: number;
}

/** A handle to a green thread, in a Worker. */
export class RemoteThread<T = unknown> extends GreenThread<T> {
  readonly id: number;
  readonly name: string;
  /** The release that the hub has to be told once the handle is gone. */
  readonly hold: Hold;
  /** The id of the thread here that spawned it, if one did. */
  spawner = 0;
  /** Whether anybody here has asked for the result, or passed the handle on. */
  observed = false;
  /** Whether green code here may have the handle. */
  given = false;
  readonly #host: HandleHost;
  #started = false;
  #ended: { readonly ending: number; readonly payload: Payload } | undefined;
  #outcome: Outcome<T> | undefined;
  #links: Linked[] = [];
  #told = false;

  static {
    brand(this, "RemoteThread");
  }

  constructor(id: number, name: string, host: HandleHost) {
    super();
    this.id = id;
    this.name = name;
    this.hold = { id, count: 0 };
    this.#host = host;
  }

  get state(): ThreadState {
    if (!this.#ended && !this.#outcome) return this.#started ? "running" : "pending";
    return this.#outcome?.status ?? STATUSES[this.#ended!.ending];
  }

  /** Whether the ending is known here. */
  get done(): boolean {
    return this.#ended !== undefined || this.#outcome !== undefined;
  }

  /** Notes that the thread has started on this Worker. */
  start(): void {
    this.#started = true;
  }

  /**
   * Takes the thread's ending, which the hub told, or which happened here.
   *
   * @param outcome The outcome as it is here, if the payload cannot be read here.
   */
  settle(
    ending: number,
    payload: Payload,
    outcome?: Outcome<unknown>,
  ): void {
    if (this.done) return;
    if (outcome) this.#outcome = outcome as Outcome<T>;
    else this.#ended = { ending, payload };
    // A payload that may hold references is read at once: references are counted when they arrive.
    if (this.#ended && mayRefer(payload)) this.#read();
    if (ending === Ending.Rejected && !this.observed) this.#host.endings.failedUnhandled(this);
    this.#runLinks();
  }

  /** Takes the outcome of a thread that ended on this Worker, or whose handle arrived with its ending. */
  settleWith(outcome: Outcome<T>): void {
    if (this.done) return;
    this.#outcome = outcome;
    this.#runLinks();
  }

  override outcome(): Outcome<T> | undefined {
    this.observed ||= this.done;
    if (!this.#outcome && this.#ended) this.#read();
    return this.#outcome;
  }

  #read(): void {
    const { ending, payload } = this.#ended!;
    this.#ended = undefined;
    this.#outcome = this.#decode(ending, payload);
  }

  override wait(options?: WaitOptions): T {
    checkWaiting(options);
    if (!this.done) this.#host.waits.waitFor(this, timeLimit(options), options?.signal);
    const outcome = this.outcome()!;
    if (outcome.status === "rejected") this.#tellWhere(outcome.reason);
    return unwrap(outcome);
  }

  /** Adds to the stack of a thrown error the site of the first wait for the thread. */
  #tellWhere(reason: unknown): void {
    if (this.#told) return;
    this.#told = true;
    const line = `    --- thrown in green thread "${this.name}", waited for by wait() ---`;
    joinStacks(reason, line, stackHere());
  }

  override kill(reason?: unknown, options?: KillOptions): void {
    const { grace, waiting } = checkKill(options);
    if (this.done) return;
    this.#host.waits.kill(this, reason, false, grace);
    if (!waiting) return;
    // The ending comes before the answer.
    this.#host.waits.watch(this);
    this.#host.call(KILL, [this, waiting]);
  }

  /** In an `async` green function, as each `…Async()`: blocks. */
  override killAsync(reason?: unknown, options?: Omit<KillOptions, "wait">): Promise<void> {
    return Promise.try(() => {
      checkKill(options, true);
      this.kill(reason, { ...options, wait: true });
    });
  }

  override cancel(reason?: unknown): void {
    if (!this.done) this.#host.waits.kill(this, reason, true);
  }

  override link<A extends unknown[]>(
    fn: (thread: GreenThread<T>, ...args: A) => unknown,
    ...args: A
  ): void {
    checkLink(fn);
    this.observed = true;
    this.#links.push({ fn, args });
    if (this.done) this.#runLinks();
    else this.#host.waits.watch(this);
  }

  override [ON_END](fn: () => void): void {
    this.#links.push({ fn, args: [] });
    if (this.done) this.#runLinks();
  }

  // deno-lint-ignore no-explicit-any
  override unlink(fn: (thread: GreenThread<T>, ...args: any[]) => unknown): boolean {
    const at = this.#links.findIndex((link) => link.fn === fn);
    if (at >= 0) this.#links.splice(at, 1);
    return at >= 0;
  }

  /** In an `async` green function, and in code that one has called: blocks the Worker in the next microtask. */
  override then<R1 = T, R2 = never>(
    onfulfilled?: ((value: T) => R1 | PromiseLike<R1>) | null,
    // deno-lint-ignore no-explicit-any
    onrejected?: ((reason: any) => R2 | PromiseLike<R2>) | null,
  ): Promise<R1 | R2> {
    this.observed = true;
    return Promise.resolve().then(() => this.#waitLater()).then(onfulfilled, onrejected);
  }

  /**
   * Waits, in a microtask. If there is no green thread any more that could block, the promise settles in a later turn of the event
   * loop. A wait that ends before the thread has not asked for the result: a failure of the thread is reported then.
   */
  #waitLater(): T | Promise<T> {
    const { waits } = this.#host;
    if (!this.done && !waits.canBlock) return new Promise((resolve) => this.#settleLater(resolve));
    try {
      return this.wait();
    } finally {
      this.observed = this.done;
    }
  }

  #settleLater(resolve: (result: Promise<T>) => void): void {
    this.link(() => {
      resolve(Promise.try(() => this.wait()));
      // A promise, so that the event loop has a turn soon.
      return Promise.resolve();
    });
  }

  #decode(ending: number, payload: Payload): Outcome<T> {
    try {
      return outcomeOf(ending, decode(payload, this.#host.crossing.kinds)) as Outcome<T>;
    } catch (reason) {
      return { status: "rejected", reason };
    }
  }

  #runLinks(): void {
    const links = this.#links;
    if (links.length === 0) return;
    this.#links = [];
    for (const { fn, args } of links) this.#host.intake.soon(() => fn(this, ...args));
  }
}

/**
 * Makes the error for a thread that waits for itself, or for a thread below it on the stack: it would wait forever.
 *
 * @param stack The threads from the awaited one up to the waiter, each on the stack of the one before.
 * @param sites The site where each of them is blocked, if that can be told.
 */
export function selfWait(
  stack: readonly GreenThread[],
  sites: readonly (string | undefined)[],
): DeadlockError {
  const names = stack.map(({ name }) => name);
  if (names.length === 1) {
    const message = `Cannot wait for "${names[0]}" in itself: the wait would never end`;
    return new DeadlockError(message, { cycle: names });
  }
  const cycle = [names.at(-1)!, ...names.slice(0, -1)];
  const lines = cycle.map((name, i) =>
    `"${name}" waits for "${cycle[(i + 1) % cycle.length]}" by wait()`
  );
  const places = names.map((name, i) => sites[i] ? `\n    "${name}" at ${sites[i]}` : "");
  const message = `Cannot wait: these green threads would wait for each other forever: ${
    lines.join(", ")
  }${places.join("")}`;
  return new DeadlockError(message, { cycle });
}

/** The handles of one Worker. */
export class ThreadHandles {
  readonly #host: HandleHost;
  readonly #sayReleased: (id: number, count: number) => void;
  readonly #handles = new Map<number, WeakRef<RemoteThread>>();
  readonly #registry = new FinalizationRegistry<Hold>((hold) => this.#forget(hold));

  /**
   * @param host The runtime that handles ask.
   * @param sayReleased Tells the hub that a thread, which it had sent so many times, is not held here any more.
   */
  constructor(host: HandleHost, sayReleased: (id: number, count: number) => void) {
    this.#host = host;
    this.#sayReleased = sayReleased;
  }

  /** The one handle that a thread has here, for green code. */
  handle(id: number, name: string): RemoteThread {
    const thread = this.of(id, name);
    thread.given = true;
    return thread;
  }

  /** The one handle that a thread has here. */
  of(id: number, name: string): RemoteThread {
    const known = this.#handles.get(id)?.deref();
    if (known) return known;
    const thread = new RemoteThread(id, name, this.#host);
    this.#handles.set(id, new WeakRef(thread));
    this.#registry.register(thread, thread.hold);
    return thread;
  }

  /** The reference for a handle, with the thread's ending if that is known. */
  toRef(thread: RemoteThread): Ref {
    const { id, name } = thread;
    thread.observed = true;
    const outcome = thread.outcome();
    if (!outcome) return { kind: RefKind.Thread, data: { id, name } };
    return { kind: RefKind.Thread, data: { id, name, ended: endingOf(outcome) } };
  }

  /** The handle for a reference. */
  adopt({ id, name, ended }: ThreadRef): RemoteThread {
    const thread = this.handle(id, name);
    if (ended) thread.settleWith(outcomeOf(ended.ending, ended.value));
    else thread.hold.count++;
    return thread;
  }

  /** Releases a thread whose ending the handle knows: the hub need not keep the ending for this Worker any longer. */
  letGo({ hold }: RemoteThread): void {
    if (hold.count > 0) this.#sayReleased(hold.id, hold.count);
    hold.count = 0;
  }

  /** Drops the handle of an ended thread that nobody here has: code that gets one later gets another, and asks the hub. */
  drop({ id }: RemoteThread): void {
    this.#handles.delete(id);
  }

  /** Forgets a handle that was garbage-collected. */
  #forget(hold: Hold): void {
    if (this.#handles.get(hold.id)?.deref() === undefined) this.#handles.delete(hold.id);
    if (hold.count > 0) this.#sayReleased(hold.id, hold.count);
  }
}
