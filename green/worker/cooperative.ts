/**
 * The scheduler of a cooperative hub's Worker: it runs green code only while it holds the run lock. The words and their races are
 * in `run_lock.ts`.
 *
 * Calls to the hub are made and served while other Workers run; only going on in green code needs the run lock. So a blocking call
 * gives up the lock, and comes back with it. A call that need not wait keeps the lock, unless `Parking.yields`. Messages are taken
 * in without the lock, and run no green code: a thread on top of the stack, a callback and a link have a turn of their own each.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Condition, Parking } from "../../bridge/side/green.ts";
import type { Message } from "../../bridge/wire/message.ts";
import type { RunLock } from "../../bridge/wire/run_lock.ts";
import type { GreenBase } from "./base.ts";
import type { Frame } from "./frame_stack.ts";
import type { Intake } from "./intake.ts";
import type { LoopTurns } from "./loop_turns.ts";
import type { Scheduler, Turns } from "./scheduler.ts";

/** The scheduler of a cooperative hub. */
export class Cooperative implements Scheduler {
  readonly cooperative = true;
  readonly #runLock: RunLock;
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #slot: number;
  readonly #intake: Intake;
  readonly #loopTurns: LoopTurns;
  /** The order number reserved for the stack frame below, when the stack frame above it has ended. */
  #orderBelow: number | undefined;

  /**
   * @param runLock The run lock of the hub.
   * @param base The common ground of all parts.
   * @param intake The messages that have arrived.
   * @param loopTurns Tells when the event loop is to have a turn.
   */
  constructor(
    runLock: RunLock,
    base: Omit<GreenBase, "scheduler">,
    intake: Intake,
    loopTurns: LoopTurns,
  ) {
    this.#runLock = runLock;
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#slot = base.mailbox.slot;
    this.#intake = intake;
    this.#loopTurns = loopTurns;
  }

  get isAlone(): boolean {
    return this.#runLock.isHeldBy(this.#slot);
  }

  begin(
    frame: Frame,
    condition: Condition,
    deadline: number,
    parking: Parking,
    isRefused: () => boolean,
  ): Turns {
    const runLock = this.#runLock;
    const slot = this.#slot;
    const due = () => Math.min(deadline, frame.deadline);
    const hasWork = () =>
      condition.done || this.#intake.hasWork || this.#stack.isStruck(frame) || isRefused() ||
      due() < Infinity && due() <= performance.now();
    let { order } = parking;
    let hasPassed = false;
    const pass = () => {
      if (parking.keeps) return false;
      runLock.release(slot, due(), turns.owes && hasWork(), order);
      order = undefined;
      return hasPassed = true;
    };
    const isQueued = () => runLock.isQueued(slot);
    const turns = {
      owes: parking.yields === true,
      isQueued,
      pass,
      takeIn: () => {
        for (;;) {
          const { isAlone } = this;
          // After that look: the messages that this turn is for were sent before the turn was given.
          this.#intake.receive(true);
          if (parking.keeps) return true;
          if (this.#mailbox.down.shut) return false;
          if (isAlone) break;
          // An `async` function may have gone on without the run lock.
          if (!hasPassed) pass();
          if (!isQueued() && hasWork()) runLock.request(slot);
          if (!this.isAlone) return false;
        }
        if (hasPassed) {
          turns.owes = this.#intake.serveNext();
          if (turns.owes) this.#intake.receive(true);
          order = this.#orderBelow;
          this.#orderBelow = undefined;
        }
        this.#intake.runSoon();
        return true;
      },
    };
    return turns;
  }

  glance(): void {
    this.#intake.receive(true);
  }

  takeInAtBottom(tasks: { readonly message: Message }[]): boolean {
    for (;;) {
      this.#intake.receive(true);
      for (let message; (message = this.#intake.takeThread());) tasks.push({ message });
      const isIdle = tasks.length === 0 && !this.#intake.hasWork;
      if (isIdle || this.#mailbox.down.shut) {
        this.idle();
        return false;
      }
      this.#runLock.request(this.#slot);
      if (tasks.length > 0 || !this.isAlone) return this.isAlone;
      this.#intake.serveNext();
      this.#intake.runSoon();
      this.idle();
      if (this.#loopTurns.isDue) return false;
    }
  }

  /** Code that a message resumes, or a blocking call of its own, goes on to its next `await` with the run lock. */
  async takeInMeanwhile(): Promise<void> {
    this.#intake.receive(true);
    for (;;) {
      if (this.isAlone) {
        this.#intake.serveNext();
        this.#intake.runSoon();
        await new Promise<void>((resolve) => void setImmediate(resolve));
        this.idle();
        this.#intake.receive(true);
      }
      if (!this.#intake.hasWork) return;
      this.#runLock.request(this.#slot);
      if (!this.isAlone) return;
    }
  }

  arrived(): void {
    this.#runLock.arrived(this.#slot);
  }

  idle(): void {
    this.#runLock.idle(this.#slot);
  }

  /** Each waiter for the thread gets an order number before anybody goes on; the first is the thread on whose stack it ran. */
  ended(): void {
    if (!this.isAlone) return;
    if (this.#stack.frames.length > 0) this.#orderBelow = this.takeOrder();
    this.#mailbox.catchUpWithHub();
  }

  flush(): void {
    if (this.isAlone) this.#mailbox.catchUpWithHub();
  }

  enlist(): number {
    return this.#runLock.enlist();
  }

  takeOrder(): number {
    return this.#runLock.takeOrder();
  }
}
