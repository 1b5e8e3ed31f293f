/**
 * Async context in a Worker: the context that comes with a message, or goes with one, and the context that each thread has.
 *
 * A thread starts with the context that came with its `Run`. The hub remembers that context too, so that the thread's calls
 * only bring along the values that are different now.
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

/** The async contexts of a Worker. */
export class GreenContext {
  readonly #kinds: ReferenceKinds;
  readonly #fault: (error: unknown) => void;
  /** The context that has arrived for the next message. */
  #next: Payload | undefined;
  /** The contexts of messages that wait to be run. */
  readonly #attached = new WeakMap<Message, Payload>();

  /**
   * @param kinds Makes and resolves references.
   * @param fault Reports the error of a context that cannot be read here.
   */
  constructor(kinds: ReferenceKinds, fault: (error: unknown) => void) {
    this.#kinds = kinds;
    this.#fault = fault;
  }

  /** Keeps a context that has arrived, for the message that comes next. */
  arrive(payload: Payload): void {
    useContext();
    this.#next = payload;
  }

  /** Takes the changes that came with the message that has arrived now. If they cannot be read here, that is reported. */
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

  /** Takes the context that came with the message that has arrived now. */
  #take(): Payload | undefined {
    const payload = this.#next;
    this.#next = undefined;
    return payload;
  }

  /** Keeps the context of the message that has arrived now, as the message is run later. */
  attach(message: Message): void {
    const payload = this.#take();
    if (payload) this.#attached.set(message, payload);
  }

  /**
   * Reads the context of a message that is not run: the hub counts the things to which the context refers, so they have to be
   * released.
   */
  drop(message: Message, discarder: ReferenceKinds): void {
    const payload = this.#attached.get(message);
    if (!payload) return;
    try {
      decode(payload, discarder);
    } catch {
      // The context cannot be read here, and need not be.
    }
  }

  /**
   * Runs a thread, or a callback, with the context that came with its message.
   *
   * @param message The message.
   * @param scope Notes the changes of the context.
   * @param fn Runs the thread or the callback.
   */
  enter<R>(message: Message, scope: Scope, fn: () => R): R {
    const payload = this.#attached.get(message);
    this.#attached.delete(message);
    if (payload) scope.given = decodeContext(payload, this.#kinds);
    return within(scope, fn);
  }

  /** The context that goes with a message of a thread; nothing if the hub knows the context. */
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
