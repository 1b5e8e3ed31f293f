/**
 * The members of `GreenPool`s, as the hub keeps them: it knows when each one has ended, whichever way.
 *
 * @module
 */

import type { Permits } from "../sync/permits.ts";
import type { Particulars } from "../bridge/protocol.ts";
import { coreOf } from "../bridge/sync/objects.ts";
import type { HubThread } from "./hub_thread.ts";

/** Makes a thread a member of the pool that it was spawned in: its slot is free again when it has ended. */
export function joinPool(thread: HubThread, { pool, memberOf }: Particulars): void {
  thread.memberOf = memberOf;
  const core = pool && coreOf(pool);
  if (!core) return;
  thread.memberOf = core.id;
  thread.onEnd(() => (core as Permits).release());
}
