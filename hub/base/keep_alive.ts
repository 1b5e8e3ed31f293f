/**
 * Keeps the process alive while there is work.
 *
 * Workers are unreferenced and the hub's sleep does not count for the runtime, so without this a program whose last
 * statement is `await thread` would end in the middle. While there is any work, one referenced timer keeps the process alive. To
 * make a timer takes thirty times as long as to unreference one, and one thread after the other is common: so the timer
 * stays for a while, and ends itself when there is no work.
 *
 * @module
 */

/** The interval at which the timer checks whether it is needed, in milliseconds. */
const LOOK_MS = 10_000;

/** Counts the work for which the process has to stay alive: threads, calls and the like. */
export class KeepAlive {
  #held = 0;
  #closed = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Counts one more. */
  hold(): void {
    if (this.#held++ > 0) return;
    if (this.#timer === undefined) this.#timer = setInterval(() => this.#look(), LOOK_MS);
    else Deno.refTimer(this.#timer);
  }

  /** Counts one less. */
  release(): void {
    if (--this.#held > 0) return;
    if (this.#closed) this.#stop();
    else Deno.unrefTimer(this.#timer!);
  }

  /** From now on the timer ends as soon as there is no work: there will be little more. */
  close(): void {
    this.#closed = true;
    this.#look();
  }

  #look(): void {
    if (this.#held === 0) this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
