/**
 * How a green thread ended, as the hub keeps it.
 *
 * A result that came from a Worker stays encoded until somebody on the hub looks at it; one that goes on to another
 * Worker as plain text is never decoded here.
 *
 * @module
 */

import { decode, encode, encodeThrown, type ReferenceKinds } from "../../bridge/values/codec.ts";
import { mayRefer, type Payload } from "../../bridge/wire/payload.ts";
import {
  Ending,
  endingOf,
  ENDINGS,
  type Outcome,
  outcomeOf,
  STATUSES,
} from "../../bridge/protocol/messages.ts";
import { readViews } from "../references/views.ts";

/** The Worker that an ending goes to. */
interface Receiver {
  /** Makes references for it. */
  readonly kinds: ReferenceKinds;
  /** Encodes something, and takes the references in it back if that fails. */
  attempt<T>(encode: () => T): T;
}

/** An ending: its value, or the bytes of it. */
export class Ended {
  #outcome: Outcome<unknown> | undefined;
  /** What it is for Workers, if that is not the same: see `views.ts`. */
  #passing: Outcome<unknown> | undefined;
  #encoded:
    | { readonly ending: number; readonly payload: Payload; readonly kinds: ReferenceKinds }
    | undefined;

  /** Whether it came from a Worker. */
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
  static from(ending: number, payload: Payload, kinds: ReferenceKinds): Ended {
    const ended = new Ended(undefined, true);
    // What may hold references is taken in at once: they are counted when they arrive.
    if (mayRefer(payload)) ended.#read(ending, payload, kinds);
    else ended.#encoded = { ending, payload, kinds };
    return ended;
  }

  /** Which of the three endings it is. */
  get status(): Outcome<unknown>["status"] {
    if (this.#outcome) return this.#outcome.status;
    return STATUSES[this.#encoded!.ending];
  }

  /** The ending as people see it. */
  get outcome(): Outcome<unknown> {
    if (this.#outcome) return this.#outcome;
    const { ending, payload, kinds } = this.#encoded!;
    this.#encoded = undefined;
    return this.#outcome = read(ending, payload, kinds);
  }

  /** The ending as it is passed on: handles that came home are handles. */
  get passing(): Outcome<unknown> {
    return this.#passing ?? this.outcome;
  }

  /** The ending as a reference to its thread carries it. */
  get forRef(): { ending: number; value: unknown } {
    return endingOf(this.passing);
  }

  #read(ending: number, payload: Payload, kinds: ReferenceKinds): void {
    try {
      const { here, passing } = readViews(payload, kinds);
      this.#outcome = outcomeOf(ending, here);
      if (passing !== here) this.#passing = outcomeOf(ending, passing);
    } catch (reason) {
      this.#outcome = { status: "rejected", reason };
    }
  }

  /**
   * The ending as it goes to a Worker.
   *
   * @param worker The Worker.
   */
  encodeFor(worker: Receiver): { ending: number; payload: Payload } {
    if (this.#encoded) return this.#encoded;
    const outcome = this.passing;
    const ending = ENDINGS[outcome.status];
    const { kinds } = worker;
    if (outcome.status !== "fulfilled") {
      return { ending, payload: encodeThrown(outcome.reason, "error", kinds) };
    }
    try {
      return { ending, payload: worker.attempt(() => encode(outcome.value, "result", kinds)) };
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
