import { asyncToSync, BlockingCallError, call, GreenThread, spawn, useHub } from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { assertStrictEquals, assertThrows } from "@std/assert";
import {
  catchFailure,
  double,
  echo,
  echoNow,
  failLater,
  failNow,
} from "../../fixtures/both_ways.ts";
import { manyCalls, orderOfReplies, overlap, startTwice } from "../../fixtures/hub_callers.ts";
import { callHidden } from "../../fixtures/not_exported.ts";
import { callMisplaced } from "../../fixtures/wrong_meta.ts";
import { meeting, rejection, TestHub, thrownBy } from "../../support/mod.ts";

TestHub.shared({ maxWorkers: 1 });

Deno.test("J1 asyncToSync() gives green code the result of the async function", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  for (const n of [1, 2, 5]) assertEquals(await double(n), 2 * n);
  assertEquals(hub.statistics().totalCalls, 3);
});

Deno.test("P253 asyncToSync() on the hub throws at once and names the twin", () => {
  const error = assertThrows(() => echo(1), BlockingCallError);
  assertMatch(error.message, /^Cannot call echo\(\) on the hub as it would block the event loop/);
  assertMatch(error.message, /use await echo\.async\(\)$/);
});

Deno.test("asyncToSync().async() on the hub calls the original", async () => {
  const promise = echo.async(3);
  assertInstanceOf(promise, Promise);
  assertEquals(await promise, 3);
  assertEquals(await echoNow.async(4), 4);
  await assertRejects(async () => await failLater.async("no"), TypeError, "no");
  await assertRejects(async () => await failNow.async("no"), TypeError, "no");
});

Deno.test("asyncToSync().spawn() on the hub gives a green thread that stands for the call", async () => {
  await using hub = new TestHub();
  const thread = echo.spawn(3);
  assertInstanceOf(thread, GreenThread);
  assertEquals([thread.state, hub.statistics().threads], ["running", 1]);
  assertEquals(await thread, 3);
  assertEquals([thread.state, hub.statistics().threads], ["fulfilled", 0]);
  assertEquals(
    await rejection(failNow.spawn("no"), TypeError).then(({ message }) => message),
    "no",
  );
  assertEquals(hub.statistics().workers, 0);
});

Deno.test("asyncToSync().async() in green code gives what futureToGreenlet() waits for", async () => {
  assertEquals(await startTwice(4), { values: [4, 5], isPromise: false });
});

Deno.test("P294, J20, J22 asyncToSync() throws in green code what the function threw", async () => {
  for (const how of ["now", "later"] as const) {
    assertEquals(await catchFailure(how, "unicorn"), {
      isTypeError: true,
      name: "TypeError",
      message: "unicorn",
    });
  }
});

Deno.test("J21 asyncToSync() errors show the stacks of both sides", async () => {
  const error = await rejection(failThrough("through"), TypeError);
  assertMatch(error.stack ?? "", /^TypeError: through/);
  assertMatch(error.stack ?? "", /both_ways\.ts/);
  assertMatch(error.stack ?? "", /called from green thread ".*-\d+" by failLater\(\)/);
});

/** Lets a failure of the hub pass through a green thread. */
async function failThrough(message: string): Promise<unknown> {
  const url = new URL("../../fixtures/hub_callers.ts", import.meta.url).href;
  return await spawn(
    async (url: string, message: string) => {
      (await import(url)).failThrough(message);
    },
    url,
    message,
  );
}

Deno.test("asyncToSync().spawn() in green code overlaps a thousand calls", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await manyCalls(1000), 1000 * 999 / 2);
  assertEquals(hub.statistics().totalCalls, 1000);
});

Deno.test("J103 asyncToSync().spawn() calls are in flight together", async () => {
  const meet = meeting(5);
  assertEquals(await overlap(5, meet), "all met");
  assertEquals(meet.arrived, 5);
});

Deno.test("asyncToSync() replies find their callers whatever their order", async () => {
  assertEquals(await orderOfReplies(), ["a", "b", "c", "d"]);
});

Deno.test("J2 asyncToSync() in two modules under one name are two functions", async () => {
  const other = await import("../../fixtures/hub_callers.ts");
  assertEquals(await other.echoPlus(1), 101);
  assertEquals(await double(1), 2);
});

Deno.test("asyncToSync() keeps name and arity", () => {
  assertEquals([echo.name, echo.length], ["echo", 1]);
});

Deno.test("asyncToSync() refuses what is no import.meta or no named function", () => {
  const message = (meta: unknown, fn: unknown) =>
    assertThrows(() => asyncToSync(meta as ImportMeta, fn as () => void), TypeError).message;
  assertMatch(message(null, () => 1), /^Cannot call asyncToSync\(\): expected import\.meta/);
  assertMatch(message(import.meta, {}), /expected a function as the second argument, found an obj/);
  assertMatch(
    message(import.meta, () => 1),
    /asyncToSync\(import\.meta, function f\(\) \{ … \}\)\. In a bundle, give .*\(import\.meta, "f", …\)$/,
  );
});

Deno.test("asyncToSync() of a function that is not exported under its name says so", async () => {
  const error = await rejection(callHidden(), TypeError);
  assertMatch(error.message, /^Cannot find "hiddenOnHub" in "file:.*not_exported\.ts"/);
  assertMatch(error.message, /Export the function as "hiddenOnHub" in the module whose import/);
  assertMatch(
    error.message,
    /export const hiddenOnHub = asyncToSync\(import\.meta, function/,
  );
});

Deno.test("asyncToSync() with the wrong import.meta says so", async () => {
  const error = await rejection(callMisplaced(), TypeError);
  assertMatch(error.message, /^Cannot find "misplacedOnHub" in "file:.*lends_its_meta\.ts"/);
});

Deno.test("asyncToSync() serves many green threads at once without mixing their replies", async () => {
  await using hub = new TestHub({ maxWorkers: 4 });
  const { checkEchoes } = await import("../../fixtures/hub_callers.ts");
  const wrong = await Promise.all([1, 2, 3, 4].map((seed) => checkEchoes(seed, 500)));
  assertEquals(wrong, [0, 0, 0, 0]);
  assertEquals(hub.statistics().totalCalls, 2000);
});

Deno.test("useHub() decides where asyncToSync().spawn() counts", async () => {
  await using hub = new TestHub();
  assertStrictEquals(useHub(hub), hub);
  await echo.spawn(1);
  assertEquals(hub.statistics().threads, 0);
});

Deno.test("P259 a call that fails leaves no trace in the search for deadlocks", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  hub.expose({
    callsBack: async (fails: boolean) =>
      await hub.spawn((fails: boolean) => {
        if (fails) throw new RangeError("no");
        return "well";
      }, fails),
  });
  const thread = hub.spawn(() => {
    const seen: unknown[] = [];
    for (const fails of [true, false, true, false]) {
      try {
        seen.push(call("callsBack", fails));
      } catch (error) {
        seen.push((error as Error).name);
      }
    }
    return seen;
  });
  assertEquals(await thread, ["RangeError", "well", "RangeError", "well"]);
});

Deno.test("P265 arguments that look like options are arguments", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const like = { name: "a", delay: 60_000, timeout: 0, signal: 1, detached: true, pool: 5 };
  hub.expose({ same: (value: unknown) => value });
  const both = (value: unknown) => [value, call("same", value)];
  for (const spawner of [hub, hub.with({ name: "b" })]) {
    assertEquals(await spawner.spawn(both, like), [like, like]);
  }
});

Deno.test("P283 what looks like the end of an iteration is thrown as any value is", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const end = { done: true, value: 3 };
  hub.expose({
    fails: () => Promise.reject(end),
    async *failsLater() {
      yield await Promise.resolve(1);
      throw end;
    },
  });
  const thread = hub.spawn(() => {
    const seen: unknown[] = [];
    try {
      call("fails");
    } catch (thrown) {
      seen.push(thrown);
    }
    try {
      for (const n of call("failsLater") as Iterable<number>) seen.push(n);
    } catch (thrown) {
      seen.push(thrown);
    }
    return seen;
  });
  assertEquals(await thread, [end, 1, end]);
  assertEquals(await thrownBy(hub.spawn((end: unknown) => Promise.reject(end), end)), end);
});
