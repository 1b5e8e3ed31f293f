/**
 * The common ground of all parts of a Worker's side of the bridge.
 *
 * @module
 */

import type { Caller } from "./caller.ts";
import type { Crossing } from "./crossing.ts";
import type { FrameStack } from "./frame_stack.ts";
import type { GreenContext } from "./context.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Strays } from "./strays.ts";
import type { TargetNumbers } from "./target_numbers.ts";
import type { ThreadHandles } from "./thread_handles.ts";
import type { TimedSignals } from "../../bridge/references/timed_signals.ts";
import type { RunToken } from "./run_token.ts";

/** One of each for a Worker. */
export interface GreenBase {
  readonly mailbox: Mailbox;
  readonly stack: FrameStack;
  readonly caller: Caller;
  readonly handles: ThreadHandles;
  readonly crossing: Crossing;
  readonly context: GreenContext;
  readonly targets: TargetNumbers;
  /** The signals whose time is known. */
  readonly timed: TimedSignals;
  /** The run token, in a cooperative hub. */
  readonly token: RunToken | undefined;
  readonly strays: Strays;
}
