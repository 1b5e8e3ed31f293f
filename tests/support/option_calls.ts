/**
 * The calls on the hub that take options, each with what it needs beside them. Those of green code stand in
 * `fixtures/edges/k5_waits.ts`.
 *
 * @module
 */

import {
  Barrier,
  CappedSemaphore,
  Condition,
  ConnectionPool,
  DAGPool,
  futureToGreenlet,
  GreenEvent,
  greenletToFuture,
  GreenPool,
  Hub,
  iwaitAsync,
  joinAllAsync,
  killAllAsync,
  LightQueue,
  Lock,
  Pool,
  PriorityQueue,
  Queue,
  RLock,
  Semaphore,
  spawn,
  spawnWith,
  Timeout,
  updateAsync,
} from "@aiohub/aiohub";

// deno-lint-ignore no-explicit-any
type Wrong = any;

/** Options with what must be in them, if they are an object. */
function including(options: Wrong, needed: object): Wrong {
  return typeof options === "object" && options !== null ? { ...needed, ...options } : options;
}

/** Waits on the hub for what does not come. */
export const hubWaits: Readonly<Record<string, (options: Wrong) => PromiseLike<unknown>>> = {
  "Lock.acquireAsync": async (options) => {
    const lock = new Lock();
    await lock.acquireAsync();
    return lock.acquireAsync(options);
  },
  "RLock.acquireAsync": async (options) => {
    const lock = new RLock();
    await lock.acquireAsync();
    return lock.acquireAsync(options);
  },
  "Semaphore.acquireAsync": (options) => new Semaphore(0).acquireAsync(options),
  "CappedSemaphore.acquireAsync": (options) => new CappedSemaphore(0, 1).acquireAsync(options),
  "CappedSemaphore.releaseAsync": (options) => new CappedSemaphore(1, 1).releaseAsync(options),
  "Condition.waitAsync": async (options) => {
    const condition = new Condition();
    using _permit = await condition.acquireAsync();
    await condition.waitAsync(options);
  },
  "Condition.waitForAsync": async (options) => {
    const condition = new Condition();
    using _permit = await condition.acquireAsync();
    await condition.waitForAsync(() => false, options);
  },
  "Barrier.waitAsync": (options) => new Barrier(2).waitAsync(options),
  "GreenEvent.waitAsync": (options) => new GreenEvent().waitAsync(options),
  "LightQueue.getAsync": (options) => new LightQueue().getAsync(options),
  "Queue.putAsync": (options) => new Queue(0).putAsync(1, options),
  "Queue.joinAsync": (options) => {
    const queue = new Queue();
    queue.tryPut(1);
    return queue.joinAsync(options);
  },
  "GreenPool.waitAvailableAsync": (options) => new GreenPool(0).waitAvailableAsync(options),
  "Pool.getAsync": (options) => new Pool({ create: () => 1, maxSize: 0 }).getAsync(options),
  "Pool.itemAsync": (options) => new Pool({ create: () => 1, maxSize: 0 }).itemAsync(options),
  "ConnectionPool.getAsync": (options) =>
    new ConnectionPool({ connect: () => ({}), maxSize: 0 }).getAsync(options),
  "ConnectionPool.itemAsync": (options) =>
    new ConnectionPool({ connect: () => ({}), maxSize: 0 }).itemAsync(options),
  "DAGPool.atAsync": (options) => new DAGPool().atAsync("a", options),
  "DAGPool.waitAsync": (options) => new DAGPool().waitAsync(["a"], options),
  "DAGPool.waitEachAsync": (options) =>
    Array.fromAsync(new DAGPool().waitEachAsync(["a"], options)),
  "DAGPool.waitEachSuccessAsync": (options) =>
    Array.fromAsync(new DAGPool().waitEachSuccessAsync(["a"], options)),
  "DAGPool.waitEachErrorAsync": (options) =>
    Array.fromAsync(new DAGPool().waitEachErrorAsync(["a"], options)),
  updateAsync: (options) => {
    const object = {};
    return updateAsync(object, () => updateAsync(object, () => 1, options));
  },
};

/** Calls on the hub that take other options, and those that need not wait. */
export const hubCalls: Readonly<Record<string, (options: Wrong) => unknown>> = {
  "new Hub": (options) => new Hub(options),
  "new Barrier": (options) => new Barrier(1, options),
  "new CappedSemaphore": (options) => new CappedSemaphore(1, 1, options),
  "new Condition": (options) => new Condition(new Lock(), options),
  "new ConnectionPool": (options) =>
    new ConnectionPool(including(options, { connect: () => ({}) })),
  "new DAGPool": (options) => new DAGPool({}, options),
  "new GreenEvent": (options) => new GreenEvent(options),
  "new GreenPool": (options) => new GreenPool(1, options),
  "new LightQueue": (options) => new LightQueue(1, options),
  "new Lock": (options) => new Lock(options),
  "new Pool": (options) => new Pool(including(options, { create: () => 1 })),
  "new RLock": (options) => new RLock(options),
  "new Semaphore": (options) => new Semaphore(1, options),
  "new Timeout": (options) => new Timeout(1, undefined, options),
  // It is not closed by a call that is refused.
  "Hub.close": (options) => new Hub({ minWorkers: 0 }).close(options),
  spawnWith: (options) => spawnWith(options),
  "thread.kill": (options) => spawn(() => 1).kill(undefined, options),
  "thread.killAsync": (options) => spawn(() => 1).killAsync(undefined, options),
  futureToGreenlet: (options) => futureToGreenlet(Promise.resolve(1), options),
  greenletToFuture: (options) => greenletToFuture(spawn(() => 1), options),
  joinAllAsync: (options) => joinAllAsync([], options),
  iwaitAsync: (options) => Array.fromAsync(iwaitAsync([], options)),
  killAllAsync: (options) => killAllAsync([], undefined, options),
  "DAGPool.post": (options) => new DAGPool().post("a", 1, options),
  "Lock.acquireAsync of one that is free": (options) => new Lock().acquireAsync(options),
  "PriorityQueue.tryPut": (options) => new PriorityQueue().tryPut(1, options),
  "Queue.tryPut": (options) => new Queue().tryPut(1, options),
  "Queue.putAsync with room": (options) => new Queue(1).putAsync(1, options),
  "Queue.close": (options) => new Queue().close(options),
  "Condition.waitForAsync that holds": (options) =>
    new Condition().waitForAsync(() => true, options),
};
