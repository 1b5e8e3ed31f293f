/** Green functions that are `async`: `syncToAsync()` takes them, and a limit ends one that only awaits. */

import { GreenletExit, spawn, spawnWith, Timeout } from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf } from "@std/assert";
import * as green from "../fixtures/edges/k5_async.ts";
import { rejection, TestHub, until } from "../support/mod.ts";

/** Until the function has begun to await. */
async function begun(): Promise<void> {
  await until(() => green.log.includes("begun"));
  green.log.length = 0;
}

Deno.test("K5 syncToAsync() takes an async function: its result is awaited in its Worker", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  assertEquals(await green.double(21), 42);
  assertEquals(await green.doubles(4), [8, 8]);
  assertEquals(await spawn(green.double, 5), 10);
  assertEquals((await rejection(green.fails(), RangeError)).message, "late");
});

for (const cooperative of [false, true]) {
  const kind = cooperative ? "a cooperative hub" : "a hub";

  Deno.test(`K5 kill(), a signal and a timeout end an async green function that awaits for ever, in ${kind}`, async () => {
    await using hub = new TestHub({ maxWorkers: 3, cooperative });
    const controller = new AbortController();
    // Its Worker has loaded the module, so that it begins at once, and its limit ends what it awaits.
    await green.double(1);
    const timed = spawnWith({ timeout: 500 }).spawn(green.forever, "timed");
    const ways = [
      green.forever("killed"),
      spawnWith({ signal: controller.signal }).spawn(green.forever, "aborted"),
      timed,
    ];
    await until(() => ["killed", "aborted"].every((name) => green.log.includes(name)));
    green.log.length = 0;
    ways[0].kill(new RangeError("enough"));
    controller.abort("tired");
    assertEquals((await rejection(ways[0], RangeError)).message, "enough");
    assertEquals((await rejection(ways[1], GreenletExit)).cause, "tired");
    assertInstanceOf(await rejection(ways[2], Timeout), Timeout);
    assertEquals(ways.map(({ state }) => state), ["killed", "killed", "killed"]);
    // Their Workers are replaced, and nothing is left of them.
    assertEquals(await hub.spawn(() => 1), 1);
    await until(() => hub.statistics().threads === 0);
  });
}

Deno.test("K5 a killed async green function that comes to a blocking call cleans up", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const cleaned = new Int32Array(new SharedArrayBuffer(4));
  const thread = green.blocksLater(cleaned);
  await begun();
  await thread.killAsync("bye");
  assertEquals([thread.state, cleaned[0], hub.statistics().workers], ["killed", 1, 1]);
});

Deno.test("K5 grace says how long a killed async green function may await, longer and shorter", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const longer = green.endsLater();
  await begun();
  longer.kill("bye", { grace: 60_000 });
  const shorter = green.forever("begun");
  await begun();
  shorter.kill("bye", { grace: 50 });
  assertEquals((await Promise.allSettled([shorter]))[0].status, "rejected");
  assertEquals(shorter.state, "killed");
  // It ends after more than the two seconds that are not asked for, and by itself.
  assertEquals(await longer, "done");
  assertEquals(hub.statistics().crashed, 0);
});
