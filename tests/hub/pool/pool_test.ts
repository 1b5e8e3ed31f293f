import { GreenletExit, Hub, HubSaturatedError, spawn } from "@aiohub/aiohub";
import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { threadId } from "node:worker_threads";
import { fixture, meeting, rejection, TestHub, until } from "../../support/mod.ts";

/** Says that it has started, and goes on when it is let. */
function step(started: () => void, goOn: () => void): void {
  started();
  goOn();
}

Deno.test("Hub starts no Worker before there is work", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const { workers, starting } = hub.statistics();
  assertEquals([workers, starting], [0, 0]);
});

Deno.test("Hub starts minWorkers at once and keeps them", async () => {
  await using hub = new TestHub({ minWorkers: 2, maxWorkers: 2, idleTimeout: 10 });
  assertEquals(hub.statistics().workers, 2);
  await until(() => hub.statistics().idle === 2);
  const other = new Hub({ maxWorkers: 1, idleTimeout: 10 });
  await other.spawn(() => {});
  await until(() => other.statistics().workers === 0);
  assertEquals(hub.statistics().workers, 2);
  await other.close();
});

Deno.test("J69 Hub starts Workers up to maxWorkers while green threads that block keep others waiting", async () => {
  await using hub = new TestHub({ maxWorkers: 6 });
  const meet = meeting(6);
  await Promise.all(Array.from({ length: 8 }, () => hub.spawn((meet: () => void) => meet(), meet)));
  assertEquals(hub.statistics().workers, 6);
});

Deno.test("Hub starts no more Workers at first than there are cores", async () => {
  await using hub = new TestHub({ maxWorkers: 16 });
  const threads = Array.from({ length: 64 }, (_, i) => hub.spawn((i: number) => i, i));
  const { workers, queued } = hub.statistics();
  assertLessOrEqual(workers, navigator.hardwareConcurrency);
  assertEquals(queued, 64);
  assertEquals(await Promise.all(threads), threads.map((_, i) => i));
});

Deno.test("J67 Hub runs maxWorkers green threads at a time, and the next one when one has ended", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
  let started = 0;
  const threads = gates.map(({ promise }) => hub.spawn(step, () => void started++, () => promise));
  await until(() => started === 2);
  assertEquals(threads.map(({ state }) => state), ["running", "running", "pending"]);
  gates[1].resolve();
  await threads[1];
  await until(() => started === 3);
  assertEquals(threads.map(({ state }) => state), ["running", "fulfilled", "running"]);
  gates[0].resolve();
  gates[2].resolve();
  await Promise.all(threads);
});

Deno.test("J71 Hub starts queued green threads first come, first served", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const order: number[] = [];
  const threads = Array.from({ length: 50 }, (_, i) => {
    return hub.spawn(
      (i: number, note: (i: number) => void) => note(i),
      i,
      (i) => void order.push(i),
    );
  });
  await Promise.all(threads);
  assertEquals(order, threads.map((_, i) => i));
});

Deno.test("J68 Hub with a full queue rejects the next green thread, and takes more later", async () => {
  await using hub = new TestHub({ maxWorkers: 1, maxQueue: 2, name: "small" });
  const gate = Promise.withResolvers<void>();
  const meet = meeting(1);
  const running = hub.spawn(step, meet, () => gate.promise);
  await until(() => meet.arrived === 1);
  const queued = [hub.spawn(() => 1), hub.spawn(() => 2)];
  const refused = hub.spawn(function surplus() {});
  assertEquals(refused.state, "rejected");
  const { message } = await rejection(refused, HubSaturatedError);
  assertMatch(
    message,
    /^Cannot spawn "surplus-\d+": the queue of hub "small" is full: 2 green threads wait/,
  );
  assertMatch(message, /maxQueue is 2$/);
  gate.resolve();
  await running;
  assertEquals(await Promise.all(queued), [1, 2]);
  assertEquals(await hub.spawn(() => 3), 3);
});

Deno.test("J68 Hub with maxQueue 0 takes a green thread only when a Worker is idle", async () => {
  await using hub = new TestHub({ minWorkers: 1, maxWorkers: 1, maxQueue: 0 });
  await rejection(hub.spawn(() => 1), HubSaturatedError);
  await until(() => hub.statistics().idle === 1);
  const first = hub.spawn(() => 1);
  const second = hub.spawn(() => 2);
  await rejection(second, HubSaturatedError);
  assertEquals(await first, 1);
});

Deno.test("J73 Hub lets Workers beyond minWorkers go after idleTimeout", async () => {
  await using hub = new TestHub({ minWorkers: 1, maxWorkers: 3, idleTimeout: 20 });
  const meet = meeting(3);
  // As soon as one has ended its Worker may go.
  let workers = 0;
  const met = async () => {
    await meet();
    workers ||= hub.statistics().workers;
  };
  await Promise.all([1, 2, 3].map(() => hub.spawn((met: () => void) => met(), met)));
  assertEquals(workers, 3);
  await until(() => hub.statistics().workers === 1);
  assertEquals(hub.statistics().crashed, 0);
  assertEquals(await hub.spawn(() => "still serving"), "still serving");
});

Deno.test("J73, J79 Hub with minWorkers 0 lets all Workers go and starts new ones", async () => {
  await using hub = new TestHub({ maxWorkers: 1, idleTimeout: 0 });
  for (let i = 0; i < 3; i++) {
    assertEquals(await hub.spawn((i: number) => i, i), i);
    await until(() => hub.statistics().workers === 0);
  }
});

Deno.test("Hub reuses its Workers", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const { whichThread } = hub.greenImport<typeof import("../../fixtures/plain.ts")>(
    fixture("plain.ts"),
  );
  const ids = new Set<number>();
  for (let i = 0; i < 10; i++) ids.add((await whichThread()).threadId);
  assertEquals(ids.size, 1);
  assert(!ids.has(threadId));
});

Deno.test("Hub lends a Worker beyond maxWorkers to one that is waited for and cannot run inline", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => {
    // A wait with a time limit cannot run the thread on top of its own stack.
    return spawn(() => "in time").wait({ timeout: 60_000 });
  });
  assertEquals(await thread, "in time");
  await until(() => hub.statistics().workers === 1);
});

Deno.test("Hub lends as many Workers as there are waits, and takes them back", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const { nest } = await import("../../fixtures/nesting.ts");
  let most = 0;
  assertEquals(await nest(5, () => void (most = hub.statistics().busy)), 5);
  assertEquals(most, 5);
  await until(() => hub.statistics().workers <= 2);
});

Deno.test("J66 GreenThread.cancel() takes queued green threads out, and the running ones finish", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const gate = Promise.withResolvers<void>();
  const meet = meeting(1);
  const running = hub.spawn(step, meet, () => gate.promise);
  let ran = 0;
  const queued = [1, 2, 3].map(() => hub.spawn((run: () => void) => run(), () => void ran++));
  await until(() => meet.arrived === 1);
  for (const thread of [running, ...queued]) thread.cancel();
  assertEquals([running.state, ...queued.map(({ state }) => state)], [
    "running",
    "killed",
    "killed",
    "killed",
  ]);
  assertEquals(hub.statistics().queued, 0);
  gate.resolve();
  await running;
  for (const thread of queued) await rejection(thread, GreenletExit);
  assertEquals(ran, 0);
});

Deno.test("J76 close() while threads run ends all Workers", async () => {
  const hub = new Hub({ maxWorkers: 2 });
  const meet = meeting(2);
  const gate = Promise.withResolvers<void>();
  const threads = [1, 2].map(() => hub.spawn(step, meet, () => gate.promise));
  await until(() => meet.arrived === 2);
  const closing = hub.close();
  gate.resolve();
  assertEquals(await Promise.all(threads), [undefined, undefined]);
  await closing;
  const { workers, threads: left } = hub.statistics();
  assertEquals([workers, left], [0, 0]);
});
