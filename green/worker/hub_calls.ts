/**
 * Calls to the hub for whose answer a thread blocks.
 *
 * ```text
 * sent ──> answered (Up.Call, Down.Reply)
 *      ──> given up (Up.Abort): by a kill or a timeout; an answer that comes all the same is dropped
 *      ──> left alone (Up.Abort, 1): by a timeout that abandons; the call may call back until the hub has answered the abort
 * ```
 *
 * An answer and a kill may cross on their way: the one that is taken in first counts, and the hub drops an abort that comes too
 * late.
 *
 * @module
 */

import { decode, encode, encodeThrown } from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import { usesContext } from "../../bridge/context/context.ts";
import type { Blocking } from "./blocking.ts";
import { joinStacks, stackHere } from "../../bridge/values/stacks.ts";
import type { GreenBase } from "./base.ts";
import { EMPTY, type Message } from "../../bridge/wire/message.ts";
import { Ending, intern, type Target, Up } from "../../bridge/protocol/messages.ts";
import { hasStack, SHALLOW } from "./frame_stack.ts";

/** A call to the hub that has not been answered. */
interface Question {
  done: boolean;
  ending: number;
  payload: Payload;
}

/** The target of operations on functions and objects of the hub. */
const LIVE = intern({ kind: "live" });

/** The calls to the hub that have not been answered. */
export class HubCalls {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #caller: GreenBase["caller"];
  readonly #crossing: GreenBase["crossing"];
  readonly #context: GreenBase["context"];
  readonly #targets: GreenBase["targets"];
  readonly #blocking: Blocking;
  readonly #questions = new Map<number, Question>();
  #lastCall = 0;

  /**
   * @param base The common ground of all parts.
   * @param blocking Blocks threads.
   */
  constructor(base: GreenBase, blocking: Blocking) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#caller = base.caller;
    this.#crossing = base.crossing;
    this.#context = base.context;
    this.#targets = base.targets;
    this.#blocking = blocking;
  }

  /**
   * Calls a target on the hub and blocks for its result.
   *
   * @param target The target to call.
   * @param args The arguments of the call.
   * @param name The name of the target in error messages.
   * @param peers See `Parking.peers`.
   * @param keeps See `Parking.keeps`.
   * @param limited See `Parking.limited`.
   * @returns The result of the call, awaited.
   */
  call(
    target: Target,
    args: readonly unknown[],
    name: string,
    peers: boolean | undefined,
    keeps: boolean,
    limited?: boolean,
  ): unknown {
    const frame = this.#caller.frame(`${name}()`);
    // A thread that cannot wait for the answer does not begin the call.
    this.#stack.interrupt(frame);
    if (this.#stack.callbacks > SHALLOW && !hasStack(128)) {
      throw new RangeError(
        `Cannot call ${name}(): the stack is full: ${this.#stack.callbacks} callbacks run on it, each inside a call ` +
          "of the callback before it",
      );
    }
    const { references } = this.#crossing;
    references.lastSignal = undefined;
    const payload = encode(args, "arguments", this.#crossing.kinds);
    const signal = references.lastSignal;
    const context = usesContext() ? this.#context.outgoing(frame) : undefined;
    const number = this.#targets.bind(target);
    const id = this.#lastCall = this.#lastCall + 1 | 0;
    const question: Question = { done: false, ending: 0, payload: EMPTY };
    this.#questions.set(id, question);
    try {
      if (context) this.#mailbox.send(Up.Context, id, Up.Call, 0, context);
      this.#mailbox.send(Up.Call, id, number, frame.id, payload);
      const what = target === LIVE ? name : target;
      this.#blocking.block(question, Infinity, { what, peers, keeps, limited, signal });
    } catch (reason) {
      if (this.#questions.has(id)) {
        const { fired } = frame;
        const abandon = fired !== undefined && fired.error === reason && fired.timeout.abandon;
        // Work that goes on may call back until the hub has answered the abort.
        if (!abandon) this.#questions.delete(id);
        const payload = encodeThrown(reason, "reason", this.#crossing.kinds);
        this.#mailbox.send(Up.Abort, id, abandon ? 1 : 0, 0, payload);
      }
      throw reason;
    }
    const value = decode(question.payload, this.#crossing.kinds);
    if (question.ending === Ending.Fulfilled) return value;
    joinStacks(
      value,
      `    --- called from green thread "${frame.thread.name}" by ${name}() ---`,
      stackHere(),
    );
    throw value;
  }

  /** Asks the hub for an operation on one of its functions and objects, and blocks for the result. */
  ask(number: number, op: number, args: readonly unknown[], what: string): unknown {
    // The arguments come first, so that an error that names one of them counts it as people do.
    return this.call(LIVE, [...args, number, op], what, undefined, false);
  }

  /** Whether the call with this id may still call back. */
  isPending(id: number): boolean {
    return this.#questions.has(id);
  }

  /** Takes in an answer. */
  answer({ id, a, payload }: Message): void {
    const question = this.#questions.get(id);
    if (!question) return this.#crossing.drop(payload); // The thread gave up waiting for it.
    this.#questions.delete(id);
    if (this.#stack.steps.length > 0) this.#stack.leavePart(id);
    question.ending = a;
    question.payload = payload;
    question.done = true;
  }
}
