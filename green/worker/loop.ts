/**
 * The bottom of a Worker's stack: threads are run from here, one after the other, until the Worker is to end.
 *
 * The Worker sleeps here on its own word when there is nothing to do. It goes back to its event loop only to wait for a module or
 * a promise, and now and then for a loop turn of finalizers, timers and the like. Unhandled failures in the event loop are
 * reported in such a turn (see `unhandled.ts`). So there is one when the Worker has had nothing to do for a moment, before it
 * ends, and when the hub asks for one (`Down.LoopTurn`), since the process is about to end.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { LoopTurns } from "./loop_turns.ts";
import type { GreenBase } from "./base.ts";
import type { Intake } from "./intake.ts";
import { EMPTY } from "../../bridge/wire/message.ts";
import { Up } from "../../bridge/protocol/messages.ts";
import type { Task, ThreadRunner } from "./thread_runner.ts";
import type { RunToken } from "./run_token.ts";

/**
 * The time without work after which a Worker's event loop has a turn, in milliseconds. It is longer than the time until the next
 * thread of a row comes, on a busy machine too: with 1 ms a spawn took half as long again there. There is one such turn after
 * each stretch of work, so that an idle Worker does nothing.
 */
const LOOP_TURN_AFTER = 20;

/** Runs threads for the hub, one after the other. */
export class Serving {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #crossing: GreenBase["crossing"];
  readonly #token: GreenBase["token"];
  readonly #timed: GreenBase["timed"];
  readonly #intake: Intake;
  readonly #runner: ThreadRunner;
  readonly #loopTurns: LoopTurns;
  #closing = false;
  /** Whether the hub waits for a loop turn. */
  #loopTurnAsked = false;

  /**
   * @param base The common ground of all parts.
   * @param intake The messages that have arrived.
   * @param runner Runs threads.
   * @param loopTurns Tells when the event loop is to have a turn.
   */
  constructor(
    base: GreenBase,
    intake: Intake,
    runner: ThreadRunner,
    loopTurns: LoopTurns,
  ) {
    this.#mailbox = base.mailbox;
    this.#crossing = base.crossing;
    this.#token = base.token;
    this.#timed = base.timed;
    this.#intake = intake;
    this.#runner = runner;
    this.#loopTurns = loopTurns;
  }

  /** Has the Worker end when it has nothing to do. */
  close(): void {
    this.#closing = true;
  }

  /** Notes that the hub waits for a loop turn. */
  wantLoopTurn(): void {
    this.#loopTurnAsked = true;
  }

  /**
   * Runs threads until there is nothing to do without the event loop.
   *
   * @returns A promise to wait for before the next call; `undefined` when the Worker is to end.
   */
  serve(): Promise<unknown> | undefined {
    for (let tasks = 0;; tasks++) {
      const task = this.#nextTask();
      if (!task && this.#mayEnd) return undefined;
      if (!task) return this.#giveLoopTurn();
      this.#loopTurns.worked = true;
      const settled = this.#runner.run(task);
      if (settled) return settled;
      // Finalizers, timers and the like of the threads that have ended get a turn of the event loop now and then.
      if ((tasks & 63) === 63) return Promise.resolve();
    }
  }

  /** Whether the Worker is to end, and its event loop has had its last turn. */
  get #mayEnd(): boolean {
    return this.#closing && (!this.#loopTurns.worked || this.#mailbox.down.shut);
  }

  /** Gives the event loop a turn, for finalizers and for failures there. */
  #giveLoopTurn(): Promise<void> {
    this.#loopTurns.begin();
    if (!this.#loopTurnAsked) return Promise.resolve();
    this.#loopTurnAsked = false;
    return this.#giveAskedTurn();
  }

  /** Gives the event loop a turn for which the hub waits, and then tells the hub. */
  async #giveAskedTurn(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    this.#mailbox.send(Up.LoopTurned, 0, 0, 0, EMPTY);
  }

  /** Waits for the next thread to run; gives none when the Worker is to end, or its event loop is to have a turn. */
  #nextTask(): Task | undefined {
    const token = this.#token;
    const { board, slot, down } = this.#mailbox;
    if (this.#runner.tasks.length === 0) token?.idle();
    let loopTurnAt = 0;
    for (;;) {
      const counter = board.woken(slot);
      if (token === undefined) this.#intake.takeIn();
      else this.#takeInAtBottom(token);
      if (down.shut) this.#closing = true;
      const task = down.shut || token?.isHeld === false ? undefined : this.#runner.tasks.shift();
      if (task || this.#closing) return task;
      if (this.#loopTurns.isDue || this.#loopTurnAsked) return undefined;
      if (this.#loopTurns.worked && this.#crossing.references.takeLitter()) return undefined;
      const now = performance.now();
      if (!this.#loopTurns.worked) loopTurnAt = Infinity;
      else if (loopTurnAt === 0 || loopTurnAt === Infinity) loopTurnAt = now + LOOP_TURN_AFTER;
      else if (now >= loopTurnAt) return undefined;
      const until = Math.min(this.#mailbox.tidy(now), this.#timed.next, loopTurnAt);
      this.#mailbox.pause(counter, now, until);
    }
  }

  /** Takes in all messages that have arrived, on an empty stack of a cooperative hub. */
  #takeInAtBottom(token: RunToken): void {
    for (;;) {
      this.#intake.receive(true);
      for (let thread; (thread = this.#intake.takeThread());) {
        this.#runner.tasks.push({ message: thread });
      }
      const isIdle = this.#runner.tasks.length === 0 && !this.#intake.hasWork;
      if (isIdle || this.#mailbox.down.shut) return token.idle();
      token.request();
      if (this.#runner.tasks.length > 0 || !token.isHeld) return;
      this.#intake.serveNext();
      this.#intake.runSoon();
      token.idle();
      if (this.#loopTurns.isDue) return;
    }
  }
}
