import { BlockingCallError, call, DeadlockError, getHub, Hub } from "@aiohub/aiohub";
import { HubClosedError, hubImport, spawn, useHub } from "@aiohub/aiohub";
import { checkpoint, fetch, getCurrent, shield, sleep, urlopen } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { meeting, rejection, TestHub, until } from "../support/mod.ts";

Deno.test("getHub() makes one default hub for the process, and a new one after it was closed", async () => {
  useHub(undefined);
  const hub = getHub();
  assertInstanceOf(hub, Hub);
  assertStrictEquals(getHub(), hub);
  assertEquals(await spawn(() => 1), 1);
  assertEquals(hub.statistics().totalThreads, 1);
  await hub.close();
  const next = getHub();
  assertNotStrictEquals(next, hub);
  assertEquals(await spawn(() => 2), 2);
  await next.close();
});

Deno.test("useHub() makes a hub the default one and gives the one before", async () => {
  await using first = new TestHub({ maxWorkers: 1, name: "first" });
  await using second = new TestHub({ maxWorkers: 1, name: "second" });
  assertStrictEquals(getHub(), second);
  assertStrictEquals(useHub(first), second);
  assertEquals([getHub().name, await spawn(() => 1)], ["first", 1]);
  assertEquals([first.statistics().totalThreads, second.statistics().totalThreads], [1, 0]);
  assertStrictEquals(useHub(undefined), first);
});

Deno.test("getHub() and new Hub() in green code say where the hub lives", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const noHub = await rejection(hub.spawn(() => void getHub()), BlockingCallError);
  assertMatch(noHub.message, /^Cannot get the hub in green code: the hub is on the main thread/);
  const noNew = await rejection(hub.spawn(() => void new Hub()), BlockingCallError);
  assertMatch(
    noNew.message,
    /^Cannot create a hub in a green thread: .*call spawn\(\) directly here/,
  );
});

Deno.test("J77 await using closes the hub", async () => {
  let hub: Hub;
  {
    await using own = new Hub({ maxWorkers: 1 });
    hub = own;
    assertEquals(await own.spawn(() => 1), 1);
    assert(!own.closed);
  }
  assert(hub.closed);
  assertEquals(hub.statistics().workers, 0);
});

Deno.test("J7 close() of a hub that was never used, or is idle, ends at once", async () => {
  const unused = new Hub();
  await unused.close();
  const idle = new Hub({ maxWorkers: 1 });
  await idle.spawn(() => 1);
  await idle.close();
  assertEquals([unused.statistics().workers, idle.statistics().workers], [0, 0]);
  assertEquals(idle.statistics().leaked, 0);
});

Deno.test("J75 close() lets running green threads finish and rejects those that wait", async () => {
  const hub = new Hub({ maxWorkers: 1, name: "closing" });
  const gate = Promise.withResolvers<void>();
  const meet = meeting(1);
  const running = hub.spawn(
    (meet: () => void, goOn: () => void) => {
      meet();
      goOn();
      return "finished";
    },
    meet,
    () => gate.promise,
  );
  const queued = hub.spawn(() => "never");
  const later = hub.spawnAfter(60_000, () => "never");
  await until(() => meet.arrived === 1);
  const closing = hub.close();
  assertMatch((await rejection(queued, HubClosedError)).message, /the hub "closing": it is closed/);
  await rejection(later, HubClosedError);
  await rejection(hub.spawn(() => "too late"), HubClosedError);
  assertEquals(running.state, "running");
  gate.resolve();
  assertEquals(await running, "finished");
  await closing;
  assertEquals(hub.statistics().workers, 0);
});

Deno.test("close() again waits for the first closing", async () => {
  const hub = new Hub({ maxWorkers: 1 });
  await hub.spawn(() => 1);
  await Promise.all([hub.close(), hub.close()]);
  await hub.close();
  assertEquals(hub.statistics().workers, 0);
});

Deno.test("J120 Hub does not slow down after a thousand green threads lived and died", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  for (let i = 0; i < 10; i++) {
    const threads = Array.from({ length: 100 }, (_, n) => hub.spawn((n: number) => n, n));
    assertEquals((await Promise.all(threads)).at(-1), 99);
  }
  const { threads, functions, queued, totalThreads } = hub.statistics();
  assertEquals({ threads, functions, queued, totalThreads }, {
    threads: 0,
    functions: 0,
    queued: 0,
    totalThreads: 1000,
  });
});

Deno.test("J39 Hub keeps its other green threads when one fails", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const gate = Promise.withResolvers<void>();
  const meet = meeting(2);
  const survivor = hub.spawn(
    (meet: () => void, goOn: () => void) => {
      meet();
      goOn();
      return "alive";
    },
    meet,
    () => gate.promise,
  );
  const failing = hub.spawn((meet: () => void) => {
    meet();
    throw new RangeError("after a yield");
  }, meet);
  assertEquals((await rejection(failing, RangeError)).message, "after a yield");
  gate.resolve();
  assertEquals(await survivor, "alive");
});

Deno.test("the hub's own functions go on when one of them fails", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn((fail: () => void, ok: () => number) => {
    try {
      fail();
    } catch {
      return ok();
    }
  }, () => {
    throw new RangeError("synchronously");
  }, () => 42);
  assertEquals(await thread, 42);
});

Deno.test("each blocking call on the hub throws a BlockingCallError that names the twin", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => 1);
  const calls: [() => unknown, RegExp][] = [
    [
      () => sleep(1),
      /^Cannot call sleep\(\) on the hub .*: use await new Promise\(.*setTimeout.*\)$/,
    ],
    [() => getCurrent(), /^Cannot call getCurrent\(\) on the hub/],
    [() => fetch("http://x.test/"), /^Cannot call fetch\(\) .*: use await globalThis\.fetch\(\)$/],
    [
      () => urlopen("http://x.test/"),
      /^Cannot call urlopen\(\) on the hub .*: use await .*fetch\(\)$/,
    ],
    [() => checkpoint(), /^Cannot call checkpoint\(\) on the hub/],
    [() => shield(() => 1), /^Cannot call shield\(\) on the hub/],
    [() => call("x"), /^Cannot call call\(\) on the hub .*: use the function itself$/],
    [() => hubImport("node:path"), /^Cannot call hubImport\(\) .*: use await import\(\)$/],
    [() => thread.wait(), /^Cannot wait\(\) on the hub .*: use await$/],
  ];
  for (const [block, expected] of calls) {
    assertMatch(assertThrows(block, BlockingCallError).message, expected);
  }
  assertEquals(await thread, 1);
});

Deno.test("J118, P314 GreenThread.wait() for oneself is a DeadlockError", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await rejection(hub.spawn(() => getCurrent().wait()), DeadlockError);
  assertEquals(await hub.spawn(() => 1), 1);
});
