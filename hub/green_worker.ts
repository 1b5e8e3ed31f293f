/**
 * A Worker, as the hub keeps it: its mailbox, what runs on it, and all that ends with it.
 *
 * ```text
 * starting ──> idle <──> busy        (by what is on its stack)
 *     └──────────┴────────┴──> closing ──> dead
 *     └──────────┴────────┴──────────────> dead   (a crash)
 * ```
 *
 * @module
 */

import { type Body, encode, type Reference, type Referrer } from "../bridge/codec.ts";
import { WorkerCrashedError } from "../bridge/errors.ts";
import { EMPTY } from "../bridge/mailbox.ts";
import { Down, Ending, Referent, type Target, type ThreadReference } from "../bridge/protocol.ts";
import type { RunningWorker } from "../bridge/worker_kind.ts";
import type { Callable } from "../bridge/loader.ts";
import type { HubFunctions } from "./hub_functions.ts";
import { HubThread } from "./hub_thread.ts";
import type { Call } from "./call_context.ts";
import type { Post } from "./post.ts";
import type { WorkerObjects } from "./worker_objects.ts";
import { Ended } from "./ended.ts";

/** A call into the Worker that has not been answered. */
interface Reply {
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/** What a Worker's references are looked up in. */
export interface Registry {
  readonly functions: HubFunctions;
  /** The thread with an id, if the hub still has it. */
  threadById(id: number): HubThread | undefined;
  /** A thread that is known only by its ending. */
  adoptThread(reference: ThreadReference, ended: Ended): HubThread;
  /** One hold less on a thread. */
  releaseThread(id: number, count: number): void;
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
  dead = false;
  /** The process's Worker; there once it was started. */
  process: RunningWorker | undefined;
  /** Why it died, if it said so before. */
  error: unknown;
  /** Since when it has nothing to do, in `performance.now()` time. */
  idleSince = 0;
  /** The threads on its stack, the innermost last. */
  readonly stack: HubThread[] = [];
  /** What its target numbers mean. */
  readonly targets = new Map<number, Target>();
  /** Its calls to the hub that have not been answered. */
  readonly calls = new Map<number, Call>();
  readonly #registry: Registry;
  readonly #bound = new Map<Target, number>();
  readonly #loaded = new Set<Target>();
  /** Whether it has loaded what inline functions need. */
  #hasScope = false;
  readonly #replies = new Map<number, Reply>();
  #lastReply = 0;
  /** How often each thread and each function of the hub was sent to it. */
  readonly #threadHolds = new Map<number, number>();
  readonly #functionHolds = new Map<number, number>();

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
  }

  /** Makes and resolves references for this Worker. */
  readonly referrer: Referrer = {
    refer: (value) => this.#refer(value),
    resolve: (kind, data) => this.#resolve(kind, data),
  };

  /** Whether nothing runs on it and something may. */
  get idle(): boolean {
    return this.ready && !this.closing && !this.dead && this.stack.length === 0;
  }

  /** Starts a thread on it, on top of what runs there. */
  run(thread: HubThread): void {
    const { target, args, luggage } = thread.work!;
    luggage?.handTo(this);
    thread.work = undefined;
    thread.worker = this;
    this.stack.push(thread);
    const number = this.#bind(target);
    if (thread.givenName !== undefined) {
      const particulars = { name: thread.givenName };
      this.post.send(Down.Prepare, thread.id, 0, 0, encode(particulars, "options", this.referrer));
    }
    this.post.send(Down.Run, thread.id, number, thread.parent, args);
    thread.start();
  }

  /** The Worker says that it has loaded one of its targets. */
  loaded(number: number): void {
    for (const [target, bound] of this.#bound) {
      if (bound !== number) continue;
      this.#loaded.add(target);
      this.#hasScope ||= target.kind === "source";
    }
  }

  /** Whether it can run a target without its event loop. */
  hasLoaded(target: Target): boolean {
    return target.kind === "source" ? this.#hasScope : this.#loaded.has(target);
  }

  /** Tells it how a thread ended. */
  tell(thread: HubThread): void {
    const { ending, body } = thread.ended!.encodeFor(this.referrer);
    this.post.send(Down.Settled, thread.id, ending, 0, body);
  }

  /** Calls a function that green code gave away. */
  callFunction(number: number, args: unknown[]): Promise<unknown> {
    if (this.dead) return Promise.reject(this.#gone());
    const body = encode(args, "arguments", this.referrer);
    const id = this.#lastReply = this.#lastReply + 1 | 0;
    return new Promise((resolve, reject) => {
      this.#replies.set(id, { resolve, reject });
      this.post.send(Down.Call, id, number, 0, body);
    });
  }

  /** The Worker answers a call that {@linkcode GreenWorker.callFunction} made. */
  reply(id: number, ending: number, value: unknown): void {
    const reply = this.#replies.get(id);
    this.#replies.delete(id);
    if (ending === Ending.Fulfilled) reply?.resolve(value);
    else reply?.reject(value);
  }

  /** Nobody on the hub holds a function of this Worker any more. */
  releaseFunction(number: number, count: number): void {
    if (!this.dead) this.post.send(Down.Release, number, 0, count, EMPTY);
  }

  /** The Worker holds a reference. */
  hold(kind: number, id: number): void {
    const holds = kind === Referent.Thread ? this.#threadHolds : this.#functionHolds;
    holds.set(id, (holds.get(id) ?? 0) + 1);
  }

  /** Whether a function of the hub was passed to this Worker. */
  mayCall(number: number): boolean {
    return this.#functionHolds.has(number);
  }

  /** The Worker gives back references, no more than it has. */
  letGo(kind: number, id: number, count: number): void {
    if (kind === Referent.Coordination) return this.objects.letGo(id, count);
    const isThread = kind === Referent.Thread;
    const holds = isThread ? this.#threadHolds : this.#functionHolds;
    const held = holds.get(id) ?? 0;
    const released = Math.min(held, Math.max(0, count));
    if (released === held) holds.delete(id);
    else holds.set(id, held - released);
    if (isThread) this.#registry.releaseThread(id, released);
    else this.#registry.functions.release(id, released);
  }

  /** The Worker has ended: nothing that waited for it may go on waiting. */
  bury(): void {
    this.dead = true;
    this.objects.settle();
    const gone = this.#gone();
    for (const { reject } of this.#replies.values()) reject(gone);
    this.#replies.clear();
    for (const call of [...this.calls.values()]) {
      call.end();
      call.abort(gone);
    }
    this.calls.clear();
    for (const [id, count] of [...this.#threadHolds]) this.letGo(Referent.Thread, id, count);
    for (const [id, count] of [...this.#functionHolds]) {
      this.letGo(Referent.HubFunction, id, count);
    }
  }

  #gone(): Error {
    return new WorkerCrashedError("Cannot call a function of a green thread: its Worker has ended");
  }

  #bind(target: Target): number {
    let number = this.#bound.get(target);
    if (number === undefined) {
      number = this.#bound.size + 1;
      this.#bound.set(target, number);
      const body: Body = encode(target, "target", this.referrer);
      this.post.send(Down.Bind, number, 0, 0, body);
    }
    return number;
  }

  #refer(value: object): Reference | undefined {
    if (value instanceof HubThread) return this.#referToThread(value);
    if (typeof value !== "function") return this.objects.refer(value);
    const green = this.#registry.functions.greenFunction(value);
    if (green?.worker === this) {
      return { kind: Referent.GreenFunction, data: [this.serial, green.number] };
    }
    const number = this.#registry.functions.give(value as Callable);
    this.hold(Referent.HubFunction, number);
    return { kind: Referent.HubFunction, data: number };
  }

  #referToThread(thread: HubThread): Reference {
    const { id, name } = thread;
    thread.seen = true;
    if (!thread.ended) {
      this.hold(Referent.Thread, id);
      thread.holds++;
      return { kind: Referent.Thread, data: { id, name } };
    }
    const { outcome } = thread.ended;
    const value = outcome.status === "fulfilled" ? outcome.value : outcome.reason;
    const ending = ENDINGS[outcome.status];
    return { kind: Referent.Thread, data: { id, name, ended: { ending, value } } };
  }

  #resolve(kind: number, data: unknown): unknown {
    if (kind === Referent.Thread) return this.#resolveThread(data as ThreadReference);
    if (kind === Referent.HubFunction) {
      const fn = typeof data === "number" && this.mayCall(data)
        ? this.#registry.functions.get(data)
        : undefined;
      if (fn) return fn;
    }
    if (kind === Referent.GreenFunction && Array.isArray(data) && data[0] === this.serial) {
      return this.#registry.functions.adopt(this, Number(data[1]));
    }
    const shared = this.objects.resolve(kind, data);
    if (shared) return shared;
    throw new TypeError(`Cannot resolve a reference of kind ${kind}`);
  }

  #resolveThread(reference: ThreadReference): HubThread {
    const known = this.#registry.threadById(reference?.id);
    if (known) {
      known.seen = true;
      return known;
    }
    const { ended } = reference;
    if (!ended || !(ended.ending in STATUSES)) {
      throw new TypeError("Cannot resolve a green thread: the hub does not know it");
    }
    const status = STATUSES[ended.ending];
    const outcome = status === "fulfilled"
      ? { status, value: ended.value }
      : { status, reason: ended.value };
    return this.#registry.adoptThread(reference, Ended.of(outcome));
  }
}

const STATUSES = ["fulfilled", "rejected", "killed"] as const;
const ENDINGS = { fulfilled: 0, rejected: 1, killed: 2 } as const;
