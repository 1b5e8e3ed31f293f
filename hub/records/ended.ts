/**
 * The ending of a green thread, as the hub keeps it.
 *
 * A result that came from a Worker stays encoded until somebody on the hub reads it, and goes on to other Workers as it is. One
 * that refers to something stays encoded for good: a handle that has come home is the object itself here, and a handle there.
 *
 * @module
 */

import {
  decode,
  encode,
  encodeThrown,
  receive,
  type ReferenceKinds,
} from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import { copyOf } from "../../bridge/wire/message.ts";
import {
  Ending,
  endingOf,
  ENDINGS,
  type Outcome,
  outcomeOf,
  STATUSES,
} from "../../bridge/protocol/messages.ts";

/** The Worker that an ending goes to, or comes from. */
interface Party {
  /** Makes references for the Worker, and resolves its own. */
  readonly kinds: ReferenceKinds;
  /** The same for values that go on to another Worker. */
  readonly passingKinds: ReferenceKinds;
}

/** An ending: its outcome, or a payload that has not been read. */
export class Ended {
  #outcome: Outcome<unknown> | undefined;
  #encoded:
    | { readonly ending: number; readonly payload: Payload; readonly from: Party }
    | undefined;

  /** Whether the ending came from a Worker. */
  readonly crossed: boolean;

  private constructor(outcome: Outcome<unknown> | undefined, crossed: boolean) {
    this.#outcome = outcome;
    this.crossed = crossed;
  }

  /** An ending that happened on the hub. */
  static of(outcome: Outcome<unknown>): Ended {
    return new Ended(outcome, false);
  }

  /** An ending that a Worker reported. */
  static from(ending: number, payload: Payload, from: Party): Ended {
    const ended = new Ended(undefined, true);
    try {
      ended.#encoded = { ending, payload: receive(payload, from.kinds), from };
    } catch (reason) {
      ended.#outcome = { status: "rejected", reason };
    }
    return ended;
  }

  /** The name of the ending. */
  get status(): Outcome<unknown>["status"] {
    if (this.#outcome) return this.#outcome.status;
    return STATUSES[this.#encoded!.ending];
  }

  /** The ending as people see it. */
  get outcome(): Outcome<unknown> {
    if (this.#outcome) return this.#outcome;
    const { ending, payload, from } = this.#encoded!;
    if (payload.refs) return this.#outcome = read(ending, copyOf(payload), from.kinds);
    this.#encoded = undefined;
    return this.#outcome = read(ending, payload, from.kinds);
  }

  /** The ending as a reference to its thread carries it: handles that came home stay handles. */
  get forRef(): { ending: number; value: unknown } {
    const { ending, payload, from } = this.#encoded ?? {};
    if (!payload?.refs) return endingOf(this.outcome);
    return endingOf(read(ending!, copyOf(payload), from!.passingKinds));
  }

  /**
   * The ending as it goes to a Worker.
   *
   * @param worker The Worker.
   */
  encodeFor({ kinds }: Party): { ending: number; payload: Payload } {
    if (this.#encoded) return this.#encoded;
    const { outcome } = this;
    const ending = ENDINGS[outcome.status];
    if (outcome.status !== "fulfilled") {
      return { ending, payload: encodeThrown(outcome.reason, "error", kinds) };
    }
    try {
      return { ending, payload: encode(outcome.value, "result", kinds) };
    } catch (error) {
      return { ending: Ending.Rejected, payload: encodeThrown(error, "error", kinds) };
    }
  }
}

function read(ending: number, payload: Payload, kinds: ReferenceKinds): Outcome<unknown> {
  try {
    return outcomeOf(ending, decode(payload, kinds));
  } catch (reason) {
    return { status: "rejected", reason };
  }
}
