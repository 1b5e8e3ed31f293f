/**
 * Callbacks: the hub calls functions that green code gave away, and uses objects that it handed out.
 *
 * A callback is served on top of a thread that is blocked here, and asks the hub as that thread. On an empty stack, or when the
 * call that the callback belongs to was aborted, it is a thread of its own. An error that ends the callback and was meant for
 * the thread below (the kill of the thread, a timeout that the thread had armed) ends that thread as well: see
 * {@linkcode Frame.passing}. A step of an iteration can be left by itself (see `Step`). A request that comes while an iterator is
 * at an item waits until the item is there: see `green_iterator.ts`.
 *
 * @module
 */

import { Frame, isNothingBut } from "./frame_stack.ts";
import { decode, encode, encodeThrown } from "../../bridge/values/codec.ts";
import type { Payload } from "../../bridge/wire/payload.ts";
import { usesContext } from "../../bridge/context/context.ts";
import { GreenletExit } from "../../bridge/errors.ts";
import type { LoopTurns } from "./loop_turns.ts";
import type { GreenBase } from "./base.ts";
import { isItself } from "../../bridge/references/itself.ts";
import type { HubCalls } from "./hub_calls.ts";
import { Op } from "../../bridge/references/live.ts";
import type { Message } from "../../bridge/wire/message.ts";
import { Ending, PART_OF_CALL, Up } from "../../bridge/protocol/messages.ts";
import { gotBy, isThenable } from "../../bridge/references/thenables.ts";
import type { ThreadEndings } from "./thread_endings.ts";

/** Serves the hub's calls in a Worker. */
export class Callbacks {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #stack: GreenBase["stack"];
  readonly #frames: readonly Frame[];
  readonly #caller: GreenBase["caller"];
  readonly #handles: GreenBase["handles"];
  readonly #crossing: GreenBase["crossing"];
  readonly #context: GreenBase["context"];
  readonly #calls: HubCalls;
  readonly #endings: ThreadEndings;
  readonly #unhandled: GreenBase["unhandled"];
  readonly #loopTurns: LoopTurns;
  /** Requests to iterators that were at an item, in the order in which they came. */
  readonly #postponed: Message[] = [];

  /**
   * @param base The common ground of all parts.
   * @param calls The calls that callbacks may belong to.
   * @param endings Reports the unhandled failures that callbacks leave behind.
   * @param loopTurns Is told of each callback.
   */
  constructor(
    base: GreenBase,
    calls: HubCalls,
    endings: ThreadEndings,
    loopTurns: LoopTurns,
  ) {
    this.#mailbox = base.mailbox;
    this.#stack = base.stack;
    this.#frames = base.stack.frames;
    this.#caller = base.caller;
    this.#handles = base.handles;
    this.#crossing = base.crossing;
    this.#context = base.context;
    this.#unhandled = base.unhandled;
    this.#calls = calls;
    this.#endings = endings;
    this.#loopTurns = loopTurns;
  }

  /** Serves a call of the hub: of a function that green code gave away, or a use of an object. */
  serve(message: Message): void {
    if (this.#serve(message)) this.#servePostponed();
    else this.#postponed.push(message);
  }

  /**
   * Serves the postponed requests, as a callback has ended that they may have waited for. A request that is served may block, and
   * then this method is entered again from above.
   */
  #servePostponed(): void {
    for (let at = 0; at < this.#postponed.length;) {
      const [message] = this.#postponed.splice(at, 1);
      if (this.#serve(message)) at = 0;
      // Requests that are still postponed keep their order.
      else this.#postponed.splice(at++, 0, message);
    }
  }

  /** @returns Whether the request has been answered; otherwise it is to be served again. */
  #serve(message: Message): boolean {
    const { id, a, payload } = message;
    const op = message.b & ~PART_OF_CALL;
    // Before anything is read of the payload: it can be read only once.
    if (op >= Op.Pull && this.#crossing.references.postpones(a, op)) return false;
    // A callback asks the hub as a thread: the one that is blocked here, or one of its own.
    const below = this.#frames.at(-1);
    let frame = below ? undefined : this.#enterCallback(id);
    const isMeantForBelow = this.#stack.guard();
    const importing = this.#caller.importing;
    this.#caller.importing = undefined;
    this.#loopTurns.noteCallback();
    let ending: number = Ending.Fulfilled;
    let reply: Payload;
    this.#stack.callbacks++;
    const step = op >= Op.Pull ? this.#stack.beginStep(id) : undefined;
    const act = () => {
      const args = decode(payload, this.#crossing.kinds) as unknown[];
      const part = op !== message.b ? args.pop() as number : undefined;
      if (step) step.part = part;
      if (part !== undefined && !this.#calls.isPending(part)) {
        frame ??= this.#enterCallback(id);
        const exit = new GreenletExit("The call to which this callback belongs was aborted");
        this.#stack.kill(frame, exit);
      }
      return this.#crossing.references.perform(a, op, args);
    };
    try {
      const value = gotBy(usesContext() ? this.#context.enter(message, act) : act());
      if (isThenable(value) && !isItself(value)) {
        throw new TypeError(
          "Cannot return a promise from a green function that the hub calls: such a function must be synchronous: call " +
            "blocking functions in place of `await`",
        );
      }
      const kinds = op === Op.Call ? this.#crossing.replyKinds : this.#crossing.liveKinds;
      reply = encode(value, "result", kinds);
    } catch (error) {
      if (!frame && isMeantForBelow(error)) below!.passing = { error };
      // The killer of the thread wanted this ending: it is no failure that has to be reported.
      const killed = (frame ?? below)?.killed;
      ending = killed && isNothingBut(killed.reason, error) ? Ending.Killed : Ending.Rejected;
      reply = encodeThrown(error, "error", this.#crossing.kinds);
    } finally {
      this.#caller.importing = importing;
      this.#stack.callbacks--;
      if (step) this.#stack.endStep(step);
      if (frame) this.#leave(frame);
    }
    this.#mailbox.send(Up.Reply, id, ending, 0, reply);
    return true;
  }

  #leave(frame: Frame): void {
    this.#stack.remove(frame);
    this.#endings.reportUnhandled(frame);
  }

  /** Enters a thread for a callback. The hub knows the thread by the number of the call, so it can give back what it holds. */
  #enterCallback(id: number): Frame {
    const frame = new Frame(id, this.#handles.of(id, `callback-${id}`));
    frame.thread.start();
    this.#unhandled.note({ id, name: frame.thread.name, label: "" });
    this.#stack.frames.push(frame);
    return frame;
  }
}
