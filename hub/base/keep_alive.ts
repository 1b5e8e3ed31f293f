/**
 * Keeps the process alive while there is work.
 *
 * Workers are unreferenced and the hub's sleep does not count for the runtime, so without this a program whose last
 * statement is `await thread` would end in the middle. While anything is held, one referenced timer stands for all of it. To
 * make a timer takes thirty times as long as to unreference one, and one thread after the other is common: so the timer
 * stays for a while, and ends itself when nothing is held.
 *
 * @module
 */

/** How often the timer looks whether it is needed, in milliseconds. */
const LOOK_MS = 10_000;

/** Counts what the process has to stay alive for. */
export class KeepAlive {
  #held = 0;
  #closed = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** One thing more. */
  hold(): void {
    if (this.#held++ > 0) return;
    if (this.#timer === undefined) this.#timer = setInterval(() => this.#look(), LOOK_MS);
    else Deno.refTimer(this.#timer);
  }

  /** One thing less. */
  release(): void {
    if (--this.#held > 0) return;
    if (this.#closed) this.#stop();
    else Deno.unrefTimer(this.#timer!);
  }

  /** Little will be held any more: the timer does not stay. */
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
