/** Signals whose time is known: a limit that they are is alive while green code blocks or computes. */

import { Hub, Lock, Queue, spawn } from "@aiohub/aiohub";
import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import * as signals from "../fixtures/edges/k5_signals.ts";
import { answerLate, rejection, runDeno, serve, TestHub, until } from "../support/mod.ts";

TestHub.shared({ maxWorkers: 1 });

const TIMED_OUT = ["DOMException", "TimeoutError", "The operation was aborted due to timeout"];

for (const cooperative of [false, true]) {
  const kind = cooperative ? "a cooperative hub" : "a hub";
  Deno.test(`K5 each blocking call of green code ends when its signal is due, in ${kind}`, async () => {
    await using hub = new TestHub({ maxWorkers: 2, cooperative });
    await using server = serve(answerLate);
    for (const call of signals.callNames) {
      for (const make of signals.makeNames) {
        const found = await signals.blocked(call, make, server.url);
        assertEquals([call, make, ...found], [call, make, ...TIMED_OUT]);
      }
    }
    await until(() => hub.statistics().calls === 0);
  });

  Deno.test(`K5 AbortSignal.any() of a signal of the hub and a limit hears of both, in ${kind}`, async () => {
    await using _hub = new TestHub({ maxWorkers: 2, cooperative });
    const controller = new AbortController();
    assertEquals(
      await signals.blockedWith(controller.signal, 30),
      [...TIMED_OUT, "true", ...TIMED_OUT],
    );
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    const thread = signals.blockedWith(controller.signal, 3_600_000, start);
    await started;
    controller.abort(new RangeError("enough"));
    const enough = ["Error", "RangeError", "enough"];
    assertEquals(await thread, [...enough, "true", ...enough]);
    assertEquals(
      await signals.blockedWith(AbortSignal.abort(new RangeError("early")), 60_000),
      ["Error", "RangeError", "early", "true", "Error", "RangeError", "early"],
    );
  });

  Deno.test(`K5 a limit of green code that computes is seen by who looks, and its event comes later, in ${kind}`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1, cooperative });
    for (const make of signals.makeNames) {
      for (const way of ["aborted", "reason", "throwIfAborted"]) {
        const { took, ...found } = await signals.polled(make, way);
        assertLess(took, 10_000);
        assertGreaterOrEqual(took, make === "zero" ? 0 : 49);
        assertEquals([make, way, found], [make, way, {
          before: 0,
          after: 1,
          isSame: true,
          reason: TIMED_OUT,
        }]);
      }
    }
  });

  Deno.test(`K5 a limit that was passed on is due though its Worker computes, in ${kind}`, async () => {
    await using hub = new TestHub({ maxWorkers: 2, cooperative });
    const ended = new Int32Array(new SharedArrayBuffer(4));
    // One thread at a time runs in a cooperative hub: there the other one has to wait for its turn.
    if (!cooperative) assertEquals(await signals.computesMeanwhile(ended), true);
    assertEquals(await signals.pollTheirs(AbortSignal.timeout(50)), TIMED_OUT);
    const { signal } = await signals.returned(50);
    assertEquals(await signals.pollTheirs(signal), TIMED_OUT);
    assertEquals(hub.statistics().crashed, 0);
  });
}

Deno.test("K5 a limit that green code gave the hub is due after its thread has ended, and its Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 1, idleTimeout: 0 });
  await signals.leaves("later", 300);
  await until(() => hub.statistics().workers === 0);
  await until(() => signals.heard.has("later"));
  const reason = signals.heard.get("later") as DOMException;
  assertEquals(["DOMException", reason.name, reason.message], TIMED_OUT);
});

Deno.test("K5 a limit that green code left in a queue is due on the hub, while its Worker computes", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const queue = new Queue<AbortSignal>();
  const seen = new Int32Array(new SharedArrayBuffer(4));
  const thread = signals.leavesInQueue(queue, seen);
  const signal = await queue.getAsync();
  await until(() => signal.aborted);
  Atomics.store(seen, 0, 1);
  assertEquals((signal.reason as DOMException).name, "TimeoutError");
  assertEquals(await thread, true);
});

Deno.test("K5 a limit is due in a green thread of another hub", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  await using other = new Hub({ maxWorkers: 1 });
  const { signal } = await signals.returned(50);
  const thread = other.spawn((signal: AbortSignal) => {
    new Queue().get({ signal });
  }, signal);
  assertEquals((await rejection(thread, DOMException)).name, "TimeoutError");
});

Deno.test("K5 Lock.acquire() with a limit, by the thread that holds it, ends with the limit and is no deadlock", async () => {
  const thread = spawn(() => {
    const lock = new Lock();
    lock.acquire();
    lock.acquire({ signal: AbortSignal.timeout(20) });
  });
  assertEquals((await rejection(thread, DOMException)).name, "TimeoutError");
});

Deno.test("K5 a limit that a thread returned is due on the hub", async () => {
  const { signal } = await signals.returned(50);
  const waiting = rejection(new Queue().getAsync({ signal }), DOMException);
  // A signal keeps no process alive.
  await until(() => signal.aborted);
  assertEquals((await waiting).name, "TimeoutError");
});

Deno.test("K5 AbortSignal.timeout() and any() take in a Worker what they take elsewhere, and say the same of the rest", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await signals.judgeHere(), signals.judge());
});

Deno.test("K5 AbortSignal.timeout() is due where the event loop of a Worker turns", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await signals.awaits(), TIMED_OUT);
});

Deno.test("K5 a timer that cannot fire while its thread blocks with a controller's signal is warned of in debug mode", async () => {
  const path = new URL("../fixtures/edges/k5_late_controller.ts", import.meta.url).pathname;
  const run = (...args: string[]) => runDeno(["run", "-A", "--no-check", path, ...args]);
  const { code, stderr } = await run("debug");
  assertEquals([code, stderr.includes("Uncaught")], [0, false]);
  const warnings = stderr.split("\n").filter((line) => line.startsWith("Warning: a timer is due"));
  const at = warnings.map((line) =>
    line.match(/while (.*) blocks with the signal of an AbortController/)?.[1]
  );
  assertEquals(at.map((words) => words?.replace(/\d+/, "N")), ["untilAborted()", "queue N"]);
  const quiet = await run();
  assertEquals([quiet.code, quiet.stderr], [0, ""]);
});

Deno.test("K5 signals of an hour keep no Worker from being idle, and from ending", async () => {
  await using hub = new TestHub({ maxWorkers: 1, idleTimeout: 0 });
  await signals.makesMany(1000);
  await until(() => hub.statistics().workers === 0);
  assertEquals(hub.statistics().crashed, 0);
});
