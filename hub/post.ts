/**
 * The hub's end of one Worker's mailbox.
 *
 * The hub never waits: what does not fit in the ring is queued here, in order, and goes on when the Worker has made room
 * and rung the doorbell.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Board } from "../bridge/board.ts";
import type { Body } from "../bridge/codec.ts";
import { type Inbox } from "../bridge/inbox.ts";
import { keep, type Message } from "../bridge/message.ts";
import { Outgoing, writeFrame } from "../bridge/outbox.ts";
import type { RingWriter } from "../bridge/ring.ts";

/** Sends messages to one Worker and receives its messages. */
export class Post {
  readonly #board: Board;
  readonly #slot: number;
  readonly #ring: RingWriter;
  readonly #inbox: Inbox;
  readonly #waiting: Waiting[] = [];
  #lastStream = 0;
  #isFlushing = false;

  constructor(board: Board, slot: number, ring: RingWriter, inbox: Inbox) {
    this.#board = board;
    this.#slot = slot;
    this.#ring = ring;
    this.#inbox = inbox;
  }

  /** Sends a message, now or as soon as there is room. */
  send(kind: number, id: number, a: number, b: number, body: Body): void {
    if (this.#waiting.length > 0) {
      this.#waiting.push(new Waiting(kind, id, a, b, keep(body), () => this.#nextStream()));
      return;
    }
    const written = writeFrame(this.#ring, kind, id, a, b, body);
    if (written === 1) return this.#board.wake(this.#slot);
    this.#waiting.push(new Waiting(kind, id, a, b, body, () => this.#nextStream()));
    this.flush();
    // What is left goes on in a later turn, and by then the bytes may have been changed by whoever sent them.
    this.#waiting[0]?.keep();
  }

  /** Says to the Worker that it is to end, whatever it is blocked on and however full its mailbox is. */
  shut(): void {
    this.#ring.shut();
    this.#board.wake(this.#slot);
  }

  /** Whether the Worker has seen that it is to end. */
  get heard(): boolean {
    return this.#ring.heard;
  }

  /** Whether the Worker has said that it has nothing more to do, and touches nothing any more. */
  get left(): boolean {
    return this.#ring.left;
  }

  /** Sends what was waiting, as far as there is room. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    let sent = 0;
    const until = performance.now() + TURN_MS;
    while (sent < this.#waiting.length) {
      if (this.#waiting[sent].write(this.#ring, until)) {
        sent++;
        continue;
      }
      // The event loop's other work has its turn.
      if (performance.now() >= until) {
        this.#flushLater();
        break;
      }
      // Ask for room first and then look once more: it may have come in between.
      this.#ring.setHungry(true);
      if (!this.#waiting[sent].write(this.#ring, until)) break;
      this.#ring.setHungry(false);
      sent++;
    }
    this.#waiting.splice(0, sent);
    this.#board.wake(this.#slot);
  }

  #flushLater(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.flush();
    });
  }

  /**
   * Receives the next message.
   *
   * @param frames How many frames to look at, at the most.
   */
  receive(frames: number): Message | undefined {
    const message = this.#inbox.receive(frames);
    if (this.#inbox.takeHungry()) this.#board.wake(this.#slot);
    return message;
  }

  /** Whether there is nothing to receive. */
  get empty(): boolean {
    return this.#inbox.empty;
  }

  #nextStream(): number {
    return this.#lastStream = this.#lastStream % 0xffff + 1;
  }
}

/** How long one message may be written without a turn of the event loop, in milliseconds. */
const TURN_MS = 8;

/** A message that waits for room. */
class Waiting {
  readonly #kind: number;
  readonly #id: number;
  readonly #a: number;
  readonly #b: number;
  #body: Body;
  readonly #nextStream: () => number;
  #outgoing: Outgoing | undefined;

  constructor(
    kind: number,
    id: number,
    a: number,
    b: number,
    body: Body,
    nextStream: () => number,
  ) {
    this.#kind = kind;
    this.#id = id;
    this.#a = a;
    this.#b = b;
    this.#body = body;
    this.#nextStream = nextStream;
  }

  /** Writes as much as there is room for; says whether that is all. */
  write(ring: RingWriter, until: number): boolean {
    if (this.#outgoing) return this.#outgoing.advance(ring, until);
    const written = writeFrame(ring, this.#kind, this.#id, this.#a, this.#b, this.#body);
    if (written >= 0) return written === 1;
    this.#outgoing = new Outgoing(
      this.#nextStream(),
      this.#kind,
      this.#id,
      this.#a,
      this.#b,
      this.#body,
    );
    return this.#outgoing.advance(ring, until);
  }

  /** Takes a copy of what is not written yet. */
  keep(): void {
    if (this.#outgoing) this.#outgoing.keep();
    else this.#body = keep(this.#body);
  }
}
