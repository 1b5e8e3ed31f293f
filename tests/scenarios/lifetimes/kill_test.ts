import { BlockingCallError, futureToGreenlet, GreenletExit } from "@aiohub/aiohub";
import { type GreenThread, Hub, spawnAfter, spawnAfterLocal, spawnN } from "@aiohub/aiohub";
import { getCurrent, sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertInstanceOf, assertLess, assertMatch } from "@std/assert";
import { assertStrictEquals, assertThrows } from "@std/assert";
import { Mark, marked, newMarks, set } from "../../fixtures/lifetimes/marks.ts";
import * as reasons from "../../fixtures/lifetimes/counted_reasons.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import {
  ending,
  fixture,
  parked,
  rejection,
  runDeno,
  testApart,
  TestHub,
  thrownBy,
  timed,
  until,
} from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("P3, P223 GreenThread.kill() before the start: the function never runs", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const marks = newMarks();
  const first = threads.sleeper(newMarks());
  await parked(hub, first);
  const linked: string[] = [];
  const spawned = [
    threads.sleeper(marks),
    spawnAfter(1, threads.sleeper, marks),
    spawnN(threads.sleeper, marks),
  ];
  for (const thread of spawned) {
    thread.link((thread) => linked.push(thread.state));
    thread.kill();
    assertEquals([thread.dead, thread.state], [true, "killed"]);
    thread.kill(new Error("the second reason does not count"));
    assertInstanceOf(await thrownBy(thread), GreenletExit);
    assertInstanceOf(thread.outcome()!.status === "killed" && await thrownBy(thread), GreenletExit);
  }
  assertEquals(linked, ["killed", "killed", "killed"]);
  assertEquals(set(marks), []);
  assertEquals(hub.statistics().queued, 0);
  first.kill();
  await ending(first);
  assertEquals(set(marks), []);
});

Deno.test("P3, P223 GreenThread.kill() in a call, a sleep and a wait: at once, and the clean-up runs", async () => {
  await using hub = new TestHub({ maxWorkers: 4 });
  const never = futureToGreenlet(new Promise<never>(() => {}));
  const all = [
    threads.sleeper,
    threads.caller,
    (marks: SharedArrayBuffer) => threads.waiter(never, marks),
  ];
  for (const start of all) {
    const marks = newMarks();
    const thread = start(marks);
    let links = 0;
    thread.link(() => links++);
    await parked(hub, thread);
    const took = await timed(() => {
      thread.kill();
      return thread;
    });
    assertLess(took, 2000);
    assertEquals(thread.state, "killed");
    assertInstanceOf(await thrownBy(thread), GreenletExit);
    assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
    thread.kill();
    await thrownBy(thread);
    assertEquals(links, 1);
  }
  never.kill();
});

Deno.test("P223 GreenThread.kill(reason) throws any reason, there and to those who await", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  class Custom extends Error {
    extra = 5;
  }
  const reasons = [new RangeError("enough"), new Custom("mine"), "a text", 0, { a: [1] }];
  for (const reason of reasons) {
    const thread = threads.sleeper(newMarks());
    await parked(hub, thread, /^sleep/);
    thread.kill(reason);
    assertStrictEquals(await thrownBy(thread), reason);
    assertEquals(thread.outcome(), { status: "killed", reason });
  }
  for (const nothing of [undefined, null]) {
    const thread = threads.sleeper(newMarks());
    thread.kill(nothing);
    assertInstanceOf(await thrownBy(thread), GreenletExit);
  }
});

Deno.test("GreenThread.kill(reason): the reason does not come back, unless it is needed there", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const killed = async (thread: GreenThread<unknown>, reason: reasons.Reason) => {
    await parked(hub, thread, /^sleep/);
    thread.kill(reason);
    assertStrictEquals(await thrownBy(thread), reason);
    assertEquals(thread.outcome(), { status: "killed", reason });
  };
  await killed(reasons.sleeps(), new reasons.Reason("first"));
  assertEquals(await reasons.countOfWritten(), 0);
  await killed(reasons.keepsHandle(), new reasons.Reason("second"));
  assertEquals(await reasons.countOfWritten(), 1);
  assertEquals(await reasons.reasonOfKept(), "second");
  // The hub has no reason of its own for it.
  const itself = reasons.killsItself("third");
  assertEquals(await thrownBy(itself), new reasons.Reason("third"));
  assertEquals(itself.state, "killed");
});

Deno.test("P223 GreenThread.kill(reason) is what the thread itself catches, with its class", async () => {
  const thread = hub.spawn(() => {
    try {
      sleep(60_000);
    } catch (error) {
      const { name, message } = error as Error;
      return [error instanceof RangeError, name, message];
    }
  });
  await parked(hub, thread);
  thread.kill(new RangeError("enough"));
  assertEquals(await thread, [true, "RangeError", "enough"]);
  assertEquals(thread.state, "fulfilled");
});

Deno.test("P10 GreenThread.kill() of a thread that spawnAfter() has started", async () => {
  const thread = hub.spawnAfter(1, threads.sleeper, newMarks());
  await parked(hub, thread);
  thread.kill();
  assertInstanceOf(await thrownBy(thread), GreenletExit);
  assert(thread.dead);
});

Deno.test("P8, P9 GreenThread.cancel() ends a thread only if it has not started", async () => {
  const marks = newMarks();
  const running = threads.sleeper(marks);
  await parked(hub, running);
  running.cancel(new Error("too late"));
  const queued = threads.sleeper(newMarks());
  const delayed = spawnAfter(60_000, threads.sleeper, newMarks());
  const reason = new RangeError("no need");
  queued.cancel(reason);
  delayed.cancel();
  assertEquals(queued.outcome(), { status: "killed", reason });
  assertInstanceOf(await thrownBy(delayed), GreenletExit);
  assertEquals(running.state, "running");
  assertEquals(set(marks), ["Started"]);
  running.kill();
  await ending(running);
});

Deno.test("GreenThread.kill() and cancel() of a thread that has ended do nothing", async () => {
  const done = hub.spawn(() => 22);
  const failed = hub.spawn(() => {
    throw new RangeError("its own");
  });
  assertEquals(await done, 22);
  assertInstanceOf(await thrownBy(failed), RangeError);
  for (const thread of [done, failed]) {
    thread.kill();
    thread.cancel();
    await thread.killAsync(new Error("late"));
  }
  assertEquals([await done, done.state, failed.state], [22, "fulfilled", "rejected"]);
  assertInstanceOf(await thrownBy(failed), RangeError);
});

Deno.test("GreenThread.kill() twice: the first reason wins, in the thread and outside", async () => {
  const thread = threads.stubborn(newMarks());
  await parked(hub, thread);
  thread.kill(new Error("first"));
  thread.kill(new Error("second"));
  assertEquals(await thread, ["first", "first", "first", "slept in a shield"]);
});

Deno.test("a kill is sticky: a thread that catches it gets it again at each blocking call", async () => {
  const thread = threads.stubborn(newMarks());
  await parked(hub, thread);
  thread.kill(new Error("enough"));
  // It swallowed them all and returned, so this is how it ended.
  assertEquals(await thread, ["enough", "enough", "enough", "slept in a shield"]);
  assertEquals(thread.state, "fulfilled");
});

Deno.test("shield() holds a kill off, and the next blocking call gets it", async () => {
  const marks = newMarks();
  const thread = threads.shielded(marks);
  await until(() => marked(marks, Mark.Started) === 1);
  thread.kill();
  await parked(hub, thread, /^sleep/);
  assertEquals([thread.state, set(marks)], ["running", ["Started"]]);
  Atomics.store(new Int32Array(marks), 7, 1);
  assertInstanceOf(await thrownBy(thread), GreenletExit);
  assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed", "After"]);
});

Deno.test("J63 a kill runs `using` and `finally` from the innermost outwards", async () => {
  const order = new SharedArrayBuffer(16);
  const thread = threads.disposer(newMarks(), order);
  await parked(hub, thread);
  thread.kill();
  await ending(thread);
  const [, outer, inner, last] = new Int32Array(order);
  assertEquals({ inner, last, outer }, { inner: 1, last: 2, outer: 3 });
});

Deno.test("a thread whose clean-up is hit by its kill as well was killed", async () => {
  const thread = threads.blockingCleanUp(newMarks());
  await parked(hub, thread);
  const reason = new RangeError("once");
  thread.kill(reason);
  assertStrictEquals(await thrownBy(thread), reason);
  assertEquals(thread.state, "killed");
});

Deno.test("GreenThread.kill() of checkpoint() loops ends code that does not block", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const marks = newMarks();
  const thread = threads.checker(marks);
  await until(() => marked(marks, Mark.Started) === 1);
  thread.kill();
  assertInstanceOf(await thrownBy(thread), GreenletExit);
  assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
  assertEquals(hub.statistics().busy, 0);
});

Deno.test("GreenThread.kill() of itself ends the thread there and then", async () => {
  const marks = newMarks();
  const thread = threads.suicide(marks);
  assertInstanceOf(await thrownBy(thread), GreenletExit);
  assertEquals(thread.state, "killed");
  assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
  const reason = new RangeError("tired");
  const second = threads.suicide(newMarks(), reason);
  const thrown = await rejection(second, RangeError);
  assertEquals([thrown.message, second.state], ["tired", "killed"]);
});

Deno.test("GreenThread.kill() of the thread that waits for the killer", async () => {
  for (const maxWorkers of [1, 2]) {
    await using hub = new TestHub({ maxWorkers });
    const marks = newMarks();
    const parent = threads.parentOfKiller(marks);
    const thrown = await rejection(parent, RangeError);
    assertEquals([thrown.message, parent.state], ["killed by its child", "killed"]);
    assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
    await hub.close({ grace: 0 });
  }
});

Deno.test("P307, J62 GreenThread.kill() from another green thread, with the hub idle, is heard at once", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  threads.log.length = 0;
  const target = threads.caller(newMarks());
  await parked(hub, target);
  const took = await timed(async () => {
    await threads.killer(target);
    await ending(target);
  });
  assertLess(took, 20_000);
  assertEquals(target.state, "killed");
  assertEquals(threads.log, ["hang called", "hang aborted: GreenletExit"]);
});

Deno.test("GreenThread.kill() of a thread on whose stack another one runs ends both, the innermost first", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const [outer, inner] = [newMarks(), newMarks()];
  const thread = threads.nest(outer, inner);
  // The second on this Worker, so that the module is loaded and the inner one runs on its stack.
  await until(() => hub.threads().some(({ parkedOn }) => parkedOn?.startsWith("sleep")));
  const reason = new RangeError("both");
  thread.kill(reason);
  assertStrictEquals(await thrownBy(thread), reason);
  assertEquals(set(outer), ["Started", "Caught", "Finally", "Disposed"]);
  const innermost = hub.threads().find(({ parent }) => parent === thread.id);
  // On one Worker it ran on the stack of the outer one; if it got a Worker of its own it goes on.
  if (innermost === undefined) {
    assertEquals(set(inner), ["Started", "Caught", "Finally", "Disposed"]);
  } else await hub.close({ grace: 0 });
});

Deno.test("GreenThread.kill() while the thread's module loads ends it at once", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const url = new URL("../../fixtures/lifetimes/loads_for_ever.ts", import.meta.url);
  const module = hub.greenImport<typeof import("../../fixtures/lifetimes/loads_for_ever.ts")>(url);
  const marks = newMarks();
  const thread = module.neverRuns(marks, () => {});
  await until(() => thread.state === "running");
  // It has been sent to the Worker; an answer to a later message says that it was taken in.
  const took = await timed(() => {
    thread.kill();
    return thread;
  });
  assertLess(took, 5000);
  assertEquals([thread.state, set(marks)], ["killed", []]);
  // The Worker serves on, although the module still loads.
  assertEquals(await hub.spawn(() => "serves on"), "serves on");
  assertEquals(hub.statistics().workers, 1);
});

Deno.test("GreenThread.kill() of an async green function is heard at its next blocking call", async () => {
  const module = hub.greenImport<typeof threads>(
    new URL("../../fixtures/lifetimes/threads.ts", import.meta.url),
  );
  const marks = newMarks();
  const thread = module.asyncSleeper(marks);
  await parked(hub, thread, /^sleep/);
  thread.kill();
  assertInstanceOf(await thrownBy(thread), GreenletExit);
  assertEquals([thread.state, set(marks)], ["killed", ["Started", "Finally"]]);
});

Deno.test("P14 kill(reason, { wait: true }) in green code returns when the target has caught it and ended", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const marks = newMarks();
  const target = threads.sleeper(marks);
  await parked(hub, target);
  assertEquals(await threads.killer(target, new RangeError("now"), true), "killed");
  assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
  assertEquals(target.state, "killed");
});

Deno.test("P226 killAsync() settles when the thread has ended, well before its sleep would", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const group = [1, 2, 3].map(() => threads.sleeper(newMarks()));
  for (const thread of group) await parked(hub, thread);
  const took = await timed(() => Promise.all(group.map((thread) => thread.killAsync())));
  assertLess(took, 5000);
  assertEquals(group.map(({ state }) => state), ["killed", "killed", "killed"]);
  assertEquals(hub.statistics().threads, 0);
});

Deno.test("P226 kill() alone does not wait for the thread", async () => {
  const thread = threads.sleeper(newMarks());
  await parked(hub, thread);
  thread.kill();
  assertEquals(thread.state, "running");
  await ending(thread);
});

Deno.test("killAsync() waits for the async clean-up that the kill has caused", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  for (const from of ["hub", "green"]) {
    threads.log.length = 0;
    const thread = threads.tidyCaller();
    await until(() => threads.log.at(-1) === "tidy called");
    if (from === "hub") await thread.killAsync();
    else await threads.killer(thread, undefined, true);
    assertEquals(threads.log, ["tidy called", "tidy cleans up", "tidy is done"]);
    assertEquals(thread.state, "killed");
  }
  const future = futureToGreenlet(async (signal) => {
    await new Promise<void>((resolve) => signal.onabort = () => resolve());
    await new Promise((resolve) => setTimeout(resolve, 20));
    threads.log.push("future is done");
  });
  await future.killAsync();
  assertEquals([future.state, threads.log.at(-1)], ["killed", "future is done"]);
});

Deno.test("kill({ wait: true }) on the hub would block: it throws and names the twin", async () => {
  const thread = hub.spawn(() => 1);
  const kill = () => thread.kill(undefined, { wait: true });
  assertMatch(assertThrows(kill, BlockingCallError).message, /killAsync\(\)$/);
  assertEquals(await thread, 1);
});

Deno.test("P228, P229 a target that is slow to die is still alive, one that has not started dies at once", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const marks = newMarks();
  const slow = threads.shielded(marks);
  await until(() => marked(marks, Mark.Started) === 1);
  const queued = [1, 2, 3].map(() => threads.sleeper(newMarks()));
  for (const thread of [slow, ...queued]) thread.kill();
  const waits = hub.spawn((thread: GreenThread) => {
    try {
      thread.wait({ timeout: 50 });
    } catch (error) {
      return [(error as Error).name, thread.dead];
    }
  }, slow);
  assertEquals(await waits, ["Timeout", false]);
  assertEquals(slow.state, "running");
  for (const thread of queued) assertEquals(await ending(thread).then((o) => o.status), "killed");
  Atomics.store(new Int32Array(marks), 7, 1);
  assertEquals((await ending(slow)).status, "killed");
});

testApart(
  import.meta,
  "J60, J61 kill({ grace }) stops the Worker of a thread that does not end, and the pool goes on",
  async () => {
    await using hub = new TestHub({ maxWorkers: 1 }, { leaked: 1 });
    const marks = newMarks();
    const thread = threads.busy(marks);
    const next = hub.spawn(() => "next");
    await until(() => marked(marks, Mark.Started) === 1);
    const reason = new RangeError("enough");
    thread.kill(reason, { grace: 30 });
    assertStrictEquals(await thrownBy(thread), reason);
    assertEquals(thread.state, "killed");
    // Nothing of it has run, and the next one has a Worker of its own.
    assertEquals(set(marks), ["Started"]);
    assertEquals(await next, "next");
    await until(() => hub.statistics().leaked === 1);
    assertEquals(hub.statistics().crashed, 0);
    Atomics.store(new Int32Array(marks), 7, 1);
  },
);

Deno.test("kill({ grace }) of a thread that ends in time stops nothing", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = threads.sleeper(newMarks());
  await parked(hub, thread);
  await thread.killAsync(undefined, { grace: 10_000 });
  assertEquals(thread.state, "killed");
  assertEquals(await hub.spawn(() => 1), 1);
  const { workers, leaked, crashed } = hub.statistics();
  assertEquals({ workers, leaked, crashed }, { workers: 1, leaked: 0, crashed: 0 });
});

Deno.test("kill({ grace }) ends a thread in a shield, and its Worker with it: nothing leaks", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const marks = newMarks();
  const thread = threads.shieldedForEver(marks);
  await parked(hub, thread);
  await thread.killAsync(undefined, { grace: 20 });
  assertEquals(thread.state, "killed");
  assertEquals(await hub.spawn(() => 1), 1);
  await until(() => hub.statistics().workers === 1);
  assertEquals(hub.statistics().leaked, 0);
});

Deno.test("kill() without grace, then with it: the second one stops the Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = threads.shieldedForEver(newMarks());
  await parked(hub, thread);
  const reason = new RangeError("first");
  thread.kill(reason);
  thread.kill(new Error("second"), { grace: 1 });
  assertStrictEquals(await thrownBy(thread), reason);
});

Deno.test("kill({ grace }) checks what it is given", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => 1);
  // deno-lint-ignore no-explicit-any
  assertThrows(() => thread.kill(undefined, { grace: "soon" as any }), TypeError);
  assertThrows(() => thread.kill(undefined, { grace: NaN }), TypeError);
  assertEquals(await thread, 1);
});

Deno.test("P11, P12, P145, P313 spawnAfterLocal() goes with the green thread that called it", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const owner = hub.spawn((inner: (marks: SharedArrayBuffer) => void) => {
    const fired = spawnAfterLocal(1, () => "fired").wait();
    const dropped = spawnAfterLocal(60_000, () => "dropped");
    inner(new SharedArrayBuffer(4));
    return [fired, dropped] as const;
  }, () => {});
  const [fired, dropped] = await owner;
  assertEquals(fired, "fired");
  const thrown = await rejection(dropped as unknown as GreenThread<string>, GreenletExit);
  assertMatch(thrown.message, /^The green thread ".*" was not started: .*spawned it,? has ended$/);
  assertEquals((dropped as unknown as GreenThread).state, "killed");
});

Deno.test("P12 spawnAfterLocal() of an owner that was killed settles as killed for others", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const handed = Promise.withResolvers<GreenThread<string>>();
  const owner = hub.spawn((hand: (thread: GreenThread<string>) => void) => {
    hand(spawnAfterLocal(60_000, () => "never"));
    sleep(60_000);
  }, handed.resolve as (thread: GreenThread<string>) => void);
  // A promise takes on a thread's result, so it is wrapped up.
  const waits = thrownBy(handed.promise);
  await parked(hub, owner, /^sleep/);
  owner.kill();
  assertInstanceOf(await waits, GreenletExit);
});

Deno.test("P2, P3 spawnN() in green code gives a handle to watch and to kill", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const thread = hub.spawn(() => {
    const detached = spawnN(() => sleep(60_000));
    const before = { dead: detached.dead, state: detached.state };
    detached.kill();
    try {
      detached.wait();
    } catch (error) {
      return { before, thrown: (error as Error).name, state: detached.state };
    }
  });
  assertEquals(await thread, {
    before: { dead: false, state: "pending" },
    thrown: "GreenletExit",
    state: "killed",
  });
});

Deno.test("a handle that a thread kept of itself tells how it ended, when nobody else knows", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await threads.keepsItsHandle(false), "kept");
  assertEquals(await threads.waitsForKept(), ["fulfilled", "kept"]);
  await thrownBy(threads.keepsItsHandle(true));
  assertEquals(await threads.waitsForKept(), ["rejected", "kept"]);
  assertEquals(hub.statistics().threads, 0);
});

Deno.test("what a thread was given that never ran is given back, and what comes too late", async () => {
  const program = fixture("lifetimes/gives_back.ts");
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--allow-read",
    "--v8-flags=--expose-gc",
    program,
  ]);
  assertEquals(stdout.trim().split("\n"), [
    "killed in the queue: 0",
    "killed while its module loads: 0",
    "module does not load: 0",
    "killed before it was begun: 0",
    "reply to one who has gone: 0",
    "rejection to one who has gone: 0",
    "no such export: 0",
  ], stderr);
  assertEquals(code, 0);
});

Deno.test("a kill that crosses the thread's end changes nothing", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const outcomes = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const thread = hub.spawn((i: number) => i, i);
    if (i % 2) await new Promise((resolve) => setTimeout(resolve, 0));
    thread.kill();
    const { status } = await ending(thread);
    outcomes.add(status);
    assertEquals(thread.state, status);
  }
  assertEquals([...outcomes].filter((status) => status === "rejected"), []);
});

Deno.test("a hub that is not the default one kills its threads just the same", async () => {
  const hub = new Hub({ maxWorkers: 1 });
  const thread = hub.spawn(() => {
    sleep(60_000);
    return getCurrent().id;
  });
  await parked(hub, thread);
  await thread.killAsync();
  assertEquals(thread.state, "killed");
  await hub.close();
});
