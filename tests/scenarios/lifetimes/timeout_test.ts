import { BlockingCallError, GreenletExit, spawn, spawnWith, Timeout } from "@aiohub/aiohub";
import { withTimeout, withTimeoutAsync } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertGreaterOrEqual, assertInstanceOf } from "@std/assert";
import { assertLess, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { Mark, marked, newMarks, set } from "../../fixtures/lifetimes/marks.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import * as timeouts from "../../fixtures/lifetimes/timeouts.ts";
import {
  ending,
  parked,
  rejection,
  testApart,
  TestHub,
  thrownBy,
  timed,
  until,
} from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("P25, P26 Timeout is thrown as itself at the blocking call, and then not pending", async () => {
  assertEquals(await timeouts.fires(), {
    before: true,
    isThrown: true,
    pending: false,
    ms: 20,
    text: "Timeout: Timed out after 20 ms",
  });
});

Deno.test("P21, P24 Timeout may be thrown by hand, and is told by its class", async () => {
  assertEquals(await timeouts.byHand(), {
    isThrown: true,
    pending: false,
    isTimeout: true,
    isError: true,
  });
  const timeout = new Timeout(5);
  assertEquals({ pending: timeout.pending, name: timeout.name, ms: timeout.ms }, {
    pending: false,
    name: "Timeout",
    ms: 5,
  });
  assertStrictEquals(
    assertThrows(() => {
      throw timeout;
    }, Timeout),
    timeout,
  );
});

Deno.test("P25 Timeout of a block that was left in time fires no more", async () => {
  assertEquals(await timeouts.inTime(), false);
});

Deno.test("P27 Timeout throws a given error, or one of a given class, in its place", async () => {
  assertEquals(await timeouts.custom(), { givenError: true, givenClass: true });
});

Deno.test("P28 Timeout.cancel() in the block lets a longer sleep end", async () => {
  assertEquals(await timeouts.calledOff(), false);
});

Deno.test("P32 Timeout in Timeout: the earlier one is thrown, the other one is pending", async () => {
  assertEquals(await timeouts.nested(150, 20), {
    first: "inner",
    pending: { outer: true, inner: false },
    outerComes: true,
    outerPends: false,
  });
  assertEquals(await timeouts.nested(20, 60_000), {
    first: "outer",
    pending: { outer: false, inner: true },
    outerComes: false,
    outerPends: false,
  });
});

Deno.test("Timeout in Timeout of the same time: the outer one is thrown", async () => {
  assertEquals(await timeouts.equal(), { isOuter: true, innerPends: true });
});

Deno.test("P30, J45 Timeout without a time is never due; one of zero or less at the next blocking call", async () => {
  const over = { isThrown: true, pending: false };
  const never = { pending: false, ms: undefined };
  assertEquals(await timeouts.limits(), { over: [over, over], never: [never, never] });
});

Deno.test("P22, P29, J41, J47 withTimeout() gives the result, throws, or gives the value for being late", async () => {
  assertEquals(await timeouts.forms(), {
    ownMs: 10,
    late: "late",
    lateUndefined: undefined,
    ofZero: "at once",
    sum: 3,
    unlimited: "unlimited",
    inTime: "in time",
    outerPasses: true,
  });
});

Deno.test("Timeout checks what it is given", () => {
  // deno-lint-ignore no-explicit-any
  assertThrows(() => new Timeout("soon" as any), TypeError, "expected a number of milliseconds");
  assertThrows(() => new Timeout(NaN), TypeError);
  // deno-lint-ignore no-explicit-any
  assertThrows(() => new Timeout(5, "error" as any), TypeError, "expected an error");
  assertThrows(() => withTimeout(5, () => 1), BlockingCallError, "withTimeoutAsync()");
});

Deno.test("Timeout in a `using` block on the hub limits nothing, and says what does", () => {
  const inBlock = (ms?: number) => () => {
    using timeout = new Timeout(ms);
    return timeout.pending;
  };
  assertThrows(
    inBlock(5),
    BlockingCallError,
    "Cannot use new Timeout(5) on the hub as no call blocks there: use await withTimeoutAsync(5, ",
  );
  assertThrows(inBlock(0), BlockingCallError, "AbortSignal.timeout(0)");
  // No limit was asked for; or it was called off.
  assertEquals(inBlock()(), false);
  {
    using timeout = new Timeout(5);
    timeout.cancel();
  }
});

Deno.test("Timeout that has crossed is disposed of without an error, on either side", async () => {
  const thread = hub.spawn(() => {
    throw new Timeout(5);
  });
  const crossed = await rejection(thread, Timeout);
  crossed[Symbol.dispose]();
  const disposed = hub.spawn((timeout: Timeout) => {
    timeout[Symbol.dispose]();
    return timeout instanceof Timeout;
  }, new Timeout(5));
  assertEquals(await disposed, true);
});

Deno.test("P135, P139 Timeout during a call aborts it, and the late answer harms nobody", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  threads.log.length = 0;
  assertEquals(await timeouts.aroundCall(false), [true, "the next call gets its own answer"]);
  await until(() => threads.log.length === 1);
  assertEquals(threads.log, ["late aborted: aborted"]);
  assertEquals(await timeouts.aroundHang(), true);
  assertEquals(threads.log.slice(1), ["limited called", "limited aborted: Timeout"]);
  assertEquals(hub.statistics().calls, 0);
});

Deno.test("Timeout with `abandon` lets the call run on, silently", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  threads.log.length = 0;
  assertEquals(await timeouts.aroundCall(true), [true, "the next call gets its own answer"]);
  assertEquals(hub.statistics().calls, 0);
  await until(() => threads.log.length === 1);
  assertEquals(threads.log, ["late abandoned: not aborted"]);
});

Deno.test("Timeout at checkpoint(), after shield(), and once only", async () => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  const all = [timeouts.aroundBusy(), timeouts.aroundShield(), timeouts.once()];
  assertEquals(await Promise.all(all), [true, true, true]);
});

Deno.test("wait({ timeout }) throws a Timeout that is not armed, and the thread goes on", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  assertEquals(await timeouts.waits(), ["Timeout", 20, false]);
  await until(() => hub.statistics().threads === 0);
});

Deno.test("a Timeout that runs out in a link or in a generator of the hub is its thread's all the same", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  let errors = 0;
  hub.addEventListener("error", () => errors++);
  assertEquals(await timeouts.aroundLink(), "late");
  assertEquals(await timeouts.aroundItems(false), "late");
  assertEquals(await timeouts.aroundItems(true), "late");
  assertEquals(errors, 0);
});

Deno.test("P31 Timeout that is over is kept by nobody but its owner", async () => {
  // Armed ones are looked at by each blocking call: one that stayed would be thrown here.
  const thread = spawn(() => {
    for (let i = 0; i < 1000; i++) {
      using _timeout = new Timeout(1, new Error("kept"));
    }
    sleep(20);
    return "nothing";
  });
  assertEquals(await thread, "nothing");
});

Deno.test("a thread that lets its Timeout out has failed with it", async () => {
  const thread = timeouts.lets();
  const timeout = await rejection(thread, Timeout);
  assertEquals({ name: timeout.name, pending: timeout.pending, state: thread.state }, {
    name: "Timeout",
    pending: false,
    state: "rejected",
  });
});

Deno.test("spawnWith({ timeout }) kills a thread that runs for too long with a Timeout", async () => {
  const marks = newMarks();
  // The clock starts with the thread, and so counts the time that a Worker takes to load its module: not here.
  const before = threads.sleeper(newMarks());
  await parked(hub, before);
  before.kill();
  await ending(before);
  const thread = spawnWith({ timeout: 3000 }).spawn(threads.sleeper, marks);
  const timeout = await rejection(thread, Timeout);
  assertEquals([timeout.ms, thread.state], [3000, "killed"]);
  assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
  assertEquals(await hub.with({ timeout: 60_000 }).spawn(() => "in time"), "in time");
  assertEquals(await hub.with({ timeout: Infinity }).spawn(() => "in time"), "in time");
  assertEquals(await hub.with({ timeout: 2 ** 40 }).spawn(timeouts.sleeper, 5), "slept");
});

Deno.test("J56 spawnWith({ timeout }): the clock starts when the thread leaves the queue", async () => {
  // The time that a Worker takes to load its module counts too, where it does: not here.
  await timeouts.sleeper(0);
  // It keeps its Worker by itself: one that waits for the hub would lend its place.
  const words = new Int32Array(new SharedArrayBuffer(4));
  hub.spawn((words: Int32Array) => {
    while (Atomics.load(words, 0) === 0) sleep(5);
  }, words);
  const queued = hub.with({ timeout: 3000 }).spawn(timeouts.sleeper, 1);
  await new Promise((resolve) => setTimeout(resolve, 3100));
  assertEquals(queued.state, "pending");
  Atomics.store(words, 0, 1);
  assertEquals(await queued, "slept");
});

testApart(
  import.meta,
  "J55 spawnWith({ timeout, grace }) ends an endless loop, and the next thread has a fresh Worker",
  async () => {
    await using hub = new TestHub({ maxWorkers: 1 }, { leaked: 1 });
    // The module is loaded before the clock starts.
    assertEquals(await threads.echoes(1), 1);
    const marks = newMarks();
    const thread = hub.with({ timeout: 1000, grace: 50 }).spawn(threads.busy, marks);
    const took = await timed(() => thread);
    assertGreaterOrEqual(took, 1000);
    assertLess(took, 5000);
    assertInstanceOf(await thrownBy(thread), Timeout);
    assertEquals(await hub.spawn(() => "fresh"), "fresh");
    await until(() => hub.statistics().leaked === 1);
    assertEquals(marked(marks, Mark.Finally), 0);
    Atomics.store(new Int32Array(marks), 7, 1);
  },
);

Deno.test("spawnWith() in green code takes a timeout and a grace too", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const thread = spawn(() => {
    const slow = spawnWith({ timeout: 30, name: "slow" }).spawn(() => sleep(60_000));
    try {
      slow.wait();
    } catch (error) {
      return [error instanceof Timeout, slow.state, slow.name];
    }
  });
  assertEquals(await thread, [true, "killed", "slow"]);
});

Deno.test("spawnWith() checks its options", () => {
  // deno-lint-ignore no-explicit-any
  const bad: any[] = [{ timeout: "x" }, { timeout: null }, { grace: "x" }, { signal: {} }, {
    name: 5,
  }];
  for (const options of bad) assertThrows(() => spawnWith(options), TypeError);
});

Deno.test("P298 withTimeoutAsync() on the hub aborts by its signal, with the Timeout as the reason", async () => {
  let reason: unknown;
  const hangs = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.onabort = () => {
        reason = signal.reason;
        reject(signal.reason);
      };
    });
  const timeout = await assertRejects(() => withTimeoutAsync(10, hangs), Timeout);
  assertStrictEquals(reason, timeout);
  assertEquals(await withTimeoutAsync({ ms: 10, timeoutValue: "late" }, hangs), "late");
  assertEquals(await withTimeoutAsync({ ms: 0, timeoutValue: "late" }, hangs), "late");
  assertEquals(await withTimeoutAsync(60_000, () => "in time"), "in time");
  assertEquals(await withTimeoutAsync(undefined, async () => await "unlimited"), "unlimited");
  assertEquals(await withTimeoutAsync(2 ** 40, async () => await turnOf("far off")), "far off");
  await assertRejects(
    () => withTimeoutAsync(10, () => Promise.reject(new RangeError())),
    RangeError,
  );
  const failing = () => {
    throw new RangeError("at once");
  };
  await assertRejects(() => withTimeoutAsync(10, failing), RangeError);
  // Whoever does not heed the signal is left behind.
  await assertRejects(() => withTimeoutAsync(10, () => new Promise(() => {})), Timeout);

  function turnOf<T>(value: T): Promise<T> {
    return new Promise((resolve) => setTimeout(resolve, 5, value));
  }
});

Deno.test("withTimeoutAsync() around a green thread: the thread goes on, unless its signal is used", async () => {
  const thread = threads.sleeper(newMarks());
  await assertRejects(() => withTimeoutAsync(20, () => thread), Timeout);
  assertEquals(thread.dead, false);
  await thread.killAsync();
  let spawned: PromiseLike<unknown> | undefined;
  await assertRejects(
    () =>
      withTimeoutAsync(
        20,
        (signal) => spawned = hub.with({ signal }).spawn(threads.sleeper, newMarks()),
      ),
    Timeout,
  );
  const exit = await rejection(spawned!, GreenletExit);
  assertInstanceOf(exit.cause, Timeout);
});

for (const cooperative of [false, true]) {
  const kind = cooperative ? "cooperative" : "ordinary";
  for (const [what, reads] of [["known", true], ["not read yet", false]] as const) {
    Deno.test(`a result that is ready and ${what} wins over a limit that is due: ${kind} hub`, async () => {
      await using _hub = new TestHub({ maxWorkers: 1, cooperative });
      assertEquals(await threads.readyInTime(reads, false), ["ready", true]);
    });
  }

  Deno.test(`who is killed does not wait for a result, though it is ready: ${kind} hub`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1, cooperative });
    assertEquals(await threads.readyInTime(false, true), ["GreenletExit", false]);
  });
}

Deno.test("withTimeoutAsync() takes no limit for none, as Timeout does, be it undefined or null", async () => {
  const turn = () => new Promise((resolve) => setTimeout(resolve, 10, "done"));
  assertEquals(await withTimeoutAsync(undefined, turn), "done");
  assertEquals(await withTimeoutAsync(null as unknown as undefined, turn), "done");
});
