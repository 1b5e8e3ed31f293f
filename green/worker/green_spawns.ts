/**
 * Spawns of green code, and the work that green code starts on the hub without waiting for the result.
 *
 * A thread has its id and its handle at once. Then the hub is told its options (`Up.Prepare`), its async context, and last the
 * thread itself. The hub tells the thread's ending without being asked.
 *
 * @module
 */

import { encode } from "../../bridge/values/codec.ts";
import { usesContext } from "../../bridge/context/context.ts";
import type { GreenBase } from "./base.ts";
import { type Target, targetName, type ThreadOptions, Up } from "../../bridge/protocol/messages.ts";
import type { RemoteThread } from "./remote_thread.ts";
import { here } from "../../bridge/memory/process_side.ts";
import type { ThreadWaits } from "./thread_waits.ts";
import { stackHere } from "../../bridge/values/stacks.ts";

/** Spawns threads for the green code of a Worker. */
export class GreenSpawns {
  readonly #mailbox: GreenBase["mailbox"];
  readonly #caller: GreenBase["caller"];
  readonly #handles: GreenBase["handles"];
  readonly #crossing: GreenBase["crossing"];
  readonly #context: GreenBase["context"];
  readonly #targets: GreenBase["targets"];
  readonly #scheduler: GreenBase["scheduler"];
  readonly #waits: ThreadWaits;
  readonly #debug: boolean;

  /**
   * @param base The common ground of all parts.
   * @param waits Is told of each thread.
   * @param debug Whether to record the sites at which threads are spawned.
   */
  constructor(base: GreenBase, waits: ThreadWaits, debug: boolean) {
    this.#mailbox = base.mailbox;
    this.#caller = base.caller;
    this.#handles = base.handles;
    this.#crossing = base.crossing;
    this.#context = base.context;
    this.#targets = base.targets;
    this.#scheduler = base.scheduler;
    this.#waits = waits;
    this.#debug = debug;
  }

  /** Launches a target: by `Up.Spawn` a green thread, by `Up.Start` work on the hub. */
  launch(
    kind: number,
    target: Target,
    args: readonly unknown[],
    options?: ThreadOptions,
  ): RemoteThread {
    const frame = this.#caller.frame(`${targetName(target)}()`);
    if (this.#debug) options = { ...options, site: stackHere() };
    const takesOrder = kind === Up.Spawn && options?.delay === undefined;
    const payload = encode(args, "arguments", this.#crossing.kinds);
    const context = usesContext() ? this.#context.outgoing(frame) : undefined;
    const number = this.#targets.bind(target);
    const id = here().arena.takeThreadId();
    const order = takesOrder ? this.#scheduler.enlist() : undefined;
    if (order !== undefined) options = { ...options, order };
    const thread = this.#handles.handle(id, options?.name ?? `${targetName(target)}-${id}`);
    thread.hold.count = 1;
    this.#waits.expect(thread);
    // The failure of a detached thread is reported by the hub.
    if (!options?.detached) thread.spawner = frame.id;
    if (options) {
      this.#mailbox.send(
        Up.Prepare,
        id,
        0,
        0,
        encode(options, "options", this.#crossing.kinds),
      );
    }
    if (context) this.#mailbox.send(Up.Context, id, kind, 0, context);
    this.#mailbox.send(kind, id, number, frame.id, payload);
    return thread;
  }
}
