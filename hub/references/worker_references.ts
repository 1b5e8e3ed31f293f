/**
 * Things that one Worker and the hub hold of each other by reference: functions, objects, iterations.
 *
 * Everything that a Worker says here is checked: it can only name things that were sent to it.
 *
 * A thing of a Worker goes with the thread that has passed it. A use after that is *late*: it is refused, and reported once for
 * each object. If a call of a Worker's function fails, and nobody handles its promise, the failure is reported in place of what
 * the runtime would do (`faults.ts`); so is the failure of a promise that the Worker held and never waited for
 * (`held_promises.ts`).
 *
 * @module
 */

import { clearTimeout, setTimeout } from "node:timers";
import { inOneLine, LONGEST_TIMER } from "../../bridge/checks.ts";
import { Counts } from "../../bridge/references/counts.ts";
import { Imports } from "../../bridge/references/imports.ts";
import type { Entry, Ref } from "../../bridge/wire/payload.ts";
import { BlockingCallError } from "../../bridge/errors.ts";
import type { Exports } from "../../bridge/references/exports.ts";
import { isA } from "../../bridge/primordials.ts";
import { classNumber, Op, perform, Trait, traitsOf } from "../../bridge/references/live.ts";
import type { Callable } from "../../bridge/protocol/targets.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import { type Ask, RemoteObject, remoteOf } from "../../bridge/references/remote_object.ts";
import { makeAsyncProxy } from "./async_proxy.ts";
import { HubIterator } from "./hub_iterator.ts";
import { markHandled, takeUnhandled } from "../base/held_promises.ts";
import { takeLock } from "./object_lock.ts";
import { SignalProxies } from "../../bridge/references/signals.ts";
import { userFrames } from "../../bridge/values/stacks.ts";
import { state } from "../../bridge/state.ts";
import { isLazy } from "../../bridge/references/thenables.ts";
import { timeoutReason } from "../../bridge/references/timed_signals.ts";
import { type Fault, ifUnhandled } from "../base/faults.ts";

/** The Worker, as far as its references need it. */
export interface ReferenceHost {
  /** The Worker's number. */
  readonly serial: number;
  /** The things that the hub has exported, to all Workers. */
  readonly exports: Exports;
  /**
   * Asks the Worker to do something to one of its objects. `onFail` is called in the loop turn in which the promise fails, and is
   * told whether the failure is nothing but the kill of the thread that does it.
   */
  ask(
    number: number,
    op: number,
    args: readonly unknown[],
    what: string,
    onFail: (error: unknown, killed: boolean) => void,
  ): Promise<unknown>;
  /** Tells the Worker that there is no proxy here any more for one of its objects. */
  sayReleased(number: number, count: number): void;
  /** Tells the Worker that a signal of the hub was aborted. */
  saySignalled(number: number, reason: unknown): void;
  /** Reports a failure that nobody waits for. */
  reportError(error: unknown, fault?: Fault): void;
  /** Gives the name of a thread; nothing if the hub does not know the thread, or has forgotten it. */
  nameOf(thread: number): string | undefined;
  /** Whether a thread that the hub has known has ended. */
  isOver(thread: number): boolean;
  /** Whether the Worker has ended. */
  readonly dead: boolean;
  /** Makes the error for a use of its objects after that. */
  gone(what: string): Error;
}

/** Origin of a proxy's object, for the message when something fails. */
interface Origin {
  readonly number: number;
  /** The object in words: `a handle`, or `the callback "onTick"`. */
  readonly kind: string;
  /** The thread with which the object goes; 0 if there is none, or none that the hub knows. */
  readonly thread: number;
  /** The thread's name, which the hub forgets with the thread. */
  readonly name: string | undefined;
  /** Whether a late use was reported: once is enough. */
  toldLate: boolean;
  /** The failures that were reported, as text. */
  told: Set<string> | undefined;
}

/** The most failures of one function that are kept to recognize a repeated one. */
const MOST_TOLD = 16;

/** The proxies for things that are at home in a Worker, of all hubs. */
const homes = state("homes", () => new WeakSet<object>());

/** The methods of a promise, each of which handles its failure. */
const HANDLING: ReadonlySet<unknown> = new Set(["then", "catch", "finally"]);

/** The references of one Worker. */
export class WorkerReferences {
  readonly #host: ReferenceHost;
  /** The number of times that each thing of the hub was sent to the Worker, by its number. */
  readonly #holds = new Counts();
  readonly #functions: Imports<Callable>;
  readonly #objects: Imports<object>;
  readonly #signals: SignalProxies;
  /** Removers of the abort listeners of signals that the Worker has, by the signals' numbers. */
  readonly #listening = new Map<number, () => void>();
  /** The timers of the Worker's signals whose time is known. */
  readonly #clocks = new Map<number, ReturnType<typeof setTimeout>>();
  /** The numbers of things that stay when the threads that passed them have ended. */
  readonly #lasting = new Set<number>();

  constructor(host: ReferenceHost) {
    this.#host = host;
    const onRelease = (number: number, count: number) => {
      this.#lasting.delete(number);
      this.#stopClock(number);
      host.sayReleased(number, count);
    };
    this.#functions = new Imports(onRelease);
    this.#objects = new Imports(onRelease);
    this.#signals = new SignalProxies(onRelease);
  }

  /** Whether the hub holds a thing that needs the Worker even if no thread runs there. */
  get lasting(): boolean {
    return this.#lasting.size > 0;
  }

  /** Makes the entry for a reference that is about to be sent to the Worker, and counts it. */
  send({ kind, object, about }: Ref): Entry {
    const own = this.#numberOf(object!);
    if (own !== undefined) {
      return [remoteOf(object!) ? RefKind.Object : kind, this.#host.serial, own];
    }
    const number = this.#host.exports.export(object!);
    this.#hold(number);
    if (kind !== RefKind.Object) return [kind, 0, number];
    // One that has come from another Worker has only a proxy here.
    return [kind, 0, number, ...about ?? [traitsOf(object!), classNumber(object!)]];
  }

  /** The number that a proxy's original has in the Worker; none for anything else. */
  #numberOf(proxy: object): number | undefined {
    return this.#functions.numberOf(proxy) ?? this.#objects.numberOf(proxy) ??
      this.#signals.numberOf(proxy);
  }

  /** The reference for an entry that came from the Worker; nothing for entries of other kinds. */
  receive(entry: Entry): Ref | undefined {
    const [kind, home, number] = entry;
    const isLive = kind === RefKind.Function || kind === RefKind.Object || kind === RefKind.Signal;
    if (!isLive) return undefined;
    if (home === 0) {
      const object = this.#own(number);
      markHandled(object);
      return { kind, object };
    }
    switch (kind) {
      case RefKind.Function:
        return { kind, object: this.#importFunction(...this.#parseFunction(entry)) };
      case RefKind.Object:
        return { kind, object: this.#importObject(this.#parse(entry)) };
      default:
        return { kind, object: this.#importSignal(this.#parse(entry)) };
    }
  }

  /** Does something to one of the hub's objects, for the Worker. */
  perform(number: unknown, op: unknown, args: readonly unknown[]): unknown {
    const object = this.#own(number);
    if (op === Op.Await || op === Op.Invoke && HANDLING.has(args[0])) markHandled(object);
    try {
      return perform(host, object, Number(op), args);
    } catch (error) {
      throw ofPassed(op === Op.Call ? (object as Callable).name : args[0], error);
    }
  }

  /** Whether the thing with a number is a proxy, whose object is at home in a Worker. */
  goesOn(number: unknown): boolean {
    return homes.has(this.#own(number));
  }

  /** Counts a thing that is sent to the Worker. */
  #hold(number: number): void {
    if (!this.#holds.add(number)) return;
    const object = this.#host.exports.get(number);
    if (object instanceof AbortSignal) this.#listen(object, number);
  }

  /** Ends the proxy of a signal of the Worker: the signal was aborted with a reason, or without one will never be aborted. */
  signalled(number: number, aborted?: { readonly reason: unknown }): void {
    if (aborted) {
      this.#stopClock(number);
      this.#signals.abort(number, aborted.reason);
    }
    // A signal whose time is known outlives its thread.
    if (!this.#clocks.has(number)) this.#signals.drop(number);
  }

  /** Aborts one of the Worker's signals at its time. */
  #startClock(number: number, ms: number): void {
    const clock = setTimeout(
      () => this.signalled(number, { reason: timeoutReason() }),
      Math.min(Math.max(0, ms), LONGEST_TIMER),
    );
    clock.unref();
    this.#clocks.set(number, clock);
  }

  #stopClock(number: number): void {
    clearTimeout(this.#clocks.get(number));
    this.#clocks.delete(number);
  }

  #listen(signal: AbortSignal, number: number): void {
    const say = () => this.#host.saySignalled(number, signal.reason);
    if (signal.aborted) return say();
    signal.addEventListener("abort", say, { once: true });
    this.#listening.set(number, () => signal.removeEventListener("abort", say));
  }

  /** Takes back counts that the Worker gives back: no more than it has. */
  letGo(number: number, count: number): void {
    const released = this.#holds.take(number, count);
    if (!this.#holds.has(number)) {
      this.#listening.get(number)?.();
      this.#listening.delete(number);
      this.#reportUnhandled(number);
    }
    this.#host.exports.release(number, released);
  }

  #reportUnhandled(number: number): void {
    const object = this.#host.exports.get(number);
    const failure = object && takeUnhandled(object);
    if (failure) this.#host.reportError(failure.reason);
  }

  /** Takes back all counts of a Worker that has ended. */
  letGoOfAll(): void {
    this.#lasting.clear();
    this.#signals.dropAll();
    for (const number of this.#holds.numbers) this.letGo(number, Infinity);
  }

  /** Gives a thing of the hub by its number. It throws if the thing was not sent to the Worker. */
  #own(number: unknown): object {
    const object = this.#holds.has(number as number)
      ? this.#host.exports.get(number as number)
      : undefined;
    if (object) return object;
    throw new TypeError(
      `Cannot use function or handle ${
        String(number)
      }: it was not passed to this Worker, or was released`,
    );
  }

  /** Reads the entry of a function, which has the function's name at the end. */
  #parseFunction(entry: Entry): [numbers: number[], name: string] {
    const name = entry.at(-1);
    if (typeof name !== "string") return [this.#parse(entry), ""];
    return [this.#parse(entry.slice(0, -1)), name];
  }

  /** Checks the numbers of an entry for a thing of the Worker, and gives those after the Worker's. */
  #parse([, home, ...numbers]: readonly (number | string)[]): number[] {
    const ok = home === this.#host.serial && numbers.length > 0 &&
      numbers.every((item) => Number.isInteger(item));
    if (ok) return numbers as number[];
    throw new TypeError("Cannot take a reference from a Worker: it is malformed");
  }

  #importFunction([number, lasts, owner]: number[], name: string): Callable {
    if (lasts) this.#lasting.add(number);
    return this.#functions.import(number, () => {
      const origin = this.#origin(number, owner, name ? `the callback "${name}"` : "a callback");
      const ask = (args: unknown[]) => this.#ask(origin, Op.Call, args, "a callback");
      const proxy = function (this: unknown, ...args: unknown[]): Promise<unknown> {
        checkNoBuilding(this, args[0]);
        return ask(args);
      };
      homes.add(proxy);
      return proxy;
    });
  }

  #origin(number: number, owner: number | undefined, kind: string): Origin {
    const name = owner ? this.#host.nameOf(owner) : undefined;
    const thread = name === undefined ? 0 : owner!;
    return { number, kind, thread, name, toldLate: false, told: undefined };
  }

  /** Asks the Worker for something, unless it is too late. A failure is reported if nobody handles it. */
  #ask(origin: Origin, op: number, args: readonly unknown[], what: string): Promise<unknown> {
    const late = this.#late(origin);
    if (late) {
      const failed = Promise.reject(late);
      ifUnhandled(failed, () => this.#reportLate(origin, late));
      return failed;
    }
    const promise = this.#host.ask(origin.number, op, args, what, (error, killed) => {
      // The promise may have failed at once, before it is known here. A kill is no failure, as it is none of the thread.
      queueMicrotask(() => ifUnhandled(promise, () => killed || this.#report(origin, error)));
    });
    return promise;
  }

  /** Makes the error of a late use; nothing if the use is not late. The stack still says here who uses the object. */
  #late(origin: Origin): Error | undefined {
    const { number, thread } = origin;
    if (this.#host.dead) return withoutOwnFrames(this.#host.gone(whatIs(origin)));
    if (thread === 0 || this.#lasting.has(number) || !this.#host.isOver(thread)) return undefined;
    return withoutOwnFrames(lateError(whatIs(origin)));
  }

  /** Reports a late use, once for each object: an emitter may call such a listener for ever. */
  #reportLate(origin: Origin, error: Error): void {
    if (origin.toldLate) return;
    origin.toldLate = true;
    this.#host.reportError(error, { where: whatIs(origin), brief: true });
  }

  #report(origin: Origin, error: unknown): void {
    const told = origin.told ??= new Set();
    const text = inOneLine(error);
    const again = told.has(text);
    if (told.size < MOST_TOLD) told.add(text);
    this.#host.reportError(error, { where: whatIs(origin), again });
  }

  #importSignal([number, lasts, left]: number[]): AbortSignal {
    const isTimed = left !== undefined;
    const signal = this.#signals.import(number, lasts && !isTimed ? 0 : number);
    if (isTimed && !signal.aborted && !this.#clocks.has(number)) this.#startClock(number, left);
    homes.add(signal);
    return signal;
  }

  #importObject([number, lasts, owner, traits, kind]: number[]): object {
    if (lasts) this.#lasting.add(number);
    const release = () => this.#objects.release(number);
    return this.#objects.import(number, () => {
      const origin = this.#origin(number, owner, "a handle");
      const ask: Ask = (_, ...request) => this.#ask(origin, ...request);
      const remote = new RemoteObject({ number, traits, kind }, ask, release);
      if (traits & Trait.Resource) return remote;
      const proxy = makeAsyncProxy(remote, (error) => this.#host.reportError(error));
      homes.add(proxy);
      return proxy;
    });
  }
}

/** Something of a Worker in words: `the callback "onTick" of the green thread "listens-3"`. */
function whatIs({ kind, name }: Origin): string {
  return `${kind} of ${name === undefined ? "green code" : `the green thread "${name}"`}`;
}

/** The error of a use after the thread that passed the object has ended. */
function lateError(what: string): Error {
  return new Error(
    `Cannot use ${what}: the thread has ended, and a function or handle that a thread passes is valid only until the thread ` +
      "ends: remove a listener before that, in `finally`, or return the function from the thread to keep it",
  );
}

function withoutOwnFrames(error: Error): Error {
  error.stack = userFrames(error.stack!);
  return error;
}

/**
 * Replaces the error of a blocking function of this library that green code was given and calls here, on the hub: the message is
 * for async code, while green code has a function of its own by that name.
 */
function ofPassed(name: unknown, error: unknown): unknown {
  if (!isA(error, BlockingCallError)) return error;
  if (!error.message.startsWith(`Cannot call ${String(name)}() on the hub`)) return error;
  return new BlockingCallError(
    `Cannot call ${name}() on the hub: a function that is passed to green code runs on the hub. Do not pass ${name}(): ` +
      `inline functions have ${name}() in scope, and modules can import it`,
  );
}

/**
 * Refuses to build a part of a query in a callback of green code. A library that has a part built by a callback calls it with
 * that part, as `this` too, and sends the query when the callback has returned. Green code is called later, so the part would be
 * missing: a condition, say.
 */
function checkNoBuilding(self: unknown, first: unknown): void {
  if (self !== first || typeof self !== "object" || self === null || !isLazy(self)) return;
  throw new TypeError(
    "Cannot build a query in a callback of green code: the callback would run only after the query was sent: build the " +
      "query without a callback, or in a function of the hub",
  );
}

/** The functions that operations on the hub's objects need of it. */
const host = {
  iterate: (object: object) => new HubIterator(object),
  lock: takeLock,
};
