import {
  futureToGreenlet,
  type GreenThread,
  HubClosedError,
  Semaphore,
  spawn,
} from "@aiohub/aiohub";
import { withTimeout } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { newMarks } from "../../fixtures/lifetimes/marks.ts";
import * as servers from "../../fixtures/lifetimes/servers.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import { ending, parked, rejection, serve, TestHub, thrownBy, until } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

/** What can be seen of a thread from outside. */
function flags(thread: GreenThread): [string, boolean, string | undefined] {
  return [thread.state, thread.dead, thread.outcome()?.status];
}

Deno.test("P220 GreenThread.state, dead and outcome(), before the start, while it runs, and after each ending", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = hub.spawn((wait: () => void) => wait(), () => promise);
  const cases: [GreenThread, string][] = [
    [hub.spawn(() => 1), "fulfilled"],
    [
      hub.spawn(() => {
        throw new RangeError("failed");
      }),
      "rejected",
    ],
    [hub.spawn(() => 2), "killed"],
  ];
  for (const [thread] of cases) assertEquals(flags(thread), ["pending", false, undefined]);
  await parked(hub, first);
  assertEquals(flags(first), ["running", false, undefined]);
  cases[2][0].kill();
  resolve();
  for (const [thread, status] of cases) {
    await ending(thread);
    assertEquals(flags(thread), [status, true, status]);
  }
  assertEquals(String(cases[0][0]), `GreenThread ${cases[0][0].name} (fulfilled)`);
});

Deno.test("a thread that returns an error, even a GreenletExit, has returned a value", async () => {
  const thread = hub.spawn(async (url: string) => {
    const { GreenletExit } = await import(url) as typeof import("../../../mod.ts");
    return new GreenletExit("a value");
  }, import.meta.resolve("../../../mod.ts"));
  const value = await thread;
  assertEquals([thread.state, (value as Error).message], ["fulfilled", "a value"]);
});

Deno.test("a thread's ending can be had again, by any number, at any time, on both sides", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const killed = threads.sleeper(newMarks());
  await parked(hub, killed);
  const waiters = [1, 2].map(() =>
    hub.spawn((thread: GreenThread) => {
      const seen: unknown[] = [];
      for (let i = 0; i < 3; i++) {
        try {
          thread.wait();
        } catch (error) {
          seen.push((error as Error).message);
        }
      }
      return [...seen, thread.state, thread.outcome()!.status];
    }, killed)
  );
  killed.kill(new RangeError("once and for all"));
  const expected = [...Array(3).fill("once and for all"), "killed", "killed"];
  assertEquals(await Promise.all(waiters), [expected, expected]);
  for (let i = 0; i < 3; i++) {
    assertEquals((await rejection(killed, RangeError)).message, "once and for all");
  }
});

Deno.test("J43 an answer that comes after its call was given up does not answer the next one", async () => {
  assertEquals(await threads.givesUpOften(20), Array.from({ length: 20 }, (_, i) => i));
});

Deno.test("J48 a hub that closes wins over the value for being late", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() =>
    withTimeout({ ms: 60_000, timeoutValue: "late" }, () => sleep(60_000))
  );
  await parked(hub, thread);
  await hub.close({ grace: 0 });
  assertInstanceOf(await thrownBy(thread), HubClosedError);
});

Deno.test("P309 2, 20 and 200 calls at the same time, from a hub that has just begun", async () => {
  for (const n of [2, 20, 200]) {
    await using _hub = new TestHub({ maxWorkers: 8 });
    const all = Array.from({ length: n }, (_, i) => threads.echoes(i));
    assertEquals(await Promise.all(all), Array.from({ length: n }, (_, i) => i));
  }
});

Deno.test("P164 a blocking function runs beside async code and other green threads", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const order: string[] = [];
  const gate = new Semaphore(0);
  const blocking = hub.spawn((gate: Semaphore) => void gate.acquire(), gate)
    .then(() => order.push("blocking"));
  await until(() => gate.waiting === 1);
  await hub.spawn(() => sleep(1)).then(() => order.push("other"));
  await new Promise((resolve) => setTimeout(resolve, 1));
  order.push("async");
  gate.release();
  await blocking;
  assertEquals(order, ["other", "async", "blocking"]);
});

Deno.test("P165 an async HTTP client, used by a green thread against a server of green threads in the same process", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  await using server = serve(async (request) => {
    return new Response(await servers.answer(new URL(request.url).pathname));
  });
  const pages = [1, 2, 3].map((n) => servers.visit(`${server.url}/page/${n}`));
  assertEquals(await Promise.all(pages), ["green /page/1", "green /page/2", "green /page/3"]);
});

Deno.test("P293 errors through layers of both worlds arrive as they are, with a clean stack", async () => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  const error = await rejection(servers.down(3), RangeError);
  assertEquals([error.message, error.cause], ["at the bottom", "the cause"]);
  const stack = error.stack!;
  assertEquals(stack.match(/RangeError: at the bottom/g)?.length, 1);
  assertEquals(
    stack.match(/--- called from green thread "down-\d+" by further\(\) ---/g)?.length,
    3,
  );
  assertMatch(stack, /servers\.ts/);
  // The hub is as it was, and nothing of it is kept.
  assertEquals(await spawn(() => "goes on"), "goes on");
});

Deno.test("P225 what has started or ended does not start again", async () => {
  let started = 0;
  const future = futureToGreenlet(async () => await ++started, { autostart: false });
  await Promise.all([future, future, hub.spawn((thread: GreenThread) => thread.wait(), future)]);
  assertEquals([await future, started], [1, 1]);
});

Deno.test("J120 a thousand threads that lived and died leave nothing behind", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  for (let i = 0; i < 10; i++) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => hub.spawn((i: number) => i, i)));
  }
  assert(hub.statistics().totalThreads === 1000);
  await until(() => hub.statistics().threads === 0);
  assertEquals(hub.threads(), []);
});
