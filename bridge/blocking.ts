/**
 * How a green thread blocks.
 *
 * All blocking calls end in {@linkcode Blocking.block}: take in what has arrived, look whether the condition holds, look
 * whether the thread is to end, spin a little, sleep. Taking in comes first each time, so a wake-up that came early, late or
 * for nothing is no wake-up lost: the wake counter is read before, and whoever makes something true counts after. What arrives
 * may have to be run on top of the blocked thread: a thread that it waits for and that had not started (`Down.Run`), or one of
 * its callbacks (`Down.Call`).
 *
 * **Order.** What is ready wins over what is due: the condition is looked at before kills and timeouts, and where others can make
 * it true at any moment, once more by who gives up (see {@linkcode Condition.giveUp}).
 *
 * **Turns.** In a cooperative hub green code runs only with the baton (see `turns.ts`): a blocking call gives it up and comes
 * back with it. What arrives is taken in without it; what is to be run waits.
 *
 * @module
 */

import { stopped } from "./caller.ts";
import { encode } from "./codec.ts";
import type { Frame } from "./frame.ts";
import type { GreenBase } from "./green_base.ts";
import type { Intake } from "./intake.ts";
import { EMPTY } from "./message.ts";
import { describeParking, type Parking, REPORT_AFTER, REPORT_EVERY } from "./parking.ts";
import { Up } from "./protocol.ts";
import { RemoteThread } from "./remote_thread.ts";
import { ITS_TURN, type Turns, type Waiting } from "./turns.ts";

/** What {@linkcode Blocking.block} waits for. */
export interface Condition {
  readonly done: boolean;
  /**
   * Called before a kill or a timeout is thrown: leaves what the thread waits at. If it could not, since the thread was served
   * in this very moment, nothing is thrown now: what was done for it counts, and the kill is for its next block.
   *
   * @returns Whether it has left.
   */
  giveUp?(): boolean;
}

/** A condition that never holds: for a wait that only time ends. */
const NEVER: Condition = { done: false };

/** How the threads on a Worker's stack block. */
export class Blocking {
  readonly #line: GreenBase["line"];
  readonly #stack: GreenBase["stack"];
  readonly #frames: readonly Frame[];
  readonly #crossing: GreenBase["crossing"];
  readonly #turns: GreenBase["turns"];
  readonly #intake: Intake;
  /** The place in the line that the thread has on whose stack another one has ended. */
  #place: number | undefined;
  /** The last fence that was sent, and the last that has come back. */
  #lastFence = 0;
  #fenced = 0;
  /** How often the hub was told that a thread goes on. */
  #unparked = 0;

  /**
   * @param base What all parts stand on.
   * @param intake What has arrived.
   */
  constructor(base: GreenBase, intake: Intake) {
    this.#line = base.line;
    this.#stack = base.stack;
    this.#frames = base.stack.frames;
    this.#crossing = base.crossing;
    this.#turns = base.turns;
    this.#intake = intake;
  }

  /**
   * Blocks the thread that runs now.
   *
   * @param condition What to wait for. It is looked at after each message and each wake-up.
   * @param deadline When to give up, in `performance.now()` time.
   * @param parking What it is blocked on, and whether spinning may pay.
   * @returns Whether the condition holds; `false` when the time is over.
   * @throws What the thread was killed with, or a timeout of the thread that is due.
   */
  block(condition: Condition, deadline: number, parking: Parking): boolean {
    const frame = this.#frames[this.#frames.length - 1];
    if (this.#turns !== undefined) {
      return this.#blockInTurn(this.#turns, frame, condition, deadline, parking);
    }
    let report = 0;
    let reported = false;
    let unparked = this.#unparked;
    try {
      for (;;) {
        const seen = this.#line.woken();
        this.#intake.takeIn();
        if (this.#line.shut) throw stopped();
        if (frame.passing && leaves(condition)) this.#stack.throwPassing(frame);
        if (condition.done) {
          // It can go on after all, and not only until the next time that it blocks.
          frame.thrown = undefined;
          return true;
        }
        if (this.#stack.isStruck(frame) && leaves(condition)) this.#stack.interrupt(frame);
        const now = performance.now();
        if (now >= deadline) return false;
        if (report === 0 || unparked !== this.#unparked) {
          // What ran on top of it was blocked, and does not count for this wait: it may have said that the thread goes on.
          report = now + REPORT_AFTER;
          unparked = this.#unparked;
        } else if (now >= report) {
          reported = true;
          this.#reportParked(frame, parking, deadline - now);
          report = parking.holder ? now + REPORT_EVERY : Infinity;
        }
        this.#line.tidy(now);
        const until = Math.min(deadline, frame.deadline, report, this.#line.tidyAt);
        if (parking.spin !== false) this.#line.pause(seen, now, until);
        else this.#line.park(seen, now, until);
      }
    } finally {
      if (reported) this.#sayUnparked(frame);
    }
  }

  /** Blocks for some time. Needs nobody else. */
  sleep(ms: number): void {
    this.block(NEVER, performance.now() + ms, { what: "sleep", spin: false, yields: true });
  }

  /** In a cooperative hub: lets all go first that can go on, or those before a place in the line. */
  giveWay(place?: number): void {
    if (this.#turns === undefined || this.#frames.length === 0) return;
    this.block(NEVER, performance.now(), { what: ITS_TURN, yields: true, place });
  }

  /** The same when what the thread has done cannot be taken back: no kill and no timeout interrupts it. */
  giveWayDone(): void {
    if (this.#turns === undefined || this.#frames.length === 0) return;
    this.block(NEVER, performance.now(), { what: ITS_TURN, yields: true, done: true });
  }

  /** In a cooperative hub: a thread has ended, and the one on whose stack it ran takes its place in the line now. */
  takePlaceBelow(turns: Turns): void {
    if (this.#frames.length > 0) this.#place = turns.takePlace();
  }

  /** In a cooperative hub: waits until the hub has done all that it was asked for, while nobody else goes on. */
  fence(): void {
    if (!this.#turns?.holding) return;
    const fence = this.#lastFence = this.#lastFence + 1 | 0;
    this.#line.send(Up.Fence, fence, 0, 0, EMPTY);
    for (;;) {
      const seen = this.#line.woken();
      this.#intake.receive(true);
      if (this.#fenced === fence || this.#line.shut) return;
      this.#line.pause(seen, performance.now(), Infinity);
    }
  }

  /** A fence has come back. */
  fenced(fence: number): void {
    this.#fenced = fence;
  }

  /**
   * As {@linkcode Blocking.block}, in a cooperative hub: comes back with the baton. What need not wait does not give it up,
   * unless `parking.yields`. What has to be run on top of the thread has a turn of its own, each.
   */
  #blockInTurn(
    turns: Turns,
    frame: Frame,
    condition: Condition,
    deadline: number,
    parking: Parking,
  ): boolean {
    const due = Math.min(deadline, frame.deadline);
    const hasWork = () =>
      condition.done || this.#intake.hasWork ||
      performance.now() >= due || this.#stack.isStruck(frame);
    let report = performance.now() + REPORT_AFTER;
    let reported = false;
    let unparked = this.#unparked;
    const waiting: Waiting = {
      receive: () => this.#intake.receive(true),
      isShut: () => this.#line.shut,
      hasWork,
      sleep: (seen) => {
        const now = performance.now();
        if (unparked !== this.#unparked) {
          report = now + REPORT_AFTER;
          unparked = this.#unparked;
        }
        // Who is queued is not blocked; the hub can see that, and it is woken when it is its turn.
        const { queued } = turns;
        if (now >= report && !queued) {
          reported = true;
          this.#reportParked(frame, parking, deadline - now);
          report = parking.holder ? now + REPORT_EVERY : Infinity;
        }
        this.#line.tidy(now);
        const until = Math.min(queued ? Infinity : Math.min(due, report), this.#line.tidyAt);
        if (parking.spin !== false) this.#line.pause(seen, now, until);
        else this.#line.park(seen, now, until);
      },
    };
    let owes = parking.yields === true;
    let { place } = parking;
    try {
      waiting.receive();
      if (turns.holding && !parking.keeps) this.#intake.runSoon();
      for (;;) {
        if (this.#line.shut) throw stopped();
        if (turns.holding || parking.keeps) {
          if (condition.done && !owes) {
            // As in `block()`: what was found out about this wait is not for the next one.
            frame.thrown = undefined;
            return true;
          }
          if (!parking.done && this.#stack.isStruck(frame) && leaves(condition)) {
            this.#stack.interrupt(frame);
          }
          if (performance.now() >= deadline && !owes) return false;
        }
        if (parking.keeps) {
          this.#pauseOnce(waiting, condition);
          continue;
        }
        turns.standBy(waiting, due, owes && hasWork(), place);
        place = undefined;
        if (!turns.holding) continue;
        owes = this.#intake.serveNext();
        place = this.#place;
        this.#place = undefined;
        this.#intake.runSoon();
      }
    } finally {
      if (reported) this.#sayUnparked(frame);
    }
  }

  /** Sleeps once, and takes in what has arrived. */
  #pauseOnce(waiting: Waiting, condition: Condition): void {
    const seen = this.#line.woken();
    waiting.receive();
    if (!condition.done && !waiting.isShut()) waiting.sleep(seen);
  }

  /** Tells the hub that a thread goes on of which it was told that it is blocked. */
  #sayUnparked(frame: Frame): void {
    this.#unparked++;
    this.#line.send(Up.Unparked, frame.id, 0, 0, EMPTY);
  }

  /** Tells the hub what a thread that has been blocked for a while is blocked on. */
  #reportParked(frame: Frame, parking: Parking, left: number): void {
    const { what, holder, object, peers } = parking;
    const limited = parking.limited === true || left < Infinity || frame.deadline < Infinity;
    const body = encode([describeParking(what, left), limited], "text", this.#crossing.referrer);
    const at = object ?? (peers || what instanceof RemoteThread ? -1 : 0);
    this.#line.send(Up.Parked, frame.id, holder?.() ?? 0, at, body);
  }
}

/** Whether a thread that is to be interrupted leaves what it waits for; it does not if that has come just now. */
function leaves(condition: Condition): boolean {
  return condition.giveUp === undefined || condition.giveUp();
}
