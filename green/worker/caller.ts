/**
 * The caller: the green thread that runs now, for a call that needs one.
 *
 * There is none when the thread that started the calling code has ended, while a Worker imports a module, and in a Worker
 * that was stopped by force. The error of the call says which of these it is.
 *
 * @module
 */

import { BlockingCallError } from "../../bridge/errors.ts";
import { stopped } from "../../bridge/side/green.ts";
import type { Frame, FrameStack } from "./frame_stack.ts";
import type { Mailbox } from "./mailbox.ts";
import { importingError } from "../../bridge/side/side.ts";

/** The thread that runs now. */
export class Caller {
  /** The module that is being imported for a thread that is about to start. A callback on top of the import is no part of it. */
  importing: string | undefined;
  readonly #frames: readonly Frame[];
  readonly #mailbox: Mailbox;

  constructor(stack: FrameStack, mailbox: Mailbox) {
    this.#frames = stack.frames;
    this.#mailbox = mailbox;
  }

  /** Throws in a Worker that was stopped by force. For a call that needs no thread. */
  checkHeard(): void {
    if (this.#mailbox.down.shut) throw stopped();
  }

  /**
   * The stack frame of the thread that runs now.
   *
   * @param call The call as people wrote it: `sleep()`.
   */
  frame(call: string): Frame {
    const frame = this.#frames[this.#frames.length - 1];
    if (this.importing !== undefined) throw importingError(call, this.importing);
    this.checkHeard();
    if (frame) return frame;
    throw new BlockingCallError(
      `Cannot call ${call} outside of a green thread: the green thread that started this code has ended`,
    );
  }
}
