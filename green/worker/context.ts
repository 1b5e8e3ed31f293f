/**
 * Async context in a Worker: what comes with a message, what goes with one, and the context that each thread has.
 *
 * A thread starts with what came with its `Run`. The hub remembers that too, so that the thread's calls only bring along
 * what is different now.
 *
 * @module
 */

import { decode } from "../../bridge/values/codec.ts";
import type { Body } from "../../bridge/wire/body.ts";
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
import type { Referrer } from "../../bridge/values/referrer.ts";

/** A Worker's contexts. */
export class GreenContext {
  readonly #referrer: Referrer;
  readonly #fault: (error: unknown) => void;
  /** For the next message. */
  #next: Body | undefined;
  /** For messages that wait. */
  readonly #attached = new WeakMap<Message, Body>();

  /**
   * @param referrer Makes and resolves references.
   * @param fault Reports what cannot be understood here.
   */
  constructor(referrer: Referrer, fault: (error: unknown) => void) {
    this.#referrer = referrer;
    this.#fault = fault;
  }

  /** A context has arrived. */
  arrive(body: Body): void {
    useContext();
    this.#next = body;
  }

  /** What the message that has arrived now says was changed; what cannot be understood here is reported. */
  takeChanges(): Changes | undefined {
    const body = this.#take();
    if (!body) return undefined;
    try {
      return new Changes(decodeContext(body, this.#referrer));
    } catch (error) {
      this.#fault(error);
      return undefined;
    }
  }

  /** What came with the message that has arrived now. */
  #take(): Body | undefined {
    const body = this.#next;
    this.#next = undefined;
    return body;
  }

  /** The message that has arrived now is looked at later. */
  attach(message: Message): void {
    const body = this.#take();
    if (body) this.#attached.set(message, body);
  }

  /** Nobody wants what came with a message: it is taken in all the same, since the hub counts what it refers to. */
  drop(message: Message, discarder: Referrer): void {
    const body = this.#attached.get(message);
    if (!body) return;
    try {
      decode(body, discarder);
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
    const body = this.#attached.get(message);
    this.#attached.delete(message);
    if (body) scope.given = decodeContext(body, this.#referrer);
    return within(scope, fn);
  }

  /** What a message of a thread brings along; nothing if that is what the hub knows. */
  outgoing({ given }: Scope): Body | undefined {
    const changes = difference(given, currentValues());
    return changes && encodeContext(changes, this.#referrer);
  }

  /** What a thread or a callback has changed. */
  changes(scope: Scope, referrer: Referrer): Body | undefined {
    const changes = changesIn(scope);
    return changes && encodeContext(changes, referrer);
  }
}
