/**
 * Messages that have arrived at a Worker: some are done at once, the others wait for a point where they can be run.
 *
 * Most messages are taken at once, wherever the Worker is: in the middle of writing another message too. Messages that run code
 * or write messages are put off (threads to run, callbacks to call, and functions that are to be called `soon()`) until a
 * blocking call, or the bottom of the stack. In a cooperative hub they wait there for the run lock as well.
 *
 * All this is on the Worker's one thread of the system. But code that is run here may block, and then this file is entered
 * again, from above: so each message is taken out before it is run, and nothing that was looked at before is relied on after.
 *
 * @module
 */

import { usesContext } from "../../bridge/context/context.ts";
import type { LoopTurns } from "./loop_turns.ts";
import type { GreenBase } from "./base.ts";
import type { Message } from "../../bridge/wire/message.ts";
import { Down } from "../../bridge/protocol/messages.ts";
import { hasStack } from "./frame_stack.ts";
import { isPromise } from "../../bridge/references/thenables.ts";

/** Does the work of messages. */
export interface Receiver {
  /** Does a message that can be done at once. */
  take(message: Message): void;
  /** Does a message that runs code or writes messages. */
  serve(message: Message): void;
  /** Notes that a thread to begin has been taken in. */
  arrived(): void;
}

/** The messages that have arrived. */
export class Intake {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #context: GreenBase["context"];
  readonly #crossing: GreenBase["crossing"];
  readonly #timed: GreenBase["timed"];
  readonly #unhandled: GreenBase["unhandled"];
  readonly #loopTurns: LoopTurns;
  readonly #receiver: Receiver;
  /** Messages that are put off: threads to run, and callbacks to call. */
  readonly #deferred: Message[] = [];
  readonly #soon: (() => unknown)[] = [];

  /**
   * @param base The common ground of all parts.
   * @param loopTurns Is told when a promise waits for the event loop.
   * @param receiver Does the work of messages.
   */
  constructor(base: Omit<GreenBase, "scheduler">, loopTurns: LoopTurns, receiver: Receiver) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#context = base.context;
    this.#crossing = base.crossing;
    this.#timed = base.timed;
    this.#unhandled = base.unhandled;
    this.#loopTurns = loopTurns;
    this.#receiver = receiver;
  }

  /** Whether a message or a function waits to be run. */
  get hasWork(): boolean {
    return this.#deferred.length > 0 || this.#soon.length > 0;
  }

  /** Whether the thread with this id has arrived and waits to be run. */
  holdsThread(id: number): boolean {
    return this.#deferred.some((message) => message.id === id && message.kind === Down.Run);
  }

  /** Takes out the first of the messages that are put off, if that is a thread. */
  takeThread(): Message | undefined {
    return this.#deferred[0]?.kind === Down.Run ? this.#deferred.shift() : undefined;
  }

  /** Has a function called at the next blocking point. */
  soon(fn: () => unknown): void {
    this.#soon.push(fn);
  }

  /** Takes in all messages that have arrived, and runs those that are put off: only for a point that may block. */
  takeIn(): void {
    do this.receive(false); while (this.serveNext());
    this.runSoon();
  }

  /** Runs the first of the messages that are put off, and tells whether there was one. */
  serveNext(): boolean {
    if (this.#deferred.length === 0) return false;
    // A message for which there is no room stays, for a point where the stack is less full.
    if (this.#stack.frames.length > 0 && !hasStack(16)) {
      throw new RangeError(
        "Cannot block: the stack is too full to serve the messages that have arrived",
      );
    }
    this.#receiver.serve(this.#deferred.shift()!);
    return true;
  }

  /** Calls the functions that are to be called soon. An error is reported, or is for the thread that is blocked below. */
  runSoon(): void {
    for (;;) {
      const fn = this.#soon.shift();
      if (!fn) break;
      const below = this.#stack.innermost;
      const isMeantForBelow = this.#stack.guard();
      try {
        const result = this.#unhandled.apart(fn);
        if (!isPromise(result)) continue;
        result.then(undefined, (error) => this.#crossing.fault(error));
        // The promise goes on when the event loop has a turn.
        this.#loopTurns.hurry();
      } catch (error) {
        if (isMeantForBelow(error)) below!.passing = { error };
        else this.#crossing.fault(error);
      }
    }
  }

  /**
   * Takes in the messages that have arrived: does those that can be done at once, and puts off the others.
   *
   * @param writing Whether nothing may be run now, as while a message is being written: then all messages are taken in. Otherwise
   * reading stops once a message is put off, so that the caller can run it.
   */
  receive(writing: boolean): void {
    for (;;) {
      const message = this.#mailbox.inbox.receive();
      if (!message) break;
      const { kind } = message;
      this.#crossing.arrived(message.payload);
      if (kind === Down.Run) this.#receiver.arrived();
      if (kind === Down.Run || kind === Down.Call) {
        if (usesContext()) this.#context.attach(message);
        this.#deferred.push(message);
      } else this.#receiver.take(message);
      if (!writing && this.#deferred.length > 0) break;
    }
    this.#mailbox.makeRoom();
    // A signal that time has aborted meanwhile is treated as one whose abort has arrived.
    if (this.#timed.next < Infinity) this.#timed.ring((fn) => this.#soon.push(fn));
  }
}
