/**
 * Types that appear only inside the types of the other entries. Most programs need none of them. They are for wrappers around
 * `spawn()` and the like, and for types of your own that build on `Sync<T>`. Importing this entry loads nothing.
 *
 * @example A function that spawns what it is given
 * ```ts
 * import { type GreenThread, spawnWith } from "@aiohub/aiohub";
 * import type { Passed, Result, Spawnable } from "@aiohub/aiohub/types";
 * import { assertEquals } from "@std/assert";
 *
 * function spawnNamed<A extends unknown[], R>(
 *   name: string,
 *   fn: Spawnable<A, R>,
 *   ...args: A | Passed<A>
 * ): GreenThread<Result<R>> {
 *   return spawnWith({ name }).spawn<A, R>(fn, ...args);
 * }
 *
 * assertEquals(await spawnNamed("adder", (a: number, b: number) => a + b, 1, 2), 3);
 * ```
 *
 * @module
 */

export type {
  Passed,
  Result,
  Returned,
  Spawnable,
  SpawnableWith,
  SpawnArguments,
} from "./bridge/side/spawnable.ts";
export type {
  AsyncArgument,
  AsyncBinary,
  AsyncIteration,
  AsyncMembers,
  AsyncResult,
  CrossingValue,
  SyncArgument,
  SyncBinary,
  SyncFunction,
  SyncMembers,
  SyncResult,
} from "./bridge/references/live_types.ts";
export type { SyncBlobMethods, SyncFormDataMethods } from "./bridge/references/blob_types.ts";
export type { CrossesAsItself } from "./bridge/references/itself.ts";
export type { AnyClass } from "./bridge/values/classes.ts";
export type { ContextStorage } from "./bridge/context/register.ts";
export type { CycleErrorOptions, NotCloneableErrorOptions } from "./bridge/errors.ts";
export type { HubEventMap, HubListener } from "./hub/base/events.ts";
export type { Description } from "./bridge/memory/core.ts";
export type { DagKey } from "./sync/dag_pool.ts";
