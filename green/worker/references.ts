/**
 * References between a Worker and the hub, as seen from the Worker: functions, objects, iterations.
 *
 * An export goes with the thread that made it, unless the thread *returned* it: that stays as long as
 * somebody holds it.
 *
 * **Blobs are to be freed before the Worker ends.** The bytes of a blob belong to the process, and Deno 2.9.6 frees them by a
 * finalizer in each thread of the system that had the blob. If such a thread ends before its finalizers have run, the bytes stay
 * for as long as the process does. So a Worker that is about to end has its garbage collected first. There is no call for that;
 * but memory that is taken and not kept makes V8 do it. That memory is never touched, so it costs nothing but addresses. Three
 * kinds of blobs are not freed: those that the Worker's code still refers to, those that it has made and not sent, and all blobs
 * of a Worker that crashes.
 *
 * @module
 */

import { Imports } from "../../bridge/references/imports.ts";
import { madeElsewhere } from "../../bridge/brand.ts";
import { classOfPrototype } from "../../bridge/values/classes.ts";
import type { Ref } from "../../bridge/values/codec.ts";
import type { FrameStack } from "./frame_stack.ts";
import { type ExportCounts, Exports, Resource } from "../../bridge/references/exports.ts";
import { GreenIterator } from "./green_iterator.ts";
import { handledObject } from "../../bridge/references/handle.ts";
import {
  classNumber,
  isClass,
  Op,
  perform,
  Trait,
  traitsOf,
} from "../../bridge/references/live.ts";
import type { Callable } from "../../bridge/protocol/targets.ts";
import { platformClassOf } from "../../bridge/values/platform_classes.ts";
import { RefKind } from "../../bridge/protocol/messages.ts";
import { RemoteObject, remoteOf } from "../../bridge/references/remote_object.ts";
import { lookWhenAsked, SignalProxies } from "../../bridge/references/signals.ts";
import { makeLazyProxy } from "./lazy_handle.ts";
import { makeSyncProxy } from "./sync_proxy.ts";
import { isPromise } from "../../bridge/references/thenables.ts";

/** The Worker, as far as its references need it. */
interface GreenReferenceHost {
  /** The Worker's number. */
  readonly serial: number;
  /** Asks the hub, and blocks. */
  ask(number: number, op: number, args: readonly unknown[], what: string): unknown;
  /** Tells the hub that one of its objects has no proxy here any more. */
  sayReleased(number: number, count: number): void;
  /** Tells the hub that a signal of this Worker was aborted, or, without a reason, that it never will be. */
  saySignalled(number: number, aborted?: { readonly reason: unknown }): void;
  /** Takes in arrived messages, if that can be done here. */
  look(): void;
  /** The time until a signal is due, in milliseconds, if that is known. */
  leftOf(signal: AbortSignal): number | undefined;
  /** Waits until the hub has done all that it was told. */
  catchUp(): void;
  /** The thread that runs now; 0 for none. */
  owner(): number;
  /** The threads that run here. */
  readonly stack: FrameStack;
}

/** A Worker's references. */
export class GreenReferences {
  readonly #host: GreenReferenceHost;
  readonly #exports = new Exports();
  readonly #functions: Imports<Callable>;
  readonly #objects: Imports<object>;
  readonly #signals: SignalProxies;
  /** Removers of the abort listeners of signals that the hub has: thread id, signal number, remover. */
  readonly #heard = new Map<number, Map<number, () => void>>();
  /** The signal of this Worker that was referred to last. */
  lastSignal: AbortSignal | undefined;
  #hasImported = false;
  /** The count of blobs that came from the hub or went there, and were not garbage-collected. One that did both counts twice. */
  #blobs = 0;
  readonly #collected = new FinalizationRegistry<void>(() => void this.#blobs--);
  /** The references made in an attempt. */
  #trail: number[] | undefined;
  /** Owner of the object that is being used: the id of a thread. */
  #ownerOfUsed = 0;
  readonly #performer = {
    iterate: (object: object) => new GreenIterator(object, this.#ownerOfUsed, this.#host.stack),
    lock(): never {
      throw new TypeError("Cannot lock an object of green code");
    },
  };

  constructor(host: GreenReferenceHost) {
    this.#host = host;
    const onRelease = (number: number, count: number) => host.sayReleased(number, count);
    this.#functions = new Imports(onRelease);
    this.#objects = new Imports(onRelease);
    this.#signals = new SignalProxies(
      onRelease,
      (signal) => lookWhenAsked(signal, () => host.look()),
    );
  }

  /** The counts of this Worker's exports that the hub holds. */
  get exports(): ExportCounts {
    return this.#exports.counts;
  }

  /**
   * Whether a turn of the event loop may free anything: the finalizers of proxies may be due, and a proxy that came in this turn
   * lives until the next, even if it was let go of.
   */
  takeLitter(): boolean {
    const litter = this.#hasImported || this.#functions.size > 0 || this.#objects.size > 0 ||
      this.#signals.size > 0 || this.#blobs > 0;
    this.#hasImported = false;
    return litter;
  }

  /** Notes a blob that has come from the hub, or is about to go there: the platform frees its bytes in a turn of the event loop. */
  noteBlob(blob: object): void {
    this.#blobs++;
    this.#collected.register(blob, undefined);
  }

  /**
   * Makes a reference for a value that goes to the hub.
   *
   * @param value A function, or an object that the codec does not know.
   * @param returned Whether a thread returns it, so that it stays when the thread has ended.
   * @param all Whether a value that cannot cross goes by reference, and is not refused.
   * @throws {TypeError} If it is a handle that was released.
   */
  toRef(value: object, returned: boolean, all: boolean): Ref | undefined {
    const remote = remoteOf(value);
    if (remote?.released) throw new TypeError("Cannot send a handle: it was released");
    const theirs = this.#functions.numberOf(value) ?? this.#objects.numberOf(value) ??
      remote?.number;
    if (theirs !== undefined) {
      return { kind: remote ? RefKind.HubObject : RefKind.HubFunction, data: theirs };
    }
    if (value instanceof AbortSignal) return this.#referToSignal(value, returned);
    const object = handledObject(value) ?? (goesByReference(value, all) ? value : undefined);
    if (!object) return undefined;
    const owner = returned
      ? 0
      : object instanceof GreenIterator
      ? object.owner
      : this.#host.owner();
    const number = this.#exports.export(object, owner);
    this.#trail?.push(number);
    const { serial } = this.#host;
    const lasts = this.#exports.lasts(number) ? 1 : 0;
    if (object === value && typeof value === "function" && !isClass(value)) {
      const data = [serial, number, lasts, owner, nameOf(value as Callable)];
      return { kind: RefKind.GreenFunction, data };
    }
    const data = [serial, number, lasts, traitsOf(object), classNumber(object), owner];
    return { kind: RefKind.GreenObject, data };
  }

  /** Encodes a value; the exports that were made for it are taken back if a part of it cannot cross. */
  attempt<T>(encode: () => T): T {
    const outer = this.#trail;
    const trail = this.#trail = [] as number[];
    try {
      return encode();
    } catch (error) {
      for (const number of trail) this.#exports.release(number, 1);
      throw error;
    } finally {
      this.#trail = outer;
    }
  }

  /** Finds or makes the object here for a reference that came from the hub. */
  resolve(kind: number, data: unknown): unknown {
    const numbers = data as number[];
    switch (kind) {
      case RefKind.HubFunction: {
        const [number, serial, home] = numbers;
        return this.#returned(number, serial, home) ?? this.#importFunction(number);
      }
      case RefKind.HubObject: {
        const [number, traits, kind, serial, home] = numbers;
        return this.#returned(number, serial, home) ?? this.#importObject(number, traits, kind);
      }
      case RefKind.HubSignal: {
        const [number, serial, home] = numbers;
        this.#hasImported = true;
        return this.#returned(number, serial, home) ??
          this.#signals.import(number, this.#host.owner());
      }
      case RefKind.GreenFunction:
      case RefKind.GreenObject:
      case RefKind.GreenSignal:
        return this.#own(numbers[1]);
    }
    return undefined;
  }

  /** A signal of the hub was aborted. */
  signalled(number: number, reason: unknown): void {
    this.#signals.abort(number, reason);
  }

  /**
   * Lets go of the object behind a reference that came from the hub.
   *
   * @returns Whether the kind of reference is one of those handled here.
   */
  discard(kind: number, data: unknown): boolean {
    if (OWN_KINDS.has(kind)) return true;
    if (!HUB_KINDS.has(kind)) return false;
    const [number] = data as number[];
    if (kind === RefKind.HubSignal) this.#signals.forget(number);
    this.#host.sayReleased(number, 1);
    return true;
  }

  /**
   * Performs an operation on one of this Worker's objects, for the hub.
   *
   * @throws {Error} If the thread that gave it has ended.
   */
  perform(number: number, op: number, args: readonly unknown[]): unknown {
    const object = this.#own(number);
    this.#ownerOfUsed = this.#exports.ownerOf(number);
    return perform(this.#performer, object, op, args);
  }

  /** Whether an operation on one of this Worker's iterations has to wait: see `GreenIterator.postpones()`. */
  postpones(number: number, op: number): boolean {
    const object = this.#exports.get(number);
    return object instanceof GreenIterator && object.postpones(op);
  }

  /** Lets go of all that goes with a thread, which has ended. */
  endThread(owner: number): void {
    this.#exports.endOwner(owner);
    this.#signals.drop(owner);
    for (const [number, stop] of this.#heard.get(owner) ?? []) {
      stop();
      this.#host.saySignalled(number);
    }
    this.#heard.delete(owner);
  }

  /** Takes back so many counts of an export from the hub. */
  release(number: number, count: number): void {
    this.#exports.release(number, count);
    if (this.#heard.size > 0 && !this.#exports.get(number)) this.#unhear(number);
  }

  /** Removes the abort listener of a signal that the hub has no longer. */
  #unhear(number: number): void {
    for (const [owner, heard] of this.#heard) {
      heard.get(number)?.();
      if (heard.delete(number) && heard.size === 0) this.#heard.delete(owner);
    }
  }

  #referToSignal(signal: AbortSignal, returned: boolean): Ref {
    const theirs = this.#signals.numberOf(signal);
    if (theirs !== undefined) return { kind: RefKind.HubSignal, data: theirs };
    this.lastSignal = signal;
    const owner = returned ? 0 : this.#host.owner();
    const number = this.#exports.export(signal, owner);
    this.#trail?.push(number);
    this.#listen(signal, number, owner);
    const lasts = this.#exports.lasts(number) ? 1 : 0;
    // The hub goes by its own clock: this Worker may compute all the while, or have ended the thread.
    const left = this.#host.leftOf(signal);
    const time = left === undefined ? [] : [left];
    return { kind: RefKind.GreenSignal, data: [this.#host.serial, number, lasts, ...time] };
  }

  #listen(signal: AbortSignal, number: number, owner: number): void {
    if (signal.aborted) return this.#host.saySignalled(number, signal);
    const heard = this.#heard.get(owner) ?? new Map<number, () => void>();
    if (heard.has(number)) return;
    const onAbort = () => {
      this.#heard.get(owner)?.delete(number);
      if (!this.#exports.get(number)) return;
      this.#host.saySignalled(number, signal);
      // As for a kill: threads that wait with the signal elsewhere have the abort before the aborting thread goes on.
      this.#host.catchUp();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    // A signal may outlive by far the threads that give it away: a module's signal does.
    heard.set(number, () => signal.removeEventListener("abort", onAbort));
    this.#heard.set(owner, heard);
  }

  #own(number: number): object {
    const object = this.#exports.get(number);
    if (object) return object;
    throw new Error(
      "Cannot use a function or handle of a green thread: the thread has ended, and a function or handle that a thread " +
        "passes is valid only until the thread ends: return it from the thread to keep it",
    );
  }

  /** The object itself, if it came home by way of the hub. */
  #returned(number: number, serial: number, home: number): object | undefined {
    const object = serial === this.#host.serial ? this.#exports.get(home) : undefined;
    if (object) this.#host.sayReleased(number, 1);
    return object;
  }

  #importFunction(number: number): Callable {
    this.#hasImported = true;
    return this.#functions.import(
      number,
      () => (...args) => this.#host.ask(number, Op.Call, args, "a callback"),
    );
  }

  #importObject(number: number, traits: number, kind: number): object {
    this.#hasImported = true;
    return this.#objects.import(number, () => {
      const remote = new RemoteObject(
        { number, traits, kind },
        (...request) => this.#host.ask(...request),
        () => this.#objects.release(number),
      );
      if (traits & Trait.Resource) return remote;
      return traits & Trait.Lazy ? makeLazyProxy(remote) : makeSyncProxy(remote);
    });
  }
}

const OWN_KINDS: ReadonlySet<number> = new Set([
  RefKind.GreenFunction,
  RefKind.GreenObject,
  RefKind.GreenSignal,
]);

const HUB_KINDS: ReadonlySet<number> = new Set([
  RefKind.HubFunction,
  RefKind.HubObject,
  RefKind.HubSignal,
]);

/** The longest name that a function is known by on the hub. */
const LONGEST_NAME = 100;

/** The name of a function, if it is text: people may have put anything there. */
function nameOf(fn: Callable): string {
  try {
    const { name } = fn as { readonly name: unknown };
    return typeof name === "string" ? name.slice(0, LONGEST_NAME) : "";
  } catch {
    return "";
  }
}

/**
 * Whether an object of green code goes by reference without being passed by `handle()`.
 *
 * @param value The object.
 * @param all Whether a value that cannot cross goes by reference, and is not refused.
 */
export function goesByReference(value: object, all: boolean): boolean {
  if (madeElsewhere(value)) return false;
  if (typeof value === "function" || value instanceof Resource || value instanceof Iterator) {
    return true;
  }
  if (!all || value instanceof Error || isPromise(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  // Plain data is asked about only if it has a `then`.
  if (prototype === Object.prototype || prototype === null) return false;
  return !classOfPrototype(prototype) && !platformClassOf(value);
}
