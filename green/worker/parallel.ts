/**
 * The scheduler of a parallel hub's Worker.
 *
 * @module
 */

import type { Intake } from "./intake.ts";
import type { Scheduler, Turns } from "./scheduler.ts";

/** The scheduler of a parallel hub: green code runs whenever it can. */
export class Parallel implements Scheduler, Turns {
  readonly cooperative = false;
  readonly isAlone = false;
  readonly owes = false;
  readonly #intake: Intake;

  /** @param intake The messages that have arrived. */
  constructor(intake: Intake) {
    this.#intake = intake;
  }

  begin(): Turns {
    return this;
  }

  takeIn(): true {
    this.#intake.takeIn();
    return true;
  }

  isQueued(): false {
    return false;
  }

  pass(): false {
    return false;
  }

  glance(): void {
    this.#intake.takeIn();
  }

  takeInAtBottom(): boolean {
    return this.takeIn();
  }

  takeInMeanwhile(): void {
    this.#intake.takeIn();
  }

  arrived(): void {}
  idle(): void {}
  ended(): void {}
  flush(): void {}
  enlist(): undefined {}
  takeOrder(): undefined {}
}
