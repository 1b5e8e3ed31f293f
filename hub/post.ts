/**
 * The hub's end of one Worker's mailbox.
 *
 * The hub never waits: what does not fit in the ring is queued here, in order, and goes on when the Worker has made room
 * and rung the doorbell.
 *
 * @module
 */

import type { Board } from "../bridge/board.ts";
import type { Body } from "../bridge/codec.ts";
import { type Inbox, type Message, Outgoing, writeFrame } from "../bridge/mailbox.ts";
import type { RingWriter } from "../bridge/ring.ts";

/** A message that waits for room. */
type Waiting = () => boolean;

/** Sends messages to one Worker and receives its messages. */
export class Post {
  readonly #board: Board;
  readonly #slot: number;
  readonly #ring: RingWriter;
  readonly #inbox: Inbox;
  readonly #waiting: Waiting[] = [];
  #lastStream = 0;

  constructor(board: Board, slot: number, ring: RingWriter, inbox: Inbox) {
    this.#board = board;
    this.#slot = slot;
    this.#ring = ring;
    this.#inbox = inbox;
  }

  /** Sends a message, now or as soon as there is room. */
  send(kind: number, id: number, a: number, b: number, body: Body): void {
    if (this.#waiting.length === 0) {
      const written = writeFrame(this.#ring, kind, id, a, b, body);
      if (written === 1) return this.#board.wake(this.#slot);
    }
    this.#waiting.push(this.#later(kind, id, a, b, body));
    if (this.#waiting.length === 1) this.flush();
  }

  /** Sends what was waiting, as far as there is room. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    let sent = 0;
    while (sent < this.#waiting.length) {
      if (this.#waiting[sent]()) {
        sent++;
        continue;
      }
      // Ask for room first and then look once more: it may have come in between.
      this.#ring.setHungry(true);
      if (!this.#waiting[sent]()) break;
      this.#ring.setHungry(false);
      sent++;
    }
    this.#waiting.splice(0, sent);
    this.#board.wake(this.#slot);
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

  #later(kind: number, id: number, a: number, b: number, body: Body): Waiting {
    let outgoing: Outgoing | undefined;
    return () => {
      if (outgoing) return outgoing.advance(this.#ring);
      const written = writeFrame(this.#ring, kind, id, a, b, body);
      if (written >= 0) return written === 1;
      this.#lastStream = this.#lastStream % 0xffff + 1;
      outgoing = new Outgoing(this.#lastStream, kind, id, a, b, body);
      return outgoing.advance(this.#ring);
    };
  }
}
