/**
 * What has arrived at a Worker: what is done at once, and what waits for a place where it can be run.
 *
 * Most messages are taken at once, wherever the Worker is: in the middle of writing another message too. What runs code or
 * writes messages is put off (threads to run, callbacks to call, the question where a thread is blocked, and what is to be
 * called `soon()`) until a blocking call, or the bottom of the stack. In a cooperative hub it waits there for its turn as well.
 *
 * All this is on the Worker's one thread. But what is run here may block, and then this is entered again, from above: so each
 * task is taken out before it is run, and nothing that was looked at before is relied on after that.
 *
 * @module
 */

import { usesContext } from "../../bridge/context/context.ts";
import type { LoopTurns } from "./loop_turns.ts";
import type { GreenBase } from "./base.ts";
import type { Message } from "../../bridge/wire/message.ts";
import { Down } from "../../bridge/protocol/messages.ts";
import { hasStack } from "./stack_room.ts";
import { isPromise } from "../../bridge/references/thenables.ts";

/** Who does what messages say. */
export interface Receiver {
  /** Does what can be done at once. */
  take(message: Message): void;
  /** Does what runs code or writes messages. */
  serve(message: Message): void;
}

/** What has arrived. */
export class Intake {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #context: GreenBase["context"];
  readonly #crossing: GreenBase["crossing"];
  readonly #token: GreenBase["token"];
  readonly #timed: GreenBase["timed"];
  readonly #strays: GreenBase["strays"];
  readonly #loopTurns: LoopTurns;
  readonly #receiver: Receiver;
  /** What cannot be done while a message is being written: threads to run and callbacks to call. */
  readonly #deferred: Message[] = [];
  readonly #soon: (() => unknown)[] = [];

  /**
   * @param base What all parts stand on.
   * @param loopTurns Is told when something waits for the event loop.
   * @param receiver Does what messages say.
   */
  constructor(base: GreenBase, loopTurns: LoopTurns, receiver: Receiver) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#context = base.context;
    this.#crossing = base.crossing;
    this.#token = base.token;
    this.#timed = base.timed;
    this.#strays = base.strays;
    this.#loopTurns = loopTurns;
    this.#receiver = receiver;
  }

  /** Whether anything is to be run. */
  get hasWork(): boolean {
    return this.#deferred.length > 0 || this.#soon.length > 0;
  }

  /** Whether a thread has arrived to be run. */
  holdsThread(id: number): boolean {
    return this.#deferred.some((message) => message.id === id && message.kind === Down.Run);
  }

  /** Takes out the first of what is to be run, if that is a thread. */
  takeThread(): Message | undefined {
    return this.#deferred[0]?.kind === Down.Run ? this.#deferred.shift() : undefined;
  }

  /** Has a function called at the next blocking point. */
  soon(fn: () => unknown): void {
    this.#soon.push(fn);
  }

  /** Takes in all that has arrived, and does what can be done at a blocking point only. */
  takeIn(): void {
    this.receive(false);
    while (this.#deferred.length > 0) this.serveNext();
    this.runSoon();
  }

  /** Takes in what has arrived, at a place that does not block: in a cooperative hub nothing is run there. */
  glance(): void {
    if (this.#token === undefined) this.takeIn();
    else this.receive(true);
  }

  /** Runs the first of what has arrived to be run; says whether there was anything. */
  serveNext(): boolean {
    if (this.#deferred.length === 0) return false;
    // What there is no room for stays, for a place where the stack is less full.
    if (this.#stack.frames.length > 0 && !hasStack(16)) {
      throw new RangeError(
        "Cannot block: there is no room on the stack for what arrived meanwhile",
      );
    }
    this.#receiver.serve(this.#deferred.shift()!);
    this.receive(this.#token !== undefined);
    return true;
  }

  /** Calls what is to be called soon; what it throws is reported, or is for the thread that is blocked below. */
  runSoon(): void {
    for (;;) {
      const fn = this.#soon.shift();
      if (!fn) break;
      const below = this.#stack.innermost;
      const isMeantForBelow = this.#stack.guard();
      try {
        const result = this.#strays.apart(fn);
        if (!isPromise(result)) continue;
        result.then(undefined, (error) => this.#crossing.fault(error));
        // It goes on when the event loop has a turn.
        this.#loopTurns.hurry();
      } catch (error) {
        if (isMeantForBelow(error)) below!.passing = { error };
        else this.#crossing.fault(error);
      }
    }
  }

  /** @param writing Whether a message is being written: what would write another one is put off. */
  receive(writing: boolean): void {
    for (;;) {
      const message = this.#mailbox.inbox.receive();
      if (!message) break;
      const { kind } = message;
      if (kind === Down.Run) this.#token?.arrived();
      if (kind === Down.Run || kind === Down.Call) {
        if (usesContext()) this.#context.attach(message);
        this.#deferred.push(message);
      } else if (kind === Down.Where) this.#deferred.push(message);
      else this.#receiver.take(message);
      if (!writing && this.#deferred.length > 0) break;
    }
    this.#mailbox.makeRoom();
    // What time has aborted meanwhile is as if it had arrived.
    if (this.#timed.next < Infinity) this.#timed.ring((fn) => this.#soon.push(fn));
  }
}
