import { currentCall, futureToGreenlet, GreenletExit, greenletToFuture } from "@aiohub/aiohub";
import { type GreenThread, spawn, spawnWith } from "@aiohub/aiohub";
import { checkpoint, shield, sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { Mark, marked, newMarks, set } from "../../fixtures/lifetimes/marks.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import {
  ending,
  fixture,
  parked,
  rejection,
  serve,
  testApart,
  TestHub,
  thrownBy,
  turn,
  until,
} from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("J49, P281 greenletToFuture({ signal }): an abort rejects the promise and kills the thread", async () => {
  const controller = new AbortController();
  const marks = newMarks();
  const thread = threads.sleeper(marks);
  await parked(hub, thread);
  const future = greenletToFuture(thread, { signal: controller.signal });
  const reason = new RangeError("no longer needed");
  controller.abort(reason);
  assertStrictEquals(await thrownBy(future), reason);
  const { status, reason: exit } = await ending(thread) as { status: string; reason: Error };
  assertEquals(status, "killed");
  assertInstanceOf(exit, GreenletExit);
  assertStrictEquals(exit.cause, reason);
  assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
});

Deno.test("P308 greenletToFuture({ autokill: false }): an abort leaves the thread alone, which ends without noise", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  let reports = 0;
  hub.addEventListener("unhandledthread", () => reports++);
  for (const fails of [false, true]) {
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const thread = hub.spawn(
      (wait: () => void, fails: boolean) => {
        wait();
        if (fails) throw new RangeError("silent");
        return "finished";
      },
      () => promise,
      fails,
    );
    const future = greenletToFuture(thread, { signal: controller.signal, autokill: false });
    controller.abort();
    assertEquals((await rejection(future, DOMException)).name, "AbortError");
    assertEquals(thread.dead, false);
    resolve();
    assertEquals((await ending(thread)).status, fails ? "rejected" : "fulfilled");
  }
  await turn();
  assertEquals(reports, 0);
});

Deno.test("greenletToFuture({ autocancel }): a killed thread rejects, or resolves to its GreenletExit", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const [first, second] = [threads.sleeper(newMarks()), threads.sleeper(newMarks())];
  await parked(hub, first);
  await parked(hub, second);
  const futures = [greenletToFuture(first), greenletToFuture(second, { autocancel: false })];
  first.kill();
  second.kill();
  assertInstanceOf(await thrownBy(futures[0]), GreenletExit);
  assertInstanceOf(await futures[1], GreenletExit);
  // A failure is a failure all the same.
  const failed = hub.spawn(() => {
    throw new RangeError("failed");
  });
  await rejection(greenletToFuture(failed, { autocancel: false }), RangeError);
});

Deno.test("P304 greenletToFuture() for two: aborting one leaves the other, aborting both kills the thread", async () => {
  const controllers = [new AbortController(), new AbortController()];
  const thread = threads.sleeper(newMarks());
  await parked(hub, thread);
  const futures = controllers.map(({ signal }) => greenletToFuture(thread, { signal }));
  controllers[0].abort();
  await rejection(futures[0], DOMException);
  await turn();
  assertEquals(thread.state, "running");
  controllers[1].abort();
  await rejection(futures[1], DOMException);
  assertEquals((await ending(thread)).status, "killed");
});

Deno.test("P304 greenletToFuture() beside an await or a green wait(): an abort leaves the thread to them", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  for (const other of ["await", "wait"]) {
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const thread = hub.spawn((wait: () => void) => {
      wait();
      return "for the other one";
    }, () => promise);
    await parked(hub, thread);
    let waiting: PromiseLike<string>;
    if (other === "await") waiting = thread.then((value) => value);
    else {
      const waits = hub.spawn((thread: GreenThread<string>) => thread.wait(), thread);
      await parked(hub, waits, /^thread/);
      waiting = waits;
    }
    const future = greenletToFuture(thread, { signal: controller.signal });
    controller.abort();
    await rejection(future, DOMException);
    resolve();
    assertEquals(await waiting, "for the other one");
  }
});

Deno.test("greenletToFuture() and a waiter that gave up: the abort kills the thread", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const thread = threads.sleeper(newMarks());
  await parked(hub, thread);
  const waits = threads.waiter(thread);
  await parked(hub, waits, /^thread/);
  await waits.killAsync();
  const controller = new AbortController();
  const future = greenletToFuture(thread, { signal: controller.signal });
  controller.abort();
  await rejection(future, DOMException);
  assertEquals((await ending(thread)).status, "killed");
});

Deno.test("J51, P280 greenletToFuture() and spawnWith() with a signal that is aborted: nothing starts", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const signal = AbortSignal.abort(new RangeError("before"));
  const marks = newMarks();
  const spawned = spawnWith({ signal }).spawn(threads.sleeper, marks);
  assertEquals([spawned.state, hub.statistics().queued], ["killed", 0]);
  assertStrictEquals((await rejection(spawned, GreenletExit)).cause, signal.reason);
  let started = 0;
  const lazy = futureToGreenlet(() => Promise.resolve(started++), { autostart: false });
  assertStrictEquals(await thrownBy(greenletToFuture(lazy, { signal })), signal.reason);
  assertEquals([started, lazy.state], [0, "killed"]);
  await thrownBy(lazy);
  assertEquals([started, set(marks)], [0, []]);
});

Deno.test("J50 spawnWith({ signal }): aborting a queued thread, and it never runs", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const blocker = threads.sleeper(newMarks());
  await parked(hub, blocker);
  const controller = new AbortController();
  const marks = newMarks();
  const queued = hub.with({ signal: controller.signal }).spawn(threads.sleeper, marks);
  const delayed = hub.with({ signal: controller.signal }).spawnAfter(
    60_000,
    threads.sleeper,
    marks,
  );
  assertEquals(hub.statistics().queued, 1);
  controller.abort();
  await rejection(queued, GreenletExit);
  await rejection(delayed, GreenletExit);
  assertEquals([hub.statistics().queued, set(marks)], [0, []]);
  await blocker.killAsync();
});

Deno.test("J53, P297 spawnWith({ signal }): an abort kills all that have the signal, and no other", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const controller = new AbortController();
  const spawner = hub.with({ signal: controller.signal, name: "child" });
  const children = [
    spawner.spawn(threads.sleeper, newMarks()),
    spawner.spawn(threads.sleeper, newMarks()),
  ];
  const other = threads.sleeper(newMarks());
  for (const thread of [...children, other]) await parked(hub, thread);
  controller.abort(new RangeError("all of you"));
  for (const child of children) {
    assertStrictEquals((await rejection(child, GreenletExit)).cause, controller.signal.reason);
  }
  assertEquals(other.state, "running");
  await other.killAsync();
});

Deno.test("J54 signals are let go of when the thread has ended", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<AbortSignal["addEventListener"]>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  for (let i = 0; i < 10; i++) {
    await greenletToFuture(hub.with({ signal }).spawn(() => 1), { signal });
  }
  await turn();
  assertEquals(listeners, 0);
});

Deno.test("a kill aborts the async call that the thread is in, with the reason of the kill", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  threads.log.length = 0;
  for (const reason of [undefined, new RangeError("mine")]) {
    const thread = threads.caller(newMarks());
    await until(() => threads.log.at(-1) === "hang called");
    assertEquals(hub.statistics().calls, 1);
    thread.kill(reason);
    await ending(thread);
    assertEquals(hub.statistics().calls, 0);
  }
  assertEquals(threads.log, [
    "hang called",
    "hang aborted: GreenletExit",
    "hang called",
    "hang aborted: RangeError",
  ]);
});

Deno.test("P311 a kill aborts what `.async()` and `.spawn()` have started too", async () => {
  threads.log.length = 0;
  const thread = threads.waitsForStarted({});
  await until(() => threads.log.length === 1);
  thread.kill();
  await ending(thread);
  await until(() => threads.log.length === 2);
  assertEquals(threads.log, ["started called", "started aborted: GreenletExit"]);
});

Deno.test("P280 a call that is given up while its function's module is loaded never begins", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const gate = Promise.withResolvers<void>();
  const state = { gate: gate.promise, loading: false, ran: 0 };
  (globalThis as Record<symbol, unknown>)[Symbol.for("aiohub.test.loads")] = state;
  const url = fixture("lifetimes/loads_on_hub.ts");
  const { callsIt } = hub.greenImport<typeof import("../../fixtures/lifetimes/loads_on_hub.ts")>(
    url,
  );
  const thread = callsIt();
  await until(() => state.loading);
  await thread.killAsync();
  assertEquals(thread.state, "killed");
  gate.resolve();
  // The module is loaded now, and serves.
  await callsIt();
  assertEquals(state.ran, 1);
});

Deno.test("a callback on the hub sees the abort of its thread by currentCall() too", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise, resolve } = Promise.withResolvers<[unknown, number]>();
  const thread = hub.spawn((callback: () => void) => callback(), () => {
    const { signal, threadId } = currentCall()!;
    return new Promise<void>(() => {
      signal.onabort = () => resolve([signal.reason, threadId]);
    });
  });
  await parked(hub, thread);
  const reason = new RangeError("killed");
  thread.kill(reason);
  const [seen, id] = await promise;
  assertEquals([(seen as Error).message, id], ["killed", thread.id]);
  await ending(thread);
  assertEquals(currentCall(), undefined);
});

Deno.test("fetch() in green code is aborted by a kill: the server hears of it", async () => {
  const aborted = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using server = serve(() => {
    const start = (stream: ReadableStreamDefaultController) => stream.enqueue(new Uint8Array(1));
    asked.resolve();
    return new Response(new ReadableStream({ start, cancel: () => aborted.resolve() }));
  });
  const marks = newMarks();
  const thread = threads.fetcher(marks, server.url);
  await asked.promise;
  await parked(hub, thread);
  thread.kill();
  await ending(thread);
  await aborted.promise;
  assertEquals([thread.state, ...set(marks)], [
    "killed",
    "Started",
    "Caught",
    "Finally",
    "Disposed",
  ]);
});

Deno.test("P270 a kill goes through all layers: green, async, green, async", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  threads.log.length = 0;
  const marks = [newMarks(), newMarks()];
  const thread = threads.layers(marks);
  await until(() => threads.log.length === 1);
  await thread.killAsync();
  assertEquals(thread.state, "killed");
  await until(() => hub.statistics().threads === 0);
  assertEquals(threads.log, ["innermost called", "innermost aborted: GreenletExit"]);
  for (const each of marks) assertEquals(set(each), ["Started", "Caught", "Finally", "Disposed"]);
});

Deno.test("P268, P269 an abort is seen at checkpoint(), whether or not somebody still awaits", async () => {
  for (const autokill of [true, false]) {
    const controller = new AbortController();
    const marks = newMarks();
    const thread = hub.with({ signal: controller.signal }).spawn(threads.checker, marks);
    const future = greenletToFuture(thread, { signal: controller.signal, autokill });
    await until(() => marked(marks, Mark.Started) === 1);
    controller.abort();
    await rejection(future, DOMException);
    assertEquals((await ending(thread)).status, "killed");
    assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
  }
});

Deno.test("P262 shield() around a call lets it finish; the kill comes after that", async () => {
  threads.log.length = 0;
  const { promise, resolve: open } = Promise.withResolvers<void>();
  threads.onHub.gate = promise;
  const marks = newMarks();
  const thread = threads.shieldedCall(marks);
  await parked(hub, thread, /^atGate/);
  thread.kill();
  setTimeout(open, 50);
  assertInstanceOf(await thrownBy(thread), GreenletExit);
  assertEquals(threads.log, ["shielded at the gate: not aborted"]);
  assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed", "After"]);
});

Deno.test("P295 futureToGreenlet(): killing the handle aborts the work, unless autocancel is off", async () => {
  await using _hub = new TestHub();
  const work = (seen: unknown[]) => (signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      signal.onabort = () => {
        seen.push(signal.reason);
        reject(signal.reason);
      };
      setTimeout(resolve, 30, "worked");
    });
  const reason = new RangeError("enough");
  const aborted: unknown[] = [];
  const thread = futureToGreenlet(work(aborted));
  thread.kill(reason);
  assertStrictEquals(await thrownBy(thread), reason);
  assertEquals([thread.state, aborted], ["killed", [reason]]);

  const left: unknown[] = [];
  let result: unknown;
  const orphan = futureToGreenlet(async (signal) => result = await work(left)(signal), {
    autocancel: false,
  });
  orphan.kill();
  assertInstanceOf(await thrownBy(orphan), GreenletExit);
  await until(() => result !== undefined);
  assertEquals([result, left], ["worked", []]);
});

Deno.test("P295 futureToGreenlet(): work that was aborted elsewhere kills the handle, unless autokill is off", async () => {
  const aborted = () => Promise.reject(new DOMException("elsewhere", "AbortError"));
  const thread = futureToGreenlet(aborted());
  const exit = await rejection(thread, GreenletExit);
  assertEquals([thread.state, (exit.cause as Error).message], ["killed", "elsewhere"]);
  const kept = futureToGreenlet(aborted(), { autokill: false });
  const error = await rejection(kept, DOMException);
  assertEquals([kept.state, error.message], ["rejected", "elsewhere"]);
  // Green code that waits sees the same.
  const names = hub.spawn((handles: GreenThread[]) =>
    handles.map((handle) => {
      try {
        handle.wait();
      } catch (error) {
        return (error as Error).name;
      }
    }), [thread, kept]);
  assertEquals(await names, ["GreenletExit", "AbortError"]);
});

Deno.test("P295 a cancel after the success is harmless, both ways", async () => {
  const controller = new AbortController();
  const thread = hub.with({ signal: controller.signal }).spawn(() => 5);
  assertEquals(await greenletToFuture(thread, { signal: controller.signal }), 5);
  const future = futureToGreenlet(Promise.resolve(6));
  assertEquals(await future, 6);
  controller.abort();
  future.kill();
  assertEquals([thread.state, future.state, await thread, await future], [
    "fulfilled",
    "fulfilled",
    5,
    6,
  ]);
});

Deno.test("futureToGreenlet({ autostart: false }) starts with the first one who wants it, and not when it is killed", async () => {
  let started = 0;
  const lazy = () => futureToGreenlet(async () => await ++started, { autostart: false });
  const [awaited, waited, killed, left] = [lazy(), lazy(), lazy(), lazy()];
  await turn();
  assertEquals([started, awaited.state], [0, "pending"]);
  assertEquals(await awaited, 1);
  assertEquals(await hub.spawn((thread: GreenThread<number>) => thread.wait(), waited), 2);
  killed.kill();
  assertInstanceOf(await thrownBy(killed), GreenletExit);
  assertInstanceOf(await thrownBy(killed), GreenletExit);
  const future = greenletToFuture(left, { autostart: false });
  await turn();
  assertEquals([started, left.state], [2, "pending"]);
  assertEquals([await left, await future], [3, 3]);
});

Deno.test("an aborted call whose function goes on all the same is answered to nobody", async () => {
  threads.log.length = 0;
  assertEquals(await threads.callsOn(), [1, 2, 3]);
  await until(() => threads.log.length === 1);
  assertEquals(threads.log, ["late nobody: aborted"]);
  assertEquals(await hub.spawn(() => "still serving"), "still serving");
});

testApart(
  import.meta,
  "J58 a kill that is heard in time keeps the Worker, one that is not replaces it",
  async () => {
    await using hub = new TestHub({ maxWorkers: 1 }, { leaked: 1 });
    const controller = new AbortController();
    const spawner = hub.with({ signal: controller.signal, grace: 20_000 });
    const heard = spawner.spawn(() => sleep(60_000));
    await parked(hub, heard);
    controller.abort();
    await rejection(heard, GreenletExit);
    assertEquals(await hub.spawn(() => "same"), "same");
    assertEquals([hub.statistics().workers, hub.statistics().leaked], [1, 0]);
    const second = new AbortController();
    const marks = newMarks();
    const deaf = hub.with({ signal: second.signal, grace: 50 }).spawn(threads.busy, marks);
    await until(() => marked(marks, Mark.Started) === 1);
    second.abort();
    await rejection(deaf, GreenletExit);
    assertEquals(await hub.spawn(() => "another"), "another");
    await until(() => hub.statistics().leaked === 1);
    Atomics.store(new Int32Array(marks), 7, 1);
  },
);

Deno.test("J59 what a dying thread prints and calls in its clean-up, in a shield, reaches the hub", async () => {
  const said: string[] = [];
  const thread = hub.spawn((say: (text: string) => void) => {
    try {
      sleep(60_000);
    } finally {
      shield(() => say("tidying up"));
    }
  }, (text) => void said.push(text));
  await parked(hub, thread);
  await thread.killAsync();
  assertEquals([thread.state, said], ["killed", ["tidying up"]]);
});

Deno.test("P155, P156, P160 promises and threads give their results and errors to each other, also late", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const settled = [Promise.resolve(1), Promise.reject(new RangeError("rejected"))];
  const handles = settled.map((promise) => futureToGreenlet(promise));
  const seen = await hub.spawn((handles: GreenThread<number>[]) =>
    handles.map((handle) => {
      try {
        return handle.wait();
      } catch (error) {
        return [error instanceof RangeError, (error as Error).message];
      }
    }), handles);
  assertEquals(seen, [1, [true, "rejected"]]);
  const fine = hub.spawn(() => 2);
  const failing = hub.spawn(() => {
    throw new RangeError("failed");
  });
  assertEquals(await fine, 2);
  assertEquals((await rejection(failing, RangeError)).message, "failed");
  // They have ended, and say the same again.
  assertEquals(await greenletToFuture(fine), 2);
  assertEquals((await rejection(greenletToFuture(failing), RangeError)).message, "failed");
});

Deno.test("P157, P161 promises, async functions and thenables alike become threads, and threads promises", async () => {
  const thenable = { then: (resolve: (n: number) => void) => resolve(3) } as PromiseLike<number>;
  const handles = [
    futureToGreenlet(Promise.resolve(1)),
    futureToGreenlet(async () => await 2),
    futureToGreenlet(thenable),
    spawn(() => 4),
  ];
  const sum = hub.spawn(
    (handles: GreenThread<number>[]) => handles.reduce((sum, handle) => sum + handle.wait(), 0),
    handles,
  );
  assertEquals(await sum, 10);
  assertEquals(await Promise.all(handles), [1, 2, 3, 4]);
  assert(greenletToFuture(handles[0]) instanceof Promise);
});

Deno.test("P158 green code that waits for async work of 70 ms waits about that long", async () => {
  await hub.spawn(() => {});
  const waited = await hub.spawn((nap: () => void) => {
    const start = performance.now();
    nap();
    return performance.now() - start;
  }, () => new Promise<void>((resolve) => setTimeout(resolve, 70)));
  assert(waited >= 69 && waited < 2000, `${waited} ms`);
});

Deno.test("P210, P211, P212 green, async, green: each in its own place, and the loop goes on", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  let ticks = 0;
  const ticker = setInterval(() => ticks++, 1);
  const inner = () =>
    hub.spawn(() => {
      sleep(30);
      return 42;
    });
  const middle = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return await inner();
  };
  const outer = hub.spawn(
    (call: () => number) => [call(), call()],
    middle as unknown as () => number,
  );
  assertEquals(await outer, [42, 42]);
  clearInterval(ticker);
  assert(ticks > 5, `${ticks} ticks`);
});

Deno.test("checkpoint() without a kill or a limit changes nothing", async () => {
  const thread = hub.spawn(() => {
    let sum = 0;
    for (let i = 0; i < 10_000; i++) {
      checkpoint();
      sum += i;
    }
    return sum;
  });
  assertEquals(await thread, 49_995_000);
});
