/**
 * Threads that die with their Workers, at each kind of object: while they wait, when they were given what they waited for and
 * have not come to know of it, and while they hold it.
 *
 * Whoever dies is green in each way: on the hub it would be the process that dies. The others are green, or on the hub.
 */

import {
  Barrier,
  BoundedSemaphore,
  CappedSemaphore,
  Condition,
  ConnectionPool,
  DAGPool,
  getHub,
  GreenEvent,
  GreenPool,
  type GreenThread,
  joinAll,
  LifoQueue,
  LightQueue,
  Lock,
  Pool,
  PriorityQueue,
  Queue,
  RLock,
  Semaphore,
  spawn,
  TokenPool,
} from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { CORE } from "../../bridge/memory/objects.ts";
import { resultOf } from "./pools.ts";
import { arm, dieWhenParked, type Fate, isStuck, letDie, newFate } from "./dying.ts";
import { define, type Table, thrown, values, type World } from "./ways.ts";
import { die, dieInTask, enter, oneMore, square } from "./work.ts";

/** A place where threads wait in line. */
interface Line<O> {
  make(): O;
  /** Waits, and says what it was given. */
  // deno-lint-ignore no-explicit-any
  wait(objects: O, who: "dead" | "alive", world: World): any;
  /** How many wait. */
  waiting(objects: O): number;
  /** Gives the first one in the line what it waits for. */
  serve(objects: O): unknown;
  /** What the one who does not die ends with when it was served. */
  readonly expected?: unknown;
  /** What is left when it was served after the other one had died in the line. */
  left(objects: O): unknown;
  readonly leftIs: unknown;
  /**
   * For one who dies after it was given something: whether that is given to the next one; else it has had it, and the next one is
   * served once more.
   *
   * @default {true}
   */
  readonly passesOn?: boolean;
  /** What is left then, if it is something else. */
  readonly leftAfterGift?: unknown;
}

// deno-lint-ignore no-explicit-any
type Any = any;
type Objects<O> = O & { fate: Fate };

/** Has the one who is to die stay where it is, as soon as that is where it shall. */
async function stuck(
  { fate }: { fate: Fate },
  until: World["until"],
  isThere: () => boolean,
): Promise<void> {
  await until(isThere);
  arm(fate);
  await until(() => isStuck(fate));
}

/** Whether a party is blocked for more than a moment: while there is one that is. */
function isBlocked(): boolean {
  return getHub().threads().some(({ name, parkedOn }) =>
    name.startsWith("runParty") && parkedOn !== undefined && !/^(its turn|sleep)/.test(parkedOn)
  );
}

function lineCases<O extends object>(name: string, line: Line<O>): Table {
  const make = (): Objects<O> => ({ ...line.make(), fate: newFate() });
  const parties = [
    (objects: Objects<O>, world: World) => {
      dieWhenParked(objects.fate);
      return line.wait(objects, "dead", world);
    },
    async (objects: Objects<O>, world: World) => {
      await world.until(() => isStuck(objects.fate));
      return await line.wait(objects, "alive", world);
    },
  ];
  /** The one who dies is the first in the line. */
  const both = async (objects: Objects<O>, { until }: World) => {
    await stuck(objects, until, () => line.waiting(objects) === 1);
    await until(() => line.waiting(objects) === 2);
  };
  return {
    [`${name}: one that dies in the line leaves it as it was`]: define<Objects<O>>({
      make,
      parties,
      dying: [0],
      async drive(objects, control) {
        await both(objects, control);
        letDie(objects.fate);
        assertEquals(thrown(await control.ending(0)), "WorkerCrashedError");
        assertEquals(line.waiting(objects), 1);
        await line.serve(objects);
      },
      check([_, alive], objects) {
        assertEquals(values([alive]), [line.expected]);
        assertEquals([line.left(objects), line.waiting(objects)], [line.leftIs, 0]);
      },
    }),
    [`${name}: what one that dies was given goes to the next one`]: define<Objects<O>>({
      make,
      parties,
      dying: [0],
      async drive(objects, control) {
        await both(objects, control);
        await line.serve(objects);
        letDie(objects.fate);
        assertEquals(thrown(await control.ending(0)), "WorkerCrashedError");
        if (line.passesOn === false) await line.serve(objects);
      },
      check([_, alive], objects) {
        assertEquals(values([alive]), [line.expected]);
        const left = line.leftAfterGift ?? line.leftIs;
        const found = { left: line.left(objects), waiting: line.waiting(objects) };
        assertEquals(found, { left, waiting: 0 });
      },
    }),
  };
}

/** Permits that async code has all taken: given back one by one. */
function permitCases(
  name: string,
  make: () => Semaphore | BoundedSemaphore | Lock | RLock,
): Table {
  type O = { object: Any };
  return lineCases<O>(`${name}.acquire()`, {
    make() {
      const object = make();
      object.tryAcquire();
      return { object };
    },
    wait: ({ object }) => object.acquireAsync().then(() => "got it"),
    waiting: ({ object }) => object.waiting,
    serve: ({ object }) => object.release(),
    expected: "got it",
    // The one who got it has ended with it: a permit that is out stays out.
    left: ({ object }) => object.locked ?? object.value === 0,
    leftIs: true,
  });
}

/** Queues: who waits for an item, and who waits for room. */
function queueCases(name: string, make: (size: number) => Any): Table {
  type O = { queue: Any };
  const rest = ({ queue }: O) => {
    const items: number[] = [];
    while (!queue.empty || queue.putting > 0) items.push(queue.tryGet());
    return items;
  };
  const sizes = name === "Queue" ? [1, 0] : [1];
  return {
    ...lineCases<O>(`${name}.get()`, {
      make: () => ({ queue: make(Infinity) }),
      wait: ({ queue }) => queue.getAsync(),
      waiting: ({ queue }) => queue.getting,
      serve: ({ queue }) => queue.tryPut(1),
      expected: 1,
      left: rest,
      leftIs: [],
    }),
    ...Object.assign(
      {},
      ...sizes.map((size) =>
        lineCases<O>(`${name}.put() with room for ${size}`, {
          make() {
            const queue = make(size);
            if (size === 1) queue.tryPut(1);
            return { queue };
          },
          wait: ({ queue }, who) => queue.putAsync(who === "dead" ? 2 : 3),
          waiting: ({ queue }) => queue.putting,
          serve: ({ queue }) => queue.tryGet(),
          left: rest,
          leftIs: size === 0 ? [] : [3],
          // An item that was taken out of its hands is put, whether or not it came to know of it.
          passesOn: false,
          leftAfterGift: size === 0 ? [] : [3],
        })
      ),
    ),
  };
}

/** What a thread holds when it dies. */
interface Held<O> {
  make(): O;
  /** Takes it; the Worker dies after that. */
  take(objects: O): unknown;
  /** What another one does, which waits until it is back; says what it has. */
  next(objects: O): unknown;
  readonly expected: unknown;
  left(objects: O): unknown;
  readonly leftIs: unknown;
}

function heldCase<O extends object>(name: string, held: Held<O>): Table {
  return {
    [`${name}: one that dies gives it back`]: define<Objects<O> & { never: Semaphore }>({
      make: () => ({ ...held.make(), fate: newFate(), never: new Semaphore(0) }),
      parties: [
        async (objects) => {
          await held.take(objects);
          dieWhenParked(objects.fate);
          objects.never.acquire();
        },
        async (objects, { until }) => {
          await until(() => isStuck(objects.fate));
          return await held.next(objects);
        },
      ],
      dying: [0],
      async drive({ fate, never }, { until, ending }) {
        await stuck({ fate }, until, () => never.waiting === 1);
        letDie(fate);
        assertEquals(thrown(await ending(0)), "WorkerCrashedError");
      },
      check([_, next], objects) {
        assertEquals(values([next]), [held.expected]);
        assertEquals([held.left(objects), objects.never.waiting], [held.leftIs, 0]);
      },
    }),
  };
}

const usesPermit = async ({ object }: { object: Any }) => {
  (await object.acquireAsync()).release();
  return "got it";
};
const heldPermit = (name: string, make: () => Any, take = (o: Any) => o.acquire()) =>
  heldCase<{ object: Any }>(`${name}.acquire()`, {
    make: () => ({ object: make() }),
    take: ({ object }) => take(object),
    next: usesPermit,
    expected: "got it",
    left: ({ object }) => object.locked ?? object.value,
    leftIs: "locked" in make() ? false : 1,
  });

export const crashes: Table = {
  ...permitCases("Lock", () => new Lock()),
  ...permitCases("RLock", () => new RLock()),
  ...permitCases("Semaphore", () => new Semaphore(1)),
  ...permitCases("BoundedSemaphore", () => new BoundedSemaphore(1)),
  ...lineCases<{ object: CappedSemaphore }>("CappedSemaphore.acquire()", {
    make: () => ({ object: new CappedSemaphore(0, 1) }),
    wait: ({ object }) => object.acquireAsync().then(() => {}),
    waiting: ({ object }) => object[CORE].lists[0].size,
    serve: ({ object }) => object.releaseAsync(),
    left: ({ object }) => object.balance,
    leftIs: 0,
  }),
  ...lineCases<{ object: CappedSemaphore }>("CappedSemaphore.release()", {
    make: () => ({ object: new CappedSemaphore(0, 0) }),
    wait: ({ object }) => object.releaseAsync(),
    waiting: ({ object }) => object[CORE].lists[1].size,
    serve: ({ object }) => object.acquireAsync().then(() => {}),
    left: ({ object }) => object.balance,
    leftIs: 0,
    // It was released: somebody has the permit.
    passesOn: false,
  }),
  ...lineCases<{ condition: Condition }>("Condition.wait()", {
    make: () => ({ condition: new Condition() }),
    async wait({ condition }) {
      using _permit = await condition.acquireAsync();
      await condition.waitAsync();
      return "notified";
    },
    waiting: ({ condition }) => condition.waiting,
    async serve({ condition }) {
      using _permit = await condition.acquireAsync();
      condition.notify();
    },
    expected: "notified",
    left: ({ condition }) => condition.lock.locked,
    leftIs: false,
  }),
  ...lineCases<{ event: GreenEvent<number> }>("GreenEvent.wait()", {
    make: () => ({ event: new GreenEvent<number>() }),
    wait: ({ event }) => event.waitAsync(),
    waiting: ({ event }) => event.waiting,
    serve: ({ event }) => event.send(5),
    expected: 5,
    left: ({ event }) => event.poll(),
    leftIs: 5,
  }),
  ...queueCases("Queue", (size) => new Queue(size)),
  ...queueCases("LightQueue", (size) => new LightQueue(size)),
  ...queueCases("LifoQueue", (size) => new LifoQueue(size)),
  ...queueCases("PriorityQueue", (size) => new PriorityQueue(size)),
  ...lineCases<{ queue: Queue<number> }>("Queue.join()", {
    make() {
      const queue = new Queue<number>();
      queue.tryPut(1);
      queue.tryGet();
      return { queue };
    },
    wait: ({ queue }) => queue.joinAsync(),
    waiting: ({ queue }) => queue[CORE].lists[2].size,
    serve: ({ queue }) => queue.taskDone(),
    left: ({ queue }) => queue.unfinished,
    leftIs: 0,
  }),
  ...lineCases<{ pool: GreenPool }>("GreenPool.waitAvailable()", {
    make: () => ({ pool: new GreenPool(0) }),
    wait: ({ pool }) => pool.waitAvailableAsync(),
    waiting: ({ pool }) => pool.waiting,
    serve: ({ pool }) => pool.resize(1),
    left: ({ pool }) => [pool.free, pool.running],
    leftIs: [1, 0],
  }),
  ...lineCases<{ pool: GreenPool }>("GreenPool.spawn() of a full pool", {
    make: () => ({ pool: new GreenPool(0) }),
    wait: ({ pool }, _, world) => resultOf(world, pool.spawnAsync(square, 3)),
    waiting: ({ pool }) => pool.waiting,
    serve: ({ pool }) => pool.resize(1),
    expected: 9,
    left: ({ pool }) => [pool.free, pool.running],
    leftIs: [1, 0],
  }),
  ...lineCases<{ pool: GreenPool }>("GreenPool.waitAll()", {
    make() {
      const pool = new GreenPool(1);
      pool[CORE].tryAcquire("test");
      return { pool };
    },
    wait: ({ pool }) => pool.waitAllAsync(),
    waiting: ({ pool }) => pool[CORE].lists[1].size,
    serve: ({ pool }) => pool[CORE].release(),
    left: ({ pool }) => [pool.free, pool.running],
    leftIs: [1, 0],
  }),
  ...lineCases<{ pool: Pool<number> }>("Pool.get()", {
    make: () => ({ pool: new Pool<number>({ create: () => 1, maxSize: 0 }) }),
    wait: ({ pool }) => pool.getAsync(),
    waiting: ({ pool }) => pool.waiting,
    serve: ({ pool }) => pool.resize(1),
    expected: 1,
    left: ({ pool }) => pool.free,
    leftIs: 0,
  }),
  ...lineCases<{ pool: TokenPool }>("TokenPool.item()", {
    make() {
      const pool = new TokenPool(1);
      pool.resize(0);
      return { pool };
    },
    async wait({ pool }) {
      using token = await pool.itemAsync();
      return token.value;
    },
    waiting: ({ pool }) => pool.waiting,
    serve: ({ pool }) => pool.resize(1),
    expected: 1,
    left: ({ pool }) => pool.free,
    leftIs: 1,
  }),
  ...lineCases<{ pool: ConnectionPool<{ n: number }> }>("ConnectionPool.get()", {
    make: () => ({ pool: new ConnectionPool({ connect: () => ({ n: 1 }), maxSize: 0 }) }),
    async wait({ pool }) {
      const connection = await pool.getAsync();
      const n = await connection.n;
      await pool.putAsync(connection);
      return n;
    },
    waiting: ({ pool }) => pool.waiting,
    serve: ({ pool }) => pool.resize(1),
    expected: 1,
    left: ({ pool }) => [pool.free, pool.open],
    leftIs: [1, 1],
  }),
  "Barrier.wait(): one that dies breaks the barrier": define<Objects<{ barrier: Barrier }>>({
    make: () => ({ barrier: new Barrier(3), fate: newFate() }),
    parties: [
      ({ barrier, fate }) => {
        dieWhenParked(fate);
        return barrier.wait();
      },
      ({ barrier }) => barrier.waitAsync(),
    ],
    dying: [0],
    async drive({ barrier, fate }, { until }) {
      await until(() => barrier.waiting === 2);
      await stuck({ fate }, until, () => true);
      letDie(fate);
    },
    check([dead, alive], { barrier }) {
      assertEquals([dead, alive].map(thrown), ["WorkerCrashedError", "BrokenBarrierError"]);
      assertEquals([barrier.broken, barrier.waiting], [true, 0]);
      barrier.reset();
      assertEquals(barrier.broken, false);
    },
  }),
  "Barrier.wait(): one that dies after all had come has passed": define<
    Objects<{ barrier: Barrier }>
  >({
    make: () => ({ barrier: new Barrier(3), fate: newFate() }),
    parties: [
      ({ barrier, fate }) => {
        dieWhenParked(fate);
        return barrier.wait();
      },
      async ({ barrier, fate }, { until }) => {
        await until(() => isStuck(fate));
        return await barrier.waitAsync();
      },
    ],
    dying: [0],
    async drive({ barrier, fate }, { until }) {
      await stuck({ fate }, until, () => barrier.waiting === 1);
      await until(() => barrier.waiting === 2);
      assertEquals(await barrier.waitAsync(), 2);
      letDie(fate);
    },
    check([dead, alive], { barrier }) {
      assertEquals([thrown(dead), values([alive])], ["WorkerCrashedError", [1]]);
      assertEquals([barrier.broken, barrier.waiting], [false, 0]);
    },
  }),
  "DAGPool.at(): one that dies leaves the others waiting": define<
    Objects<{ pool: DAGPool<number> }>
  >({
    make: () => ({ pool: new DAGPool<number>(), fate: newFate() }),
    parties: [
      ({ pool, fate }) => {
        dieWhenParked(fate);
        return pool.at("key");
      },
      async ({ pool, fate }, { until }) => {
        await until(() => isStuck(fate));
        return await pool.atAsync("key");
      },
    ],
    dying: [0],
    async drive({ pool, fate }, { until, ending }) {
      await stuck({ fate }, until, isBlocked);
      letDie(fate);
      assertEquals(thrown(await ending(0)), "WorkerCrashedError");
      pool.post("key", 4);
    },
    check: ([_, alive]) => assertEquals(values([alive]), [4]),
  }),
  "DAGPool.spawn(): a task that dies has failed, and who needs it hears so": define({
    make: () => ({ pool: new DAGPool<number>() }),
    crashes: 2,
    parties: [0, 1].map((party) => async ({ pool }: { pool: DAGPool<number> }) => {
      pool.spawn(`dies ${party}`, [], dieInTask);
      pool.spawn(`needs ${party}`, [`dies ${party}`], oneMore);
      const error: Error = await pool.atAsync(`needs ${party}`).then(String, (error) => error);
      const cause = error.cause as Error;
      return [error.name, cause.name, (cause.cause as Error).name];
    }),
    check(endings) {
      const expected = ["PropagateError", "PropagateError", "WorkerCrashedError"];
      assertEquals(values(endings), [expected, expected]);
    },
  }),
  "GreenThread.wait() and joinAll() of a thread: one that dies leaves the others waiting": define<
    Objects<{ threads: GreenThread<number>[]; gate: Semaphore }>
  >({
    make() {
      const gate = new Semaphore(0);
      return { threads: [spawn(enter, gate, 6)], gate, fate: newFate() };
    },
    parties: [
      ({ threads, fate }) => {
        dieWhenParked(fate);
        return joinAll(threads);
      },
      async ({ threads, fate }, world) => {
        await world.until(() => isStuck(fate));
        return await resultOf(world, threads[0]);
      },
    ],
    dying: [0],
    async drive({ gate, fate }, { until, ending }) {
      await stuck({ fate }, until, isBlocked);
      letDie(fate);
      assertEquals(thrown(await ending(0)), "WorkerCrashedError");
      gate.release();
    },
    check: ([_, alive]) => assertEquals(values([alive]), [6]),
  }),

  // Those who hold something.

  ...heldPermit("Lock", () => new Lock()),
  ...heldPermit("RLock, twice", () => new RLock(), (lock: RLock) => {
    lock.acquire();
    lock.acquire();
  }),
  ...heldPermit("Semaphore", () => new Semaphore(1)),
  ...heldPermit("BoundedSemaphore", () => new BoundedSemaphore(1)),
  ...heldCase<{ object: CappedSemaphore }>("CappedSemaphore.acquire()", {
    make: () => ({ object: new CappedSemaphore(1, 1) }),
    take: ({ object }) => object.acquire(),
    async next({ object }) {
      await object.acquireAsync();
      await object.releaseAsync();
    },
    expected: undefined,
    left: ({ object }) => object.balance,
    leftIs: 1,
  }),
  ...heldCase<{ condition: Condition }>("Condition.acquire()", {
    make: () => ({ condition: new Condition() }),
    take: ({ condition }) => condition.acquire(),
    async next({ condition }) {
      using _permit = await condition.acquireAsync();
      condition.notify();
    },
    expected: undefined,
    left: ({ condition }) => condition.lock.locked,
    leftIs: false,
  }),
  ...heldCase<{ pool: Pool<number> }>("Pool.get()", {
    make() {
      let made = 0;
      return { pool: new Pool<number>({ create: () => ++made, maxSize: 1 }) };
    },
    take: ({ pool }) => pool.get(),
    // The place is free again, the resource itself is lost.
    next: ({ pool }) => pool.getAsync().then((n) => (pool.put(n), n)),
    expected: 2,
    left: ({ pool }) => pool.free,
    leftIs: 1,
  }),
  ...heldCase<{ pool: TokenPool }>("TokenPool.get()", {
    make: () => ({ pool: new TokenPool(1) }),
    take: ({ pool }) => pool.get(),
    next: ({ pool }) => pool.getAsync().then((n) => pool.put(n)),
    expected: undefined,
    left: ({ pool }) => pool.free,
    leftIs: 1,
  }),
  ...heldCase<{ pool: ConnectionPool<{ n: number }> }>("ConnectionPool.get()", {
    make() {
      let made = 0;
      return { pool: new ConnectionPool({ connect: () => ({ n: ++made }), maxSize: 1 }) };
    },
    take: ({ pool }) => pool.get(),
    async next({ pool }) {
      const connection = await pool.getAsync();
      const n = await connection.n;
      await pool.putAsync(connection);
      return n;
    },
    // Nobody knows how far the dead one got with its own, and how to clean it up.
    expected: 2,
    left: ({ pool }) => [pool.free, pool.open],
    leftIs: [1, 1],
  }),
  ...heldCase<{ queue: Queue<number> }>("Queue.get(), before taskDone()", {
    make() {
      const queue = new Queue<number>();
      queue.tryPut(1);
      queue.tryPut(2);
      return { queue };
    },
    take: ({ queue }) => queue.get(),
    // The item is lost, and nobody has reported it done: who knows that it never will be does so.
    async next({ queue }) {
      const item = await queue.getAsync();
      queue.taskDone();
      const unfinished = queue.unfinished;
      queue.taskDone();
      await queue.joinAsync();
      return [item, unfinished];
    },
    expected: [2, 1],
    left: ({ queue }) => queue.size,
    leftIs: 0,
  }),
  "GreenPool.spawn(): the slot of a member that dies is free again": define({
    make: () => ({ pool: new GreenPool(1) }),
    crashes: 2,
    parties: [0, 1].map(() => async ({ pool }: { pool: GreenPool }, world: World) => {
      const thread = pool.spawnAsync(die);
      // Who waits for a thread that has not started would run it in its own Worker.
      await world.until(() => thread.dead);
      const failed = await resultOf(world, thread).catch((error: Error) => error.name);
      return [failed, await resultOf(world, pool.spawnAsync(square, 2))];
    }),
    async check(endings, { pool }) {
      const expected = ["WorkerCrashedError", 4];
      assertEquals(values(endings), [expected, expected]);
      await pool.waitAllAsync();
      assertEquals([pool.free, pool.waiting], [1, 0]);
    },
  }),
};
