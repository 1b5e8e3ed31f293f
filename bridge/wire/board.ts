/**
 * The board: the words that all threads of one hub share.
 *
 * One fixed `SharedArrayBuffer` per hub holds the hub's doorbell, and for each Worker the word that it parks on. Here threads
 * meet without a message, so every word below names who may write it.
 *
 * ```text
 * everybody's line   AWAKE      how many Workers have UP set: each adds and takes its own 1, and the hub that of a dead one
 * the hub's line     DOORBELL   any Worker adds 1 after it has raised its flag; the hub sleeps on it
 *                    ARMED      the hub only: 1 while it sleeps (or is about to) on DOORBELL
 *                    FLAGS      one bit per Worker: the Worker sets it, the hub clears it when it starts to drain
 * a Worker's line    WAKE       anybody adds 1 to wake the Worker; the Worker parks on it
 *                    PARKED     the Worker only: 1 while it sleeps (or is about to) on WAKE, 2 if its event loop turns meanwhile
 *                    UP         the Worker only (and the hub when it has died): 1 while it is not parked
 * ```
 *
 * **Sleeping without losing a wake-up.** Both sleepers follow one pattern: read the counter, look for work, say
 * "I sleep" (ARMED, PARKED), then sleep *if the counter is still what was read*. Both wakers follow the other:
 * publish the work, add 1 to the counter, then notify if the sleeper has said so. All of it is sequentially
 * consistent, so either the waker sees the sleeper's word and notifies, or the sleeper's word came after the
 * waker's addition and the sleep ends at once with "not-equal". A wake-up may come early, late or for nothing:
 * every sleeper looks for work again in a loop.
 *
 * @module
 */

const AWAKE = 1;
/** A cache line for all that changes when a Worker rings: it goes from one core to the other once for each message. */
const DOORBELL = 16;
const ARMED = 17;
const FLAGS = 18;

/** One cache line (64 bytes) for each Worker, so that two of them never fight over one. */
const LINE = 16;
const WAKE = 0;
const PARKED = 1;

/** In PARKED: it sleeps there, and its event loop turns meanwhile. */
const IN_ITS_LOOP = 2;
const UP = 2;

/** The most Workers that a board can hold. */
export const MAX_SLOTS = 2048;

/** The index of the first word of the Workers' lines. */
function lines(slots: number): number {
  return Math.ceil((FLAGS + Math.ceil(slots / 32)) / LINE) * LINE;
}

/** Whether an order number comes before another one. The numbers begin anew some day, so their difference is compared. */
export function isBefore(a: number, b: number): boolean {
  return (a - b | 0) < 0;
}

/** The order in which Workers of a cooperative hub run: see `run_lock.ts`. */
export interface Order {
  /** The memory that its Workers share. */
  readonly buffer: SharedArrayBuffer;
  /** Queues a Worker that could go on; says whether it need not be woken. */
  ready(slot: number): boolean;
  /** The same, before all others. */
  readyFirst(slot: number): void;
}

/** The shared words of one hub, behind verbs. */
export class Board {
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
  /** The order of a cooperative hub; other hubs have none. */
  order: Order | undefined;
  readonly #words: Int32Array;
  readonly #lines: number;

  /**
   * @param slots How many Workers the board has room for.
   * @param buffer The memory of a board that exists already; without it a new one is made.
   */
  constructor(slots: number, buffer?: SharedArrayBuffer) {
    this.slots = slots;
    this.#lines = lines(slots);
    this.buffer = buffer ?? new SharedArrayBuffer((this.#lines + slots * LINE) * 4);
    this.#words = new Int32Array(this.buffer);
  }

  // The hub sleeps.

  /** The doorbell's count now: read it before looking for work. */
  heard(): number {
    return Atomics.load(this.#words, DOORBELL);
  }

  /**
   * The hub goes to sleep unless the doorbell has rung since `heard`. Hub only.
   *
   * @param heard The count of {@linkcode Board.heard} before the last look for work.
   * @returns A promise that settles at the next ring, or `undefined` when it has rung already.
   */
  arm(heard: number): Promise<unknown> | undefined {
    Atomics.store(this.#words, ARMED, 1);
    const sleep = Atomics.waitAsync(this.#words, DOORBELL, heard);
    if (sleep.async) return sleep.value;
    this.disarm();
    return undefined;
  }

  /** The hub is awake. Hub only. */
  disarm(): void {
    Atomics.store(this.#words, ARMED, 0);
  }

  /** Wakes the hub from anywhere, without a flag: something about the hub itself has changed. */
  ring(): void {
    Atomics.add(this.#words, DOORBELL, 1);
    if (Atomics.load(this.#words, ARMED) === 1) Atomics.notify(this.#words, DOORBELL);
  }

  /** A Worker says that it has something for the hub. */
  raise(slot: number): void {
    Atomics.or(this.#words, FLAGS + (slot >> 5), 1 << (slot & 31));
    this.ring();
  }

  /**
   * Takes the flags of 32 Workers and lowers them. Hub only. A Worker that raises its flag after this is seen by
   * the next call; a Worker that raised it before has published its message already.
   *
   * @param group The number of the group of 32 Workers.
   * @returns Their flags, one bit each.
   */
  takeFlags(group: number): number {
    const word = FLAGS + group;
    if (Atomics.load(this.#words, word) === 0) return 0;
    return Atomics.exchange(this.#words, word, 0);
  }

  /** The count of groups of 32 Workers. */
  get groups(): number {
    return Math.ceil(this.slots / 32);
  }

  // A Worker sleeps.

  /** The value of a Worker's wake counter now: the Worker reads it before it looks for work. */
  woken(slot: number): number {
    return Atomics.load(this.#words, this.#lines + slot * LINE + WAKE);
  }

  /**
   * A Worker sleeps until somebody wakes it or the time is over. Worker only, on its own slot.
   *
   * @param slot The Worker's own slot.
   * @param counter The value of {@linkcode Board.woken} before the last look for work.
   * @param ms The time limit, in milliseconds; `Infinity` for none.
   */
  park(slot: number, counter: number, ms: number): void {
    const line = this.#lines + slot * LINE;
    // The Worker's event loop may be asleep too, beneath the code that parks now: the loop has to be notified after this.
    const before = Atomics.load(this.#words, line + PARKED);
    Atomics.store(this.#words, line + PARKED, 1);
    this.lie(slot);
    Atomics.wait(this.#words, line + WAKE, counter, ms);
    this.rise(slot);
    Atomics.store(this.#words, line + PARKED, before);
  }

  /**
   * As {@linkcode Board.park}, for a Worker that must keep its event loop turning meanwhile. It counts as asleep until
   * {@linkcode Board.unpark}: a sleep of this kind that nobody waits for any more may end at any time.
   */
  async parkAsync(slot: number, counter: number): Promise<void> {
    Atomics.store(this.#words, this.#lines + slot * LINE + PARKED, IN_ITS_LOOP);
    const sleep = Atomics.waitAsync(this.#words, this.#lines + slot * LINE + WAKE, counter);
    if (!sleep.async) return;
    this.lie(slot);
    await sleep.value;
  }

  /** The Worker no longer sleeps in its event loop. Worker only, on its own slot. */
  unpark(slot: number): void {
    Atomics.store(this.#words, this.#lines + slot * LINE + PARKED, 0);
  }

  /** Whether a Worker sleeps in its event loop, or is about to. */
  sleepsInItsLoop(slot: number): boolean {
    return Atomics.load(this.#words, this.#lines + slot * LINE + PARKED) === IN_ITS_LOOP;
  }

  /** Wakes a Worker. Any side may call it, after it has published the work for the Worker. */
  wake(slot: number): void {
    const line = this.#lines + slot * LINE;
    Atomics.add(this.#words, line + WAKE, 1);
    if (Atomics.load(this.#words, line + PARKED) !== 0) {
      Atomics.notify(this.#words, line + WAKE);
    }
  }

  // Spinning is worth it only while a core is left for the side that is waited for.

  /** A Worker has started, or has woken up: it counts as awake. Worker only; harmless for one that does already. */
  rise(slot: number): void {
    const up = Atomics.exchange(this.#words, this.#lines + slot * LINE + UP, 1);
    if (up === 0) Atomics.add(this.#words, AWAKE, 1);
  }

  /** A Worker goes to sleep, or has died: it does not count as awake. Harmless for one that does not. */
  lie(slot: number): void {
    const up = Atomics.exchange(this.#words, this.#lines + slot * LINE + UP, 0);
    if (up === 1) Atomics.sub(this.#words, AWAKE, 1);
  }

  /** The count of Workers that are awake: those that run green code, and those that look for work. */
  get awake(): number {
    return Atomics.load(this.#words, AWAKE);
  }
}
