/**
 * What one Worker and the hub hold of each other by reference: functions, objects, iterations.
 *
 * Everything that a Worker says here is checked: it can only name what was sent to it.
 *
 * @module
 */

import { Adopted } from "../bridge/adopted.ts";
import type { Reference } from "../bridge/codec.ts";
import { BlockingCallError } from "../bridge/errors.ts";
import type { Given } from "../bridge/given.ts";
import { isA } from "../bridge/guarded.ts";
import { classNumber, Op, perform, Trait, traitsOf } from "../bridge/live.ts";
import type { Callable } from "../bridge/loader.ts";
import { Referent } from "../bridge/protocol.ts";
import { type Ask, Remote, remoteOf } from "../bridge/remote.ts";
import { makeAsyncProxy } from "./async_proxy.ts";
import { HubSource } from "./hub_source.ts";
import { streamOf } from "./hub_writer.ts";
import { takeLock } from "./object_lock.ts";
import { type HubReferent, hubReferent } from "./referents.ts";
import { SignalStandIns } from "../bridge/signals.ts";

/** What the references of one Worker need of it. */
export interface ReferenceHost {
  /** The Worker's number. */
  readonly serial: number;
  /** What the hub has given to all Workers. */
  readonly given: Given;
  /** Asks the Worker to do something to one of its objects. */
  ask(number: number, op: number, args: readonly unknown[], what: string): Promise<unknown>;
  /** A reference to one of the hub's things was made, which the Worker holds from now on. */
  referred(number: number): void;
  /** Tells the Worker that nothing here stands for one of its objects any more. */
  sayReleased(number: number, count: number): void;
  /** Tells the Worker that a signal of the hub was aborted. */
  saySignalled(number: number, reason: unknown): void;
  /** Something failed that nobody waits for. */
  reportError(error: unknown): void;
}

/** Where a stand-in's object lives: a hub, known by what it has given, a Worker's number, and the object's number there. */
interface Home {
  readonly given: Given;
  readonly serial: number;
  readonly number: number;
}

/** The homes of all stand-ins, so that what goes back home arrives as itself. */
const homes = new WeakMap<object, Home>();

/** One Worker's references. */
export class WorkerReferences {
  readonly #host: ReferenceHost;
  /** How often each thing of the hub was sent there. */
  readonly #holds = new Map<number, number>();
  readonly #functions: Adopted<Callable>;
  readonly #objects: Adopted<object>;
  readonly #signals: SignalStandIns;
  /** What ends listening to the hub's signals that the Worker has. */
  readonly #listening = new Map<number, () => void>();
  /** What stays when the threads that gave it have ended. */
  readonly #lasting = new Set<number>();

  constructor(host: ReferenceHost) {
    this.#host = host;
    const onRelease = (number: number, count: number) => {
      this.#lasting.delete(number);
      host.sayReleased(number, count);
    };
    this.#functions = new Adopted(onRelease);
    this.#objects = new Adopted(onRelease);
    this.#signals = new SignalStandIns(onRelease);
  }

  /** Whether something on the hub needs the Worker, even if no thread runs there. */
  get lasting(): boolean {
    return this.#lasting.size > 0;
  }

  /**
   * Makes a reference for a value that goes to the Worker.
   *
   * @param value The value.
   * @param all See {@linkcode hubReferent}.
   */
  refer(value: object, all: boolean): Reference | undefined {
    const signal = this.#signals.numberOf(value);
    if (signal !== undefined) {
      return { kind: Referent.GreenSignal, data: [this.#host.serial, signal] };
    }
    const own = this.#functions.numberOf(value) ?? this.#objects.numberOf(value);
    if (own !== undefined) {
      const kind = remoteOf(value) ? Referent.GreenObject : Referent.GreenFunction;
      return { kind, data: [this.#host.serial, own] };
    }
    const referent = hubReferent(value, all);
    if (!referent) return undefined;
    const { reference, number } = referTo(this.#host.given, referent);
    this.hold(number);
    this.#host.referred(number);
    return reference;
  }

  /** Gives the near object for a reference that came from the Worker; `undefined` if it is none of these. */
  resolve(kind: number, data: unknown): unknown {
    switch (kind) {
      case Referent.HubFunction:
      case Referent.HubObject:
      case Referent.HubSignal:
        return streamOf(this.#own(data));
      case Referent.GreenFunction:
        return this.#adoptFunction(this.#parse(data));
      case Referent.GreenObject:
        return this.#adoptObject(this.#parse(data));
      case Referent.GreenSignal:
        return this.#adoptSignal(this.#parse(data));
    }
    return undefined;
  }

  /** Does something to one of the hub's objects, for the Worker. */
  perform(number: unknown, op: unknown, args: readonly unknown[]): unknown {
    const object = this.#own(number);
    try {
      return perform(host, object, Number(op), args);
    } catch (error) {
      throw ofPassed(op === Op.Call ? (object as Callable).name : args[0], error);
    }
  }

  /** Whether what has a number is not at home on the hub, but in a Worker. */
  goesOn(number: unknown): boolean {
    return homes.has(this.#own(number));
  }

  /** Something was sent to the Worker. */
  hold(number: number): void {
    const held = this.#holds.get(number) ?? 0;
    this.#holds.set(number, held + 1);
    if (held > 0) return;
    const object = this.#host.given.get(number);
    if (object instanceof AbortSignal) this.#listen(object, number);
  }

  /** A signal of the Worker was aborted; without a reason, it never will be. */
  signalled(number: number, aborted?: { readonly reason: unknown }): void {
    if (aborted) this.#signals.abort(number, aborted.reason);
    this.#signals.drop(number);
  }

  #listen(signal: AbortSignal, number: number): void {
    const say = () => this.#host.saySignalled(number, signal.reason);
    if (signal.aborted) return say();
    signal.addEventListener("abort", say, { once: true });
    this.#listening.set(number, () => signal.removeEventListener("abort", say));
  }

  /** The Worker gives back counts, no more than it has. */
  letGo(number: number, count: number): void {
    const held = this.#holds.get(number) ?? 0;
    const released = Math.min(held, Math.max(0, count));
    if (released === held) {
      this.#holds.delete(number);
      this.#listening.get(number)?.();
      this.#listening.delete(number);
    } else this.#holds.set(number, held - released);
    this.#host.given.release(number, released);
  }

  /** The Worker has ended: it holds nothing any more. */
  letGoOfAll(): void {
    this.#lasting.clear();
    this.#signals.dropAll();
    for (const [number, count] of [...this.#holds]) this.letGo(number, count);
  }

  /** An object of the hub, if it was sent to the Worker. */
  #own(data: unknown): object {
    const number = Array.isArray(data) ? data[0] : data;
    const object = this.#holds.has(number) ? this.#host.given.get(number) : undefined;
    if (object) return object;
    throw new TypeError(
      `Cannot use function or handle ${
        String(number)
      }: it was not passed to this Worker, or was released`,
    );
  }

  #parse(data: unknown): number[] {
    const ok = Array.isArray(data) && data[0] === this.#host.serial &&
      data.every((item) => Number.isInteger(item));
    if (ok) return data;
    throw new TypeError("Cannot take a reference from a Worker: it is malformed");
  }

  #adoptFunction([serial, number, lasts]: number[]): Callable {
    if (lasts) this.#lasting.add(number);
    return this.#functions.adopt(number, () => {
      const standIn = (...args: unknown[]) => this.#host.ask(number, Op.Call, args, "a callback");
      homes.set(standIn, { given: this.#host.given, serial, number });
      return standIn;
    });
  }

  #adoptSignal([serial, number, lasts]: number[]): AbortSignal {
    const signal = this.#signals.adopt(number, lasts ? 0 : number);
    homes.set(signal, { given: this.#host.given, serial, number });
    return signal;
  }

  #adoptObject([serial, number, lasts, traits, kind]: number[]): object {
    if (lasts) this.#lasting.add(number);
    const release = () => this.#objects.release(number);
    return this.#objects.adopt(number, () => {
      const ask: Ask = (...request) => this.#host.ask(...request);
      const remote = new Remote({ number, traits, kind }, ask, release);
      if (traits & Trait.Service) return remote;
      const proxy = makeAsyncProxy(remote, (error) => this.#host.reportError(error));
      homes.set(proxy, { given: this.#host.given, serial, number });
      return proxy;
    });
  }
}

/**
 * Makes another error of the one that a blocking function of this library has thrown, if green code has it called here: what its
 * message says is for async code, and here green code was given what it has anyway.
 */
function ofPassed(name: unknown, error: unknown): unknown {
  if (!isA(error, BlockingCallError)) return error;
  if (!error.message.startsWith(`Cannot call ${String(name)}() on the hub`)) return error;
  return new BlockingCallError(
    `Cannot call ${name}() on the hub, which is where a function runs that green code was given: use the library's own ` +
      `${name}() in green code: inline functions have it in scope, modules import it`,
  );
}

const host = {
  iterate: (object: object) => new HubSource(object).begin(),
  lock: takeLock,
};

/**
 * Makes a reference to something of the hub, and counts it.
 *
 * @param given Where it is counted.
 * @param referent What to refer to.
 */
export function referTo(
  given: Given,
  { kind, object }: HubReferent,
): { readonly reference: Reference; readonly number: number } {
  const number = given.give(object);
  const home = homes.get(object);
  // Another hub's Workers have the same numbers.
  const place = home?.given === given ? [home.serial, home.number] : [];
  const data = kind !== Referent.HubObject
    ? [number, ...place]
    : [number, traitsOf(object), classNumber(object), ...place];
  return { reference: { kind, data }, number };
}
