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
import { EMPTY } from "../../bridge/wire/message.ts";
import { Up } from "../../bridge/protocol/messages.ts";
import type { Task, ThreadRunner } from "./thread_runner.ts";

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
  readonly #timed: GreenBase["timed"];
  readonly #scheduler: GreenBase["scheduler"];
  readonly #runner: ThreadRunner;
  readonly #loopTurns: LoopTurns;
  #closing = false;
  /** Whether the hub waits for a loop turn. */
  #loopTurnAsked = false;

  /**
   * @param base The common ground of all parts.
   * @param runner Runs threads.
   * @param loopTurns Tells when the event loop is to have a turn.
   */
  constructor(
    base: GreenBase,
    runner: ThreadRunner,
    loopTurns: LoopTurns,
  ) {
    this.#mailbox = base.mailbox;
    this.#crossing = base.crossing;
    this.#timed = base.timed;
    this.#scheduler = base.scheduler;
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
    const { down } = this.#mailbox;
    const { tasks } = this.#runner;
    if (tasks.length === 0) this.#scheduler.idle();
    let loopTurnAt = 0;
    return this.#mailbox.wait(() => {
      const mayBegin = this.#scheduler.takeInAtBottom(tasks);
      if (down.shut) this.#closing = true;
      const task = mayBegin && !down.shut ? tasks.shift() : undefined;
      if (task || this.#closing) return task;
      if (this.#loopTurns.isDue || this.#loopTurnAsked) return undefined;
      if (this.#loopTurns.worked && this.#crossing.references.takeLitter()) return undefined;
      const now = performance.now();
      if (!this.#loopTurns.worked) loopTurnAt = Infinity;
      else if (loopTurnAt === 0 || loopTurnAt === Infinity) loopTurnAt = now + LOOP_TURN_AFTER;
      else if (now >= loopTurnAt) return undefined;
      return Math.min(this.#timed.next, loopTurnAt) - now;
    });
  }
}
