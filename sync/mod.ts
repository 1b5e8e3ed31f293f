/**
 * The coordination objects, at which green threads in any Worker and async code meet: locks, queues, events, pools.
 *
 * The entry `.` has the same objects. This entry is for modules that need no more, as it loads no hub. A `GreenPool` or a
 * `DAGPool` spawns on the hub only if the program imports `.` somewhere.
 *
 * @example A queue, in async code
 * ```ts
 * import { Queue } from "@aiohub/aiohub/sync";
 * import { assertEquals } from "@std/assert";
 *
 * const queue = new Queue<number>(2);
 * await queue.putAsync(1);
 * assertEquals(await queue.getAsync(), 1);
 * ```
 *
 * @module
 */

// A Worker loads this file at its start, so that it knows the kinds of the objects that arrive. In a bundle the file that is
// imported here has to come before the first object.
import "../bridge/memory/in_bundle.ts";

export { Permit } from "./permits.ts";
export { BoundedSemaphore, type NameOptions, Semaphore } from "./semaphore.ts";
export { Lock } from "./lock.ts";
export { RLock } from "./rlock.ts";
export { GreenEvent } from "./event.ts";
export {
  LifoQueue,
  LightQueue,
  PriorityQueue,
  type PutOptions,
  Queue,
  type QueueCloseOptions,
} from "./queue.ts";
export { Coordination } from "../bridge/memory/objects.ts";
export type { Description } from "../bridge/memory/core.ts";
export type { WaitOptions } from "../bridge/checks.ts";
export { CappedSemaphore } from "./capped_semaphore.ts";
export { Condition } from "./condition.ts";
export { Barrier } from "./barrier.ts";
export { GreenPool } from "./green_pool.ts";
export { GreenPile } from "./green_pile.ts";
export {
  iwait,
  iwaitAsync,
  type IwaitOptions,
  joinAll,
  joinAllAsync,
  type JoinAllOptions,
  killAll,
  killAllAsync,
  type KillAllOptions,
} from "./join.ts";
export { type DagKey, DAGPool, DagResults } from "./dag_pool.ts";
export { type Lease, Pool, type PoolOptions, TokenPool } from "./resource_pool.ts";
export { type Local, local } from "./local.ts";
