/** `{ timeout, signal }` of calls that wait: what ends, and what goes on. */

import {
  DAGPool,
  GreenEvent,
  GreenletExit,
  greenletToFuture,
  type GreenThread,
  PropagateError,
  spawn,
  Timeout,
  updateAsync,
} from "@aiohub/aiohub";
import { shield, sleep } from "@aiohub/aiohub/green";
import {
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import { newMarks } from "../../fixtures/lifetimes/marks.ts";
import { extraWorkers, patience } from "../../support/patience.ts";
import { parked, rejection, TestHub, thrownBy, timed, until } from "../../support/mod.ts";

/** Waits in a shield, and after that where a kill ends it. */
const shielded = (gate: GreenEvent<void>) => {
  shield(() => gate.wait());
  sleep(60_000);
};

Deno.test("killAsync({ timeout }) and ({ signal }) end the wait, and the kill stays", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const gate = new GreenEvent<void>();
  const thread = hub.spawn(shielded, gate);
  await parked(hub, thread);
  const { message } = await rejection(thread.killAsync("enough", { timeout: 20 }), Timeout);
  assertEquals(message, "Timed out after 20 ms");
  const controller = new AbortController();
  const killing = thrownBy(thread.killAsync(undefined, { signal: controller.signal }));
  controller.abort("not so long");
  assertEquals([await killing, thread.state], ["not so long", "running"]);
  gate.send();
  await thread.killAsync(undefined, { timeout: 10_000 });
  assertEquals([thread.state, await thrownBy(thread)], ["killed", "enough"]);
  // It has ended: that wins over a time that is over.
  await thread.killAsync(undefined, { timeout: 0 });
});

Deno.test("killAsync() with a signal that is aborted kills nobody", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => 1);
  assertEquals(
    await thrownBy(thread.killAsync(undefined, { signal: AbortSignal.abort("no") })),
    "no",
  );
  assertEquals(await thread, 1);
});

Deno.test("kill({ wait, timeout }) in green code ends the wait, and the kill stays", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const gate = new GreenEvent<void>();
  const thread = hub.spawn(shielded, gate);
  await parked(hub, thread);
  const seen = await spawn(
    (thread: GreenThread, signal: AbortSignal, gate: GreenEvent<void>) => {
      const seen: unknown[] = [];
      const tries = [{ timeout: 20 }, { signal: AbortSignal.timeout(20) }, { signal }];
      for (const options of tries) {
        try {
          thread.kill(undefined, { wait: true, ...options });
          seen.push("ended");
        } catch (error) {
          seen.push((error as Error).name, thread.state);
        }
      }
      gate.send();
      thread.kill(undefined, { wait: true, timeout: 10_000 });
      return [...seen, thread.state];
    },
    thread,
    AbortSignal.timeout(40),
    gate,
  );
  const running = ["pending", "running"];
  assertEquals([seen[0], seen[2], seen[4], seen[6]], [
    "Timeout",
    "TimeoutError",
    "TimeoutError",
    "killed",
  ]);
  for (const at of [1, 3, 5]) assertEquals(running.includes(seen[at] as string), true);
});

Deno.test("kill({ timeout }) without a wait is refused, as it would limit nothing", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const thread = hub.spawn(() => 1);
  const text =
    'Cannot kill a green thread: option "timeout" has no effect without a wait: add { wait: true }';
  assertEquals(assertThrows(() => thread.kill(1, { timeout: 5 }), TypeError).message, text);
  const { signal } = new AbortController();
  assertThrows(
    () => thread.kill(1, { signal }),
    TypeError,
    'option "signal" has no effect without a wait',
  );
  const inGreenCode = spawn((thread: GreenThread) => {
    try {
      thread.kill(1, { timeout: 5 });
    } catch (error) {
      return String(error);
    }
  }, spawn(() => 2));
  assertEquals([await inGreenCode, await thread], [`TypeError: ${text}`, 1]);
});

Deno.test("greenletToFuture({ timeout }) gives up as an abort does: it kills the thread, or leaves it", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const sleeper = threads.sleeper(newMarks());
  await parked(hub, sleeper);
  const reason = await thrownBy(greenletToFuture(sleeper, { timeout: 20 }));
  assertInstanceOf(reason, Timeout);
  const exit = await rejection(sleeper, GreenletExit);
  assertStrictEquals(exit.cause, reason);
  const left = hub.spawn(() => {
    sleep(100);
    return "went on";
  });
  await assertRejects(() => greenletToFuture(left, { timeout: 1, autokill: false }), Timeout);
  assertEquals(await left, "went on");
  assertEquals(await greenletToFuture(hub.spawn(() => 1), { timeout: 60_000 }), 1);
  assertThrows(
    () => greenletToFuture(left, { timeout: "5" as never }),
    TypeError,
    'expected a number of milliseconds for "timeout", found "5"',
  );
});

Deno.test("sleep({ signal }) ends with the signal's reason when it is aborted", async () => {
  for (const cooperative of [false, true]) {
    await using hub = new TestHub({ maxWorkers: 2, cooperative });
    const controller = new AbortController();
    const thread = hub.spawn((signal: AbortSignal) => {
      const seen: unknown[] = [];
      for (const ends of [AbortSignal.abort("at once"), AbortSignal.timeout(20), signal]) {
        try {
          sleep(60_000, { signal: ends });
        } catch (error) {
          seen.push(error instanceof Error ? error.name : error);
        }
      }
      sleep(1, { signal: new AbortController().signal });
      sleep(1, {});
      return seen;
    }, controller.signal);
    await until(() => hub.threads()[0]?.parkedOn?.startsWith("sleep") ?? false);
    controller.abort("from the hub");
    assertEquals(await thread, ["at once", "TimeoutError", "from the hub"]);
  }
});

Deno.test("a kill ends a sleep with a signal", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn((signal) => sleep(60_000, { signal }), new AbortController().signal);
  await parked(hub, thread);
  thread.kill("killed");
  assertEquals(await thrownBy(thread), "killed");
});

Deno.test("DAGPool.wait({ timeout }) counts for all keys together, on both sides", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const pool = new DAGPool<number>({ a: 1 });
  assertEquals(await pool.waitAsync(["a"], { timeout: 0 }), new Map([["a", 1]]));
  assertEquals(await pool.atAsync("a", { timeout: 0 }), 1);
  const took = await timed(async () => {
    const late = setInterval(() => pool.post([...pool.keys()].length, 1), 20);
    const error = await rejection(pool.waitAsync([1, 2, "never"], { timeout: 200 }), Timeout);
    clearInterval(late);
    assertEquals(error.message, "Timed out after 200 ms");
  });
  assertLess(took, 5000);
  const controller = new AbortController();
  const waiting = thrownBy(pool.waitAsync(["never"], { signal: controller.signal }));
  controller.abort("enough");
  assertEquals(await waiting, "enough");
  const inGreenCode = spawn(
    (pool: DAGPool<number>, signal: AbortSignal) => {
      const seen: unknown[] = [pool.at("a", { timeout: 0 })];
      const calls = [
        () => pool.wait(["a", "never"], { timeout: 20 }),
        () => pool.at("never", { signal: AbortSignal.timeout(20) }),
        () => [...pool.waitEach(["never"], { signal })],
      ];
      for (const call of calls) {
        try {
          call();
        } catch (error) {
          seen.push(error instanceof Error ? `${error.name}: ${error.message}` : error);
        }
      }
      return seen;
    },
    pool,
    AbortSignal.abort("before"),
  );
  const seen = await inGreenCode;
  assertEquals(seen.length, 4);
  assertEquals([seen[0], seen[1], seen[3]], [1, "Timeout: Timed out after 20 ms", "before"]);
  assertEquals(String(seen[2]).split(":", 1)[0], "TimeoutError");
  // Who gave up has left nothing behind.
  pool.post("never", 5);
  assertEquals(await pool.atAsync("never"), 5);
  pool.spawn("fails", [], () => {
    throw new RangeError("failed");
  });
  await assertRejects(() => pool.atAsync("fails", { timeout: 10_000 }), PropagateError);
});

Deno.test("DAGPool.at({ timeout }) ends by itself: a hub at its limit refuses nobody because of it", async () => {
  using _times = patience({ saturated: 300 });
  using _workers = extraWorkers(0);
  await using hub = new TestHub({ maxWorkers: 1 });
  const pool = new DAGPool<number>();
  const wait = (pool: DAGPool<number>) => pool.at("late", { timeout: 600_000 });
  const waiters = [hub.spawn(wait, pool), hub.spawn(wait, pool)];
  for (const thread of waiters) await parked(hub, thread);
  const last = hub.spawn(() => "at last");
  await new Promise((resolve) => setTimeout(resolve, 1000));
  assertEquals([last.state, hub.statistics().queued], ["pending", 1]);
  pool.post("late", 5);
  assertEquals(await Promise.all([...waiters, last]), [5, 5, "at last"]);
});

Deno.test("updateAsync({ timeout }) that gives up leaves its place in the line", async () => {
  const object = { n: 0 };
  const gate = Promise.withResolvers<void>();
  const first = updateAsync(object, () => gate.promise);
  const second = thrownBy(updateAsync(object, () => object.n++, { timeout: 10 }));
  const controller = new AbortController();
  const third = thrownBy(updateAsync(object, () => object.n++, { signal: controller.signal }));
  const last = updateAsync(object, () => object.n, { timeout: 60_000 });
  assertInstanceOf(await second, Timeout);
  controller.abort("enough");
  assertEquals(await third, "enough");
  gate.resolve();
  await first;
  assertEquals(await last, 0);
});
