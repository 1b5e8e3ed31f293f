/**
 * The coordination objects, at which green threads in any Worker and async code meet. A Worker loads this file at its start,
 * so that it knows the kinds of the objects that arrive.
 *
 * @module
 */

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
