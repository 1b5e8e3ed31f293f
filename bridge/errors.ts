/**
 * The errors of this library that a caller may catch, all in one place. Each one tells apart a
 * situation that asks for something different from the caller, crosses between the hub and green
 * threads with its class and its own fields, and carries its name on the prototype, so that the
 * first line of its stack is right too.
 *
 * @module
 */

import { brandError } from "./brand.ts";
import { inOneLine } from "./checks.ts";

/** Gives a class of errors its name: on the prototype, hidden, as the language does for its own. And its brand. */
function nameErrors(errorClass: { prototype: Error }, name: string): void {
  brandError(errorClass, name);
  Object.defineProperty(errorClass.prototype, "name", {
    value: name,
    writable: true,
    configurable: true,
  });
}

/**
 * A green thread was asked to end: by `kill()` or `cancel()` without another reason, or by an abort
 * signal. It is thrown inside the green thread at its next blocking point, and whoever awaits the
 * thread gets it. A thread that ends as its hub closes gets a {@linkcode HubClosedError} instead.
 *
 * It is a cancellation and no failure: let it pass, and clean up in `finally`. A green thread that
 * catches it and goes on has refused to end.
 *
 * The name is that of greenlet's exception with the same role.
 *
 * @example Clean up in a thread that is killed
 * ```ts
 * import { GreenEvent, GreenletExit, spawn } from "@aiohub/aiohub";
 * import { sleep } from "@aiohub/aiohub/green";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const started = new GreenEvent<void>();
 * const cleaned = new GreenEvent<string>();
 * const thread = spawn((started: GreenEvent<void>, cleaned: GreenEvent<string>) => {
 *   try {
 *     started.send();
 *     sleep(60_000);
 *   } finally {
 *     cleaned.send("cleaned up");
 *   }
 * }, started, cleaned);
 * await started.waitAsync();
 * thread.kill();
 * await assertRejects(() => thread, GreenletExit);
 * assertEquals(await cleaned.waitAsync(), "cleaned up");
 * ```
 *
 * @category Errors
 */
export class GreenletExit extends Error {
  static {
    nameErrors(this, "GreenletExit");
  }

  /**
   * Makes the error.
   *
   * @param message Why the thread ends.
   * @param options `cause`: what led to it.
   */
  constructor(message: string = "The green thread was asked to end", options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * A call that blocks was made on the hub, where it would stop the event loop. Nothing has been
 * done: the call was refused at once.
 *
 * Use the twin that the message names (`wait()` has `await`, `get()` has `getAsync()`), or make the
 * call in a green thread.
 *
 * @example A call that blocks, on the hub
 * ```ts
 * import { BlockingCallError, Queue } from "@aiohub/aiohub";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const queue = new Queue<number>();
 * assertThrows(() => queue.put(1), BlockingCallError);
 * await queue.putAsync(1); // the twin that the message names
 * assertEquals(await queue.getAsync(), 1);
 * ```
 *
 * @category Errors
 */
export class BlockingCallError extends Error {
  static {
    nameErrors(this, "BlockingCallError");
  }
}

/**
 * The hub is closed or is closing, so it takes no new work; a thread that still runs after the time
 * that `close()` gives it is killed with this error, and work that was waiting for it ends with
 * this error too.
 *
 * Make a new `Hub`, or close the hub later.
 *
 * @example A closed hub takes no new thread
 * ```ts
 * import { Hub, HubClosedError } from "@aiohub/aiohub";
 * import { assertRejects } from "@std/assert";
 *
 * const hub = new Hub();
 * await hub.close();
 * await assertRejects(() => hub.spawn(() => 1), HubClosedError);
 * ```
 *
 * @category Errors
 */
export class HubClosedError extends Error {
  static {
    nameErrors(this, "HubClosedError");
  }
}

/**
 * The hub has as much work waiting as its option `maxQueue` allows, and refused more; or all Workers that there may be
 * run green threads that are blocked, so that the one with this error could not start.
 *
 * Wait for some of the work to end and try again, or raise `maxQueue` or `maxWorkers`.
 *
 * @example A queue of one
 * ```ts
 * import { Hub, HubSaturatedError } from "@aiohub/aiohub";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * await using hub = new Hub({ maxWorkers: 1, maxQueue: 1 });
 * const thread = hub.spawn(() => 1); // waits for its Worker to start
 * await assertRejects(() => hub.spawn(() => 2), HubSaturatedError);
 * assertEquals(await thread, 1);
 * ```
 *
 * @category Errors
 */
export class HubSaturatedError extends Error {
  static {
    nameErrors(this, "HubSaturatedError");
  }
}

/**
 * The Worker in which a green thread ran ended under it: out of memory, `process.exit()`, or a kill
 * that it did not answer. What the thread had done is unknown.
 *
 * The hub replaces the Worker. Start the work again if it may be repeated.
 *
 * @example Code that ends its Worker
 * ```ts
 * import { spawn, WorkerCrashedError } from "@aiohub/aiohub";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * await assertRejects(() => spawn(() => process.exit(1)), WorkerCrashedError);
 * assertEquals(await spawn(() => 1), 1); // in another Worker
 * ```
 *
 * @category Errors
 */
export class WorkerCrashedError extends Error {
  static {
    nameErrors(this, "WorkerCrashedError");
  }
}

/**
 * Options of a {@linkcode DeadlockError} or a {@linkcode CycleError}.
 *
 * @category Errors
 */
export interface CycleErrorOptions extends ErrorOptions {
  /** The circle: each one waits for the next, and the last one for the first. */
  cycle?: string[];
}

/**
 * Green threads wait for each other in a circle, so that none of them could ever go on. One of them
 * gets this error in place of the wait.
 *
 * Its field `cycle` names them in order: take the locks in one order everywhere, or wait with a
 * timeout.
 *
 * @example A thread that waits for itself
 * ```ts
 * import { DeadlockError, Lock, spawn } from "@aiohub/aiohub";
 * import { assertRejects } from "@std/assert";
 *
 * const thread = spawn((lock: Lock) => {
 *   using _permit = lock.acquire();
 *   lock.acquire(); // would wait for ever
 * }, new Lock());
 * await assertRejects(() => thread, DeadlockError);
 * ```
 *
 * @category Errors
 */
export class DeadlockError extends Error {
  /** The circle: each one waits for the next, and the last one for the first. */
  cycle: string[];

  static {
    nameErrors(this, "DeadlockError");
  }

  /**
   * Makes the error.
   *
   * @param message What was found.
   * @param options `cycle`: who waits for whom; `cause`: what led to it.
   */
  constructor(message?: string, options?: CycleErrorOptions) {
    super(message, options);
    this.cycle = options?.cycle ?? [];
  }
}

/**
 * Options of a {@linkcode NotCloneableError}.
 *
 * @category Errors
 */
export interface NotCloneableErrorOptions extends ErrorOptions {
  /** The path to the value, for example `arguments[0].user.onClick`. */
  path?: string;
}

/**
 * A value cannot cross between the hub and a green thread: a symbol, an instance of a class that is
 * not registered, a value that is too deep. Nothing has been sent.
 *
 * Its field `path` says where the value stands, its message what to do: leave the value out, register
 * its class with `registerClass()`, or pass it by reference with `handle()`.
 *
 * @example Where the value stands
 * ```ts
 * import { NotCloneableError, spawn } from "@aiohub/aiohub";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const settings = { user: { token: Symbol("secret") } };
 * const error = assertThrows(
 *   () => spawn((settings: object) => Object.keys(settings), settings),
 *   NotCloneableError,
 * );
 * assertEquals(error.path, "arguments[0].user.token");
 * ```
 *
 * @category Errors
 */
export class NotCloneableError extends Error {
  /** The path to the value, for example `arguments[0].user.onClick`. */
  path: string;

  static {
    nameErrors(this, "NotCloneableError");
  }

  /**
   * Makes the error.
   *
   * @param message What cannot cross, and what to do about it.
   * @param options `path`: where the value stands; `cause`: what led to it.
   */
  constructor(message?: string, options?: NotCloneableErrorOptions) {
    super(message, options);
    this.path = options?.path ?? "";
  }
}

/**
 * What arrived from the other side is not what this library sends: the bytes are damaged, were
 * written by something else, or name a class that this side does not know.
 *
 * Unless the message names a class to register or a function of a class that failed, it is a defect
 * of this library or an attack by the code in the Worker: do not trust that Worker any more.
 */
export class BridgeProtocolError extends Error {
  static {
    nameErrors(this, "BridgeProtocolError");
  }
}

/**
 * A queue had no item: `tryGet()` found none, or `get()` got none within its timeout.
 *
 * Try again later, or wait longer. The name is that of Python's `queue.Empty`.
 *
 * @example Try to get from an empty queue
 * ```ts
 * import { Empty, Queue } from "@aiohub/aiohub";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => new Queue<number>().tryGet(), Empty);
 * ```
 *
 * @category Errors
 */
export class Empty extends Error {
  static {
    nameErrors(this, "Empty");
  }
}

/**
 * A queue had no room: `tryPut()` found none, or `put()` got none within its timeout.
 *
 * Try again later, wait longer, or make the queue larger. The name is that of Python's `queue.Full`.
 *
 * @example Try to put into a full queue
 * ```ts
 * import { Full, Queue } from "@aiohub/aiohub";
 * import { assertThrows } from "@std/assert";
 *
 * const queue = new Queue<number>(1);
 * queue.tryPut(1);
 * assertThrows(() => queue.tryPut(2), Full);
 * ```
 *
 * @category Errors
 */
export class Full extends Error {
  static {
    nameErrors(this, "Full");
  }
}

/**
 * A queue is closed: nothing can be put into it, and, once it is empty, nothing be got from it.
 *
 * Stop, or iterate with `for … of` or `for await … of`, which ends here. The semantics are those of Python's
 * `queue.ShutDown`.
 *
 * @example A closed queue gives what it has, and no more
 * ```ts
 * import { Queue, QueueClosedError } from "@aiohub/aiohub";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const queue = new Queue<number>();
 * queue.tryPut(1);
 * queue.close();
 * assertEquals(await queue.getAsync(), 1);
 * await assertRejects(() => queue.getAsync(), QueueClosedError);
 * ```
 *
 * @category Errors
 */
export class QueueClosedError extends Error {
  static {
    nameErrors(this, "QueueClosedError");
  }
}

/**
 * A barrier is broken: one of those who waited at it has gone (it was killed, timed out or aborted), or somebody has
 * called `abort()`. All others get this error.
 *
 * Start over with `reset()`. The semantics are those of Python's `threading.BrokenBarrierError`.
 *
 * @example A barrier that somebody aborts
 * ```ts
 * import { Barrier, BrokenBarrierError } from "@aiohub/aiohub";
 * import { assertRejects } from "@std/assert";
 *
 * const barrier = new Barrier(2);
 * const waiting = assertRejects(() => barrier.waitAsync(), BrokenBarrierError);
 * barrier.abort();
 * await waiting;
 * ```
 *
 * @category Errors
 */
export class BrokenBarrierError extends Error {
  static {
    nameErrors(this, "BrokenBarrierError");
  }
}

/**
 * The tasks of a `DAGPool` depend on each other in a circle, so that none of them could ever start.
 *
 * Its field `cycle` names the keys in order: take one of the dependencies out.
 *
 * @example A task that needs itself
 * ```ts
 * import { CycleError, DAGPool } from "@aiohub/aiohub";
 * import { assertThrows } from "@std/assert";
 *
 * const pool = new DAGPool<number>();
 * assertThrows(() => pool.spawn("a", ["a"], () => 1), CycleError);
 * ```
 *
 * @category Errors
 */
export class CycleError extends Error {
  /** The keys in order: each one needs the next, and the last one needs the first. */
  cycle: string[];

  static {
    nameErrors(this, "CycleError");
  }

  /**
   * Makes the error.
   *
   * @param message What was found.
   * @param options `cycle`: which key needs which; `cause`: what led to it.
   */
  constructor(message?: string, options?: CycleErrorOptions) {
    super(message, options);
    this.cycle = options?.cycle ?? [];
  }
}

/**
 * A `DAGPool` was given a second task or a second value under a key that it has already.
 *
 * Use another key, or ask with `has()` first. The semantics are those of eventlet's
 * `dagpool.Collision`.
 *
 * @example Two tasks under one key
 * ```ts
 * import { Collision, DAGPool } from "@aiohub/aiohub";
 * import { assertThrows } from "@std/assert";
 *
 * const pool = new DAGPool<number>({ a: 1 });
 * assertThrows(() => pool.spawn("a", [], () => 2), Collision);
 * ```
 *
 * @category Errors
 */
export class Collision extends Error {
  static {
    nameErrors(this, "Collision");
  }
}

/**
 * The task of a `DAGPool` failed, and this key's value was asked for or needed by another task.
 *
 * Its field `key` says which task failed and its `cause` with what. The semantics are those of
 * eventlet's `dagpool.PropagateError`.
 *
 * @example The failure of a task
 * ```ts
 * import { DAGPool, PropagateError } from "@aiohub/aiohub";
 * import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
 *
 * const pool = new DAGPool<number>();
 * pool.spawn("a", [], () => {
 *   throw new RangeError("out of range");
 * });
 * const error = await assertRejects(() => pool.atAsync("a"), PropagateError);
 * assertEquals(error.key, "a");
 * assertInstanceOf(error.cause, RangeError);
 * ```
 *
 * @category Errors
 */
export class PropagateError extends Error {
  /** The key of the task that failed. */
  key: unknown;

  static {
    nameErrors(this, "PropagateError");
  }

  /**
   * Makes the error.
   *
   * @param key The key of the task that failed.
   * @param cause What the task threw.
   */
  constructor(key: unknown, cause: unknown) {
    super(`The task under key ${describeKey(key)} failed: ${inOneLine(cause)}`, { cause });
    this.key = key;
  }
}

/** The key as a message shows it. */
function describeKey(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}
