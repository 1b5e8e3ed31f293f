import { BlockingCallError, spawn } from "@aiohub/aiohub";
import { checkpoint, shield, sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertGreaterOrEqual, assertLess, assertThrows } from "@std/assert";
import { show } from "../../bridge/checks.ts";
import { meeting, rejection, TestHub, until } from "../support/mod.ts";

Deno.test("sleep() blocks the green thread for at least its time, and takes no call to the hub", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const took = await hub.spawn(() => {
    const start = performance.now();
    sleep(30);
    return performance.now() - start;
  });
  assertGreaterOrEqual(took, 30);
  assertEquals(hub.statistics().totalCalls, 0);
});

Deno.test("sleep() blocks nobody else", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const meet = meeting(1);
  const sleeper = hub.spawn((started: () => void) => {
    started();
    sleep(600_000);
  }, meet);
  await until(() => meet.arrived === 1);
  assertEquals(await hub.spawn(() => "beside it"), "beside it");
  assertEquals(sleeper.state, "running");
  sleeper.kill();
  await sleeper.then(() => {}, () => {});
});

Deno.test("sleep() of zero, less or nothing returns soon", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const took = await spawn(() => {
    const start = performance.now();
    for (const ms of [0, -5, -Infinity, undefined]) sleep(ms);
    return performance.now() - start;
  });
  assertLess(took, 1000);
});

Deno.test("J45 sleep() of what is no number is refused", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  for (const ms of [NaN, "5", null, {}]) {
    const thread = spawn((ms: unknown) => sleep(ms as number), ms);
    assertEquals(
      (await rejection(thread, TypeError)).message,
      `Cannot sleep: expected a number of milliseconds, found ${show(ms)}`,
    );
  }
});

Deno.test("sleep() lets a green thread be called back, and sleeps on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  let callBack: (() => Promise<number>) | undefined;
  const slept = hub.spawn((give: (fn: () => number) => void) => {
    let calls = 0;
    give(() => ++calls);
    // The sleep in which it was called back: the hub may have no core for the length of one.
    for (let i = 0; i < 100; i++) {
      const start = performance.now();
      sleep(60);
      if (calls > 0) return performance.now() - start;
    }
    return 0;
  }, (fn) => void (callBack = fn as unknown as () => Promise<number>));
  await until(() => callBack !== undefined);
  assertEquals(await callBack!(), 1);
  assertGreaterOrEqual(await slept, 60);
});

Deno.test("checkpoint() and shield() do nothing in a green thread that nobody kills", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => {
    checkpoint();
    return shield(() => 42);
  });
  assertEquals(await thread, 42);
  await rejection(
    hub.spawn(() =>
      shield(() => {
        throw new RangeError("from within");
      })
    ),
    RangeError,
  );
});

Deno.test("sleep(), checkpoint() and shield() on the hub throw a BlockingCallError", () => {
  assertThrows(() => sleep(1), BlockingCallError, "use await new Promise(");
  assertThrows(() => checkpoint(), BlockingCallError, "Cannot call checkpoint() on the hub");
  assertThrows(() => shield(() => 1), BlockingCallError, "Cannot call shield() on the hub");
});
