import {
  BlockingCallError,
  handle,
  Queue,
  Semaphore,
  shared,
  update,
  updateAsync,
} from "@aiohub/aiohub";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { meeting, TestHub, until } from "../../support/mod.ts";
import * as objects from "../../fixtures/shared_objects.ts";
import * as state from "../../fixtures/state.ts";

Deno.test("J100 shared() is the object itself on the hub, and one for all Workers", async () => {
  await using hub = new TestHub({ maxWorkers: 3, minWorkers: 3 });
  await until(() => hub.statistics().idle === 3);
  state.cache.clear();
  assertEquals(state.cache instanceof Map, true);
  state.cache.set("hub", 1);
  const meet = meeting(3);
  const results = await Promise.all([1, 2, 3].map(() => state.countUp("a", 20, meet)));
  for (const result of results) assertEquals(result, [true, 0, true, 2]);
  assertEquals(state.cache.get("a"), 60);
  assertEquals(state.inits, ["cache"]);
});

Deno.test("shared() takes an async init, and properties read and set where the object lives", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await state.changeSettings(), ["slow", "fast", true, ["list", "mode"]]);
  assertEquals((await state.settings).mode, "fast");
});

Deno.test("shared() passes on what its init throws, and needs no export", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  await assertRejects(async () => await state.useFailing(), RangeError, "no state");
  assertEquals(await state.usePrivate(), 7);
});

Deno.test("shared() refuses what is no object and a function without a name", () => {
  assertThrows(
    () =>
      shared(import.meta, function five() {
        return 5 as never;
      }),
    TypeError,
    "expected an object, found number",
  );
  assertThrows(() => shared(import.meta, () => ({})), TypeError, "has no name");
  const twice = () =>
    shared(import.meta, function twice() {
      return {};
    });
  twice();
  assertThrows(twice, TypeError, "another shared object of that name");
});

Deno.test("shared() of an array is an array in the JSON of green code too", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await state.asJson(), JSON.stringify({ rows: state.rows }));
});

Deno.test("update() and updateAsync() have their turns one after another", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  state.cache.clear();
  const green = Promise.all([state.countUp("n", 50), state.countUp("n", 50)]);
  for (let i = 0; i < 50; i++) {
    await updateAsync(state.cache, async (cache) => {
      const count = cache.get("n") ?? 0;
      await null;
      await new Promise((resolve) => setTimeout(resolve, 0));
      cache.set("n", count + 1);
    });
  }
  await green;
  assertEquals(state.cache.get("n"), 150);
  assertThrows(() => update(state.cache, () => {}), BlockingCallError, "updateAsync()");
});

Deno.test("update() gives the lock on when its thread is killed, waiting or holding it", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const holder = state.holdLock(resolve);
  await promise;
  const waiter = state.waitForLock();
  const another = state.waitForLock();
  waiter.kill();
  await assertRejects(async () => await waiter);
  holder.kill();
  await assertRejects(async () => await holder);
  assertEquals(await another, state.cache.size);
  assertEquals(await updateAsync(state.cache, (cache) => cache.size), state.cache.size);
});

Deno.test("update() gives the lock on when the Worker that holds it ends", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 }, { crashed: 1 });
  await assertRejects(async () => await state.exitWithLock());
  assertEquals(await updateAsync(state.cache, (cache) => cache.size), state.cache.size);
});

Deno.test("a shared object that travels to the hub is the object itself", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await state.sendShared((map: unknown) => map === state.cache), true);
  assertStrictEquals(state.cache, state.cache);
});

Deno.test("shared() of a lock is one for all Workers, and a lock of the module itself is not", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const gate = new Semaphore(0);
  const free: { shared: boolean; own: boolean }[] = [];
  const held = (both: { shared: boolean; own: boolean }) => void free.push(both);
  const threads = [objects.holdBoth(held, gate), objects.holdBoth(held, gate)];
  await until(() => gate.waiting === 2);
  assertEquals(free.map(({ shared }) => shared).sort(), [false, true], "one has the shared lock");
  assertEquals(free.map(({ own }) => own), [true, true], "each has its own lock");
  assertEquals(objects.guard.tryAcquire(), undefined);
  for (const _ of threads) gate.release();
  await Promise.all(threads);
  using _permit = await objects.guard.acquireAsync();
  const third = objects.holdBoth(held, gate);
  await until(() => gate.waiting === 1);
  assertEquals(free.at(-1), { shared: false, own: true });
  gate.release();
  await third;
});

Deno.test("shared() of a lock or a queue is that object in green code, which blocks there", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  assertEquals(await objects.useQueue(), [true, String(objects.queue), 0, 1, 2, 3]);
  assertEquals(objects.queue.closed, true);
  assertEquals(await objects.useLocks(), {
    locked: true,
    tried: false,
    waited: "Timeout",
    lockedAfter: false,
    reentrant: true,
    reentrantAfter: false,
  });
  assertEquals(await objects.usePool(), [1, 0]);
  assertEquals(await objects.usePool(), [1, 0]);
  // It is one for both sides, and for all Workers.
  const gate = new Semaphore(0);
  const holder = objects.holdLock(gate);
  await until(() => gate.waiting === 1);
  assertEquals(objects.lock.locked, true);
  const waits = [
    objects.lock.acquireAsync().then((permit) => permit.release()),
    objects.holdLock(gate),
  ];
  await until(() => objects.lock.waiting === 2);
  gate.release();
  gate.release();
  await Promise.all([holder, ...waits]);
  assertEquals([objects.lock.locked, hub.statistics().handles], [false, 0]);
  await assertRejects(
    async () => await objects.updateQueue(),
    TypeError,
    "found an object of class Queue (a lock, a queue or the like needs no update",
  );
});

Deno.test("handle() of a lock, a queue or a thread is the object itself", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const [queue, thread] = [new Queue<number>(), hub.spawn(() => 5)];
  assertStrictEquals(handle(queue) as unknown, queue);
  assertStrictEquals(handle(thread) as unknown, thread);
  assertEquals(await objects.useHandles(...objects.handlesFor(queue, thread)), [1, 5, "a", 2]);
});
