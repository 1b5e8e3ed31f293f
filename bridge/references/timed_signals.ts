/**
 * Abort signals whose time is known, in a Worker: the results of `AbortSignal.timeout()` and `AbortSignal.any()` there.
 *
 * The platform aborts such a signal by a timer, and a timer needs the event loop: while green code blocks there is none, and
 * the limit would never come. So a Worker replaces both functions. They still give the platform's signals, which behave the
 * same; but the time at which a signal is due is written down here, so that a thread that blocks can sleep until then.
 *
 * ```text
 * pending ──> rung ──> aborted    by a thread that blocks, at the bottom of the stack, or by a timer in the event loop
 * ```
 *
 * - From the time at which a signal is due, code that looks at it (`aborted`, `reason`, `throwIfAborted()`) sees it aborted: so
 *   code that computes and polls hears of the abort, and so does a wait that was given the signal.
 * - The events of a signal come when it is rung: at the next blocking point, or the next turn of the event loop, and never in the
 *   middle of code that only looks.
 * - A signal made of several (`any()`) is due with the first of them.
 * - A signal that goes to the hub takes its time along (see `green/worker/references.ts`), since its Worker may compute all the
 *   while.
 *
 * All this is on the Worker's one thread. There is one timer for all signals, which keeps nothing alive; it may find that its
 * signal was rung long ago, and then looks for the next one.
 *
 * @module
 */

import { setTimeout } from "node:timers";
import { LONGEST_TIMER } from "../checks.ts";
import { type DueTime, isLocal, lookWhenAsked } from "./signals.ts";

/** The largest number that `AbortSignal.timeout()` takes. */
const MOST = Number.MAX_SAFE_INTEGER;

/** The time of a signal. */
export class Alarm implements DueTime {
  /** The time at which it is due, in `performance.now()` time. */
  readonly due: number;
  readonly #ring: (alarm: Alarm) => void;
  #reason: DOMException | undefined;
  #rung = false;

  /**
   * @param due See {@linkcode Alarm.due}.
   * @param ring Called when the alarm is rung.
   */
  constructor(due: number, ring: (alarm: Alarm) => void) {
    this.due = due;
    this.#ring = ring;
  }

  /** Whether the alarm is due and has not been rung. Once it is rung, the platform knows. */
  get isDue(): boolean {
    return !this.#rung && this.due <= performance.now();
  }

  /** The reason of the abort, as the platform makes it. */
  get reason(): DOMException {
    return this.#reason ??= timeoutReason();
  }

  /** Aborts the signal. */
  ring(): void {
    this.#rung = true;
    this.#ring(this);
  }
}

/** The reason of the platform for an abort by time. */
export function timeoutReason(): DOMException {
  return new DOMException("The operation was aborted due to timeout", "TimeoutError");
}

/** The signals of a Worker whose time is known. */
export class TimedSignals {
  /** The time of the next alarm, in `performance.now()` time; `Infinity` for never. Only written here. */
  next = Infinity;
  readonly #look: () => void;
  /** The alarms that were not rung, in the order in which they are due. */
  readonly #pending: Alarm[] = [];
  readonly #alarms = new WeakMap<AbortSignal, Alarm>();
  /** The time for which the timer is set. */
  #timer = Infinity;

  /** @param look Takes in messages that have arrived, if that can be done here. */
  constructor(look: () => void) {
    this.#look = look;
  }

  /** The milliseconds until a signal is due, if its time is known. */
  leftOf(signal: AbortSignal): number | undefined {
    const alarm = this.#alarms.get(signal);
    return alarm && Math.max(0, Math.ceil(alarm.due - performance.now()));
  }

  /**
   * Rings the alarms that are due.
   *
   * @param call Calls a function at a point where that may do anything.
   */
  ring(call: (fn: () => void) => void): void {
    const now = performance.now();
    while (this.next <= now) {
      const alarm = this.#pending.shift()!;
      this.#noteNext();
      call(() => alarm.ring());
    }
  }

  /** Makes a signal that is aborted after some time. */
  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    const { signal } = controller;
    const alarm = new Alarm(performance.now() + delayOf(ms), ({ reason }) => {
      // The platform asks the signal whether it is aborted, and must not hear of the time.
      Reflect.deleteProperty(signal, "aborted");
      controller.abort(reason);
    });
    this.#alarms.set(signal, alarm);
    lookWhenAsked(signal, () => {}, alarm);
    this.add(alarm);
    return signal;
  }

  /**
   * Has a signal that is made of several others look at the clock and for messages, as each of those does.
   *
   * @param signal The signal that the platform has made of the others.
   * @param sources The others.
   */
  combine(signal: AbortSignal, sources: readonly AbortSignal[]): void {
    if (sources.every(isLocal)) return;
    let first: Alarm | undefined;
    for (const source of sources) {
      const alarm = this.#alarms.get(source);
      if (alarm && !(first && first.due <= alarm.due)) first = alarm;
    }
    if (first) this.#alarms.set(signal, first);
    // One of them may be the proxy for a signal of the hub, whose abort may have arrived.
    lookWhenAsked(signal, this.#look, first);
  }

  /** Adds an alarm. */
  add(alarm: Alarm): void {
    let low = 0;
    let high = this.#pending.length;
    while (low < high) {
      const middle = low + high >> 1;
      if (this.#pending[middle].due <= alarm.due) low = middle + 1;
      else high = middle;
    }
    this.#pending.splice(low, 0, alarm);
    this.#noteNext();
  }

  /** Removes an alarm. */
  remove(alarm: Alarm): void {
    const at = this.#pending.indexOf(alarm);
    if (at < 0) return;
    this.#pending.splice(at, 1);
    this.#noteNext();
  }

  #noteNext(): void {
    this.next = this.#pending[0]?.due ?? Infinity;
    if (this.next >= this.#timer) return;
    this.#timer = this.next;
    const timer = setTimeout(() => {
      this.#timer = Infinity;
      this.ring((fn) => fn());
      this.#noteNext();
    }, Math.max(0, Math.ceil(this.next - performance.now())));
    timer.unref();
  }
}

/** A delay as the platform's timers take it. */
function delayOf(ms: number): number {
  return ms > LONGEST_TIMER ? 1 : Math.max(1, ms);
}

/**
 * Replaces `AbortSignal.timeout()` and `AbortSignal.any()` of this Worker.
 *
 * @param timed The Worker's timed signals.
 */
export function replaceSignals(timed: TimedSignals): void {
  const { timeout, any } = AbortSignal;
  // What is wrong with the arguments, and how many there are, is for the platform to say.
  const replacements = {
    timeout(ms: number): AbortSignal {
      const isNumeric = typeof ms !== "bigint" && typeof ms !== "symbol";
      const whole = isNumeric ? Math.trunc(Number(ms)) : NaN;
      if (whole >= 0 && whole <= MOST) return timed.timeout(whole);
      return Reflect.apply(timeout, AbortSignal, arguments);
    },
    any(signals: Iterable<AbortSignal>): AbortSignal {
      // Read once: it may be a generator.
      const isList = typeof signals === "object" && signals?.[Symbol.iterator] !== undefined;
      if (!isList) return Reflect.apply(any, AbortSignal, arguments);
      const sources = [...signals];
      const signal: AbortSignal = Reflect.apply(any, AbortSignal, [sources]);
      if (!signal.aborted) timed.combine(signal, sources);
      return signal;
    },
  };
  for (const [name, value] of Object.entries(replacements)) {
    Object.defineProperty(AbortSignal, name, { value });
  }
}
