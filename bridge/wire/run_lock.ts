/**
 * The run lock of a cooperative hub: the one Worker that has it runs green code, the others wait for their turn.
 *
 * It lies in a `SharedArrayBuffer` of its own, which only a cooperative hub has.
 *
 * ```text
 * LOCK       0, or 1 + the side that changes the rest (0 the hub, else 1 + the Worker's slot)   a spin lock
 * HOLDER     0 nobody; 1 + the slot of the Worker that has the run lock; -1 the hub, which is to begin a new thread
 * COUNTER    the last order number; all in the line have one, and the lowest is the first
 * NEXT       the lowest order number of a new thread that has not begun; 0 if there is none
 * TOP        no slot from here on was ever used
 * for each slot:
 *   STATE    see below; the Worker reads its own without LOCK
 *   ORDER    its order number, while it is Queued
 *   DUE      when it is to be queued at the latest, by the clock that all share; while it is Parked
 * rest: the side that has LOCK
 * ```
 *
 * ```text
 *               request, ready, DUE                dispatch
 *  Parked, Idle ─────────────────> Queued ───────────────────────> Running          any ──> Gone: the Worker has died, or
 *        ^                           ^                             │ │ │                    is not listened to any more
 *        │                           └─────── release (again) ─────┘ │ │
 *        ├───────── release (Parked) ────────────────────────────────┘ │
 *        └────────── idle (Idle) ──────────────────────────────────────┘
 * ```
 *
 * - A Worker is *Parked* while it is inside a blocking call, *Idle* while it has no green code to go on with, or is in its
 *   event loop. *Running* is said of the holder alone: at most one slot is.
 * - **The line.** The side that makes a Parked Worker able to go on queues it (`ready`), so that the order is that of the
 *   wake-ups, and not of how fast the woken Workers wake. A Worker that finds by itself that it can go on queues itself
 *   (`request`): nothing is ever lost because a Worker was not queued. Before any Worker is queued, all those are queued that are
 *   due by then, by their times.
 * - **New threads** stand in the line too: each takes an order number when it is spawned, which the spawn message tells the hub.
 *   Only the lowest of these is in shared memory. When that comes first, the run lock goes to the hub, which knows the others:
 *   no Worker runs green code then, and all messages from before are in the rings. The hub gives the run lock to the Worker to
 *   which it sends the thread; that Worker has it (`arrived`) when it takes the thread in. A number that was told too late after
 *   all, or got lost, the hub tells once more (`announce`) whenever it looks which thread has its turn.
 * - **The next holder.** The side that gives the run lock up, or finds it free, picks the next holder (`dispatch`) under LOCK, and
 *   wakes it after that.
 *
 * **Races.** A Worker that releases the run lock looks again, after that, whether it can go on: a `ready` that came before found
 * it Running and did nothing. A Worker that is dispatched is woken by its own word on the board after its STATE was written, and
 * reads STATE after that word.
 *
 * **Deaths.** Every word is whole at each moment: there are no links, the line is found by looking through the slots (some 10 ns
 * each). So a Worker that dies under LOCK leaves nothing half done but a missing wake-up, which `gone` makes good.
 *
 * @module
 */

import { type Board, isBefore } from "./board.ts";
import { SpinLock } from "./spin_lock.ts";

const LOCK = 0;
const HOLDER = 1;
const COUNTER = 2;
const NEXT = 3;
const TOP = 4;
const FIRST_SLOT_WORD = 16;

const SLOT_WORDS = 4;
const STATE = 0;
const ORDER = 1;
/** A float of 64 bits. */
const DUE = 2;

const IDLE = 0;
const PARKED = 1;
const QUEUED = 2;
const RUNNING = 3;
const GONE = 4;

const NOBODY = 0;
const HUBS = -1;

/** The side of the hub. That of a Worker is 1 + its slot. */
export const HUB_SIDE = 0;

/**
 * The clock that all Workers share, in milliseconds. Where the system's clock was set while Workers were started, theirs differ
 * by so much: then sleeps may end in another order, but none ends early or late.
 */
function clock(): number {
  return performance.timeOrigin + performance.now();
}

/** The words, behind verbs. */
export class RunLock {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #dues: Float64Array;
  readonly #board: Board;
  readonly #lock: SpinLock;
  /** The next holder, to be woken when LOCK is free again: a slot, or {@linkcode HUBS}. */
  #chosen: number | undefined;

  /**
   * @param board The hub's board.
   * @param side {@linkcode HUB_SIDE}, or 1 + the Worker's slot.
   * @param buffer The memory of a run lock that exists already; without it a new one is made.
   */
  constructor(board: Board, side: number, buffer?: SharedArrayBuffer) {
    this.#board = board;
    this.buffer = buffer ?? new SharedArrayBuffer((FIRST_SLOT_WORD + board.slots * SLOT_WORDS) * 4);
    this.#words = new Int32Array(this.buffer);
    this.#dues = new Float64Array(this.buffer);
    // A Worker that was stopped may have ended with LOCK, and the hub may never ask for it again.
    const hasLeft = (side: number) => side > HUB_SIDE && this.#state(side - 1) === GONE;
    this.#lock = new SpinLock(this.#words, LOCK, side, hasLeft);
  }

  // A Worker, about itself.

  /** Whether a Worker holds the run lock, and has taken in the thread that it is to begin, if there is one. */
  isHeldBy(slot: number): boolean {
    return this.#state(slot) === RUNNING;
  }

  /** Whether a Worker waits for its turn. */
  isQueued(slot: number): boolean {
    return this.#state(slot) === QUEUED;
  }

  /**
   * A Worker gives the run lock up, if it has it: it is about to wait inside a blocking call.
   *
   * @param slot Its slot.
   * @param due The latest time at which it is to be queued, in its `performance.now()` time.
   * @param again Whether it can go on at once, and only lets the others go first.
   * @param order Its order number then, if it has taken one; see {@linkcode RunLock.takeOrder}.
   */
  release(slot: number, due: number, again: boolean, order?: number): void {
    this.#lock.enter();
    this.#queueDue();
    const state = this.#state(slot);
    this.#drop(slot);
    // A Worker without the run lock may have requested it before, from its event loop.
    if (state !== GONE && state !== QUEUED) {
      this.#dues[this.#dueAt(slot)] = performance.timeOrigin + due;
      if (again) this.#queue(slot, order ?? this.#count());
      else this.#setState(slot, PARKED);
    }
    this.#leave();
  }

  /** A Worker gives up the run lock, or its order number: it has nothing to go on with. */
  idle(slot: number): void {
    const state = this.#state(slot);
    if (state === IDLE || state === GONE) return;
    this.#lock.enter();
    this.#drop(slot);
    if (this.#state(slot) !== GONE) this.#setState(slot, IDLE);
    this.#leave();
  }

  /** A Worker can go on: it queues itself, unless it is in the line. */
  request(slot: number): void {
    const state = this.#state(slot);
    if (state === QUEUED || state === RUNNING || state === GONE) return;
    this.#lock.enter();
    this.#queueDue();
    this.#queueIfWaiting(slot, true);
    this.#leave();
  }

  /** A thread to begin has arrived at a Worker: the hub gave it the run lock before. */
  arrived(slot: number): void {
    this.#lock.enter();
    if (this.#words[HOLDER] === slot + 1) this.#setState(slot, RUNNING);
    this.#leave();
  }

  /** Takes the next order number for the holder, for its next {@linkcode RunLock.release}. */
  takeOrder(): number {
    this.#lock.enter();
    this.#queueDue();
    const order = this.#count();
    this.#leave();
    return order;
  }

  // Anybody.

  /**
   * Queues a Worker at the end of the line: something has happened for which it waits.
   *
   * @returns Whether it need not be woken: it is in the line, or has the run lock.
   */
  ready(slot: number): boolean {
    this.#lock.enter();
    this.#queueDue();
    this.#queueIfWaiting(slot, false);
    const state = this.#state(slot);
    this.#leave();
    return state === QUEUED || state === RUNNING;
  }

  /** Takes the next order number for a new thread. */
  enlist(): number {
    this.#lock.enter();
    this.#queueDue();
    const order = this.#count();
    if (this.#words[NEXT] === 0) this.#words[NEXT] = order;
    this.#leave();
    return order;
  }

  // The hub.

  /** As {@linkcode RunLock.ready}, with an order number before all others. */
  readyFirst(slot: number): void {
    this.#lock.enter();
    const state = this.#state(slot);
    if (state === PARKED || state === QUEUED) {
      const first = this.#first();
      let order = first < 0 ? this.#count() : this.#words[this.#at(first) + ORDER];
      const next = this.#words[NEXT];
      if (next !== 0 && isBefore(next, order)) order = next;
      this.#queue(slot, order - 1 | 0);
    }
    this.#leave();
  }

  /** The order number of the new thread whose turn it is; 0 if it is not the hub's turn. */
  get turn(): number {
    return Atomics.load(this.#words, HOLDER) === HUBS ? Atomics.load(this.#words, NEXT) : 0;
  }

  /**
   * The hub begins the thread whose turn it is.
   *
   * @param slot The Worker that it will be sent to.
   * @param next The order number of the next new thread; 0 if there is none.
   */
  pass(slot: number, next: number): void {
    this.#lock.enter();
    this.#words[NEXT] = next;
    Atomics.store(this.#words, HOLDER, slot + 1);
    this.#leave();
  }

  /**
   * Tells the lowest order number that the hub knows. A thread may take a number without the run lock (in an `async` green
   * function that went on by itself), just when the hub tells which is the next one: it would be passed over.
   */
  announce(order: number): void {
    if (Atomics.load(this.#words, NEXT) === order) return;
    this.#lock.enter();
    const next = this.#words[NEXT];
    if (next === 0 || isBefore(order, next)) this.#words[NEXT] = order;
    this.#leave();
  }

  /** The hub begins none, as the thread whose turn it is cannot begin; see {@linkcode RunLock.pass}. */
  skip(next: number): void {
    this.#lock.enter();
    this.#words[NEXT] = next;
    Atomics.store(this.#words, HOLDER, NOBODY);
    this.#leave();
  }

  /** A Worker is about to start in a slot. */
  enroll(slot: number): void {
    this.#lock.enter();
    this.#dues[this.#dueAt(slot)] = Infinity;
    this.#setState(slot, IDLE);
    if (this.#words[TOP] <= slot) this.#words[TOP] = slot + 1;
    this.#leave();
  }

  /** Frees the lock if a Worker has it that has ended. */
  breakLock(slot: number): void {
    this.#lock.breakFor(slot + 1);
  }

  /** A Worker has died, or nobody listens to it any more: its place in the line and its locks are taken from it. */
  gone(slot: number): void {
    this.#lock.enter();
    this.#setState(slot, GONE);
    const holder = this.#words[HOLDER];
    if (holder === slot + 1) Atomics.store(this.#words, HOLDER, NOBODY);
    else if (holder > 0) {
      // It may have died when it had chosen the next one, and before it had finished.
      if (this.#state(holder - 1) === QUEUED) this.#setState(holder - 1, RUNNING);
      this.#chosen = holder - 1;
    } else if (holder === HUBS) this.#chosen = HUBS;
    this.#leave();
  }

  // Under the lock.

  #at(slot: number): number {
    return FIRST_SLOT_WORD + slot * SLOT_WORDS;
  }

  #dueAt(slot: number): number {
    return (this.#at(slot) + DUE) / 2;
  }

  #state(slot: number): number {
    return Atomics.load(this.#words, this.#at(slot) + STATE);
  }

  #setState(slot: number, state: number): void {
    Atomics.store(this.#words, this.#at(slot) + STATE, state);
  }

  /** The next order number. They begin anew some day, so they are compared by their difference. 0 is none of them. */
  #count(): number {
    const order = this.#words[COUNTER] + 1 | 0 || 1;
    this.#words[COUNTER] = order;
    return order;
  }

  #queue(slot: number, order: number): void {
    this.#words[this.#at(slot) + ORDER] = order;
    this.#setState(slot, QUEUED);
  }

  #queueIfWaiting(slot: number, idleToo: boolean): void {
    const state = this.#state(slot);
    if (state === PARKED || idleToo && state === IDLE) this.#queue(slot, this.#count());
  }

  /** Queues whom time has made able to go on, in the order of their times. */
  #queueDue(): void {
    const top = this.#words[TOP];
    let now = 0;
    for (;;) {
      let first = -1;
      let earliest = Infinity;
      for (let slot = 0; slot < top; slot++) {
        if (this.#state(slot) !== PARKED) continue;
        const due = this.#dues[this.#dueAt(slot)];
        if (due >= earliest) continue;
        first = slot;
        earliest = due;
      }
      if (first < 0) return;
      now ||= clock();
      if (earliest > now) return;
      this.#queue(first, this.#count());
    }
  }

  /** The slot that is the first in the line; -1 if there is none. */
  #first(): number {
    const top = this.#words[TOP];
    let first = -1;
    for (let slot = 0; slot < top; slot++) {
      if (this.#state(slot) !== QUEUED) continue;
      const isFirst = first < 0 ||
        isBefore(this.#words[this.#at(slot) + ORDER], this.#words[this.#at(first) + ORDER]);
      if (isFirst) first = slot;
    }
    return first;
  }

  /** Takes the run lock from a Worker, if it has it. */
  #drop(slot: number): void {
    if (this.#state(slot) === RUNNING && this.#words[HOLDER] === slot + 1) {
      Atomics.store(this.#words, HOLDER, NOBODY);
    }
  }

  /** Gives the run lock to the first in the line. */
  #dispatch(): void {
    const slot = this.#first();
    const next = this.#words[NEXT];
    if (next !== 0 && (slot < 0 || isBefore(next, this.#words[this.#at(slot) + ORDER]))) {
      Atomics.store(this.#words, HOLDER, HUBS);
      this.#chosen = HUBS;
    } else if (slot >= 0) {
      Atomics.store(this.#words, HOLDER, slot + 1);
      this.#setState(slot, RUNNING);
      this.#chosen = slot;
    }
  }

  // The lock.

  #leave(): void {
    if (this.#words[HOLDER] === NOBODY) this.#dispatch();
    const chosen = this.#chosen;
    this.#chosen = undefined;
    this.#lock.leave();
    if (chosen === undefined) return;
    if (chosen === HUBS) this.#board.ring();
    else this.#board.wake(chosen);
  }
}
