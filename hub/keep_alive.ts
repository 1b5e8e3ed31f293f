/**
 * Keeps the process alive while there is work.
 *
 * Workers are unreferenced and the hub's sleep does not count for the runtime, so without this a program whose last
 * statement is `await thread` would end in the middle. While anything is held, one referenced timer that is never due
 * stands for all of it.
 *
 * @module
 */

/** The longest time a timer takes. */
const NEVER_DUE = 2 ** 31 - 1;

/** Counts what the process has to stay alive for. */
export class KeepAlive {
  #held = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** One thing more. */
  hold(): void {
    if (this.#held++ === 0) this.#timer = setInterval(() => {}, NEVER_DUE);
  }

  /** One thing less. */
  release(): void {
    if (--this.#held === 0) clearInterval(this.#timer);
  }
}
