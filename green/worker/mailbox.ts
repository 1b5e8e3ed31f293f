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
import { keep, type Message } from "../../bridge/wire/message.ts";
import type { Outbox } from "../../bridge/wire/outbox.ts";
import { Patience, pause } from "../../bridge/wire/patience.ts";

/** What {@linkcode Mailbox.send} was called with. */
type Sent = Parameters<Mailbox["send"]>;

/** How long a Worker spins at the most, in milliseconds: about what a wake-up costs. */
const MOST_SPIN = 0.1;

/** A Worker's outbox and inbox, and its place on the board. */
export class Mailbox {
  readonly #board: Board;
  readonly #slot: number;
  readonly #out: Outbox;
  readonly #inbox: Inbox;
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
    this.#board = board;
    this.#slot = slot;
    this.#out = out;
    this.#inbox = inbox;
    this.#takeInWhileWriting = takeInWhileWriting;
  }

  /** Whether the hub has shut it: nobody listens any more. */
  get shut(): boolean {
    return this.#inbox.shut;
  }

  /** Whether nothing has arrived. */
  get empty(): boolean {
    return this.#inbox.empty;
  }

  /** Whether the hub has said more than there was room for. Look whether something has arrived after this. */
  get behind(): boolean {
    return this.#inbox.behind;
  }

  /** The next message that has arrived. */
  receive(): Message | undefined {
    return this.#inbox.receive();
  }

  /** All that there is was received: has the hub go on if it waits for room. */
  makeRoom(): void {
    if (this.#inbox.takeHungry()) this.#board.raise(this.#slot);
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
    this.#board.raise(this.#slot);
  }

  #sendSlowly(kind: number, id: number, a: number, b: number, payload: Payload): void {
    const departure = this.#out.begin(kind, id, a, b, payload);
    if (departure.advance()) return;
    this.#hungry++;
    try {
      for (;;) {
        const counter = this.woken();
        this.#out.setHungry(true);
        if (departure.advance()) break;
        this.#board.raise(this.#slot);
        this.#takeInWhileWriting();
        if (this.#inbox.shut) return;
        this.#pause(counter, performance.now(), Infinity);
      }
    } finally {
      if (--this.#hungry === 0) this.#out.setHungry(false);
    }
  }

  /** When {@linkcode Mailbox.tidy} has something to do, in `performance.now()` time. */
  get tidyAt(): number {
    return this.#out.tidyAt;
  }

  /** Lets go of memory that large messages needed, if it is time. */
  tidy(now: number): void {
    if (now < this.#out.tidyAt) return;
    this.#out.tidy(now);
    this.#board.raise(this.#slot);
  }

  /** What the Worker's wake counter says: read it before looking for work. */
  woken(): number {
    return this.#board.woken(this.#slot);
  }

  /** Sleeps until the Worker is woken or the time is over, at `deadline` in `performance.now()` time. */
  park(counter: number, now: number, deadline: number): void {
    if (this.#putOff.length > 0) return this.#catchUp();
    this.#board.park(this.#slot, counter, deadline - now);
  }

  /** The same, but spins first where that may pay. */
  pause(counter: number, now: number, deadline: number): void {
    if (this.#putOff.length > 0) return this.#catchUp();
    this.#pause(counter, now, deadline);
  }

  #pause(counter: number, now: number, deadline: number): void {
    const budget = this.#patience.next();
    // With this Worker and the hub each on a core, more Workers that are awake want one of these two.
    if (budget > 0 && this.#board.awake <= this.#spareCores) {
      const woken = this.#spin(counter, Math.min(now + budget, deadline));
      this.#patience.judge(woken);
      if (woken) return;
    }
    this.#board.park(this.#slot, counter, deadline - performance.now());
  }

  #spin(counter: number, until: number): boolean {
    do {
      for (let i = 0; i < 16; i++) {
        if (this.#board.woken(this.#slot) !== counter) return true;
        pause();
      }
    } while (performance.now() < until);
    return false;
  }

  /** Sleeps as {@linkcode Mailbox.park} does, with the event loop turning; ends with {@linkcode Mailbox.unpark}. */
  async parkAsync(counter: number): Promise<void> {
    await this.#board.parkAsync(this.#slot, counter);
  }

  /** The Worker is awake. */
  rise(): void {
    this.#board.rise(this.#slot);
  }

  /** The Worker no longer sleeps in its event loop. */
  unpark(): void {
    this.#board.unpark(this.#slot);
  }
}
