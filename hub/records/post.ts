/**
 * The post to one Worker: the hub's ends of the two rings that lead to the Worker's mailbox and come from it.
 *
 * The hub never waits: messages that do not fit in the ring are queued here, in order, and go on when the Worker has made room
 * and rung the doorbell.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Board } from "../../bridge/wire/board.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import type { Departure, Outbox } from "../../bridge/wire/outbox.ts";
import type { Inbox } from "../../bridge/wire/inbox.ts";
import { keep, type Message, STARVED_MS } from "../../bridge/wire/message.ts";

/** Sends messages to one Worker and receives its messages. */
export class Post {
  readonly #board: Board;
  readonly #slot: number;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly #waiting: Waiting[] = [];
  #tidying: ReturnType<typeof setTimeout> | undefined;
  #sendsLater = false;
  #isRetired = false;

  constructor(board: Board, slot: number, outbox: Outbox, inbox: Inbox) {
    this.#board = board;
    this.#slot = slot;
    this.outbox = outbox;
    this.inbox = inbox;
  }

  /** Sends a message, now or as soon as there is room. */
  send(kind: number, id: number, a: number, b: number, payload: Payload): void {
    if (payload.attachments !== undefined) this.outbox.attach(payload.attachments);
    if (this.#waiting.length > 0) {
      this.#waiting.push(new Waiting(kind, id, a, b, keep(payload)));
      return;
    }
    if (this.outbox.write(kind, id, a, b, payload)) return this.#board.wake(this.#slot);
    this.outbox.ring.setBehind(true);
    this.#waiting.push(new Waiting(kind, id, a, b, payload));
    this.sendWaiting();
    // The message goes in a later turn, and the sender of the bytes may change them before that.
    this.#waiting[0]?.keep();
  }

  /** Queues the Worker for the run lock, in a cooperative hub: its green code waits for a message that was sent. */
  ready(): void {
    this.#board.order?.ready(this.#slot);
  }

  /** Does as {@linkcode Post.ready}, with the first number of all. */
  readyFirst(): void {
    this.#board.order?.readyFirst(this.#slot);
  }

  /** Has a thread that is blocked there at an object report it once more: see `green/worker/blocking.ts`. */
  rouse(): void {
    this.#board.wake(this.#slot);
  }

  /** Tells the Worker to end, even if it is blocked, and even if its mailbox is full. */
  shut(): void {
    this.outbox.ring.shut();
    this.#board.wake(this.#slot);
  }

  /** Sends messages that wait, as far as there is room. */
  sendWaiting(): void {
    if (this.#waiting.length === 0) return;
    let sent = 0;
    const until = performance.now() + TURN_MS;
    for (; sent < this.#waiting.length; sent++) {
      // Other work of the event loop has its turn now and then.
      if (sent > 0 && performance.now() >= until) {
        this.#sendLater(0);
        break;
      }
      if (this.#waiting[sent].write(this.outbox)) continue;
      // Ask for room first and then look once more: room may have come in between.
      this.outbox.ring.setHungry(true);
      if (!this.#waiting[sent].write(this.outbox)) {
        if (this.outbox.starved) this.#sendLater(STARVED_MS);
        break;
      }
      this.outbox.ring.setHungry(false);
    }
    this.#waiting.splice(0, sent);
    if (this.#waiting.length === 0) this.outbox.ring.setBehind(false);
    this.#board.wake(this.#slot);
    this.#tidyLater();
  }

  #sendLater(ms: number): void {
    if (this.#sendsLater) return;
    this.#sendsLater = true;
    const go = () => {
      this.#sendsLater = false;
      this.sendWaiting();
    };
    if (ms === 0) setImmediate(go);
    else setTimeout(go, ms);
  }

  /** Receives the next message. */
  receive(): Message | undefined {
    const message = this.inbox.receive();
    if (this.inbox.ring.takeHungry()) this.#board.wake(this.#slot);
    return message;
  }

  /** Drops all messages that wait, and sends no more: the Worker has ended. */
  retire(): void {
    this.#isRetired = true;
    clearTimeout(this.#tidying);
    this.#waiting.length = 0;
  }

  /** Frees the memory of large messages when there have been none for a while. */
  #tidyLater(): void {
    const { tidyAt } = this.outbox;
    if (tidyAt === Infinity || this.#tidying !== undefined || this.#isRetired) return;
    this.#tidying = setTimeout(() => {
      this.#tidying = undefined;
      this.outbox.tidy(performance.now());
      this.#board.wake(this.#slot);
      this.#tidyLater();
    }, Math.max(0, Math.ceil(tidyAt - performance.now())) + 1);
    Deno.unrefTimer(this.#tidying);
  }
}

/** The time after which no further message is written without a turn of the event loop, in milliseconds. */
const TURN_MS = 8;

/** A message that waits for those before it, or for room. */
class Waiting {
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  #payload: Payload;
  #departure: Departure | undefined;

  constructor(kind: number, id: number, a: number, b: number, payload: Payload) {
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#payload = payload;
  }

  /** Writes the message if there is room for it, and says whether there was. */
  write(outbox: Outbox): boolean {
    this.#departure ??= outbox.begin(this.#kind, this.#id, this.#a, this.#b, this.#payload);
    return this.#departure.advance();
  }

  /** Copies the bytes, which are not written yet. */
  keep(): void {
    if (this.#departure) this.#departure.keep();
    else this.#payload = keep(this.#payload);
  }
}
