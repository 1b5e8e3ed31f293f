/**
 * How a green thread blocks.
 *
 * All blocking calls end in {@linkcode Blocking.block}: take in what has arrived, look whether the condition holds, look
 * whether the thread is to end, spin a little, sleep. Taking in comes first each time, so a wake-up that came early, late or
 * for nothing is no wake-up lost: the wake counter is read before, and whoever makes something true counts after. What arrives
 * may have to be run on top of the blocked thread: a thread that it waits for and that had not started (`Down.Run`), or one of
 * its callbacks (`Down.Call`).
 *
 * **Order.** What is ready wins over a limit that is due: the condition is looked at first. A kill is another matter, as who is
 * killed makes nothing of what it gets. Where others hand something over at any moment (a permit, an item), that and a kill come
 * by two ways, the arena and the ring, and may pass each other:
 *
 * ```text
 * the hub, or a green thread         the killed one
 *   writes the kill                    finds nothing in its ring
 *   hands an item over
 *                                      finds that it has an item
 * ```
 *
 * So a thread that finds that it was given something looks into the ring once more before it *accepts* it: who wrote the kill
 * before the grant had it published before the grant was. What there was no room for then is fetched by a flush (BEHIND in
 * `ring.ts`). A kill that was made before the grant counts (both say which kill was the last one): the thread hands back what it
 * was given, and the next one gets it (see {@linkcode Condition.giveUp}). That is so too for a limit that was due before the
 * grant, and for what has ended a callback on top of the thread. A kill that was made after the grant is for the next blocking
 * call. Of what that look finds nothing is run but what is to be called soon, as an abort is: what the thread was given is not
 * kept from others while a callback runs.
 *
 * **The run token.** In a cooperative hub green code runs only with the run lock (see `run_token.ts`): a blocking call gives it
 * up and comes back with it. What arrives is taken in without it; what is to be run waits.
 *
 * @module
 */

import { generatorName } from "../../bridge/values/call_site.ts";
import { encode } from "../../bridge/values/codec.ts";
import type { Frame, Kill } from "./frame.ts";
import type { GreenBase } from "./base.ts";
import type { Intake } from "./intake.ts";
import { currentLimit, type Limit } from "../../bridge/side/limit.ts";
import { EMPTY } from "../../bridge/wire/message.ts";
import { type Condition, type Parking, stopped } from "../../bridge/side/green.ts";
import { describeParking, REPORT_AFTER, REPORT_EVERY } from "./parking.ts";
import { Up } from "../../bridge/protocol/messages.ts";
import { isLocal } from "../../bridge/references/signals.ts";
import { RemoteThread } from "./remote_thread.ts";
import type { Timeout } from "../../bridge/side/timeout.ts";
import type { RunToken, Waiting } from "./run_token.ts";
import { ITS_TURN } from "../../bridge/wire/run_lock.ts";

/** A condition that never holds: for a wait that only time ends. */
const NEVER: Condition = { done: false };

/** How the threads on a Worker's stack block. */
export class Blocking {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #frames: readonly Frame[];
  readonly #crossing: GreenBase["crossing"];
  readonly #token: GreenBase["token"];
  readonly #timed: GreenBase["timed"];
  readonly #intake: Intake;
  /** Place in the line of the frame below, when the frame above it has ended. */
  #place: number | undefined;
  /** What the innermost thread is blocked on. */
  #parked: Parking | undefined;
  /** The last flush that was sent, and the last that has come back. */
  #lastFlush = 0;
  #flushed = 0;
  /** How often the hub was told that a thread goes on. */
  #unparked = 0;

  /**
   * @param base What all parts stand on.
   * @param intake What has arrived.
   */
  constructor(base: GreenBase, intake: Intake) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#frames = base.stack.frames;
    this.#crossing = base.crossing;
    this.#token = base.token;
    this.#timed = base.timed;
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
    const limit = currentLimit(frame.id);
    if (limit === undefined) return this.#block(frame, condition, deadline, parking);
    // What ends an async function of the thread ends what blocks in it.
    const armed: Timeout[] = [];
    for (let at: Limit | undefined = limit; at; at = at.outer) {
      if (at.timeout && !at.over && at.thread === frame.id) armed.push(at.timeout);
    }
    const { timeouts } = frame;
    timeouts.push(...armed);
    try {
      return this.#block(frame, condition, deadline, parking);
    } finally {
      for (const timeout of armed) timeouts.splice(timeouts.lastIndexOf(timeout), 1);
    }
  }

  #block(frame: Frame, condition: Condition, deadline: number, parking: Parking): boolean {
    if (this.#token !== undefined) {
      return this.#blockInTurn(this.#token, frame, condition, deadline, parking);
    }
    const { board, slot } = this.#mailbox;
    // When it is to tell the hub, and when it has.
    let report = 0;
    let reported = 0;
    let unparked = this.#unparked;
    const below = this.#parked;
    this.#parked = parking;
    try {
      for (;;) {
        const counter = board.woken(slot);
        this.#intake.takeIn();
        if (this.#mailbox.down.shut) throw stopped();
        const { done } = condition;
        if (done && condition.giveUp) this.#lookAgain();
        if (frame.passing && leaves(condition)) this.#stack.throwPassing(frame);
        if (done) return this.#accept(frame, condition, deadline);
        if (this.#stack.isStruck(frame) && leaves(condition)) this.#stack.interrupt(frame);
        const now = performance.now();
        if (now >= deadline) return false;
        if (report === 0 || unparked !== this.#unparked) {
          // What ran on top of it was blocked, and does not count for this wait: it may have said that the thread goes on.
          report = now + REPORT_AFTER;
          unparked = this.#unparked;
        } else if (now >= report) {
          reported = now;
          this.#reportParked(frame, parking, deadline - now);
          report = Infinity;
        }
        const tidyAt = this.#mailbox.tidy(now);
        const until = Math.min(deadline, frame.deadline, report, tidyAt, this.#timed.next);
        if (parking.spin !== false) this.#mailbox.pause(counter, now, until);
        else this.#mailbox.park(counter, now, until);
        if (reported > 0 && this.#isAsked(parking, counter)) report = reported + REPORT_EVERY;
      }
    } finally {
      this.#parked = below;
      if (reported > 0) this.#reportUnparked(frame);
    }
  }

  /** Names the call that blocks just now with a signal that nobody but this Worker can abort. */
  get blockedAt(): string | undefined {
    const parked = this.#parked;
    const signal = parked?.signal;
    if (!signal || !isLocal(signal) || signal.aborted) return undefined;
    return describeParking(parked.what, 0);
  }

  /** Whether the thread that runs now was killed, by all that has been said so far. */
  get isKilled(): boolean {
    this.#catchUp();
    return this.#stack.isKilled(this.#frames[this.#frames.length - 1]);
  }

  /** Blocks for some time. Needs nobody else. */
  sleep(ms: number): void {
    this.block(NEVER, performance.now() + ms, { what: "sleep", spin: false, yields: true });
  }

  /** In a cooperative hub: lets all go first that can go on, or those before a place in the line. */
  giveWay(place?: number): void {
    if (this.#token === undefined || this.#frames.length === 0) return;
    this.block(NEVER, performance.now(), { what: ITS_TURN, yields: true, place });
  }

  /** The same when what the thread has done cannot be taken back: no kill and no timeout interrupts it. */
  giveWayDone(): void {
    if (this.#token === undefined || this.#frames.length === 0) return;
    this.block(NEVER, performance.now(), { what: ITS_TURN, yields: true, done: true });
  }

  /** In a cooperative hub: a thread has ended, and the one on whose stack it ran takes its place in the line now. */
  takePlaceBelow(token: RunToken): void {
    if (this.#frames.length > 0) this.#place = token.takePlace();
  }

  /** In a cooperative hub: waits until the hub has done all that it was asked for, while nobody else goes on. */
  flush(): void {
    if (this.#token?.isHeld) this.catchUpWithHub();
  }

  /** Waits until the hub has done all that it was asked for, and what it has said before that has come in. */
  catchUpWithHub(): void {
    const { board, slot } = this.#mailbox;
    const flush = this.#lastFlush = this.#lastFlush + 1 | 0;
    this.#mailbox.send(Up.Flush, flush, 0, 0, EMPTY);
    for (;;) {
      const counter = board.woken(slot);
      this.#intake.receive(true);
      if (this.#flushed === flush || this.#mailbox.down.shut) return;
      this.#mailbox.pause(counter, performance.now(), Infinity);
    }
  }

  /** A flush has come back. */
  flushed(flush: number): void {
    this.#flushed = flush;
  }

  /**
   * As {@linkcode Blocking.block}, in a cooperative hub: comes back with the run lock. What need not wait does not give it up,
   * unless `parking.yields`. What has to be run on top of the thread has a turn of its own, each.
   */
  #blockInTurn(
    token: RunToken,
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
    let reported = 0;
    let unparked = this.#unparked;
    const waiting: Waiting = {
      receive: () => this.#intake.receive(true),
      isShut: () => this.#mailbox.down.shut,
      hasWork,
      sleep: (counter) => {
        const now = performance.now();
        if (unparked !== this.#unparked) {
          report = now + REPORT_AFTER;
          unparked = this.#unparked;
        }
        // Who is queued is not blocked; the hub can see that, and it is woken when it is its turn.
        const { isQueued } = token;
        if (now >= report && !isQueued) {
          reported = now;
          this.#reportParked(frame, parking, deadline - now);
          report = Infinity;
        }
        const until = Math.min(
          isQueued ? Infinity : Math.min(due, report, this.#timed.next),
          this.#mailbox.tidy(now),
        );
        if (parking.spin !== false) this.#mailbox.pause(counter, now, until);
        else this.#mailbox.park(counter, now, until);
        if (reported > 0 && this.#isAsked(parking, counter)) report = reported + REPORT_EVERY;
      },
    };
    let owes = parking.yields === true;
    let { place } = parking;
    const below = this.#parked;
    this.#parked = parking;
    try {
      waiting.receive();
      if (token.isHeld && !parking.keeps) this.#intake.runSoon();
      for (;;) {
        if (this.#mailbox.down.shut) throw stopped();
        if (token.isHeld || parking.keeps) {
          if (condition.done && !owes) {
            if (condition.giveUp) this.#lookAgain();
            return this.#accept(frame, condition, deadline);
          }
          // What others have handed over is accepted or handed back above, once its turn has come.
          const isGiven = condition.giveUp !== undefined && condition.done;
          const mayLeave = !parking.done && !isGiven;
          if (mayLeave && this.#stack.isStruck(frame) && leaves(condition)) {
            this.#stack.interrupt(frame);
          }
          if (performance.now() >= deadline && !owes) return false;
        }
        if (parking.keeps) {
          this.#pauseOnce(waiting, condition);
          continue;
        }
        token.standBy(waiting, due, owes && hasWork(), place);
        place = undefined;
        if (!token.isHeld) continue;
        owes = this.#intake.serveNext();
        place = this.#place;
        this.#place = undefined;
        this.#intake.runSoon();
      }
    } finally {
      this.#parked = below;
      if (reported > 0) this.#reportUnparked(frame);
    }
  }

  /** Takes in what was said to the thread before it was given what it has: see *Order*. */
  #catchUp(): void {
    // In this order: what the hub has had no room for is in the ring once that is no longer said.
    if (this.#mailbox.down.behind) this.catchUpWithHub();
    if (!this.#mailbox.down.empty) this.#intake.receive(true);
  }

  /** The same, with the aborts among it. */
  #lookAgain(): void {
    this.#catchUp();
    this.#intake.runSoon();
    if (this.#mailbox.down.shut) throw stopped();
  }

  /**
   * The condition holds: the thread goes on, unless it was to end before that.
   *
   * @returns Whether it goes on; `false` when the time was over before the condition held.
   */
  #accept(frame: Frame, condition: Condition, deadline: number): boolean {
    // It can go on after all, and not only until the next time that it blocks.
    frame.thrown = undefined;
    if (!condition.giveUp) return true;
    if (frame.passing && condition.giveUp()) this.#stack.throwPassing(frame);
    if (this.#stack.kills > 0) {
      const counts = ({ number }: Kill) => number === undefined || !condition.cameBefore?.(number);
      if (this.#stack.isKilled(frame, counts) && condition.giveUp()) {
        this.#stack.throwIfKilled(frame);
      }
    }
    const due = Math.min(deadline, frame.deadline);
    const isLate = due < Infinity && performance.now() >= due && condition.cameAfter?.(due);
    if (!isLate || !condition.giveUp()) return true;
    if (frame.deadline <= deadline) this.#stack.interrupt(frame);
    return false;
  }

  /** Sleeps once, and takes in what has arrived. */
  #pauseOnce(waiting: Waiting, condition: Condition): void {
    const { board, slot } = this.#mailbox;
    const counter = board.woken(slot);
    waiting.receive();
    if (!condition.done && !waiting.isShut()) waiting.sleep(counter);
  }

  /** Whether a thread that sleeps at an object was woken: who holds that may be another one now, or the hub wants to know. */
  #isAsked({ holder }: Parking, counter: number): boolean {
    if (holder === undefined) return false;
    const { board, slot } = this.#mailbox;
    return board.woken(slot) !== counter;
  }

  /** Tells the hub what a thread that has been blocked for a while is blocked on. */
  #reportParked(frame: Frame, parking: Parking, left: number): void {
    const { what, holder, object, peers } = parking;
    const limited = parking.limited === true || left < Infinity || frame.deadline < Infinity;
    const payload = encode([describeParking(what, left), limited], "text", this.#crossing.kinds);
    const at = object ?? (peers || what instanceof RemoteThread ? -1 : 0);
    this.#mailbox.send(Up.Parked, frame.id, holder?.() ?? 0, at, payload);
    const step = this.#stack.stepOn(frame);
    if (!step) return;
    const named = [describeParking(what, left), limited, generatorName()];
    this.#mailbox.send(Up.Parked, step.id, 0, 0, encode(named, "text", this.#crossing.kinds));
  }

  /** It goes on, and so does the step of an iteration that runs on it. */
  #reportUnparked(frame: Frame): void {
    this.#unparked++;
    const id = this.#stack.stepOn(frame)?.id;
    this.#mailbox.send(Up.Unparked, frame.id, 0, 0, EMPTY);
    if (id !== undefined && id !== frame.id) this.#mailbox.send(Up.Unparked, id, 0, 0, EMPTY);
  }
}

/** Whether a thread that is to be interrupted leaves what it waits for; it does not if that has come just now. */
function leaves(condition: Condition): boolean {
  return condition.giveUp === undefined || condition.giveUp();
}
