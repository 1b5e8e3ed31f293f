/**
 * Async context in a Worker: what comes with a message, what goes with one, and the context that each thread has.
 *
 * A thread starts with what came with its `Run`. The hub remembers that too, so that the thread's calls only bring along
 * what is different now.
 *
 * @module
 */

import { decode } from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import {
  Changes,
  changesIn,
  currentValues,
  difference,
  type Scope,
  useContext,
  within,
} from "../../bridge/context/context.ts";
import { decodeContext, encodeContext } from "../../bridge/context/wire.ts";
import type { Message } from "../../bridge/wire/message.ts";
import type { ReferenceKinds } from "../../bridge/values/reference_kinds.ts";

/** A Worker's contexts. */
export class GreenContext {
  readonly #kinds: ReferenceKinds;
  readonly #fault: (error: unknown) => void;
  /** For the next message. */
  #next: Payload | undefined;
  /** For messages that wait. */
  readonly #attached = new WeakMap<Message, Payload>();

  /**
   * @param kinds Makes and resolves references.
   * @param fault Reports what cannot be understood here.
   */
  constructor(kinds: ReferenceKinds, fault: (error: unknown) => void) {
    this.#kinds = kinds;
    this.#fault = fault;
  }

  /** A context has arrived. */
  arrive(payload: Payload): void {
    useContext();
    this.#next = payload;
  }

  /** The changes that came with the message that has arrived now. One that cannot be understood here is reported. */
  takeChanges(): Changes | undefined {
    const payload = this.#take();
    if (!payload) return undefined;
    try {
      return new Changes(decodeContext(payload, this.#kinds));
    } catch (error) {
      this.#fault(error);
      return undefined;
    }
  }

  /** The context that came with the message that has arrived now. */
  #take(): Payload | undefined {
    const payload = this.#next;
    this.#next = undefined;
    return payload;
  }

  /** The message that has arrived now is looked at later. */
  attach(message: Message): void {
    const payload = this.#take();
    if (payload) this.#attached.set(message, payload);
  }

  /** Nobody wants what came with a message: it is taken in all the same, since the hub counts what it refers to. */
  drop(message: Message, discarder: ReferenceKinds): void {
    const payload = this.#attached.get(message);
    if (!payload) return;
    try {
      decode(payload, discarder);
    } catch {
      // It cannot be understood here, and need not be.
    }
  }

  /**
   * Runs a thread, or a callback, with what came with its message.
   *
   * @param message The message.
   * @param scope Notes what is changed.
   * @param fn Runs it.
   */
  enter<R>(message: Message, scope: Scope, fn: () => R): R {
    const payload = this.#attached.get(message);
    this.#attached.delete(message);
    if (payload) scope.given = decodeContext(payload, this.#kinds);
    return within(scope, fn);
  }

  /** The context that goes with a message of a thread; nothing if the hub knows it. */
  outgoing({ given }: Scope): Payload | undefined {
    const changes = difference(given, currentValues());
    return changes && encodeContext(changes, this.#kinds);
  }

  /** The changes that a thread or a callback has made. */
  changes(scope: Scope, kinds: ReferenceKinds): Payload | undefined {
    const changes = changesIn(scope);
    return changes && encodeContext(changes, kinds);
  }
}
