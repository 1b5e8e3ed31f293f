/**
 * The hub's record of a Worker: the post to it, the threads on it, and all that ends with it.
 *
 * ```text
 * starting ──> idle <──> busy        (busy: with threads on its stack)
 *     └──────────┴────────┴──> closing ──> dead
 *     └──────────┴────────┴──────────────> dead   (a crash)
 * ```
 *
 * @module
 */

import { encode, encodeThrown, type ReferenceKinds } from "../../bridge/values/codec.ts";
import type { Attachment, Entry, Payload, Ref } from "../../bridge/wire/payload.ts";
import { receiveAll, sealed } from "../../bridge/wire/ref_table.ts";
import { BridgeProtocolError, WorkerCrashedError } from "../../bridge/errors.ts";
import { currentValues, usesContext } from "../../bridge/context/context.ts";
import { encodeContext } from "../../bridge/context/wire.ts";
import { joinStacks, stackHere } from "../../bridge/values/stacks.ts";
import { bundleUrl } from "../../bridge/memory/in_bundle.ts";
import { EMPTY } from "../../bridge/wire/message.ts";
import {
  Down,
  Ending,
  isEnding,
  outcomeOf,
  PART_OF_CALL,
  RefKind,
  type Target,
} from "../../bridge/protocol/messages.ts";
import type { RunningWorker } from "./thread_worker.ts";
import { Counts } from "../../bridge/references/counts.ts";
import type { Exports } from "../../bridge/references/exports.ts";
import type { KeepAlive } from "../base/keep_alive.ts";
import { WorkerReferences } from "../references/worker_references.ts";
import type { DispatcherEvents } from "./reports.ts";
import { HubThread } from "./thread.ts";
import { endBelongings } from "../references/belongings.ts";
import { type Call, servedCall } from "../base/call_context.ts";
import type { Post } from "./post.ts";
import { WorkerContext } from "./worker_context.ts";
import { referToShared } from "../../bridge/memory/objects.ts";
import { formOf } from "../../bridge/memory/blobs.ts";
import { handle } from "../../bridge/references/handle.ts";
import { referToLive } from "../references/referents.ts";
import { streamOf } from "../references/hub_writer.ts";
import { hereOnHub } from "../../bridge/memory/process_side.ts";
import type { WorkerObjects } from "../references/worker_objects.ts";
import { Ended } from "./ended.ts";

/** The time from its start after which a Worker counts as proven, in milliseconds. */
const UNPROVEN_MS = 250;

/** A call into the Worker that has not been answered. */
interface Question {
  /** The time of the call, in `performance.now()` time. */
  readonly since: number;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
  /** Whether a kill of its thread has ended it, and nothing else. */
  killed?: boolean;
  /** The generator, if the call is for an item and the generator has been blocked for a while. */
  parked?: ParkedIteration;
}

/** A generator that is blocked. */
export interface ParkedIteration {
  /** The name of its function. */
  readonly name: string;
  /** A text about the wait in which it is blocked. */
  readonly on: string;
}

/** The threads of a hub, as far as its Workers need them. */
export interface ThreadTable {
  /** The thread with an id, if the hub still has it. */
  byId(id: number): HubThread | undefined;
  /** Makes the record of a thread that is known only by its ending. */
  adopt(id: number, name: string, ended: Ended): HubThread;
  /** Counts a reference to a thread, which a Worker holds from now on. */
  hold(thread: HubThread): void;
  /** Takes back references that Workers held to a thread. */
  release(id: number, count: number): void;
  /** Has a call's thread kept until the aborted function has ended: the caller has gone. */
  callAborted(call: Call): void;
  /** Ends a thread; its first ending stays. */
  endThread(thread: HubThread, ended: Ended): void;
}

/** The tables of a hub in which a Worker's references are looked up. */
export interface Registry {
  /** The hub's exports: its functions and objects that Workers hold. */
  readonly exports: Exports;
  readonly threads: ThreadTable;
  readonly events: DispatcherEvents;
  readonly keepAlive: KeepAlive;
  readonly pool: {
    /** Notes that a Worker has answered all that the hub asked of it. */
    served(worker: GreenWorker): void;
  };
  /** Whether the hub is closed or closing. */
  readonly closed: boolean;
  /** Makes the error for those who come too late. */
  closedError(): Error;
  /** Gives the record that this hub has of a thread that has not ended: for a thread of another hub, a proxy thread. */
  own(thread: HubThread): HubThread;
}

/** The Worker that runs a thread. */
export function workerOf({ worker }: HubThread): GreenWorker | undefined {
  // The record of a thread knows only a part of its Worker.
  return worker as GreenWorker | undefined;
}

/** One Worker. */
export class GreenWorker {
  readonly serial: number;
  readonly slot: number;
  readonly post: Post;
  /** The coordination objects that it uses. */
  readonly objects: WorkerObjects;
  /** Whether it has said that it is ready. */
  ready = false;
  /** Whether it has been told to end. */
  closing = false;
  /** Whether it was stopped: it is to end, even if threads run on it. That is no crash. */
  stopped = false;
  /** Whether it has exited, and is only to be buried. */
  gone = false;
  /** Whether it computes on although it was stopped. */
  lost = false;
  /** Whether it is buried: nothing on the hub counts on it any more. */
  dead = false;
  /** The Worker of the runtime, once it was started. */
  process: RunningWorker | undefined;
  /** The error that ended it, if one is known. */
  error: unknown;
  /** Whether it has shown how quick it is: it has ended a thread, or was seen blocked. */
  proven = false;
  /** Whether it may have a failure to tell: code has run there since its event loop was last given a turn. */
  uneasy = false;
  #onLoopTurned: (() => void) | undefined;
  readonly #since = performance.now();
  /** The time at which it became idle, in `performance.now()` time. */
  idleSince = 0;
  /** The threads on its stack, the innermost last. */
  readonly stack: HubThread[] = [];
  /** The targets of its numbers. */
  readonly targets = new Map<number, Target>();
  /** The ids of threads whose endings it has asked to be told, without being blocked for them. */
  readonly watched = new Set<number>();
  /** Its calls to the hub that have not been answered, by number. */
  readonly answers = new Map<number, Call>();
  readonly #registry: Registry;
  /** The numbers of targets that were sent to it. */
  readonly #bound = new Map<Target, number>();
  /** The names of functions that it can run without its event loop: module URL → names. */
  readonly #modules = new Map<string, Set<unknown>>();
  /** Whether it has loaded the modules that are in scope of inline functions. */
  #hasScope = false;
  #onExit!: () => void;
  /** Calls into it, by number. The number is a thread id: that of the callback, if it runs on no thread's stack. */
  readonly #questions = new Map<number, Question>();
  /** The number of references that it holds to each thread, by thread id. */
  readonly #threadHolds = new Counts();
  /** The functions and objects that the Worker and the hub hold of each other. */
  readonly references: WorkerReferences;

  constructor(
    serial: number,
    slot: number,
    post: Post,
    objects: WorkerObjects,
    registry: Registry,
  ) {
    this.serial = serial;
    this.slot = slot;
    this.post = post;
    this.objects = objects;
    this.#registry = registry;
    const isDead = () => this.dead;
    post.seal = (payload) => this.#seal(payload);
    this.references = new WorkerReferences({
      serial,
      exports: registry.exports,
      get dead() {
        return isDead();
      },
      gone: (what) => this.#gone(what),
      nameOf: (id) => registry.threads.byId(id)?.name,
      isOver: (id) => registry.threads.byId(id)?.dead ?? true,
      ask: (...request) => this.ask(...request),
      saySignalled: (number, reason) => {
        if (this.dead) return;
        const payload = encodeThrown(reason, "reason", this.kinds);
        this.post.send(Down.Signalled, number, 0, 0, payload);
      },
      sayReleased: (number, count) => {
        if (!this.dead) this.post.send(Down.Release, number, 0, count, EMPTY);
      },
      reportError: (error, fault) => registry.events.error(error, fault),
    });
  }

  /** Makes references for a Worker, and resolves those of this one. */
  readonly kinds: ReferenceKinds = {
    ...TO_WORKERS,
    receive: (entries) => this.#receive(entries),
    resolve: (ref, data) => this.#resolve(ref, data),
  };
  /** The same, but values that cannot cross go by reference too: for results of objects that green code uses. */
  readonly liveKinds: ReferenceKinds = {
    ...this.kinds,
    toRef: (value) => toRef(value, true),
  };
  /**
   * The same for a value that goes on to another Worker: a handle that has come home stays a handle. The object itself would
   * arrive as a copy, or be refused.
   */
  readonly passingKinds: ReferenceKinds = {
    ...this.kinds,
    resolve: (ref, data) => {
      const value = this.#resolve(ref, data);
      return ref.kind === RefKind.Object ? handle(value as object) : value;
    },
  };

  /** The async context that it sends. */
  readonly context: WorkerContext = new WorkerContext(this.kinds, this.stack);

  /** Whether it has shown how quick it is, or has taken so long that it does not matter. */
  isProven(now: number): boolean {
    return this.proven || this.ready && now - this.#since > UNPROVEN_MS;
  }

  /** Whether no thread runs on it and one may. */
  get idle(): boolean {
    return this.ready && !this.closing && !this.gone && !this.dead && this.stack.length === 0;
  }

  /** Settles when it has ended. */
  readonly exited: Promise<void> = new Promise((resolve) => this.#onExit = resolve);

  /** Notes that it has ended. */
  hasExited(): void {
    this.gone = true;
    this.#onExit();
  }

  /** Has its event loop take a turn. Settles when failures there have been told, or the Worker has ended. */
  loopTurn(): Promise<void> {
    this.uneasy = false;
    this.post.send(Down.LoopTurn, 0, 0, 0, EMPTY);
    const turned = new Promise<void>((resolve) => this.#onLoopTurned = resolve);
    return Promise.race([turned, this.exited]);
  }

  /** Notes that its event loop has had the turn. */
  loopTurned(): void {
    this.#onLoopTurned?.();
    this.#onLoopTurned = undefined;
  }

  /** Starts a thread on it, on top of the threads that run there. */
  run(thread: HubThread): void {
    this.uneasy = true;
    const { target, args, context } = thread.task!;
    thread.task = undefined;
    thread.worker = this;
    this.stack.push(thread);
    const number = this.#bind(target);
    const { givenName: name, memberOf, spawnSites: sites } = thread;
    if (name !== undefined || memberOf !== undefined || sites !== undefined) {
      const options = { name, memberOf, sites };
      this.post.send(Down.Prepare, thread.id, 0, 0, encode(options, "options", this.kinds));
    }
    if (context) this.post.send(Down.Context, 0, 0, 0, context.payload);
    this.post.send(Down.Run, thread.id, number, thread.parent, args);
    thread.start();
  }

  /**
   * Notes that it has loaded a target: `Up.Loaded`.
   *
   * @returns Whether it may have loaded packages. An inline function needs only the library's modules, which import none; but a
   * bundle may hold more.
   */
  loaded(number: number, names: unknown): boolean {
    let isOwn = false;
    for (const [target, bound] of this.#bound) {
      if (bound !== number) continue;
      if (target.kind === "source") {
        this.#hasScope = true;
        isOwn = bundleUrl() === undefined;
      } else if (target.kind === "export" && Array.isArray(names)) {
        this.#modules.set(target.url, new Set(names));
      }
    }
    return !isOwn;
  }

  /** Whether it can run a target without its event loop. */
  hasLoaded(target: Target): boolean {
    if (target.kind === "export") return this.#modules.get(target.url)?.has(target.name) ?? false;
    if (target.kind !== "source") return false;
    return this.#hasScope && !target.source.startsWith("async");
  }

  /** Tells the Worker how a thread ended. */
  tell(thread: HubThread): void {
    const { ending, payload } = thread.ended!.encodeFor(this);
    this.post.send(Down.Settled, thread.id, ending, 0, payload);
    if (this.watched.delete(thread.id) || this.stack.at(-1)?.waitingFor === thread) {
      this.post.ready();
    }
  }

  /** Uses a function or an object that green code gave away. See {@linkcode ReferenceHost.ask}. */
  async ask(
    number: number,
    op: number,
    args: readonly unknown[],
    what: string,
    onFail: (error: unknown, killed: boolean) => void,
  ): Promise<unknown> {
    let asked = false;
    let question: Question | undefined;
    try {
      if (this.dead) throw this.#gone();
      const part = this.#partOfCall();
      const all = part === undefined ? args : [...args, part];
      if (part !== undefined) op |= PART_OF_CALL;
      const values = usesContext() ? currentValues() : undefined;
      const payload = encode(all, "arguments", this.liveKinds);
      const context = values && encodeContext(values, this.kinds);
      // The id of the callback's thread, if it has to be a thread of its own there.
      const id = hereOnHub().arena.takeThreadId() | 0;
      const { keepAlive } = this.#registry;
      keepAlive.hold();
      asked = true;
      this.uneasy = true;
      try {
        return await new Promise((resolve, reject) => {
          question = { since: performance.now(), resolve, reject };
          this.#questions.set(id, question);
          if (context) this.post.send(Down.Context, 0, 0, 0, context);
          this.post.send(Down.Call, id, number, op, payload);
          this.post.ready();
        });
      } finally {
        keepAlive.release();
      }
    } catch (error) {
      // In the turn that the answer has started the engine can tell which code awaits it.
      if (asked) joinStacks(error, `    --- called from the hub by ${what}() ---`, stackHere());
      onFail(error, question?.killed === true);
      throw error;
    }
  }

  /** The number of the Worker's own call that the running function serves, as long as that call counts. */
  #partOfCall(): number | undefined {
    const call = servedCall();
    const live = call && (!call.ended || call.aborted) && call.origin;
    return live && live.worker === this ? live.number : undefined;
  }

  /** Takes the Worker's answer to a call that {@linkcode GreenWorker.ask} made. */
  reply(id: number, ending: number, value: unknown): void {
    const question = this.#questions.get(id);
    if (!question) {
      throw new BridgeProtocolError(`Cannot take an answer to ${id}: nothing was asked`);
    }
    this.#questions.delete(id);
    endBelongings(id);
    question.killed = ending === Ending.Killed;
    if (ending === Ending.Fulfilled) question.resolve(value);
    else question.reject(value);
    if (this.#questions.size === 0) this.#registry.pool.served(this);
  }

  /** Notes that a generator of green code is blocked at an item that the hub has asked for, or is not any more. */
  parked(id: number, parked: ParkedIteration | undefined): void {
    const question = this.#questions.get(id);
    if (question) question.parked = parked;
  }

  /** The generators that are blocked so, with the ids of the calls, and the time since which the hub waits for an item. */
  get parkedIterations(): (ParkedIteration & { readonly id: number; readonly since: number })[] {
    const all = [];
    for (const [id, { since, parked }] of this.#questions) {
      if (parked) all.push({ id, since, ...parked });
    }
    return all;
  }

  /** Kills the callbacks and steps of iterations that the Worker serves for the hub. */
  killServing(reason: unknown): void {
    for (const id of this.#questions.keys()) {
      this.post.send(Down.Kill, id, 0, 0, encodeThrown(reason, "reason", this.kinds));
    }
    this.post.ready();
  }

  /** Whether it serves calls of the hub. */
  get serving(): boolean {
    return this.#questions.size > 0;
  }

  /** Whether a thread is in a call to the hub that has not been answered. */
  isCalling(id: number): boolean {
    for (const { threadId } of this.answers.values()) if (threadId === id) return true;
    return false;
  }

  /** Whether an id is that of a callback which it serves for the hub. */
  serves(id: number): boolean {
    return this.#questions.has(id);
  }

  /** Counts a reference to a thread that the Worker holds from now on. */
  holdThread(thread: HubThread): void {
    this.#threadHolds.add(thread.id);
    this.#registry.threads.hold(thread);
  }

  /** Takes back references from the Worker, no more than it has. */
  letGo(kind: number, id: number, count: number): void {
    if (kind === RefKind.Coordination) return this.objects.letGo(id, count);
    if (kind === RefKind.Blob) return this.objects.blobTaken(id);
    if (kind !== RefKind.Thread) return this.references.letGo(id, count);
    this.#registry.threads.release(id, this.#threadHolds.take(id, count));
  }

  /** The ids of the threads that run on it, with those of the calls into it, which may be threads of their own there. */
  get running(): number[] {
    return [...this.stack.map(({ id }) => id), ...this.#questions.keys()];
  }

  /**
   * Ends everything that waits for the Worker, as that has ended.
   *
   * @returns The threads that ran on it.
   */
  bury(): HubThread[] {
    this.dead = true;
    this.objects.settle(this.running);
    const threads = this.stack.splice(0);
    const gone = this.#gone();
    for (const [id, { reject }] of this.#questions) {
      endBelongings(id);
      reject(gone);
    }
    this.#questions.clear();
    for (const call of [...this.answers.values()]) {
      call.end();
      this.#registry.threads.callAborted(call);
      call.abort(gone);
    }
    this.answers.clear();
    for (const id of this.#threadHolds.numbers) this.letGo(RefKind.Thread, id, Infinity);
    this.references.letGoOfAll();
    this.post.retire();
    return threads;
  }

  #gone(what = "a function or handle of a green thread"): Error {
    if (this.#registry.closed) return this.#registry.closedError();
    return new WorkerCrashedError(`Cannot use ${what}: its Worker has ended`);
  }

  #bind(target: Target): number {
    let number = this.#bound.get(target);
    if (number === undefined) {
      number = this.#bound.size + 1;
      this.#bound.set(target, number);
      const payload: Payload = encode(target, "target", this.kinds);
      this.post.send(Down.Bind, number, 0, 0, payload);
    }
    return number;
  }

  /** Seals a payload that is about to be sent, and counts what it refers to: the one place that does. */
  #seal(payload: Payload): Payload {
    const refs = payload.refs!;
    const beside: Attachment[] = [];
    // Nobody would give the counts back.
    const entries = this.dead ? [] : refs.map((ref) => this.#send(ref, refs, beside));
    return sealed(payload, entries, beside);
  }

  #send(ref: Ref, refs: readonly Ref[], beside: Attachment[]): Entry {
    switch (ref.kind) {
      case RefKind.Thread:
        return this.#sendThread(ref);
      case RefKind.Function:
      case RefKind.Object:
      case RefKind.Signal:
        return this.references.send(ref);
      default:
        return this.objects.send(ref, refs, beside);
    }
  }

  #sendThread({ kind, object, about, data, inText }: Ref): Entry {
    let thread = object as HubThread | undefined;
    if (data !== undefined || inText) {
      return [kind, ...about ?? [thread!.id, thread!.name], 1];
    }
    thread = thread!.ended ? thread! : this.#registry.own(thread!);
    thread.observed = true;
    this.holdThread(thread);
    return [kind, thread.id, thread.name, 0];
  }

  #receive(entries: readonly Entry[]): readonly Ref[] {
    return receiveAll(entries, (entry, before) => {
      const ref = entry[0] === RefKind.Thread
        ? this.#receiveThread(entry)
        : this.references.receive(entry) ?? this.objects.receive(entry, before);
      if (ref) return ref;
      throw new TypeError(`Cannot receive a reference of kind ${entry[0]}`);
    });
  }

  #receiveThread([kind, id, name, inText]: Entry): Ref {
    const known = this.#registry.threads.byId(id as number);
    if (known) known.observed = true;
    else if (inText !== 1) {
      throw new TypeError("Cannot receive a green thread: the hub does not know it");
    }
    const object = known?.proxyFor ?? known;
    return { kind, object, about: [id, name], inText: inText === 1 };
  }

  #resolve(ref: Ref, data: unknown): unknown {
    const { kind, object } = ref;
    switch (kind) {
      case RefKind.Thread:
        return object ?? this.#adopt(ref, data);
      case RefKind.FormData:
        return formOf(data);
      case RefKind.Object:
        return streamOf(object!);
      default:
        return object;
    }
  }

  #adopt({ about = [] }: Ref, data: unknown): HubThread {
    const { ending, value } = (data ?? {}) as { ending?: unknown; value?: unknown };
    if (!isEnding(ending)) {
      throw new TypeError("Cannot receive a green thread: the hub does not know it");
    }
    const ended = Ended.of(outcomeOf(ending, value));
    return this.#registry.threads.adopt(Number(about[0]), String(about[1]), ended);
  }
}

/** The reference for a value that goes to a Worker, whichever that will be. */
function toRef(value: object, all: boolean): Ref | undefined {
  if (!(value instanceof HubThread)) return referToShared(value) ?? referToLive(value, all);
  value.observed = true;
  return { kind: RefKind.Thread, object: value, data: value.ended?.forRef };
}

function refuse(): never {
  throw new TypeError("Cannot resolve a reference: it is of no Worker");
}

/** Makes the references of a value that goes to a Worker which is not known yet. */
export const TO_WORKERS: ReferenceKinds = {
  toRef: (value) => toRef(value, false),
  receive: refuse,
  resolve: refuse,
};
