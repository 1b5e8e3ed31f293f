/**
 * The numbers of targets in a Worker's messages: each target is sent once, and is a number from then on.
 *
 * The two directions have numbers of their own, as each side numbers the targets that it sends.
 *
 * @module
 */

import { encode } from "../../bridge/values/codec.ts";
import type { Crossing } from "./crossing.ts";
import type { Mailbox } from "./mailbox.ts";
import { intern, type Target, Up } from "../../bridge/protocol/messages.ts";

/** The targets that a Worker and the hub have told each other. */
export class TargetNumbers {
  readonly #mailbox: Mailbox;
  readonly #crossing: Crossing;
  /** The numbers of targets that the hub knows from here. */
  readonly #bound = new Map<Target, number>();
  /** The targets that are known here from the hub, by number. */
  readonly #targets: Target[] = [];

  constructor(mailbox: Mailbox, crossing: Crossing) {
    this.#mailbox = mailbox;
    this.#crossing = crossing;
  }

  /** The number of a target that is about to be sent; the hub is told of it the first time. */
  bind(target: Target): number {
    let number = this.#bound.get(target);
    if (number === undefined) {
      number = this.#bound.size + 1;
      this.#bound.set(target, number);
      this.#mailbox.send(Up.Bind, number, 0, 0, encode(target, "target", this.#crossing.kinds));
    }
    return number;
  }

  /** Takes a target's number, which the hub tells. */
  learn(number: number, target: Target): void {
    this.#targets[number] = intern(target);
  }

  /** The target that the hub means by a number. */
  at(number: number): Target {
    return this.#targets[number];
  }
}
