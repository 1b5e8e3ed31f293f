/**
 * The dispatcher: takes the messages of Workers, and hands each to the part of the hub that acts on it.
 *
 * It knows every message of the protocol: `threads.ts` keeps the threads, `launches.ts` and `async_threads.ts` make them,
 * `worker_spawns.ts` makes those that Workers ask for, `call_server.ts` serves calls, `waits.ts` notes waits and finds deadlocks.
 *
 * @module
 */

import { decode } from "../bridge/values/codec.ts";
import { BridgeProtocolError, HubClosedError } from "../bridge/errors.ts";
import { Exports } from "../bridge/references/exports.ts";
import { EMPTY, type Message } from "../bridge/wire/message.ts";
import { Down, Ending, Up } from "../bridge/protocol/messages.ts";
import { useContext } from "../bridge/context/context.ts";
import { knowsWhatRefers } from "../bridge/memory/stored_values.ts";
import { isBreach } from "../bridge/values/structured_checks.ts";
import { makeAsyncThread } from "./threads/async_threads.ts";
import "./served.ts";
import { CallServer } from "./calls/call_server.ts";
import { Functions } from "./calls/functions.ts";
import {
  checkEnding,
  checkTarget,
  checkThreadOptions,
  checkWaitReport,
  readReason,
} from "./calls/checks.ts";
import { Ended } from "./records/ended.ts";
import type { DispatcherEvents } from "./records/reports.ts";
import type { GreenWorker, Registry } from "./records/worker.ts";
import { HubThread } from "./records/thread.ts";
import { forgetPackageReads } from "./calls/package_reads.ts";
import { KeepAlive } from "./base/keep_alive.ts";
import { Launches } from "./threads/launches.ts";
import type { Settings } from "./base/options.ts";
import { ImportPermission } from "./references/permissions.ts";
import { Pool, type PoolHost } from "./pool/pool.ts";
import { hubReferent } from "./references/referents.ts";
import { listenForUnhandled } from "./base/faults.ts";
import { Threads } from "./threads/threads.ts";
import type { Waits } from "./threads/waits.ts";
import { WorkerSpawns } from "./calls/worker_spawns.ts";
import { sayClassLosses } from "../bridge/values/class_loss.ts";
import { lookAtModules } from "../bridge/values/known_modules.ts";

knowsWhatRefers((value) => value instanceof HubThread || hubReferent(value, false) !== undefined);

/** A hub's threads and functions, and the use that Workers make of them. */
export class Dispatcher implements PoolHost, Registry {
  readonly scope: readonly string[];
  readonly functions: Functions;
  readonly exports = new Exports();
  readonly keepAlive = new KeepAlive();
  readonly pool: Pool;
  readonly threads: Threads;
  readonly launches: Launches;
  readonly #name: string;
  readonly events: DispatcherEvents;
  readonly #waits: Waits;
  readonly callServer: CallServer;
  readonly #spawns: WorkerSpawns;
  /** The proxy threads for threads of other hubs. */
  readonly #proxies = new WeakMap<HubThread, HubThread>();
  /** Whether the hub is closed or closing. */
  closed = false;

  constructor(settings: Settings, scope: readonly string[], events: DispatcherEvents) {
    const { name, debug, blockedWarning } = settings;
    this.#name = name;
    this.scope = scope;
    listenForUnhandled();
    lookAtModules();
    if (debug) sayClassLosses((message) => console.warn(`Warning: ${message}`), true);
    this.events = events;
    this.functions = new Functions(new ImportPermission(settings.hubImport, name));
    this.pool = new Pool(settings, this);
    this.threads = new Threads(name, this, this.pool, events);
    this.#waits = this.threads.waits;
    this.launches = new Launches(this, this.threads, this.pool, debug);
    this.callServer = new CallServer(this, this.functions, events, blockedWarning);
    this.#spawns = new WorkerSpawns(this, this.threads, this.launches, this.callServer);
  }

  closedError(): HubClosedError {
    return new HubClosedError(`Cannot use the hub "${this.#name}": it is closed`);
  }

  /** Takes no new threads from now on, and ends those that have not started. */
  refuse(): void {
    this.closed = true;
    this.threads.endPending();
  }

  // What Workers and the pool ask of the hub.

  own(thread: HubThread): HubThread {
    if (this.threads.byId(thread.id) === thread) return thread;
    const known = this.#proxies.get(thread);
    if (known) return known;
    const proxy = makeAsyncThread(this.threads, thread.label, { name: thread.name }, (signal) => {
      signal.addEventListener("abort", () => thread.kill(signal.reason));
      return thread.settled(false);
    });
    proxy.proxyFor = thread;
    this.#proxies.set(thread, proxy);
    return proxy;
  }

  // Messages.

  take(worker: GreenWorker, message: Message): void {
    const { kind, id, a, b, payload } = message;
    switch (kind) {
      case Up.Ready:
        return this.pool.ready(worker);
      case Up.Call:
        return this.callServer.serve(worker, message);
      case Up.Done:
        return this.#done(worker, message);
      case Up.Spawn:
        return this.#spawns.spawn(worker, message);
      case Up.Start:
        return this.#spawns.start(worker, message);
      case Up.Wait:
        return this.#waits.wait(worker, id, b, a === 1);
      case Up.Bind:
        return void worker.targets.set(id, checkTarget(decode(payload, worker.kinds)));
      case Up.Reply:
        return this.#takeReply(worker, message);
      case Up.Release:
        return worker.letGo(a, id, b);
      case Up.Abort:
        return this.callServer.abort(worker, id, readReason(worker, payload), a === 1);
      case Up.Parked:
        return this.#waits.parked(worker, id, a, b, checkWaitReport(decode(payload, worker.kinds)));
      case Up.Unparked:
        return this.#waits.unparked(worker, id);
      case Up.Unwait:
        return this.#waits.unwait(worker, b);
      case Up.Unhandled: {
        // If it cannot be read, as a class is not known here, the reason is that error.
        const read = readReason(worker, payload);
        const [name, reason] = Array.isArray(read) ? read : ["green thread", read];
        const failed = new HubThread(this.threads, id, { label: "", name: String(name) });
        failed.observed = true;
        failed.end(Ended.of({ status: "rejected", reason }));
        return this.events.unhandledThread(failed);
      }
      case Up.Kill: {
        const thread = this.threads.byId(id);
        const reason = readReason(worker, payload);
        if (!thread) return;
        this.threads.killThread(thread, reason, a === 1, b < 0 ? Infinity : b);
        // As in eventlet: the thread that kills hands over to the killed thread.
        if (a !== 1 && !thread.dead) thread.worker?.post.readyFirst();
        return;
      }
      case Up.Signalled: {
        const aborted = a === 1 ? undefined : { reason: readReason(worker, payload) };
        return worker.references.signalled(id, aborted);
      }
      case Up.Fault: {
        const read = readReason(worker, payload);
        const [where, error] = a === 1 && Array.isArray(read) ? read : [undefined, read];
        return this.events.error(error, where === undefined ? {} : { where: String(where) });
      }
      case Up.Prepare:
        return this.#spawns.prepare(id, checkThreadOptions(decode(payload, worker.kinds)));
      case Up.Context:
        useContext();
        return worker.context.arrive(message);
      case Up.Flush:
        // After the microtasks that the endings of threads have set off: pools get their slots back in them.
        return queueMicrotask(() => {
          if (!worker.dead) worker.post.send(Down.Flush, id, 0, 0, EMPTY);
        });
      case Up.LoopTurned:
        return worker.loopTurned();
      case Up.Loaded:
        if (worker.loaded(id, decode(payload, worker.kinds))) void forgetPackageReads();
        return;
      default:
        throw new BridgeProtocolError(`Cannot take a message of kind ${kind}`);
    }
  }

  #takeReply(worker: GreenWorker, message: Message): void {
    const { id, a, payload } = message;
    let value: unknown;
    let ending = checkEnding(a);
    try {
      value = decode(payload, worker.kinds);
    } catch (error) {
      if (isBreach(error)) throw error;
      ending = Ending.Rejected;
      value = error;
    }
    worker.reply(id, ending, value);
  }

  #done(worker: GreenWorker, message: Message): void {
    const { id, a: ending, payload } = message;
    const thread = worker.stack.findLast((thread) => thread.id === id);
    if (!thread) throw new BridgeProtocolError(`Cannot end thread ${id}: it does not run here`);
    // The Worker knows already how the threads on its own stack ended.
    thread.watchers?.delete(worker);
    let ended = Ended.from(checkEnding(ending), payload, worker);
    // Whoever killed it gets the very same reason back.
    if (ending === Ending.Killed && thread.killed) {
      ended = Ended.of({ status: "killed", reason: thread.killed.reason });
    }
    this.pool.left(worker, thread);
    this.threads.endThread(thread, ended);
  }
}
