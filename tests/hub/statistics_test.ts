import { futureToGreenlet, type Hub, spawn } from "@aiohub/aiohub";
import { getCurrent } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { meeting, TestHub, until } from "../support/mod.ts";

/** The parts of `statistics()` that these tests follow. */
function counts(hub: Hub) {
  const { idle, busy, queued, threads, calls } = hub.statistics();
  return { idle, busy, queued, threads, calls };
}

Deno.test("J83 statistics() is right at each moment", async () => {
  await using hub = new TestHub({ minWorkers: 2, maxWorkers: 2 });
  await until(() => hub.statistics().idle === 2);
  assertEquals(counts(hub), { idle: 2, busy: 0, queued: 0, threads: 0, calls: 0 });
  const gate = Promise.withResolvers<void>();
  const meet = meeting(2);
  const threads = [1, 2, 3].map((n) => {
    return hub.spawn(
      (n: number, meet: () => void, goOn: () => void) => {
        meet();
        goOn();
        return n;
      },
      n,
      meet,
      () => gate.promise,
    );
  });
  assertEquals(counts(hub), { idle: 0, busy: 2, queued: 1, threads: 3, calls: 0 });
  await until(() => meet.arrived === 2 && hub.statistics().calls === 2);
  assertEquals(counts(hub), { idle: 0, busy: 2, queued: 1, threads: 3, calls: 2 });
  gate.resolve();
  assertEquals(await Promise.all(threads), [1, 2, 3]);
  await until(() => hub.statistics().idle === 2);
  assertEquals(counts(hub), { idle: 2, busy: 0, queued: 0, threads: 0, calls: 0 });
  const { totalThreads, totalCalls, crashed, leaked } = hub.statistics();
  assertEquals({ totalThreads, totalCalls, crashed, leaked }, {
    totalThreads: 3,
    totalCalls: 6,
    crashed: 0,
    leaked: 0,
  });
});

Deno.test("statistics() is a frozen snapshot", async () => {
  await using hub = new TestHub();
  const statistics = hub.statistics();
  assert(Object.isFrozen(statistics));
  const work = Promise.withResolvers<void>();
  futureToGreenlet(work.promise);
  assertEquals([statistics.threads, hub.statistics().threads], [0, 1]);
  work.resolve();
  await until(() => hub.statistics().threads === 0);
});

Deno.test("statistics() counts functions that green code holds", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const gate = Promise.withResolvers<void>();
  const meet = meeting(1);
  const thread = hub.spawn(
    (meet: () => void, goOn: () => void) => {
      meet();
      goOn();
    },
    meet,
    () => gate.promise,
  );
  await until(() => meet.arrived === 1);
  assertEquals(hub.statistics().functions, 2);
  gate.resolve();
  await thread;
});

Deno.test("threads() lists what has not ended, the oldest first", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(hub.threads(), []);
  const gate = Promise.withResolvers<void>();
  const meet = meeting(1);
  const first = hub.spawn(
    function first(meet: () => void, goOn: () => void) {
      meet();
      goOn();
    },
    meet,
    () => gate.promise,
  );
  const second = hub.spawn(function second() {});
  const later = hub.spawnAfter(60_000, function later() {});
  await until(() => meet.arrived === 1);
  const listed = hub.threads().map(({ id, name, state, parent }) => ({ id, name, state, parent }));
  assertEquals(listed, [
    { id: first.id, name: first.name, state: "running", parent: 0 },
    { id: second.id, name: second.name, state: "pending", parent: 0 },
    { id: later.id, name: later.name, state: "pending", parent: 0 },
  ]);
  const [{ age }] = hub.threads();
  assertGreaterOrEqual(age, hub.threads()[1].age);
  gate.resolve();
  await second;
  later.cancel();
  await later.then(() => {}, () => {});
  assertEquals(hub.threads(), []);
});

Deno.test("threads() and statistics() belong to one hub", async () => {
  await using other = new TestHub({ maxWorkers: 1 });
  await using hub = new TestHub({ maxWorkers: 1 });
  await spawn(() => 1);
  assertEquals(other.statistics().totalThreads, 0);
  assertEquals(hub.statistics().totalThreads, 1);
});

Deno.test("hubs and threads have short descriptions for logs, as text and as JSON", async () => {
  const hub = new TestHub({ maxWorkers: 1, name: "shop" });
  const gate = Promise.withResolvers<void>();
  const thread = hub.with({ name: "order" }).spawn((wait: () => void) => {
    wait();
    return [JSON.stringify(getCurrent()), Deno.inspect(getCurrent())];
  }, () => gate.promise);
  await until(() => hub.statistics().calls === 1);
  assertEquals(Deno.inspect(hub), 'Hub "shop" (threads: 1, Workers: 1)');
  assertEquals(Deno.inspect(thread), "GreenThread order (running)");
  const json = (state: string) => JSON.stringify({ id: thread.id, name: "order", state });
  assertEquals(JSON.stringify({ thread }), `{"thread":${json("running")}}`);
  gate.resolve();
  assertEquals(await thread, [json("running"), "GreenThread order (running)"]);
  assertEquals(JSON.stringify(thread), json("fulfilled"));
  await hub.close();
  assertEquals(`${hub}`, 'Hub "shop" (closed)');
});
