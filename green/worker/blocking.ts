/**
 * Blocking waits of green threads.
 *
 * All blocking calls end in {@linkcode Blocking.block}: take in the messages that have arrived, look whether the condition holds,
 * look whether the thread is to end, sleep (see `mailbox.ts`). A message may have to be run on top of the blocked thread: a thread
 * that the blocked one waits for and that had not started (`Down.Run`), or a callback of the blocked thread (`Down.Call`).
 *
 * **Order.** A condition that holds wins over a limit that is due: the condition is looked at first. A kill is another matter, as
 * a killed thread does nothing with a grant. Where others hand something over at any moment (a permit, an item), the grant and a
 * kill come by two ways, the arena and the ring, and may pass each other:
 *
 * ```text
 * the hub, or a green thread         the killed thread
 *   writes the kill                    finds nothing in its ring
 *   hands an item over
 *                                      finds that it has an item
 * ```
 *
 * So a thread that finds a grant looks into the ring once more before it *accepts* the grant: a kill that was written before the
 * grant was also published before the grant. A kill for which the ring had no room then is fetched by a flush (BEHIND in
 * `ring.ts`). A kill that was made before the grant counts (both say which kill was the last one): the thread hands the grant
 * back, and the next waiter gets it (see {@linkcode Condition.giveUp}). The same holds for a limit that was due before the
 * grant, and for an error that has ended a callback on top of the thread and was meant for the thread. A kill that was made after
 * the grant is for the next blocking call. That last look runs nothing except functions that are to be called `soon()`, such as
 * an abort: no callback runs then, as it would keep the grant from others meanwhile.
 *
 * **Turns.** In a cooperative hub green code runs only with the run lock (see `cooperative.ts`): a blocking call gives up the
 * lock and comes back with it.
 *
 * **Reports.** A thread that is blocked for longer than {@linkcode REPORT_AFTER} reports the wait to the hub, for `threads()` and
 * for the search for deadlocks; shorter waits cost nothing. The report names the wait, the thread that can end it, and the sites
 * of all threads on the stack. It is sent once, and once more when a kill has come that a `shield()` holds off. If the hub finds
 * a deadlock, it ends one reported wait by its number (see `hub/threads/waits.ts`); the thread is not killed.
 *
 * @module
 */

import { callSites, generatorName, joinStacks, stackHere } from "../../bridge/values/stacks.ts";
import { encode } from "../../bridge/values/codec.ts";
import { type Frame, hasStack, type Kill } from "./frame_stack.ts";
import type { GreenBase } from "./base.ts";
import type { Intake } from "./intake.ts";
import { currentLimit, type Limit } from "../../bridge/side/limit.ts";
import { EMPTY } from "../../bridge/wire/message.ts";
import { type Condition, ITS_TURN, type Parking, stopped } from "../../bridge/side/green.ts";
import {
  type ReportedThread,
  targetName,
  Up,
  type WaitReport,
} from "../../bridge/protocol/messages.ts";
import { isLocal } from "../../bridge/references/signals.ts";
import { RemoteThread } from "./remote_thread.ts";
import type { Timeout } from "../../bridge/side/timeout.ts";
import { GreenThread } from "../../bridge/side/green_thread.ts";

/** A condition that never holds: for a wait that only time ends. */
const NEVER: Condition = { done: false };

/** A wait that was reported to the hub. */
interface Reported {
  /** The number by which the hub may end it. */
  readonly number: number;
  /** The count of killed threads on the stack, as it was reported last. */
  kills: number;
  /** The error with which the hub ends the wait: the thread could never go on. */
  refusal: { readonly error: unknown } | undefined;
}

/** The blocking waits of the threads on a Worker's stack. */
export class Blocking {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #frames: readonly Frame[];
  readonly #crossing: GreenBase["crossing"];
  readonly #timed: GreenBase["timed"];
  readonly #intake: Intake;
  readonly #scheduler: GreenBase["scheduler"];
  /** The wait of the innermost thread. */
  #parked: Parking | undefined;
  /** The count of `Unparked` reports: each tells the hub that a thread goes on. */
  #unparked = 0;
  /** The reported waits on this stack, the innermost last. */
  readonly #reported: Reported[] = [];
  /** The number of the last of them. */
  #lastReported = 0;

  /**
   * @param base The common ground of all parts.
   * @param intake The messages that have arrived.
   */
  constructor(base: GreenBase, intake: Intake) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#frames = base.stack.frames;
    this.#crossing = base.crossing;
    this.#timed = base.timed;
    this.#intake = intake;
    this.#scheduler = base.scheduler;
  }

  /**
   * Blocks the thread that runs now.
   *
   * @param condition The condition to wait for. It is looked at after each message and each wake-up.
   * @param deadline The time at which to give up, in `performance.now()` time.
   * @param parking Describes the wait: on what the thread is blocked, and whether spinning may pay.
   * @returns Whether the condition holds; `false` when the time is over.
   * @throws The reason of the thread's kill, or a timeout of the thread that is due.
   */
  block(condition: Condition, deadline: number, parking: Parking): boolean {
    const frame = this.#frames[this.#frames.length - 1];
    const limit = currentLimit(frame.id);
    if (limit === undefined) return this.#block(frame, condition, deadline, parking);
    // A timeout that ends an async function of the thread also ends a blocking call in that function.
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
    if (condition.limited && Math.min(deadline, frame.deadline) < Infinity) condition.limited();
    let reported: Reported | undefined;
    const isRefused = () => reported?.refusal !== undefined;
    const turns = this.#scheduler.begin(frame, condition, deadline, parking, isRefused);
    // The time at which the thread is to tell the hub that it is blocked.
    let report = 0;
    let unparked = this.#unparked;
    const look = (): boolean | number => {
      const mayGoOn = turns.takeIn();
      if (this.#mailbox.down.shut) throw stopped();
      if (mayGoOn) {
        const { done } = condition;
        if (done && !turns.owes) {
          if (condition.giveUp) this.#lookAgain();
          return this.#accept(frame, condition, deadline);
        }
        // A grant is accepted or handed back above, once the other threads have gone.
        const mayLeave = !parking.done && !(done && condition.giveUp);
        if (mayLeave && this.#stack.isStruck(frame) && leaves(condition)) {
          this.#stack.interrupt(frame);
        }
        if (mayLeave && reported?.refusal && leaves(condition)) {
          throwRefusal(frame, reported.refusal);
        }
      }
      const now = performance.now();
      if (mayGoOn && now >= deadline && !turns.owes) return false;
      if (mayGoOn && turns.pass()) return 0;
      // A thread that is queued for its turn is not blocked. The hub can see that.
      if (turns.isQueued()) return Infinity;
      if (report === 0 || unparked !== this.#unparked) {
        // Code on top of the thread was blocked. That does not count for this wait: it may have said that the thread goes on.
        report = now + REPORT_AFTER;
        unparked = this.#unparked;
      } else if (now >= report || reported && reported.kills !== this.#stack.kills) {
        reported = this.#reportParked(frame, parking, deadline - now, reported);
        report = Infinity;
      }
      return Math.min(deadline, frame.deadline, report, this.#timed.next) - now;
    };
    const below = this.#parked;
    this.#parked = parking;
    try {
      return this.#mailbox.wait(look, parking.spin);
    } finally {
      this.#parked = below;
      if (reported) this.#reportUnparked(frame, reported);
    }
  }

  /** Ends a wait that was reported with this number, if it goes on: the hub has found a deadlock. */
  refuse(number: number, error: unknown): void {
    const reported = this.#reported.find((reported) => reported.number === number);
    if (reported) reported.refusal ??= { error };
  }

  /** The name of the call that blocks just now with a signal that nobody but this Worker can abort. */
  get blockedAt(): string | undefined {
    const parked = this.#parked;
    const signal = parked?.signal;
    if (!signal || !isLocal(signal) || signal.aborted) return undefined;
    return describeParking(parked.what, 0);
  }

  /** Whether the thread that runs now was killed, by all messages that were sent so far. */
  get isKilled(): boolean {
    this.#catchUp();
    return this.#stack.isKilled(this.#frames[this.#frames.length - 1]);
  }

  /** Blocks for some time. Needs no other side. */
  sleep(ms: number): void {
    this.block(NEVER, performance.now() + ms, { what: "sleep", spin: false, yields: true });
  }

  /** In a cooperative hub: lets all threads go first that can go on; see {@linkcode Green.giveWay}. */
  giveWay(options?: Pick<Parking, "order" | "done">): void {
    if (this.#frames.length === 0) return;
    this.block(NEVER, performance.now(), { what: ITS_TURN, yields: true, ...options });
  }

  /** Takes in the messages that were sent before the thread's grant: see *Order*. */
  #catchUp(): void {
    // In this order: once BEHIND is no longer set, the messages for which the hub had no room are in the ring.
    if (this.#mailbox.down.behind) this.#mailbox.catchUpWithHub();
    if (!this.#mailbox.down.empty) this.#intake.receive(true);
  }

  /** The same, and runs the aborts among these messages. */
  #lookAgain(): void {
    this.#catchUp();
    this.#intake.runSoon();
    if (this.#mailbox.down.shut) throw stopped();
  }

  /**
   * Has the thread go on, as the condition holds, unless the thread was to end before that.
   *
   * @returns Whether the thread goes on; `false` when the time was over before the condition held.
   */
  #accept(frame: Frame, condition: Condition, deadline: number): boolean {
    if (frame.passing && leaves(condition)) this.#stack.throwPassing(frame);
    if (!condition.giveUp) return true;
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

  /** Reports to the hub that a thread has been blocked for a while, on what, and where. */
  #reportParked(frame: Frame, parking: Parking, left: number, before?: Reported): Reported {
    const { what, object, peers } = parking;
    const { kills } = this.#stack;
    const reported = before ??
      { number: this.#lastReported = this.#lastReported + 1 | 0, kills, refusal: undefined };
    if (!before) this.#reported.push(reported);
    reported.kills = kills;
    const on = describeParking(what, left);
    const limited = parking.limited === true || left < Infinity || frame.deadline < Infinity;
    const report: WaitReport = limited ? { on, limited } : {
      on,
      limited,
      holder: what instanceof RemoteThread ? what.id : parking.holder?.() ?? 0,
      stack: this.#reportStack(),
    };
    const at = object ?? (peers || what instanceof RemoteThread ? -1 : 0);
    this.#sendParked(frame.id, reported.number, at, report);
    const step = this.#stack.stepOn(frame);
    if (step) this.#sendParked(step.id, 0, 0, { on, limited, generator: generatorName() });
    return reported;
  }

  #sendParked(id: number, number: number, at: number, report: WaitReport): void {
    this.#mailbox.send(Up.Parked, id, number, at, encode(report, "report", this.#crossing.kinds));
  }

  #reportStack(): ReportedThread[] {
    // With hardly any room left on the stack, the sites are left out of the report.
    const sites = hasStack(16) ? callSites(this.#frames.length) : [];
    return this.#frames.map(({ id, killed }, i) => [id, killed !== undefined, sites[i] ?? ""]);
  }

  /** Tells the hub that a thread goes on, and the step of an iteration that runs on its stack frame. */
  #reportUnparked(frame: Frame, reported: Reported): void {
    this.#unparked++;
    this.#reported.splice(this.#reported.indexOf(reported), 1);
    const id = this.#stack.stepOn(frame)?.id;
    this.#mailbox.send(Up.Unparked, frame.id, 0, 0, EMPTY);
    if (id !== undefined && id !== frame.id) this.#mailbox.send(Up.Unparked, id, 0, 0, EMPTY);
  }
}

/** Whether a thread that is to be interrupted leaves its wait. It does not if its grant has come just now. */
function leaves(condition: Condition): boolean {
  return condition.giveUp === undefined || condition.giveUp();
}

/** Throws the error with which the hub ends a wait. */
function throwRefusal({ thread }: Frame, { error }: { readonly error: unknown }): never {
  joinStacks(error, `    --- in green thread "${thread.name}" ---`, stackHere());
  throw error;
}

/** The time for which a thread is blocked before its Worker reports the wait to the hub, in milliseconds. */
const REPORT_AFTER = 20;

/**
 * The wait of a thread, in words.
 *
 * @param what The thread, the target or the text that it is blocked on.
 * @param left The time left of a sleep, in milliseconds.
 */
function describeParking(what: Parking["what"], left: number): string {
  if (what instanceof GreenThread) return `thread "${what.name}"`;
  if (typeof what !== "string") return `${targetName(what)}()`;
  return what === "sleep" ? `sleep, ${Math.round(left)} ms more` : what;
}
