/**
 * Green threads for Deno: synchronous-looking code in Workers and async code on the main thread, calling each other.
 *
 * This entry is for both sides. Calls that block, and so may only be made in a green thread, are in `./green`. The errors alone
 * are in `./errors`, the coordination objects alone in `./sync`, and types that appear only inside other types in `./types`.
 *
 * @example A green thread
 * ```ts
 * import { spawn } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals } from "@std/assert";
 *
 * const thread = spawn(() => {
 *   sleep(10);
 *   return 42;
 * });
 * assertEquals(await thread, 42);
 * ```
 *
 * @module
 */

import { takeAlong } from "./bridge/memory/in_bundle.ts";
import * as library from "./mod.ts";
import * as objects from "./sync/mod.ts";

export { spawn, spawnAfter, spawnAfterLocal, spawnN, spawnWith } from "./hub/spawn.ts";
export type { Spawner, SpawnOptions } from "./hub/spawner.ts";
export { GreenThread, type KillOptions, type ThreadState } from "./bridge/side/green_thread.ts";
export type { Outcome } from "./bridge/protocol/messages.ts";

export { type SyncToAsync, syncToAsync } from "./hub/sync_to_async.ts";
export { type AsyncToSync, asyncToSync } from "./hub/async_to_sync.ts";
export { greenImport } from "./hub/spawn.ts";
export type { GreenModule } from "./hub/green_import.ts";
export { call, hubImport, type HubModule } from "./hub/hub_import.ts";
export { type CurrentCall, currentCall } from "./hub/base/call_context.ts";
export {
  futureToGreenlet,
  type FutureToGreenletOptions,
  greenletToFuture,
  type GreenletToFutureOptions,
  HubPromise,
} from "./hub/futures.ts";

export { type CloseOptions, Hub, type HubStatistics, type ThreadInfo } from "./hub/hub.ts";
export { UnhandledThreadEvent } from "./hub/base/events.ts";
export type { HubOptions, ResourceLimits } from "./hub/base/options.ts";
export { getHub, useHub } from "./hub/default_hub.ts";

export { ConnectionPool, type ConnectionPoolOptions } from "./hub/connections/connection_pool.ts";
export { type Shared, shared, update, updateAsync } from "./hub/shared.ts";
export { type ClassWire, registerClass } from "./bridge/values/classes.ts";
export { registerContext } from "./bridge/context/register.ts";
export { transfer } from "./bridge/wire/transfer.ts";
export { handle, release } from "./bridge/references/handle.ts";
export { iterate, type IterateOptions } from "./hub/iterate.ts";
export type {
  SyncBlob,
  SyncByteStream,
  SyncFile,
  SyncFormData,
} from "./bridge/references/blob_types.ts";
export type { Async, Sync, SyncWriter } from "./bridge/references/live_types.ts";

export {
  Barrier,
  BoundedSemaphore,
  CappedSemaphore,
  Condition,
  type Coordination,
  DAGPool,
  type DagResults,
  GreenEvent,
  GreenPile,
  GreenPool,
  iwait,
  iwaitAsync,
  type IwaitOptions,
  joinAll,
  joinAllAsync,
  type JoinAllOptions,
  killAll,
  killAllAsync,
  type KillAllOptions,
  type Lease,
  LifoQueue,
  LightQueue,
  type Local,
  local,
  Lock,
  type NameOptions,
  Permit,
  Pool,
  type PoolOptions,
  PriorityQueue,
  type PutOptions,
  Queue,
  type QueueCloseOptions,
  RLock,
  Semaphore,
  TokenPool,
} from "./sync/mod.ts";
export type { WaitOptions } from "./bridge/checks.ts";

export { Timeout, type TimeoutOptions } from "./bridge/side/timeout.ts";
export { type TimeoutValue, withTimeout } from "./bridge/side/with_timeout.ts";
export { withTimeoutAsync } from "./hub/with_timeout_async.ts";
export {
  BlockingCallError,
  BrokenBarrierError,
  Collision,
  CycleError,
  DeadlockError,
  Empty,
  Full,
  GreenletExit,
  HubClosedError,
  HubSaturatedError,
  NotCloneableError,
  PropagateError,
  QueueClosedError,
  WorkerCrashedError,
} from "./bridge/errors.ts";

// Both functions are called in a bundle only. Elsewhere their imports put modules into the module graph that are reached by URL,
// so that `deno cache` and bundlers see them. `library` is imported statically: where a bundle has several files, esbuild turns a
// dynamic import of this very module into a call of nothing.
takeAlong(import.meta.url, {
  entry: () => import("./green/worker/entry.ts"),
  scope: () => Promise.all([library, objects, import("./green/mod.ts")]),
});
