/**
 * A warning for debug mode: a timer that is to abort something cannot fire while its Worker blocks.
 *
 * `setTimeout(() => controller.abort(), 100)` and then a blocking call with the controller's signal: the timer needs the event
 * loop, which has no turn before the call has ended. The library cannot know whether a timer will abort. So a thread that blocks
 * with a signal that only this Worker can abort is warned when a timer is due meanwhile.
 *
 * @module
 */

import { Alarm, type TimedSignals } from "../../bridge/references/timed_signals.ts";

/**
 * Warns of timers that are due while a call blocks that they may be meant for. It wraps this Worker's `setTimeout()`.
 *
 * @param timed Notes when the timers are due.
 * @param blockedAt Describes the call at which the Worker is blocked with a signal that nobody else can abort.
 */
export function warnOfTimers(timed: TimedSignals, blockedAt: () => string | undefined): void {
  const { setTimeout, clearTimeout } = globalThis;
  const set: (fn: unknown, ms: number, ...args: unknown[]) => unknown = setTimeout as typeof set;
  const alarms = new Map<unknown, Alarm>();
  const warned = new Set<string>();
  const warn = () => {
    const at = blockedAt();
    if (at === undefined || warned.has(at)) return;
    warned.add(at);
    console.warn(
      `Warning: a timer is due, but cannot fire while ${at} blocks with the signal of an AbortController: if the timer ` +
        "is to abort that signal, use AbortSignal.timeout(ms) or new Timeout(ms)",
    );
  };
  const forget = (id: unknown) => {
    const alarm = alarms.get(id);
    if (!alarm) return;
    alarms.delete(id);
    timed.remove(alarm);
  };
  Object.assign(globalThis, {
    setTimeout(fn: unknown, ms: number = 0, ...args: unknown[]): unknown {
      if (typeof fn !== "function") return set(fn, ms, ...args);
      const id = set(() => {
        forget(id);
        fn(...args);
      }, ms);
      const alarm = new Alarm(performance.now() + (Number(ms) || 0), warn);
      alarms.set(id, alarm);
      timed.add(alarm);
      return id;
    },
    clearTimeout(id?: number): void {
      forget(id);
      clearTimeout(id);
    },
  });
}
