/**
 * Async context that comes from one Worker.
 *
 * @module
 */

import type { Payload } from "../../bridge/wire/payload.ts";
import { type ContextValues, merge } from "../../bridge/context/context.ts";
import { decodeContext } from "../../bridge/context/wire.ts";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import type { Message } from "../../bridge/wire/message.ts";
import type { ReferenceKinds } from "../../bridge/values/reference_kinds.ts";

/** A thread, as far as its context needs it. */
interface WithContext {
  readonly id: number;
  readonly context: ContextValues | undefined;
}

/** The async context that one Worker sends. */
export class WorkerContext {
  readonly #kinds: ReferenceKinds;
  readonly #stack: readonly WithContext[];
  #next: Message | undefined;

  /**
   * @param kinds Resolves the Worker's references.
   * @param stack The threads that run there.
   */
  constructor(kinds: ReferenceKinds, stack: readonly WithContext[]) {
    this.#kinds = kinds;
    this.#stack = stack;
  }

  /** Takes a context that is for the next message. */
  arrive(message: Message): void {
    this.#next = message;
  }

  /**
   * The context of a call or a new thread.
   *
   * @param message The message that has arrived now.
   * @param caller The id of the thread that calls. It counts only if the thread runs there: another thread's context is no
   * business of this Worker's.
   * @throws {BridgeProtocolError} If the context is malformed, or was for another message.
   */
  given(message: Message, caller: number): ContextValues | undefined {
    const context = this.#stack.findLast(({ id }) => id === caller)?.context;
    const changes = this.#take(message);
    return merge(context, changes && decodeContext(changes, this.#kinds));
  }

  /** Takes the difference from that thread's context, which was sent before the message. */
  #take({ kind, id }: Message): Payload | undefined {
    const next = this.#next;
    if (!next) return undefined;
    this.#next = undefined;
    if (next.a === kind && next.id === id) return next.payload;
    throw new BridgeProtocolError(
      `Cannot take a context for message ${next.a} ${next.id}: ${kind} ${id} came instead`,
    );
  }
}
