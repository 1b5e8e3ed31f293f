/**
 * A Worker's mailbox: it sends to the hub, receives from it, and sleeps until something comes.
 *
 * Everything here happens on the Worker's one thread; only the two rings and the board are shared.
 *
 * **Sleeping.** A Worker that waits (for an answer, its turn, room, a thread to run) reads its wake counter, takes in the messages
 * that have arrived, looks, and sleeps if nobody has added to the counter since. All sides add to it after they have made
 * something true that a Worker may look for: see `board.ts`. So no wake-up is lost, and one that comes early, late or for nothing
 * does no harm. A wait spins a little before it sleeps, where that has paid: see `patience.ts`. A wait in the event loop follows
 * the same order: see `awaiting.ts`.
 *
 * **A full ring.** A message that finds no room waits for some. Arrived messages are taken in meanwhile, as the hub may wait for
 * room too. A message that has to be sent because of one of those (a handle was let go of, say) is put off until the first has
 * gone: written on top of the first, it would find no room either, take in more messages, and so on until the stack is full.
 * Code may block on top of the first message (a class of the application may, when an instance is taken in). Then the messages
 * put off are written before it sleeps, as the hub may have to answer them. The ring is hungry as long as any message waits.
 *
 * @module
 */

import type { Board } from "../../bridge/wire/board.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import type { Inbox } from "../../bridge/wire/inbox.ts";
import { EMPTY, keep, STARVED_MS } from "../../bridge/wire/message.ts";
import type { Outbox } from "../../bridge/wire/outbox.ts";
import { Up } from "../../bridge/protocol/messages.ts";
import { Patience, pause } from "../../bridge/wire/patience.ts";
import type { RingReader } from "../../bridge/wire/ring.ts";

/** The arguments of a {@linkcode Mailbox.send}. */
type Sent = Parameters<Mailbox["send"]>;

/** The longest spin of a Worker, in milliseconds: about the cost of a wake-up. */
const MOST_SPIN = 0.1;

/** A Worker's outbox and inbox, and its slot on the board. */
export class Mailbox {
  readonly board: Board;
  /** The Worker's slot on the board. */
  readonly slot: number;
  readonly inbox: Inbox;
  /** The ring that comes down from the hub: it tells whether it is empty or shut, and whether the hub has more to write. */
  readonly down: RingReader;
  /** Seals a payload that refers to something: see `bridge/wire/ref_table.ts`. */
  seal!: (payload: Payload) => Payload;
  readonly #out: Outbox;
  readonly #receive: () => void;
  readonly #patience = new Patience(MOST_SPIN);
  /** The numbers of the last flush that was sent, and of the last that has come back. */
  #lastFlush = 0;
  #flushed = 0;
  /** The count of messages that wait for room, each on top of the one before, and the sends put off meanwhile. */
  #hungry = 0;
  readonly #putOff: Sent[] = [];
  /** The count of cores beside the hub's. */
  readonly #spareCores = Math.max(0, navigator.hardwareConcurrency - 1);

  /**
   * @param board The hub's board.
   * @param slot The Worker's slot there.
   * @param out The outbox.
   * @param inbox The inbox.
   * @param receive Takes in the messages that have arrived, and runs nothing that might write another message.
   */
  constructor(
    board: Board,
    slot: number,
    out: Outbox,
    inbox: Inbox,
    receive: () => void,
  ) {
    this.board = board;
    this.slot = slot;
    this.inbox = inbox;
    this.down = inbox.ring;
    this.#out = out;
    this.#receive = receive;
  }

  /** Wakes the hub if it waits for room: all that there was has been received. */
  makeRoom(): void {
    if (this.down.takeHungry()) this.board.raise(this.slot);
  }

  /** Sends a message, and waits for room if need be. A kill does not interrupt it. */
  send(kind: number, id: number, a: number, b: number, payload: Payload): void {
    if (payload.refs !== undefined) payload = this.seal(payload);
    if (this.#hungry === 0 && this.#putOff.length === 0) this.#write(kind, id, a, b, payload);
    else this.#putOff.push([kind, id, a, b, keep(payload)]);
    if (this.#hungry === 0 && this.#putOff.length > 0) this.#sendPutOff();
  }

  /** Sends the messages put off. */
  #sendPutOff(): void {
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
    const look = () => {
      this.#out.ring.setHungry(true);
      if (departure.advance()) return true;
      this.board.raise(this.slot);
      this.#receive();
      return this.down.shut || (this.#out.starved ? STARVED_MS : Infinity);
    };
    try {
      this.wait(look, true, true);
    } finally {
      if (--this.#hungry === 0) this.#out.ring.setHungry(false);
    }
  }

  /** Waits until the hub has done all that it was told, and all that the hub said before that has come in. */
  catchUpWithHub(): void {
    const flush = this.#lastFlush = this.#lastFlush + 1 | 0;
    this.send(Up.Flush, flush, 0, 0, EMPTY);
    this.wait(() => {
      this.#receive();
      return this.#flushed === flush || this.down.shut || Infinity;
    });
  }

  /** Notes a flush that has come back. */
  flushed(flush: number): void {
    this.#flushed = flush;
  }

  /**
   * Waits until a look has found something: the one loop in which a Worker waits. See *Sleeping* above.
   *
   * @param look Takes in messages, and looks. Gives the find, or else the time until it has to look again, in milliseconds. It is
   * given the wake counter.
   * @param spins Whether to spin before each sleep, where that may pay.
   * @param writing Whether a message is being written.
   * @returns The find.
   */
  wait<T extends object | boolean | undefined>(
    look: (counter: number) => T | number,
    spins = true,
    writing = false,
  ): T {
    for (;;) {
      const counter = this.board.woken(this.slot);
      const found = look(counter);
      if (typeof found !== "number") return found;
      if (!writing && this.#putOff.length > 0) this.#sendPutOff();
      else if (found > 0) this.#sleep(counter, writing ? found : this.#tidy(found), spins);
    }
  }

  /** Lets go of memory that large messages needed, if it is time. Gives the time to sleep, which is `ms` at the most. */
  #tidy(ms: number): number {
    if (this.#out.tidyAt === Infinity) return ms;
    const now = performance.now();
    if (now >= this.#out.tidyAt) {
      this.#out.tidy(now);
      this.board.raise(this.slot);
    }
    return Math.min(ms, this.#out.tidyAt - now);
  }

  #sleep(counter: number, ms: number, spins: boolean): void {
    const budget = spins ? this.#patience.next() : 0;
    // With this Worker and the hub each on a core, more Workers that are awake want one of these two.
    if (budget > 0 && this.board.awake <= this.#spareCores) {
      const start = performance.now();
      const woken = this.#spin(counter, start + Math.min(budget, ms));
      this.#patience.judge(woken);
      if (woken) return;
      ms -= performance.now() - start;
    }
    this.board.park(this.slot, counter, ms);
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
