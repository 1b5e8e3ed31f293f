/**
 * The exchange: does what Workers ask for.
 *
 * It keeps the hub's threads and functions, and answers every message of the protocol. Each call is answered exactly
 * once: with its value, its error, or, when the caller has gone, not at all.
 *
 * @module
 */

import { type Body, decode, encode, encodeThrown, Format } from "../bridge/codec.ts";
import { BridgeProtocolError, GreenletExit, HubClosedError } from "../bridge/errors.ts";
import type { Callable } from "../bridge/loader.ts";
import type { Message } from "../bridge/mailbox.ts";
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
import { Call, calls } from "./call_context.ts";
import { Callables } from "./callables.ts";
import { Ended } from "./ended.ts";
import type { GreenWorker } from "./green_worker.ts";
import { HubFunctions } from "./hub_functions.ts";
import { HubThread, type ThreadHost, type Work } from "./hub_thread.ts";
import { KeepAlive } from "./keep_alive.ts";
import { Luggage } from "./luggage.ts";
import type { Settings } from "./options.ts";
import { Pool, type PoolHost } from "./pool.ts";

/** What the exchange tells the hub's owner. */
export interface ExchangeEvents {
  /** A thread failed and nobody asked for its result. */
  unhandledThread(thread: HubThread): void;
  /** Something threw that belongs to no thread. */
  error(error: unknown): void;
}

/** How a thread is to be made. */
export interface Launch extends Particulars {
  readonly parent?: number;
}

/** A hub's threads and functions, and what Workers may do with them. */
export class Exchange implements PoolHost, ThreadHost {
  readonly scope: readonly string[];
  readonly callables = new Callables();
  readonly functions = new HubFunctions();
  readonly keepAlive = new KeepAlive();
  readonly pool: Pool;
  readonly #name: string;
  readonly #events: ExchangeEvents;
  /** Threads that have not ended, or to which a Worker holds a reference. */
  readonly #threads = new Map<number, HubThread>();
  /** What was said about a thread before it was spawned. */
  readonly #particulars = new Map<number, Particulars>();
  #closed = false;
  #spawned = 0;
  #calls = 0;

  constructor(settings: Settings, scope: readonly string[], events: ExchangeEvents) {
    this.#name = settings.name;
    this.scope = scope;
    this.#events = events;
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
   * @throws {NotCloneableError} If an argument cannot cross.
   */
  pack(target: Target, args: readonly unknown[]): Work {
    const luggage = new Luggage(this);
    return { target, args: encode(args, "arguments", luggage), luggage };
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
    this.#spawned++;
    if (this.#closed) {
      thread.end(Ended.of({ status: "rejected", reason: this.closedError() }));
      return thread;
    }
    this.#threads.set(id, thread);
    this.keepAlive.hold();
    if (launch.delay !== undefined) this.#enqueueLater(thread, launch.delay);
    else this.#enqueue(thread);
    return thread;
  }

  /**
   * Makes a thread that stands for async work on the hub.
   *
   * @param work Starts the work; gets the signal that aborts it.
   */
  future(
    label: string,
    launch: Launch,
    work: (signal: AbortSignal) => unknown,
    id = this.pool.board.takeId(),
  ): HubThread {
    const controller = new AbortController();
    const thread = new HubThread(this, id, { label, name: launch.name, parent: launch.parent });
    thread.abort = (reason) => controller.abort(reason);
    thread.start();
    this.#threads.set(id, thread);
    const end = (ended: Ended) => this.endThread(thread, ended);
    new Promise((resolve) => resolve(work(controller.signal))).then(
      (value) => end(Ended.of({ status: "fulfilled", value })),
      (reason) => end(Ended.of({ status: "rejected", reason })),
    );
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
    worker.post.send(Down.Kill, thread.id, 0, 0, encodeThrown(exit, "reason", worker.referrer));
    if (graceMs !== Infinity) this.#stopAfter(worker, thread, ended, graceMs);
  }

  endThread(thread: HubThread, ended: Ended): void {
    const { work } = thread;
    const ran = work !== undefined || thread.worker !== undefined;
    if (!thread.end(ended)) return;
    work?.luggage?.drop();
    if (ran) this.keepAlive.release();
    if (thread.watchers) {
      for (const worker of thread.watchers) if (!worker.dead) worker.tell(thread);
      thread.watchers = undefined;
    }
    this.#forgetIfDone(thread);
  }

  failedUnseen(thread: HubThread): void {
    if (thread.detached) return this.#events.unhandledThread(thread);
    // As for promises: whoever wants the result has until the next turn of the event loop to say so.
    const timer = setTimeout(() => {
      if (!thread.seen) this.#events.unhandledThread(thread);
    }, 0);
    Deno.unrefTimer(timer);
  }

  reportError(error: unknown): void {
    this.#events.error(error);
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
        return this.#done(worker, id, a, body);
      case Up.Spawn:
        return this.#spawn(worker, message);
      case Up.Start:
        return this.#start(worker, message);
      case Up.Wait:
        return this.#wait(worker, id, a === 1);
      case Up.Bind:
        return void worker.targets.set(id, this.#checkTarget(decode(body, worker.referrer)));
      case Up.Reply:
        return worker.reply(id, checkEnding(a), decode(body, worker.referrer));
      case Up.Release:
        return worker.letGo(a, id, b);
      case Up.Abort:
        return this.#abort(worker, id, decode(body, worker.referrer));
      case Up.Kill: {
        const thread = this.#threads.get(id);
        const reason = decode(body, worker.referrer);
        if (thread) this.killThread(thread, reason, a === 1, b < 0 ? Infinity : b);
        return;
      }
      case Up.Fault:
        return this.#events.error(decode(body, worker.referrer));
      case Up.Prepare:
        return void this.#particulars.set(
          id,
          checkParticulars(decode(body, worker.referrer)),
        );
      case Up.Loaded:
        return worker.loaded(id);
      default:
        throw new BridgeProtocolError(`Cannot take a message of kind ${kind}`);
    }
  }

  #serve(worker: GreenWorker, { id, a, b, body }: Message): void {
    const target = this.#target(worker, a);
    const call = new Call(b);
    this.#calls++;
    worker.calls.set(id, (reason) => call.abort(reason));
    const answer = (ending: number, value: unknown) => {
      if (!worker.calls.delete(id) || worker.dead) return;
      this.#reply(worker, id, ending, value);
    };
    let result: unknown;
    try {
      result = this.#invoke(worker, target, call, body);
    } catch (error) {
      return answer(Ending.Rejected, error);
    }
    if (!isThenable(result)) return answer(Ending.Fulfilled, result);
    result.then(
      (value) => answer(Ending.Fulfilled, value),
      (error) => answer(Ending.Rejected, error),
    );
  }

  #invoke(worker: GreenWorker, target: Target, call: Call, body: Body): unknown {
    const args = decode(body, worker.referrer);
    if (!Array.isArray(args)) throw new TypeError("Cannot call a function without arguments");
    const fn = this.#callable(worker, target);
    if (fn instanceof Promise) return fn.then((fn) => calls().run(call, () => fn(...args)));
    return calls().run(call, () => fn(...args));
  }

  #callable(worker: GreenWorker, target: Target): Callable | Promise<Callable> {
    if (target.kind !== "function") {
      return this.callables.find(target) ?? this.callables.load(target);
    }
    const fn = worker.mayCall(target.id) ? this.functions.get(target.id) : undefined;
    if (fn) return fn;
    throw new TypeError(`Cannot call function ${target.id}: it was not passed to this Worker`);
  }

  #reply(worker: GreenWorker, id: number, ending: number, value: unknown): void {
    let body: Body;
    try {
      body = ending === Ending.Fulfilled
        ? encode(value, "result", worker.referrer)
        : encodeThrown(value, "error", worker.referrer);
    } catch (error) {
      ending = Ending.Rejected;
      body = encodeThrown(error, "error", worker.referrer);
    }
    worker.post.send(Down.Reply, id, ending, 0, body);
  }

  #abort(worker: GreenWorker, id: number, reason: unknown): void {
    const abort = worker.calls.get(id);
    worker.calls.delete(id);
    abort?.(reason);
  }

  #spawn(worker: GreenWorker, { id, a, b, body }: Message): void {
    const target = this.#target(worker, a);
    this.#checkNewId(id);
    const particulars = this.#takeParticulars(id);
    const work = body.format === Format.Structured
      ? this.pack(target, decode(body, worker.referrer) as unknown[])
      : { target, args: body };
    const thread = this.launch(work, { ...particulars, parent: b }, id);
    if (particulars?.detached) return;
    this.#hand(worker, thread);
  }

  #start(worker: GreenWorker, { id, a, b, body }: Message): void {
    const target = this.#target(worker, a);
    this.#checkNewId(id);
    const particulars = this.#takeParticulars(id);
    this.#calls++;
    const thread = this.future(targetName(target), { ...particulars, parent: b }, (signal) => {
      if (this.#closed) throw this.closedError();
      const call = new Call(b);
      signal.addEventListener("abort", () => call.abort(signal.reason));
      return this.#invoke(worker, target, call, body);
    }, id);
    this.#hand(worker, thread);
  }

  /** The Worker that made a thread has a handle to it and is told how it ends. */
  #hand(worker: GreenWorker, thread: HubThread): void {
    thread.seen = true;
    if (thread.dead) return worker.tell(thread);
    worker.hold(Referent.Thread, thread.id);
    thread.holds++;
    (thread.watchers ??= new Set()).add(worker);
  }

  #wait(worker: GreenWorker, id: number, limited: boolean): void {
    const thread = this.#threads.get(id);
    // It ended, was told, and was forgotten: the Worker finds its ending on the way.
    if (!thread) return;
    thread.seen = true;
    if (thread.dead) return worker.tell(thread);
    (thread.watchers ??= new Set()).add(worker);
    this.pool.awaited(worker, thread, limited);
  }

  #done(worker: GreenWorker, id: number, ending: number, body: Body): void {
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) throw new BridgeProtocolError(`Cannot end thread ${id}: it does not run here`);
    // It knows already how the threads on its own stack ended.
    thread.watchers?.delete(worker);
    const ended = Ended.from(checkEnding(ending), body, worker.referrer);
    this.pool.left(worker, thread);
    this.endThread(thread, ended);
  }

  #target(worker: GreenWorker, number: number): Target {
    const target = worker.targets.get(number);
    if (target) return target;
    throw new BridgeProtocolError(`Cannot call target ${number}: it was not bound`);
  }

  #checkTarget(value: unknown): Target {
    const { kind, name, url, source, specifier, id } = (value ?? {}) as Record<string, unknown>;
    const ok = kind === "export"
      ? isText(url, name)
      : kind === "source"
      ? isText(source, name)
      : kind === "exposed"
      ? isText(name)
      : kind === "hub"
      ? isText(specifier, name)
      : kind === "exports"
      ? isText(specifier)
      : kind === "function" && Number.isInteger(id);
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

  #enqueueLater(thread: HubThread, delay: number): void {
    const timer = setTimeout(() => {
      thread.cancelDelay = undefined;
      this.#enqueue(thread);
    }, Math.max(0, delay));
    thread.cancelDelay = () => clearTimeout(timer);
  }

  #stopAfter(worker: GreenWorker, thread: HubThread, ended: Ended, graceMs: number): void {
    const timer = setTimeout(() => {
      if (thread.dead) return;
      this.endThread(thread, ended);
      this.pool.stop(worker, new Error(`"${thread.name}" was killed and did not end`));
    }, graceMs);
    thread.link(() => clearTimeout(timer));
  }

  #forgetIfDone(thread: HubThread): void {
    if (thread.dead && thread.holds <= 0) this.#threads.delete(thread.id);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

function isText(...values: unknown[]): boolean {
  return values.every((value) => typeof value === "string");
}

function checkEnding(ending: number): number {
  if (ending === 0 || ending === 1 || ending === 2) return ending;
  throw new BridgeProtocolError(`Cannot take an ending ${ending}`);
}

function checkParticulars(value: unknown): Particulars {
  const { name, delay, detached } = (value ?? {}) as Record<string, unknown>;
  return {
    name: typeof name === "string" ? name : undefined,
    delay: typeof delay === "number" && delay >= 0 ? delay : undefined,
    detached: detached === true,
  };
}
