import { FUTURE } from "../../../hub/hub.ts";
import { futureToGreenlet, getHub, GreenletExit, type GreenThread, Hub } from "@aiohub/aiohub";
import { HubClosedError, useHub } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertInstanceOf, assertLess, assertMatch } from "@std/assert";
import {
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type * as crashes from "../../fixtures/lifetimes/crashes.ts";
import type * as loads from "../../fixtures/lifetimes/loads_for_ever.ts";
import { Mark, marked, newMarks, set } from "../../fixtures/lifetimes/marks.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import {
  ending,
  fixture,
  parked,
  rejection,
  testApart,
  TestHub,
  thrownBy,
  timed,
  turn,
  until,
} from "../../support/mod.ts";

Deno.test("J75 close() lets running threads finish, ends queued ones, and refuses new ones", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise, resolve } = Promise.withResolvers<string>();
  const running = hub.spawn((wait: () => string) => wait() + "!", (() => promise) as never);
  await parked(hub, running);
  const marks = newMarks();
  const queued = [
    threads.sleeper(marks),
    hub.spawnAfter(60_000, threads.sleeper, marks),
    futureToGreenlet(() => Promise.resolve(1), { autostart: false }),
  ];
  const closing = hub.close();
  assert(hub.closed);
  for (const thread of queued) {
    assertMatch((await rejection(thread, HubClosedError)).message, /"hub": it is closed/);
  }
  await rejection(hub.spawn(() => 1), HubClosedError);
  await rejection(hub.spawnAfter(1, () => 1), HubClosedError);
  await rejection(hub.with({ name: "late" }).spawn(() => 1), HubClosedError);
  assertEquals(running.state, "running");
  resolve("finished");
  assertEquals(await running, "finished!");
  await closing;
  assertEquals(set(marks), []);
});

Deno.test("P276 close() waits for the calls of running threads too", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise, resolve: open } = Promise.withResolvers<void>();
  threads.onHub.gate = promise;
  const thread = hub.spawn(async (url: string) => {
    const { atGate } = await import(url) as typeof threads;
    return atGate("answered");
  }, fixture("lifetimes/threads.ts"));
  await parked(hub, thread);
  const closing = hub.close();
  setTimeout(open, 50);
  await closing;
  assertEquals([thread.state, await thread], ["fulfilled", "answered"]);
});

Deno.test("J76 close({ grace }) kills what still runs: waiters get a HubClosedError, and the clean-up runs", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const all = [newMarks(), newMarks(), newMarks()];
  const sleeping = threads.sleeper(all[0]);
  const calling = threads.caller(all[1]);
  const waiting = threads.waiter(sleeping, all[2]);
  for (const thread of [sleeping, calling, waiting]) await parked(hub, thread as GreenThread);
  const took = await timed(() => hub.close({ grace: 20 }));
  assertLess(took, 4000);
  for (const thread of [sleeping, calling, waiting]) {
    assertInstanceOf(await thrownBy(thread), HubClosedError);
    assertEquals(thread.state, "killed");
  }
  for (const marks of all) assertEquals(set(marks), ["Started", "Caught", "Finally", "Disposed"]);
});

Deno.test("close({ grace: 0 }) of a thread that swallows its kill and returns: it has returned", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = threads.stubborn(newMarks());
  await parked(hub, thread);
  await hub.close({ grace: 0 });
  assertEquals((await thread).at(-1), "slept in a shield");
});

Deno.test("close({ grace: 0 }) of threads in a shield for ever, and of one that loads for ever: nothing leaks", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const marks = newMarks();
  const shielded = threads.shieldedForEver(marks);
  const module = hub.greenImport<typeof loads>(fixture("lifetimes/loads_for_ever.ts"));
  const loading = module.neverRuns(newMarks(), () => {});
  await parked(hub, shielded);
  await until(() => loading.state === "running");
  await hub.close({ grace: 0 });
  assertInstanceOf(await thrownBy(shielded), HubClosedError);
  assertInstanceOf(await thrownBy(loading), HubClosedError);
  assertEquals(marked(marks, Mark.Started), 1);
});

testApart(
  import.meta,
  "J60 close({ grace: 0 }) of a thread that computes for ever is bounded in time, and counts the leak",
  async () => {
    await using hub = new TestHub({ maxWorkers: 1 }, { leaked: 1 });
    const marks = newMarks();
    const thread = threads.busy(marks);
    await until(() => marked(marks, Mark.Started) === 1);
    const took = await timed(() => hub.close({ grace: 0 }));
    assertLess(took, 8000);
    assertInstanceOf(await thrownBy(thread), HubClosedError);
    assertEquals([thread.state, set(marks)], ["killed", ["Started"]]);
    Atomics.store(new Int32Array(marks), 7, 1);
  },
);

Deno.test("close() twice and at the same time is one closing", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => sleep(30));
  await until(() => thread.state === "running");
  const first = hub.close();
  assertStrictEquals(hub.close({ grace: 0 }), first);
  await Promise.all([first, hub.close()]);
  assertEquals(thread.state, "fulfilled");
  await hub.close();
});

Deno.test("P299 close() while Workers start, and with calls that never ran", async () => {
  for (let i = 0; i < 5; i++) {
    await using hub = new TestHub({ minWorkers: i % 3, maxWorkers: 3 });
    const spawned = [1, 2, 3, 4, 5].map((n) => hub.spawn((n: number) => n, n));
    if (i > 2) await turn();
    await hub.close();
    for (const thread of spawned) {
      const { status } = await ending(thread);
      assert(status === "rejected" || status === "fulfilled");
      if (status === "rejected") assertInstanceOf(await thrownBy(thread), HubClosedError);
    }
  }
});

Deno.test("close() of a hub that has done nothing", async () => {
  const hub = new Hub();
  await hub.close();
  assertEquals(hub.statistics().workers, 0);
});

Deno.test("close() during a burst of spawns from green code: each has its answer", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const burst = threads.spawnsMany(300);
  await until(() => hub.statistics().totalThreads > 50);
  await hub.close();
  const outcome = await ending(burst) as { status: string; value?: Record<string, number> };
  assertEquals(outcome.status, "fulfilled");
  const { fulfilled = 0, HubClosedError: refused = 0 } = outcome.value!;
  assertEquals(fulfilled + refused, 300, Deno.inspect(outcome));
});

Deno.test("close() from a call of a green thread, a callback and a link", async () => {
  for (const from of ["call", "link"]) {
    await using hub = new TestHub({ maxWorkers: 1 });
    let closing: Promise<void> | undefined;
    const close = () => void (closing = hub.close());
    const thread = hub.spawn((close: () => void) => {
      close();
      sleep(5);
      return "finished";
    }, from === "call" ? close : () => {});
    if (from === "link") thread.link(close);
    assertEquals(await thread, "finished");
    await turn();
    await closing;
    assert(hub.closed);
  }
});

Deno.test("close() awaited by the very call that a green thread is in: the grace ends it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(
    (close: () => void) => close(),
    (() => hub.close({ grace: 50 })) as never,
  );
  assertInstanceOf(await thrownBy(thread), HubClosedError);
  await hub.close();
});

Deno.test("J77 `await using` closes on the throwing path too", async () => {
  let closed: Hub | undefined;
  let thread: GreenThread | undefined;
  const run = async () => {
    await using hub = new Hub({ maxWorkers: 1 });
    closed = hub;
    thread = hub.spawn(() => 1);
    await thread;
    throw new RangeError("on the way");
  };
  await assertRejects(run, RangeError, "on the way");
  assert(closed!.closed);
  assertEquals(closed!.statistics().workers, 0);
  assertEquals(await thread, 1);
});

Deno.test("P151, P264, P272, P274 everything that is asked of a closed hub is answered, and nothing hangs", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const gives = hub.spawn(() => () => "green function");
  const fn = await gives as unknown as () => Promise<string>;
  assertEquals(await fn(), "green function");
  const never = futureToGreenlet(new Promise(() => {}));
  const aborted: unknown[] = [];
  const worked = futureToGreenlet((signal) =>
    new Promise((_, reject) => {
      signal.onabort = () => {
        aborted.push(signal.reason);
        reject(signal.reason);
      };
    })
  );
  await hub.close();
  await rejection(fn(), HubClosedError);
  await rejection(hub.spawn(() => 1), HubClosedError);
  await rejection(never, HubClosedError);
  await rejection(worked, HubClosedError);
  assertInstanceOf(aborted[0], HubClosedError);
  await rejection(hub[FUTURE]("late", () => 1), HubClosedError);
  assertEquals(hub.threads(), []);
  // Nothing to do, and no error.
  await gives.killAsync();
  hub.expose({ late: () => {} });
});

Deno.test("the default hub makes room for a new one when it is closed", async () => {
  const before = useHub(undefined);
  const first = getHub();
  await first.close();
  const second = getHub();
  assertNotStrictEquals(first, second);
  assertEquals(await second.spawn(() => 1), 1);
  await second.close();
  useHub(before);
});

Deno.test("close() ends Workers in which green code has left timers running", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await hub.spawn(() => void setInterval(() => {}, 1000));
  assertLess(await timed(() => hub.close()), 3000);
  assertEquals(hub.statistics().leaked, 0);
});

Deno.test("close() in the middle of large arguments and results: all have their answers", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const big = "x".repeat(8_000_000);
  const sending = hub.spawn((text: string) => text.length, big);
  const receiving = hub.spawn((n: number) => "y".repeat(n), 8_000_000);
  await until(() => sending.state === "running" || receiving.state === "running");
  await hub.close();
  for (const thread of [sending, receiving]) {
    const { status, reason } = await ending<unknown>(thread) as {
      status: string;
      reason?: unknown;
    };
    assert(status === "fulfilled" || reason instanceof HubClosedError, `${status} ${reason}`);
  }
});

Deno.test("close({ grace: 0 }) in the middle of a large argument of a call", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const thread = hub.spawn(
    (take: (text: string) => void, ready: () => void) => {
      ready();
      for (;;) take("z".repeat(4_000_000));
    },
    (_text) => {},
    resolve,
  );
  await promise;
  await hub.close({ grace: 0 });
  assertInstanceOf(await thrownBy(thread), HubClosedError);
});

Deno.test("close() in a Worker's crash: all have their answers", async () => {
  await using hub = new TestHub({ maxWorkers: 2 }, { crashed: 1 });
  const { crash } = hub.greenImport<typeof crashes>(fixture("lifetimes/crashes.ts"));
  const marks = newMarks();
  const thread = crash("Deno.exit()", marks);
  await until(() => marked(marks, Mark.Started) === 1);
  await hub.close();
  assertEquals((await ending(thread)).status, "rejected");
});

Deno.test("close() checks its options", async () => {
  const hub = new Hub();
  // deno-lint-ignore no-explicit-any
  assertThrows(() => hub.close({ grace: "soon" as any }), TypeError);
  assertEquals(hub.closed, false);
  await hub.close({ grace: Infinity });
});

Deno.test("J66 a closing hub lets green threads wait for each other, and refuses what they spawn", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = hub.spawn((wait: () => void) => {
    wait();
    return 1;
  }, () => promise);
  const second = hub.spawn((first: GreenThread<number>) => first.wait() + 1, first);
  await parked(hub, second, /^thread/);
  const late = threads.spawnsMany(0);
  const closing = hub.close();
  resolve();
  assertEquals([await first, await second], [1, 2]);
  await closing;
  assertInstanceOf(await thrownBy(late), HubClosedError);
  assertEquals(GreenletExit.name, "GreenletExit");
});

Deno.test("P258 closing a busy hub holds up neither the event loop nor another hub", async () => {
  const busy = new Hub({ name: "busy", maxWorkers: 1 });
  await using other = new TestHub({ maxWorkers: 1 });
  const words = new Int32Array(new SharedArrayBuffer(8));
  const thread = busy.spawn((words: Int32Array) => {
    Atomics.store(words, 0, 1);
    while (Atomics.load(words, 1) === 0);
    return "done";
  }, words);
  await until(() => Atomics.load(words, 0) === 1);
  let isClosed = false;
  const closing = busy.close().then(() => isClosed = true);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  assertEquals(await other.spawn(() => "goes on"), "goes on");
  await until(() => turns > 3);
  assertEquals(isClosed, false);
  clearInterval(timer);
  Atomics.store(words, 1, 1);
  assertEquals(await thread, "done");
  await closing;
});
