/**
 * The members of `GreenPool`s. The hub keeps them, as it knows when each thread has ended, whichever way.
 *
 * A slot is a permit of the pool. A slot that a Worker took is the Worker's until the spawn is taken in here, and the thread's
 * after that: see `sync/permits.ts`. On the hub, whoever spawns has taken the slot in the same turn.
 *
 * @module
 */

import type { Permits } from "../../sync/permits.ts";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import type { ThreadOptions } from "../../bridge/protocol/messages.ts";
import { type Coordination, CORE, coreOf } from "../../bridge/memory/objects.ts";
import type { HubThread } from "../records/thread.ts";
import type { WorkerObjects } from "../references/worker_objects.ts";

/** Makes a thread a member of the pool that it was spawned in: its slot is free again when it has ended. */
export function joinPool(thread: HubThread, { pool, memberOf }: ThreadOptions): void {
  thread.memberOf = memberOf;
  const core = pool && coreOf(pool);
  if (!core) return;
  thread.memberOf = core.id;
  thread.onEnd(() => (core as Permits).release());
}

/**
 * Takes over the slot with which a Worker spawns a thread.
 *
 * @throws {BridgeProtocolError} If the Worker has no such slot.
 */
export function takeSlot(objects: WorkerObjects, { pool, slot }: ThreadOptions): void {
  if (pool === undefined) return;
  const core = (pool as Coordination)[CORE];
  if (core.wireName === "GreenPool" && objects.takeOver(core as Permits, slot)) return;
  throw new BridgeProtocolError(`Cannot spawn in ${core.title}: the Worker holds no slot of it`);
}
