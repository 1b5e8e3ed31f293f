/**
 * The common ground of all parts of a Worker's side of the bridge.
 *
 * @module
 */

import type { Caller } from "./caller.ts";
import type { Crossing, TargetNumbers } from "./crossing.ts";
import type { FrameStack } from "./frame_stack.ts";
import type { GreenContext } from "./context.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Unhandled } from "./unhandled.ts";
import type { Scheduler } from "./scheduler.ts";
import type { ThreadHandles } from "./remote_thread.ts";
import type { TimedSignals } from "../../bridge/references/timed_signals.ts";

/** The parts of a Worker's side that the other parts use: one of each for a Worker. */
export interface GreenBase {
  readonly mailbox: Mailbox;
  readonly stack: FrameStack;
  readonly caller: Caller;
  readonly handles: ThreadHandles;
  readonly crossing: Crossing;
  readonly context: GreenContext;
  readonly targets: TargetNumbers;
  /** The signals of which it is known when they abort. */
  readonly timed: TimedSignals;
  readonly unhandled: Unhandled;
  readonly scheduler: Scheduler;
}
