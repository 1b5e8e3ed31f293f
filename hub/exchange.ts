/**
 * The exchange: does what Workers ask for.
 *
 * It keeps the hub's threads and functions, and answers every message of the protocol. Each call is answered exactly
 * once: with its value, its error, or, when the caller has gone, not at all.
 *
 * @module
 */

import {
  type Body,
  decode,
  encode,
  encodeThrown,
  mayRefer,
  type Referrer,
} from "../bridge/codec.ts";
import {
  BridgeProtocolError,
  DeadlockError,
  GreenletExit,
  HubClosedError,
} from "../bridge/errors.ts";
import { Given } from "../bridge/given.ts";
import type { Callable } from "../bridge/loader.ts";
import { EMPTY, keep, type Message } from "../bridge/message.ts";
import {
  Down,
  Ending,
  intern,
  type Particulars,
  Referent,
  type Target,
  targetName,
  type ThreadReference,
  Up,
} from "../bridge/protocol.ts";
import {
  changesIn,
  type ContextValues,
  currentValues,
  findScopeBy,
  type Scope,
  useContext,
  usesContext,
  within,
} from "../bridge/context.ts";
import { encodeContext } from "../bridge/context_wire.ts";
import { Call, calls, limits } from "./call_context.ts";
import { CallSites, describeSites, type Sites } from "./call_sites.ts";
import { Callables } from "./callables.ts";
import { Ended } from "./ended.ts";
import type { GreenWorker } from "./green_worker.ts";
import { asReferent, hubReferent } from "./referents.ts";
import { HubThread, type ThreadHost, type Work } from "./hub_thread.ts";
import { KeepAlive } from "./keep_alive.ts";
import { Luggage } from "./luggage.ts";
import type { Settings } from "./options.ts";
import { ImportPermission } from "./permissions.ts";
import { Pool, type PoolHost } from "./pool.ts";
import { joinPool } from "./pool_members.ts";
import { CORE, coreOf } from "../bridge/sync/objects.ts";
import { DEPOSIT, knowsWhatRefers } from "../bridge/sync/parcels.ts";
import { Timeout } from "../bridge/timeout.ts";
import { readViews } from "./views.ts";
import { BELIEVED_AFTER, Circle, type Deadlock, WaitGraph } from "./wait_graph.ts";
import { LONGEST_TIMER } from "./within.ts";
import { heldObject } from "./worker_objects.ts";

knowsWhatRefers((value) => value instanceof HubThread || hubReferent(value, false) !== undefined);

/** What the exchange tells the hub's owner. */
export interface ExchangeEvents {
  /** A thread failed and nobody asked for its result. */
  unhandledThread(thread: HubThread): void;
  /** Something threw that belongs to no thread. */
  error(error: unknown): void;
  /** A function of the hub kept the event loop for so long, in milliseconds. */
  blocked(name: string, ms: number): void;
}

/** How a thread that stands for async work is to be made: see `futureToGreenlet`. */
export interface FutureOptions {
  readonly name?: string;
  readonly parent?: number;
  readonly autostart?: boolean;
  readonly autocancel?: boolean;
  readonly autokill?: boolean;
  /** Whether the work has asked for its signal; by default, if it takes an argument. */
  readonly heeds?: () => boolean;
  /** Notes what the work changes of the async context, if it does so by itself. */
  readonly scope?: Scope;
}

/** How a thread is to be made. */
export interface Launch extends Particulars {
  /** What it waits for before it may start. */
  readonly gate?: Promise<unknown>;
  readonly parent?: number;
}

/** A hub's threads and functions, and what Workers may do with them. */
export class Exchange implements PoolHost, ThreadHost {
  readonly scope: readonly string[];
  readonly callables: Callables;
  readonly given = new Given();
  readonly keepAlive = new KeepAlive();
  readonly pool: Pool;
  readonly #name: string;
  readonly #events: ExchangeEvents;
  /** Threads that have not ended, or to which a Worker holds a reference. */
  readonly #threads = new Map<number, HubThread>();
  /** What was said about a thread before it was spawned. */
  readonly #particulars = new Map<number, Particulars>();
  readonly #waits = new WaitGraph();
  readonly #sites = new CallSites();
  readonly #debug: boolean;
  readonly #blockedWarningMs: number;
  #closed = false;
  #spawned = 0;
  #calls = 0;

  constructor(settings: Settings, scope: readonly string[], events: ExchangeEvents) {
    this.#name = settings.name;
    this.#debug = settings.debug;
    this.#blockedWarningMs = settings.blockedWarningMs;
    this.scope = scope;
    findScopeBy(() => calls().getStore());
    this.#events = events;
    this.callables = new Callables(new ImportPermission(settings.hubImport, settings.name));
    this.pool = new Pool(settings, this);
  }

  /** How many threads were ever spawned, and how many calls were ever made to the hub. */
  get totals(): { spawned: number; calls: number } {
    return { spawned: this.#spawned, calls: this.#calls };
  }

  /** How many calls from green code are being served. */
  get callsInFlight(): number {
    let count = 0;
    for (const worker of this.pool.workers) count += worker.calls.size;
    return count;
  }

  /** All threads that have not ended. */
  *threads(): Generator<HubThread> {
    for (const thread of this.#threads.values()) if (!thread.dead) yield thread;
  }

  // Threads.

  /**
   * Makes work for a thread of a target and its arguments.
   *
   * @param values The async context that the thread is to have.
   * @throws {NotCloneableError} If an argument, or a value of the context, cannot cross.
   */
  pack(
    target: Target,
    args: readonly unknown[],
    values: ContextValues | undefined,
  ): Work {
    const luggage = new Luggage(this);
    try {
      const body = encode(args, "arguments", luggage);
      const context = values && { body: encodeContext(values, luggage), values };
      return { target, args: body, luggage, context };
    } catch (error) {
      luggage.drop();
      throw error;
    }
  }

  /** Makes a thread that a Worker is to run. */
  launch(work: Work, launch: Launch, id = this.pool.board.takeId()): HubThread {
    const thread = new HubThread(this, id, {
      label: targetName(work.target),
      name: launch.name,
      parent: launch.parent,
      detached: launch.detached,
      work,
    });
    thread.turn = launch.turn;
    this.#spawned++;
    joinPool(thread, launch);
    if (this.#debug) this.#recordSite(thread, launch.site ?? new Error().stack ?? "");
    if (launch.timeout !== undefined) this.#limit(thread, launch.timeout, launch.graceMs);
    if (this.#closed) {
      work.luggage?.drop();
      thread.end(Ended.of({ status: "rejected", reason: this.closedError() }));
      return thread;
    }
    this.#threads.set(id, thread);
    this.keepAlive.hold();
    if (launch.local && !this.#makeDependent(thread)) return thread;
    if (launch.delay !== undefined) this.#enqueueLater(thread, launch.delay);
    else if (launch.gate) this.#enqueueAfter(thread, launch.gate);
    else this.#enqueue(thread);
    // It waits, and by the time it runs the bytes may have been changed by whoever passed them.
    if (thread.work) thread.work = keepWork(thread.work);
    return thread;
  }

  /**
   * Makes a thread that stands for async work on the hub.
   *
   * @param label What it is named after.
   * @param options When it starts, and what ends it.
   * @param work Starts the work; gets the signal that aborts it.
   */
  future(
    label: string,
    options: FutureOptions,
    work: (signal: AbortSignal) => unknown,
    id = this.pool.board.takeId(),
  ): HubThread {
    const { autostart = true, autocancel = true, autokill = true } = options;
    const { heeds = () => work.length > 0 } = options;
    const { scope, begin } = inContext(options.scope, work);
    const thread = new HubThread(this, id, { label, name: options.name, parent: options.parent });
    if (this.#closed) {
      thread.end(Ended.of({ status: "rejected", reason: this.closedError() }));
      return thread;
    }
    this.#threads.set(id, thread);
    const controller = new AbortController();
    const start = () => {
      thread.begin = undefined;
      thread.start();
      const end = (ended: Ended) => {
        if (scope && !thread.dead) thread.changes = changesIn(scope);
        this.endThread(thread, ended);
      };
      const working = Promise.try(begin, controller.signal).then(
        (value) => end(Ended.of({ status: "fulfilled", value })),
        (reason) => end(abortedEnding(reason, autokill)),
      );
      thread.abort = (reason) => {
        if (!autocancel) return;
        if (heeds()) this.#awaitAborted(thread, working);
        controller.abort(reason);
      };
    };
    if (autostart) start();
    else thread.begin = start;
    return thread;
  }

  killThread(thread: HubThread, reason: unknown, onlyPending: boolean, graceMs: number): void {
    const exit = reason ?? new GreenletExit();
    const ended = Ended.of({ status: "killed", reason: exit });
    if (thread.state === "pending") {
      thread.cancelDelay?.();
      this.pool.remove(thread);
      return this.endThread(thread, ended);
    }
    if (onlyPending || thread.dead) return;
    if (thread.abort) {
      thread.abort(exit);
      return this.endThread(thread, ended);
    }
    const { worker } = thread;
    if (!worker) return;
    if (graceMs !== Infinity) this.#stopAfter(worker, thread, graceMs);
    if (thread.killed) return;
    thread.killed = { reason: exit };
    this.#waits.clear(thread);
    worker.post.send(Down.Kill, thread.id, 0, 0, encodeThrown(exit, "reason", worker.referrer));
    worker.post.ready();
  }

  endThread(thread: HubThread, ended: Ended): void {
    const { work } = thread;
    const ran = work !== undefined || thread.worker !== undefined;
    if (!thread.end(ended)) return;
    work?.luggage?.drop();
    thread.stopClock?.();
    thread.stopWaiting?.();
    this.#waits.clear(thread);
    if (ran) this.keepAlive.release();
    for (const dependant of thread.dependants ?? []) this.#cancelDependant(dependant, thread);
    if (thread.watchers) {
      for (const worker of thread.watchers) if (!worker.dead) worker.tell(thread);
      thread.watchers = undefined;
    }
    this.#forgetIfDone(thread);
  }

  failedUnseen(thread: HubThread): void {
    if (thread.keeper && !thread.keeper.dead) return;
    if (thread.detached) return this.#events.unhandledThread(thread);
    // As for promises: whoever wants the result has until the next turn of the event loop to say so.
    // The timer keeps the process alive for that turn, so that no failure is lost at its end.
    setTimeout(() => {
      // By now one that ended while it was spawned may have been handed to a Worker, which looks after it.
      const kept = thread.keeper !== undefined && !thread.keeper.dead;
      if (!thread.seen && !kept) this.#events.unhandledThread(thread);
    }, 0);
  }

  reportError(error: unknown): void {
    this.#events.error(error);
  }

  async afterwards(thread: HubThread): Promise<void> {
    const deadlock = thread.dead ? undefined : await this.awaiting(thread);
    if (deadlock) throw deadlock;
    if (!thread.dead) await new Promise<void>((resolve) => thread.onEnd(() => resolve()));
    await Promise.allSettled(thread.aborted);
  }

  callAborted(call: Call): void {
    const thread = this.#threads.get(call.threadId);
    if (thread && call.work && call.heeds) this.#awaitAborted(thread, call.work);
  }

  get closed(): boolean {
    return this.#closed;
  }

  served(worker: GreenWorker): void {
    this.pool.served(worker);
  }

  awaiting(thread: HubThread): Promise<Error | undefined> | undefined {
    const deadlock = this.#startAwaiting(thread);
    return deadlock && this.#confirm(deadlock, () => this.#startAwaiting(thread));
  }

  /** The error for a deadlock, if it is still one when the threads in it have said where they are. */
  async #confirm(
    deadlock: Deadlock,
    again: () => Deadlock | undefined,
  ): Promise<Error | undefined> {
    const sites = await this.#sites.of(deadlock.threads);
    return again()?.error(sites);
  }

  #startAwaiting(thread: HubThread): Deadlock | undefined {
    const call = calls().getStore();
    // Once it is answered, what the function left behind keeps nobody waiting.
    const caller = call && !call.ended ? this.#threads.get(call.threadId) : undefined;
    if (!caller || caller.dead) return undefined;
    if (limits().getStore()) return void this.pool.urge(thread);
    const by = `a call to ${call!.name}()`;
    const edge = this.#waits.add({ from: caller, to: thread, by, sure: true });
    if (edge instanceof Circle) return edge;
    (call!.onEnd ??= []).push(edge);
    // The caller keeps its Worker, so that the thread may need one more.
    this.pool.urge(thread);
    const stuck = this.#stuck(thread);
    if (stuck) edge();
    return stuck;
  }

  /** What those get who come too late. */
  closedError(): HubClosedError {
    return new HubClosedError(`Cannot use the hub "${this.#name}": it is closed`);
  }

  /** Takes no new threads from now on; those that have not started end. */
  refuse(): void {
    this.#closed = true;
    for (const thread of [...this.threads()]) {
      if (thread.state !== "pending") continue;
      thread.cancelDelay?.();
      this.pool.remove(thread);
      this.#close(thread);
    }
  }

  /** Everything that has not ended ends now. */
  endAll(): void {
    for (const thread of [...this.threads()]) {
      thread.abort?.(this.closedError());
      this.#close(thread);
    }
  }

  #close(thread: HubThread): void {
    // Whoever closed the hub wanted this: there is nothing to report.
    thread.seen = true;
    this.endThread(thread, Ended.of({ status: "rejected", reason: this.closedError() }));
  }

  // What a Worker's references are looked up in.

  threadById(id: number): HubThread | undefined {
    return this.#threads.get(id);
  }

  adoptThread(reference: ThreadReference, ended: Ended): HubThread {
    const { id, name } = reference;
    const thread = new HubThread(this, Number(id), { label: "", name: String(name) });
    thread.seen = true;
    thread.end(ended);
    return thread;
  }

  releaseThread(id: number, count: number): void {
    const thread = this.#threads.get(id);
    if (!thread) return;
    thread.holds -= count;
    this.#forgetIfDone(thread);
  }

  // Messages.

  take(worker: GreenWorker, message: Message): void {
    const { kind, id, a, b, body } = message;
    switch (kind) {
      case Up.Ready:
        return this.pool.ready(worker);
      case Up.Call:
        return this.#serve(worker, message);
      case Up.Done:
        return this.#done(worker, message);
      case Up.Spawn:
        return this.#spawn(worker, message);
      case Up.Start:
        return this.#start(worker, message);
      case Up.Wait:
        return this.#wait(worker, id, b, a === 1);
      case Up.Bind:
        return void worker.targets.set(id, this.#checkTarget(decode(body, worker.referrer)));
      case Up.Reply:
        return this.#takeReply(worker, message);
      case Up.Release:
        return worker.letGo(a, id, b);
      case Up.Abort:
        return this.#abort(worker, id, readReason(worker, body), a === 1);
      case Up.Parked:
        return this.#parked(worker, id, a, b, String(decode(body, worker.referrer)));
      case Up.Unparked:
        return this.#unparked(worker, id);
      case Up.At:
        return this.#sites.take(id, String(decode(body, worker.referrer)));
      case Up.Unwait:
        return worker.stack.findLast((thread) => thread.id === b)?.stopWaiting?.();
      case Up.Unseen: {
        const [name, reason] = readReason(worker, body) as [string, unknown];
        const failed = new HubThread(this, id, { label: "", name: String(name) });
        failed.seen = true;
        failed.end(Ended.of({ status: "rejected", reason }));
        return this.#events.unhandledThread(failed);
      }
      case Up.Kill: {
        const thread = this.#threads.get(id);
        const reason = readReason(worker, body);
        if (!thread) return;
        this.killThread(thread, reason, a === 1, b < 0 ? Infinity : b);
        // As in eventlet: who kills hands over to the one who is killed.
        if (a !== 1 && !thread.dead) thread.worker?.post.readyFirst();
        return;
      }
      case Up.Signalled: {
        const aborted = a === 1 ? undefined : { reason: readReason(worker, body) };
        return worker.references.signalled(id, aborted);
      }
      case Up.Fault:
        return this.#events.error(readReason(worker, body));
      case Up.Prepare:
        return void this.#particulars.set(
          id,
          checkParticulars(decode(body, worker.referrer)),
        );
      case Up.Context:
        useContext();
        return worker.context.arrive(message);
      case Up.Fence:
        // After what the endings of threads set off, which run in microtasks: pools get their slots back.
        return queueMicrotask(() => {
          if (!worker.dead) worker.post.send(Down.Fence, id, 0, 0, EMPTY);
        });
      case Up.Loaded:
        return worker.loaded(id, decode(body, worker.referrer));
      default:
        throw new BridgeProtocolError(`Cannot take a message of kind ${kind}`);
    }
  }

  #takeReply(worker: GreenWorker, message: Message): void {
    const { id, a, body } = message;
    let value: unknown;
    let changes: ContextValues | undefined;
    let ending = checkEnding(a);
    try {
      if (usesContext()) changes = worker.context.changes(message);
      value = decode(body, worker.referrer);
    } catch (error) {
      if (error instanceof BridgeProtocolError) throw error;
      ending = Ending.Rejected;
      value = error;
    }
    worker.reply(id, ending, value, changes);
  }

  #serve(worker: GreenWorker, message: Message): void {
    const { id, a, b, body } = message;
    const target = this.#target(worker, a);
    const call = new Call(b, targetName(target), this);
    call.origin = { worker, number: id };
    const isForeign = target.kind === "live" || target.kind === "hub";
    const referrer = isForeign ? worker.liveReferrer : worker.referrer;
    this.#calls++;
    worker.calls.set(id, call);
    const answer = (ending: number, value: unknown) => {
      call.end();
      if (worker.calls.get(id) !== call) return;
      worker.calls.delete(id);
      if (!worker.dead) this.#reply(worker, id, ending, value, call, referrer);
    };
    let result: unknown;
    try {
      if (usesContext()) call.given = worker.context.given(message, b);
      result = this.#invoke(worker, target, call, body);
    } catch (error) {
      return answer(Ending.Rejected, error);
    }
    // A handle is a value; only an async function that returns one awaits it, as the language has it.
    if (result instanceof HubThread || !isThenable(result)) {
      return answer(Ending.Fulfilled, result);
    }
    call.work = Promise.resolve(result).then(
      (value) => answer(Ending.Fulfilled, value),
      (error) => answer(Ending.Rejected, error),
    );
  }

  #invoke(worker: GreenWorker, target: Target, call: Call, body: Body): unknown {
    const args = this.#arguments(worker, target, body);
    if (!Array.isArray(args)) throw new TypeError("Cannot call a function without arguments");
    const fn = this.#callable(worker, target);
    if (!(fn instanceof Promise)) return this.#runCall(call, fn, args);
    // One that was given up while the module was loaded is not begun.
    return fn.then((fn) => call.aborted ? undefined : this.#runCall(call, fn, args));
  }

  /** The arguments of a call; if it goes on to another Worker or to a queue, as they are passed on. */
  #arguments(worker: GreenWorker, target: Target, body: Body): unknown {
    const mayGoOn = target.kind === "live" || target === DEPOSIT;
    if (!mayGoOn || !mayRefer(body)) return decode(body, worker.referrer);
    const { here, passing } = readViews(body, worker.referrer);
    if (here === passing || !Array.isArray(here) || !Array.isArray(passing)) return here;
    if (target === DEPOSIT) return [...here, passing[1]];
    return worker.references.goesOn(here.at(-2)) ? passing : here;
  }

  /** Calls a function of the hub, and looks how long it keeps the event loop. */
  #runCall(call: Call, fn: Callable, args: unknown[]): unknown {
    if (this.#blockedWarningMs === Infinity) return call.run(() => fn(...args));
    const start = performance.now();
    try {
      return call.run(() => fn(...args));
    } finally {
      const ms = performance.now() - start;
      if (ms > this.#blockedWarningMs) this.#events.blocked(call.name, ms);
    }
  }

  #callable(worker: GreenWorker, target: Target): Callable | Promise<Callable> {
    if (target.kind === "live") {
      return (...args) => {
        const [number, op] = args.splice(-2);
        return worker.references.perform(number, op, args);
      };
    }
    return this.callables.find(target) ?? this.callables.load(target);
  }

  #reply(
    worker: GreenWorker,
    id: number,
    ending: number,
    value: unknown,
    call: Call,
    referrer: Referrer,
  ): void {
    let body: Body;
    let context: Body | undefined;
    const changes = changesIn(call);
    try {
      if (changes) {
        context = worker.references.attempt(() => encodeContext(changes, worker.referrer));
      }
      body = ending === Ending.Fulfilled
        ? worker.references.attempt(() => encode(asReferent(value), "result", referrer))
        : encodeThrown(value, "error", worker.referrer);
    } catch (error) {
      // Of two errors the first one is for the caller.
      if (ending !== Ending.Fulfilled) this.#events.error(error);
      else value = error;
      ending = Ending.Rejected;
      body = encodeThrown(value, "error", worker.referrer);
    }
    if (context) worker.post.send(Down.Context, 0, 0, 0, context);
    worker.post.send(Down.Reply, id, ending, 0, body);
    worker.post.ready();
  }

  #abort(worker: GreenWorker, id: number, reason: unknown, abandon: boolean): void {
    const call = worker.calls.get(id);
    if (!call) return;
    worker.calls.delete(id);
    call.end();
    // Until this arrives, what its function asks over there still counts.
    if (abandon) {
      const nothing = encode(undefined, "result", worker.referrer);
      return worker.post.send(Down.Reply, id, Ending.Fulfilled, 0, nothing);
    }
    this.callAborted(call);
    call.abort(reason);
  }

  #spawn(worker: GreenWorker, message: Message): void {
    const { id, a, b, body } = message;
    const target = this.#target(worker, a);
    this.#checkNewId(id);
    const particulars = this.#takeParticulars(id);
    const launch = { ...particulars, parent: b };
    let thread: HubThread;
    try {
      const values = usesContext() ? worker.context.given(message, b) : undefined;
      const work = values || mayRefer(body)
        ? this.pack(target, readViews(body, worker.referrer).passing as unknown[], values)
        : { target, args: body };
      thread = this.launch(work, launch, id);
    } catch (reason) {
      if (reason instanceof BridgeProtocolError) throw reason;
      thread = new HubThread(this, id, { label: targetName(target), ...launch });
      thread.end(Ended.of({ status: "rejected", reason }));
    }
    this.#hand(worker, thread);
  }

  #start(worker: GreenWorker, message: Message): void {
    const { id, a, b, body } = message;
    const target = this.#target(worker, a);
    this.#checkNewId(id);
    const particulars = this.#takeParticulars(id);
    this.#calls++;
    // Whoever started it does not wait for it, so it is nobody's wait.
    const call = new Call(0, targetName(target));
    const options = { ...particulars, parent: b, heeds: () => call.heeds, scope: call };
    let unread: unknown;
    try {
      if (usesContext()) call.given = worker.context.given(message, b);
    } catch (error) {
      unread = error;
    }
    const thread = this.future(call.name, options, (signal) => {
      if (unread !== undefined) throw unread;
      if (this.#closed) throw this.closedError();
      signal.addEventListener("abort", () => call.abort(signal.reason));
      return this.#invoke(worker, target, call, body);
    }, id);
    this.#hand(worker, thread);
  }

  /** The Worker that made a thread has a handle to it and is told how it ends. */
  #hand(worker: GreenWorker, thread: HubThread): void {
    // The Worker reports a failure that nobody there looks at, unless nobody is expected to.
    if (!thread.detached) thread.keeper = worker;
    if (thread.dead) return worker.tell(thread);
    worker.hold(Referent.Thread, thread.id);
    thread.holds++;
    (thread.watchers ??= new Set()).add(worker);
  }

  /** @param sites Where those are blocked who were found to be in a deadlock, if this has been looked at before. */
  #wait(worker: GreenWorker, id: number, waiter: number, limited: boolean, sites?: Sites): void {
    const thread = this.#threads.get(id) ?? this.#forgotten(id);
    thread.seen = true;
    if (waiter === 0) worker.watched.add(id);
    if (thread.dead) return worker.tell(thread);
    (thread.watchers ??= new Set()).add(worker);
    thread.begin?.();
    const from = worker.stack.findLast((thread) => thread.id === waiter);
    const deadlock = from && this.#startWaiting(from, thread, limited);
    if (deadlock) return this.#refuseWait(worker, from, thread, deadlock, sites);
    // Nobody is blocked who only asked to be told.
    if (waiter !== 0) this.pool.awaited(worker, thread, limited);
    const stuck = from && !limited ? this.#stuck(thread) : undefined;
    if (!stuck) return;
    from!.stopWaiting?.();
    this.#refuseWait(worker, from!, thread, stuck, sites);
  }

  /**
   * A thread must not go on waiting. First those in the deadlock are asked where they are; meanwhile one of them may be
   * killed, so that it is none any more, or the waiter may have given up.
   */
  #refuseWait(
    worker: GreenWorker,
    from: HubThread,
    to: HubThread,
    deadlock: Deadlock,
    sites: Sites | undefined,
  ): void {
    if (sites) {
      const error = encodeThrown(deadlock.error(sites), "error", worker.referrer);
      worker.post.send(Down.Refuse, to.id, from.id, 0, error);
      return worker.post.ready();
    }
    const stop = from.stopWaiting = () => from.stopWaiting = undefined;
    this.#sites.of(deadlock.threads).then((sites) => {
      if (from.stopWaiting !== stop || worker.dead) return;
      this.#wait(worker, to.id, from.id, false, sites);
    });
  }

  /** A thread waits for another one; it waits for one at a time. */
  #startWaiting(from: HubThread, to: HubThread, limited: boolean): Deadlock | undefined {
    from.stopWaiting?.();
    const edge = limited ? undefined : this.#waits.add({ from, to, by: "wait()", sure: true });
    if (edge instanceof Circle) return edge;
    to.interest++;
    from.waitingFor = to;
    from.stopWaiting = () => {
      from.stopWaiting = undefined;
      from.waitingFor = undefined;
      to.interest--;
      edge?.();
    };
  }

  /**
   * Whether a thread can never start, because the Workers that there may be all run threads that wait for such ones.
   *
   * @returns What the one is to be told who has just begun to wait for it.
   */
  #stuck(thread: HubThread): Deadlock | undefined {
    const running = this.pool.blocking(thread);
    if (!running?.every((thread) => this.#waits.leadsTo(thread, (to) => this.pool.holds(to)))) {
      return undefined;
    }
    const cycle = [...running, thread].map(({ name }) => name);
    const message =
      `Cannot wait for "${thread.name}": it can never start, as all ${running.length} Workers that hub "${this.#name}" ` +
      "may have run green threads that wait for ones that have not started";
    return {
      threads: running,
      error: (sites) => new DeadlockError(message + describeSites(sites), { cycle }),
    };
  }

  /**
   * What stands for a thread that the hub has forgotten. It had ended and everybody had been told, so an ending that is
   * still on its way counts before this one.
   */
  #forgotten(id: number): HubThread {
    const thread = new HubThread(this, id, { label: "forgotten" });
    thread.seen = true;
    const reason = new Error(
      `Cannot wait for green thread ${id}: the hub does not know it any more`,
    );
    thread.end(Ended.of({ status: "rejected", reason }));
    return thread;
  }

  #parked(worker: GreenWorker, id: number, holder: number, object: number, on: string): void {
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) return;
    worker.proven = true;
    thread.lastParked = undefined;
    thread.unpark?.();
    thread.unpark = undefined;
    thread.parkedOn = on;
    thread.stalled = object !== 0;
    if (thread.stalled) this.pool.relieve();
    const to = this.#threads.get(holder);
    if (!to) return;
    const holds = () => heldObject(object)?.[CORE].holder() === holder;
    const add = () => {
      const edge = this.#waits.add({ from: thread, to, by: on, sure: false, holds });
      if (edge instanceof Circle) return edge;
      thread.unpark = edge;
      thread.suspicions = 0;
    };
    const circle = add();
    if (!circle || ++thread.suspicions < BELIEVED_AFTER) return;
    thread.suspicions = 0;
    // It may have been unparked by then, or have said something else.
    const said = {};
    thread.lastParked = said;
    this.#confirm(circle, () => thread.lastParked === said ? add() : undefined).then((error) => {
      if (!error || worker.dead) return;
      worker.post.send(Down.Kill, id, 0, 1, encodeThrown(error, "reason", worker.referrer));
      worker.post.ready();
    });
  }

  #unparked(worker: GreenWorker, id: number): void {
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) return;
    thread.parkedOn = undefined;
    thread.stalled = false;
    thread.lastParked = undefined;
    thread.suspicions = 0;
    thread.unpark?.();
    thread.unpark = undefined;
  }

  #done(worker: GreenWorker, message: Message): void {
    const { id, a: ending, body } = message;
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) throw new BridgeProtocolError(`Cannot end thread ${id}: it does not run here`);
    // It knows already how the threads on its own stack ended.
    thread.watchers?.delete(worker);
    let ended = Ended.from(checkEnding(ending), body, worker.referrer);
    try {
      if (usesContext()) thread.changes = worker.context.changes(message);
    } catch (reason) {
      ended = Ended.of({ status: "rejected", reason });
    }
    // Who killed it gets the very reason back.
    if (ending === Ending.Killed && thread.killed) {
      ended = Ended.of({ status: "killed", reason: thread.killed.reason });
    }
    this.pool.left(worker, thread);
    this.endThread(thread, ended);
  }

  #target(worker: GreenWorker, number: number): Target {
    const target = worker.targets.get(number);
    if (target) return target;
    throw new BridgeProtocolError(`Cannot call target ${number}: it was not bound`);
  }

  #checkTarget(value: unknown): Target {
    const { kind, name, url, source, specifier } = (value ?? {}) as Record<string, unknown>;
    const ok = kind === "export" || kind === "shared"
      ? isText(url, name)
      : kind === "source"
      ? isText(source, name)
      : kind === "exposed"
      ? isText(name)
      : kind === "hub"
      ? isText(specifier, name)
      : kind === "exports"
      ? isText(specifier)
      : kind === "live";
    if (!ok) throw new BridgeProtocolError(`Cannot bind a target of kind ${String(kind)}`);
    return intern(value as Target);
  }

  #checkNewId(id: number): void {
    if (!this.#threads.has(id)) return;
    throw new BridgeProtocolError(`Cannot make thread ${id}: there is one with that id`);
  }

  #takeParticulars(id: number): Particulars | undefined {
    const particulars = this.#particulars.get(id);
    this.#particulars.delete(id);
    return particulars;
  }

  #enqueue(thread: HubThread): void {
    try {
      this.pool.enqueue(thread);
    } catch (reason) {
      this.endThread(thread, Ended.of({ status: "rejected", reason }));
    }
  }

  #enqueueAfter(thread: HubThread, gate: Promise<unknown>): void {
    gate.then(
      () => thread.state === "pending" && this.#enqueue(thread),
      (reason) => this.endThread(thread, Ended.of({ status: "rejected", reason })),
    );
  }

  #enqueueLater(thread: HubThread, delay: number): void {
    const timer = setTimeout(() => {
      thread.cancelDelay = undefined;
      this.#enqueue(thread);
    }, Math.max(0, delay));
    thread.cancelDelay = () => clearTimeout(timer);
  }

  #recordSite(thread: HubThread, stack: string): void {
    const above = this.#threads.get(thread.parent)?.spawnSites ?? [];
    thread.spawnSites = [{ name: thread.name, stack }, ...above].slice(0, MOST_SITES);
  }

  /** Kills a thread when it has run for too long; its clock starts when it does. */
  #limit(thread: HubThread, ms: number, graceMs = Infinity): void {
    if (ms > LONGEST_TIMER) return;
    thread.onStart = () => {
      const timer = setTimeout(() => {
        this.killThread(thread, new Timeout(ms), false, graceMs);
      }, ms);
      thread.stopClock = () => clearTimeout(timer);
    };
  }

  #stopAfter(worker: GreenWorker, thread: HubThread, graceMs: number): void {
    if (graceMs > LONGEST_TIMER) return;
    const timer = setTimeout(() => {
      if (thread.dead) return;
      this.pool.stop(worker, new Error(`"${thread.name}" was killed and did not end`));
    }, graceMs);
    thread.onEnd(() => clearTimeout(timer));
  }

  /** A thread that is not to start once the one that spawned it has ended. */
  #makeDependent(thread: HubThread): boolean {
    const owner = this.#threads.get(thread.parent);
    if (owner && !owner.dead) {
      (owner.dependants ??= new Set()).add(thread);
      thread.onBegin = () => owner.dependants?.delete(thread);
      return true;
    }
    this.#cancelDependant(thread);
    return false;
  }

  #cancelDependant(thread: HubThread, owner?: HubThread): void {
    const who = owner ? `"${owner.name}"` : "the green thread";
    const reason = new GreenletExit(`It was not to start once ${who} that spawned it had ended`);
    this.killThread(thread, reason, true, Infinity);
  }

  /** Async work was aborted because a thread was killed: it may take a while to end. */
  #awaitAborted(thread: HubThread, work: Promise<unknown>): void {
    const { aborted } = thread;
    aborted.add(work);
    work.finally(() => {
      aborted.delete(work);
      this.#forgetIfDone(thread);
    });
  }

  #forgetIfDone(thread: HubThread): void {
    if (thread.dead && thread.holds <= 0 && thread.aborted.size === 0) {
      this.#threads.delete(thread.id);
    }
  }
}

/** What waits for its turn keeps its own bytes. */
function keepWork(work: Work): Work {
  const { args, context } = work;
  return {
    ...work,
    args: keep(args),
    ...context ? { context: { ...context, body: keep(context.body) } } : {},
  };
}

/** Async work that belongs to a flow: it has that flow's context whenever it begins, and its changes are noted. */
function inContext(
  given: Scope | undefined,
  work: (signal: AbortSignal) => unknown,
): { scope: Scope | undefined; begin: (signal: AbortSignal) => unknown } {
  if (given || !usesContext()) return { scope: given, begin: work };
  const scope: Scope = { given: currentValues() };
  return { scope, begin: (signal) => within(scope, () => work(signal)) };
}

/** How many generations of threads a stack tells of. */
const MOST_SITES = 16;

/** How a thread ends whose async work failed: work that was aborted was killed. */
function abortedEnding(reason: unknown, autokill: boolean): Ended {
  if (reason instanceof GreenletExit) return Ended.of({ status: "killed", reason });
  const isAbort = reason instanceof DOMException && reason.name === "AbortError";
  if (!isAbort || !autokill) return Ended.of({ status: "rejected", reason });
  const exit = new GreenletExit("The async work was aborted", { cause: reason });
  return Ended.of({ status: "killed", reason: exit });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** A reason that a Worker gives; if it cannot be understood here (its class is not known), what is wrong with it. */
function readReason(worker: GreenWorker, body: Body): unknown {
  try {
    return decode(body, worker.referrer);
  } catch (error) {
    if (error instanceof BridgeProtocolError) throw error;
    return error;
  }
}

function isText(...values: unknown[]): boolean {
  return values.every((value) => typeof value === "string");
}

function checkEnding(ending: number): number {
  if (ending === 0 || ending === 1 || ending === 2) return ending;
  throw new BridgeProtocolError(`Cannot take an ending ${ending}`);
}

function checkParticulars(value: unknown): Particulars {
  const { name, delay, detached, timeout, graceMs, local, site, pool, memberOf, turn } =
    (value ?? {}) as Record<string, unknown>;
  const ms = (value: unknown) => typeof value === "number" && value >= 0 ? value : undefined;
  return {
    timeout: ms(timeout),
    graceMs: ms(graceMs),
    name: typeof name === "string" ? name : undefined,
    delay: ms(delay),
    detached: detached === true,
    local: local === true,
    site: typeof site === "string" ? site : undefined,
    pool: typeof pool === "object" && pool !== null && coreOf(pool) ? pool : undefined,
    memberOf: typeof memberOf === "number" ? memberOf : undefined,
    turn: Number.isInteger(turn) ? turn as number | 0 : undefined,
  };
}
