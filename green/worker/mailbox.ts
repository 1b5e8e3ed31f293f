/**
 * A Worker's mailbox: what it sends to the hub, what it receives, and how it sleeps until something comes.
 *
 * Everything here happens on the Worker's one thread; what it shares are the two rings and the board (see there for the
 * races). A wait spins a little before it sleeps, where that has paid: see `patience.ts`.
 *
 * **A full ring.** A message that finds no room waits for some, and what has arrived is taken in meanwhile, as the hub may wait
 * for room too. What is to be sent because of that (a handle was let go of, say) is put off until the message has gone: written
 * on top of it, it would find no room either, take in what arrived because of that, and so on until the stack is full.
 * Whoever blocks on top of it (a class of the application may, when an instance is taken in) has it written first, as the hub
 * may have to answer that. The ring is hungry as long as any message waits.
 *
 * @module
 */

import type { Board } from "../../bridge/wire/board.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import type { Inbox } from "../../bridge/wire/inbox.ts";
import { keep } from "../../bridge/wire/message.ts";
import type { Outbox } from "../../bridge/wire/outbox.ts";
import { Patience, pause } from "../../bridge/wire/patience.ts";
import type { RingReader } from "../../bridge/wire/ring.ts";

/** What {@linkcode Mailbox.send} was called with. */
type Sent = Parameters<Mailbox["send"]>;

/** How long a Worker spins at the most, in milliseconds: about what a wake-up costs. */
const MOST_SPIN = 0.1;

/** A Worker's outbox and inbox, and its place on the board. */
export class Mailbox {
  readonly board: Board;
  /** The Worker's slot on the board. */
  readonly slot: number;
  readonly inbox: Inbox;
  /** The ring that comes down from the hub: it says whether it is empty, shut, or the hub behind. */
  readonly down: RingReader;
  readonly #out: Outbox;
  readonly #takeInWhileWriting: () => void;
  readonly #patience = new Patience(MOST_SPIN);
  /** How many messages wait for room, each on top of the one before, and what was put off meanwhile. */
  #hungry = 0;
  readonly #putOff: Sent[] = [];
  /** How many cores there are beside the hub's. */
  readonly #spareCores = Math.max(0, navigator.hardwareConcurrency - 1);

  /**
   * @param board The hub's board.
   * @param slot The Worker's slot there.
   * @param out What it writes.
   * @param inbox What it reads.
   * @param takeInWhileWriting Takes in what has arrived, in the middle of writing a message that finds no room: what would
   * write another one is to be put off.
   */
  constructor(
    board: Board,
    slot: number,
    out: Outbox,
    inbox: Inbox,
    takeInWhileWriting: () => void,
  ) {
    this.board = board;
    this.slot = slot;
    this.inbox = inbox;
    this.down = inbox.ring;
    this.#out = out;
    this.#takeInWhileWriting = takeInWhileWriting;
  }

  /** All that there is was received: has the hub go on if it waits for room. */
  makeRoom(): void {
    if (this.down.takeHungry()) this.board.raise(this.slot);
  }

  /** Sends a message, and waits for room if need be. A kill does not interrupt it. */
  send(kind: number, id: number, a: number, b: number, payload: Payload): void {
    if (this.#hungry === 0 && this.#putOff.length === 0) this.#write(kind, id, a, b, payload);
    else this.#putOff.push([kind, id, a, b, keep(payload)]);
    if (this.#hungry === 0 && this.#putOff.length > 0) this.#catchUp();
  }

  /** Sends what was put off. */
  #catchUp(): void {
    for (let sent = this.#putOff.shift(); sent; sent = this.#putOff.shift()) this.#write(...sent);
  }

  #write(kind: number, id: number, a: number, b: number, payload: Payload): void {
    if (payload.attachments !== undefined) this.#out.attach(payload.attachments);
    if (!this.#out.write(kind, id, a, b, payload)) this.#sendSlowly(kind, id, a, b, payload);
    this.board.raise(this.slot);
  }

  #sendSlowly(kind: number, id: number, a: number, b: number, payload: Payload): void {
    const departure = this.#out.begin(kind, id, a, b, payload);
    if (departure.advance()) return;
    this.#hungry++;
    try {
      for (;;) {
        const counter = this.board.woken(this.slot);
        this.#out.ring.setHungry(true);
        if (departure.advance()) break;
        this.board.raise(this.slot);
        this.#takeInWhileWriting();
        if (this.down.shut) return;
        this.#pause(counter, performance.now(), Infinity);
      }
    } finally {
      if (--this.#hungry === 0) this.#out.ring.setHungry(false);
    }
  }

  /**
   * Lets go of memory that large messages needed, if it is time.
   *
   * @returns When there is something to let go of next, in `performance.now()` time.
   */
  tidy(now: number): number {
    const at = this.#out.tidyAt;
    if (now < at) return at;
    this.#out.tidy(now);
    this.board.raise(this.slot);
    return this.#out.tidyAt;
  }

  /** Sleeps until the Worker is woken or the time is over, at `deadline` in `performance.now()` time. */
  park(counter: number, now: number, deadline: number): void {
    if (this.#putOff.length > 0) return this.#catchUp();
    this.board.park(this.slot, counter, deadline - now);
  }

  /** The same, but spins first where that may pay. */
  pause(counter: number, now: number, deadline: number): void {
    if (this.#putOff.length > 0) return this.#catchUp();
    this.#pause(counter, now, deadline);
  }

  #pause(counter: number, now: number, deadline: number): void {
    const budget = this.#patience.next();
    // With this Worker and the hub each on a core, more Workers that are awake want one of these two.
    if (budget > 0 && this.board.awake <= this.#spareCores) {
      const woken = this.#spin(counter, Math.min(now + budget, deadline));
      this.#patience.judge(woken);
      if (woken) return;
    }
    this.board.park(this.slot, counter, deadline - performance.now());
  }

  #spin(counter: number, until: number): boolean {
    do {
      for (let i = 0; i < 16; i++) {
        if (this.board.woken(this.slot) !== counter) return true;
        pause();
      }
    } while (performance.now() < until);
    return false;
  }
}
