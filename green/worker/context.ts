/**
 * Async context in a Worker: the context that comes with a message, or goes with one, and the context that each thread has.
 *
 * A thread starts with the context that came with its `Run`. The hub remembers that context too, so that the thread's calls
 * only bring along the values that are different now.
 *
 * @module
 */

import type { Payload } from "../../bridge/wire/payload.ts";
import {
  type ContextValues,
  currentValues,
  difference,
  useContext,
  within,
} from "../../bridge/context/context.ts";
import { decodeContext, encodeContext } from "../../bridge/context/wire.ts";
import type { Message } from "../../bridge/wire/message.ts";
import type { ReferenceKinds } from "../../bridge/values/reference_kinds.ts";

/** A thread, as far as its context needs it. */
interface WithContext {
  /** The context with which the thread was started. */
  given?: ContextValues;
}

/** The async contexts of a Worker. */
export class GreenContext {
  readonly #kinds: ReferenceKinds;
  /** The context that has arrived for the next message. */
  #next: Payload | undefined;
  /** The contexts of messages that wait to be run. */
  readonly #attached = new WeakMap<Message, Payload>();

  /** @param kinds Makes and resolves references. */
  constructor(kinds: ReferenceKinds) {
    this.#kinds = kinds;
  }

  /** Keeps a context that has arrived, for the message that comes next. */
  arrive(payload: Payload): void {
    useContext();
    this.#next = payload;
  }

  /** Keeps the context of the message that has arrived now, as the message is run later. */
  attach(message: Message): void {
    if (this.#next) this.#attached.set(message, this.#next);
    this.#next = undefined;
  }

  /** The context of a message that is not run: what it refers to has to be given back. */
  dropped(message: Message): Payload | undefined {
    return this.#attached.get(message);
  }

  /**
   * Runs a thread, or a callback, with the context that came with its message. Whatever it runs on top of has another one.
   *
   * @param message The message.
   * @param fn Runs the thread or the callback.
   * @param thread The thread, if it is one.
   */
  enter<R>(message: Message, fn: () => R, thread?: WithContext): R {
    const payload = this.#attached.get(message);
    this.#attached.delete(message);
    const values = payload && decodeContext(payload, this.#kinds);
    if (thread) thread.given = values;
    return within(values, fn);
  }

  /** The context that goes with a message of a thread; nothing if the hub knows the context. */
  outgoing({ given }: WithContext): Payload | undefined {
    const changes = difference(given, currentValues());
    return changes && encodeContext(changes, this.#kinds);
  }
}
