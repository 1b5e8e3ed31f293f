/**
 * The call server: serves the calls that green code makes to the hub.
 *
 * Each call is answered exactly once: with its value or its error; when the caller has gone, not at all. A call whose caller
 * was killed is aborted, and the result of its function is dropped then.
 *
 * @module
 */

import { madeElsewhere } from "../../bridge/brand.ts";
import { isA } from "../../bridge/primordials.ts";
import {
  decode,
  encode,
  encodeThrown,
  receive,
  type ReferenceKinds,
} from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import { usesContext } from "../../bridge/context/context.ts";
import type { Callable } from "../../bridge/protocol/targets.ts";
import { copyOf, type Message } from "../../bridge/wire/message.ts";
import { Down, Ending, RefKind, type Target, targetName } from "../../bridge/protocol/messages.ts";
import { Resource } from "../../bridge/references/exports.ts";
import { STORE } from "../../bridge/memory/stored_values.ts";
import { isPromise, isThenable } from "../../bridge/references/thenables.ts";
import { Call } from "../base/call_context.ts";
import type { Functions } from "./functions.ts";
import { boundTarget } from "./checks.ts";
import type { DispatcherEvents } from "../records/reports.ts";
import type { GreenWorker, Registry } from "../records/worker.ts";
import { HubThread } from "../records/thread.ts";
import { asReferent } from "../references/referents.ts";

/** Serves the calls to one hub. */
export class CallServer {
  readonly #registry: Registry;
  readonly #functions: Functions;
  readonly #events: DispatcherEvents;
  readonly #blockedWarning: number;
  #count = 0;

  /**
   * @param registry The rest of the hub.
   * @param functions The functions that may be called.
   * @param events Told of functions that keep the event loop, and of errors that nobody else gets.
   * @param blockedWarning The longest time that a function may keep the event loop.
   */
  constructor(
    registry: Registry,
    functions: Functions,
    events: DispatcherEvents,
    blockedWarning: number,
  ) {
    this.#registry = registry;
    this.#functions = functions;
    this.#events = events;
    this.#blockedWarning = blockedWarning;
  }

  /** The number of calls that were ever made. */
  get count(): number {
    return this.#count;
  }

  /** Serves a call that a Worker makes: `Up.Call`. */
  serve(worker: GreenWorker, message: Message): void {
    const { id, a, b, payload } = message;
    const target = boundTarget(worker, a);
    const call = new Call(b, targetName(target), this.#registry.threads);
    call.origin = { worker, number: id };
    const { kind } = target;
    const isForeign = kind === "live" || kind === "hub" || kind === "library";
    const kinds = isForeign ? worker.liveKinds : worker.kinds;
    this.#count++;
    worker.answers.set(id, call);
    const answer = (ending: number, value: unknown) => {
      call.settled();
      call.end();
      if (worker.answers.get(id) !== call) return letGo(value);
      worker.answers.delete(id);
      if (!worker.dead) this.#reply(worker, id, ending, value, kinds);
    };
    const fail = (error: unknown) => answer(Ending.Rejected, error);
    /** @returns A promise that settles when the work has ended; nothing if it has ended already. */
    const run = (begin: () => unknown): Promise<void> | undefined => {
      let result: unknown;
      try {
        result = begin();
        if (isAwaited(result, isForeign)) {
          return Promise.resolve(result).then((value) => answer(Ending.Fulfilled, value), fail);
        }
      } catch (error) {
        return void fail(error);
      }
      answer(Ending.Fulfilled, result);
    };
    let begin: (() => unknown) | Promise<() => unknown>;
    try {
      if (usesContext()) call.given = worker.context.given(message, b);
      begin = this.#prepare(worker, target, call, payload);
    } catch (error) {
      return fail(error);
    }
    call.work = begin instanceof Promise ? begin.then(run, fail) : run(begin);
  }

  /** Makes the call for a thread that runs on the hub. Its caller goes on at once, so no thread is blocked for it. */
  open(target: Target): Call {
    this.#count++;
    return new Call(0, targetName(target));
  }

  /** Calls the function of a target, within a call. */
  invoke(worker: GreenWorker, target: Target, call: Call, payload: Payload): unknown {
    const begin = this.#prepare(worker, target, call, payload);
    return begin instanceof Promise ? begin.then((begin) => begin()) : begin();
  }

  /** Gives the function that makes the call; a promise of that function while the target's module is loaded. */
  #prepare(
    worker: GreenWorker,
    target: Target,
    call: Call,
    payload: Payload,
  ): (() => unknown) | Promise<() => unknown> {
    const args = this.#arguments(worker, target, payload);
    if (!Array.isArray(args)) throw new TypeError("Cannot call a function without arguments");
    const fn = this.#callable(worker, target);
    if (!(fn instanceof Promise)) return () => this.#runCall(call, fn, args);
    // A call that was given up while the module was loaded is not begun.
    return fn.then((fn) => () => call.aborted ? undefined : this.#runCall(call, fn, args));
  }

  /** Gives up a call that nobody waits for any more: `Up.Abort`. */
  abort(worker: GreenWorker, id: number, reason: unknown, abandon: boolean): void {
    const call = worker.answers.get(id);
    if (!call) return;
    worker.answers.delete(id);
    call.end();
    // Until this arrives, questions of its function to the Worker still count.
    if (abandon) {
      const nothing = encode(undefined, "result", worker.kinds);
      return worker.post.send(Down.Reply, id, Ending.Fulfilled, 0, nothing);
    }
    this.#registry.threads.callAborted(call);
    call.abort(reason);
  }

  /** The arguments of a call; of a call that goes on to another Worker or to a queue, in the form that is passed on. */
  #arguments(worker: GreenWorker, target: Target, payload: Payload): unknown {
    const mayGoOn = target.kind === "live" || target === STORE;
    if (!mayGoOn) return decode(payload, worker.kinds);
    const arrived = receive(payload, worker.kinds);
    if (!arrived.refs?.some(({ kind }) => kind === RefKind.Object)) {
      return decode(arrived, worker.kinds);
    }
    const here = decode(copyOf(arrived), worker.kinds);
    if (!Array.isArray(here)) return here;
    const passing = () => decode(arrived, worker.passingKinds) as unknown[];
    if (target === STORE) return [...here, passing()[1]];
    return worker.references.goesOn(here.at(-2)) ? passing() : here;
  }

  /** Calls a function of the hub, and measures how long it keeps the event loop. */
  #runCall(call: Call, fn: Callable, args: unknown[]): unknown {
    if (this.#blockedWarning === Infinity) return call.run(() => fn(...args));
    const start = performance.now();
    try {
      return call.run(() => fn(...args));
    } finally {
      const ms = performance.now() - start;
      if (ms > this.#blockedWarning) this.#events.blocked(call.name, ms);
    }
  }

  #callable(worker: GreenWorker, target: Target): Callable | Promise<Callable> {
    if (target.kind === "live") {
      return (...args) => {
        const [number, op] = args.splice(-2);
        return worker.references.perform(number, op, args);
      };
    }
    return this.#functions.find(target) ?? this.#functions.load(target);
  }

  #reply(
    worker: GreenWorker,
    id: number,
    ending: number,
    value: unknown,
    kinds: ReferenceKinds,
  ): void {
    let payload: Payload;
    try {
      payload = ending === Ending.Fulfilled
        ? encode(asReferent(value), "result", kinds)
        : encodeThrown(value, "error", worker.kinds);
    } catch (error) {
      // If a second error comes while the first one is sent, the first one is for the caller.
      if (ending !== Ending.Fulfilled) this.#events.error(error);
      else value = error;
      ending = Ending.Rejected;
      payload = encodeThrown(value, "error", worker.kinds);
    }
    worker.post.send(Down.Reply, id, ending, 0, payload);
    worker.post.ready();
  }
}

/**
 * Whether the result of a function is awaited before the call is answered.
 *
 * - The result of a function that the app has wrapped or exposed for green code: if `await` would wait for it. The handle of a
 *   thread is a value, though: only an async function that returns one awaits it, as the language has it. A handle of another
 *   version of this library cannot cross, and is refused.
 * - The result of a function of another library, or of a method: if it is a promise. See `thenables.ts`.
 */
function isAwaited(result: unknown, isForeign: boolean): result is PromiseLike<unknown> {
  if (isForeign) return isPromise(result);
  return isThenable(result) && !(result instanceof HubThread) && !madeElsewhere(result);
}

/**
 * Lets go of a resource that was made for a caller who has gone: a lock, or an iteration. The caller may go in the very turn of
 * the loop in which the resource is made, so this is known only here.
 */
function letGo(value: unknown): void {
  if (isA(value, Resource)) value.released();
}
