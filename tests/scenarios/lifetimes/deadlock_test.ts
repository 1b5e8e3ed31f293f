import {
  DeadlockError,
  futureToGreenlet,
  type GreenThread,
  Hub,
  Lock,
  Queue,
  spawn,
} from "@aiohub/aiohub";
import { shield, sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeThrown } from "../../../bridge/values/codec.ts";
import { Down, KillMode } from "../../../bridge/protocol/messages.ts";
import type { HubThread } from "../../../hub/records/thread.ts";
import { workerOf } from "../../../hub/records/worker.ts";
import * as deadlocks from "../../fixtures/lifetimes/deadlocks.ts";
import { ending, meeting, parked, rejection, TestHub, turn, until } from "../../support/mod.ts";
import { extraWorkers } from "../../support/patience.ts";
import { rounds } from "../../support/rounds.ts";

const hub = TestHub.shared({ maxWorkers: 2 });

/** Threads that each wait for the next one, and the last one for the first. */
function circle(hub: Hub, names: string[]): GreenThread[] {
  const all = Promise.withResolvers<GreenThread[]>();
  const threads = names.map((name, i) => {
    const next = () => all.promise.then((threads) => [threads[(i + 1) % names.length]]);
    return hub.with({ name }).spawn(deadlocks.waitsFor, next as never) as GreenThread;
  });
  all.resolve(threads);
  return threads;
}

/** The message says of each of them where in the fixture it is blocked: each at another line, unless they do the same. */
function assertSites(message: string, names: string[]): void {
  const sites = [...message.matchAll(/^ {4}"(.+)" at file:.*lifetimes\/deadlocks\.ts:\d+:\d+$/gm)];
  assertEquals(sites.map(([, name]) => name).toSorted(), names.toSorted(), message);
}

Deno.test("P314, J118 a thread that waits for itself gets a DeadlockError", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const thread = deadlocks.selfWait();
  assertEquals(await thread, [
    "DeadlockError",
    `Cannot wait for "${thread.name}" in itself: the wait would never end`,
    thread.name,
  ]);
});

Deno.test("P314 threads that wait for each other: one gets a DeadlockError that names all, and the others go on", async () => {
  for (const names of [["a", "b"], ["a", "b", "c", "d"]]) {
    await using hub = new TestHub({ maxWorkers: 4 });
    const results = await Promise.all(circle(hub, names));
    // The one that was refused returns what it got, and all others pass that on.
    for (const result of results) assertEquals(result, results[0]);
    const [name, message, ...cycle] = results[0] as string[];
    assertSites(message, names);
    assertEquals([name, cycle.toSorted()], ["DeadlockError", names], message);
    for (const [i, waiter] of cycle.entries()) {
      const next = cycle[(i + 1) % cycle.length];
      assertStringIncludes(message, `"${waiter}" waits for "${next}" by wait()`);
    }
  }
});

Deno.test("P314 a child that waits for the parent that waits for it, on one Worker and on two", async () => {
  for (const maxWorkers of [1, 2]) {
    await using _hub = new TestHub({ maxWorkers });
    const [name, message, ...cycle] = await deadlocks.parentAndChild() as string[];
    assertEquals(name, "DeadlockError");
    assertSites(message, cycle);
  }
});

Deno.test("a function of the hub that awaits the thread that calls it: DeadlockError, with the call's name", async () => {
  const thread = deadlocks.throughTheHub();
  const [name, message, ...cycle] = await thread as string[];
  assertEquals([name, cycle], ["DeadlockError", [thread.name]]);
  assertMatch(message, /by a call to awaitsIt\(\)$/m);
  assertSites(message, [thread.name]);
  const [other] = await deadlocks.throughTheHubAndAThread() as string[];
  assertEquals(other, "DeadlockError");
});

Deno.test("a DeadlockError tells where inline functions are too, and has the stack of the one that waits", async () => {
  const all = Promise.withResolvers<GreenThread[]>();
  const threads = ["a", "b"].map((name, i) => {
    const other = () => all.promise.then((threads) => [threads[1 - i]]);
    return hub.with({ name }).spawn((other: () => [GreenThread]) => {
      const [thread] = other();
      return thread.wait();
    }, other as never);
  });
  all.resolve(threads);
  const { message, stack } = await rejection(threads[0], DeadlockError);
  assertMatch(message, /\n {4}"[ab]" at line 3 of its source\n {4}"[ab]" at line 3 of its source$/);
  assertMatch(stack!, /^ {4}at .*inline function:3:\d+\)$/m);
  await threads[1].then(() => {}, () => {});
});

Deno.test("P50 a deadlock does not last long, and the hub is as it was", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const start = performance.now();
  for (let i = 0; i < 5; i++) await Promise.all(circle(hub, ["a", "b"]));
  assert(performance.now() - start < 10_000);
  const { threads, calls, busy, queued } = hub.statistics();
  assertEquals({ threads, calls, busy, queued }, { threads: 0, calls: 0, busy: 0, queued: 0 });
});

Deno.test("locks taken in opposite order: one gets a DeadlockError that names the locks, the other goes on", async () => {
  const [cache, table] = [new Lock({ name: "cache" }), new Lock({ name: "table" })];
  const meet = meeting(2);
  const a = hub.with({ name: "a" }).spawn(deadlocks.takesTwo, cache, table, meet as () => void);
  const b = hub.with({ name: "b" }).spawn(deadlocks.takesTwo, table, cache, meet as () => void);
  const results = await Promise.all([a, b]);
  const [refused] = results.filter(Array.isArray);
  assert(refused, Deno.inspect(results));
  const [name, message, ...cycle] = refused;
  assertEquals([name, cycle.toSorted()], ["DeadlockError", ["a", "b"]]);
  assertMatch(message, /waits for "[ab]" by .*(cache|table)/);
  assertSites(message, ["a", "b"]);
  assertEquals(results.filter((result) => result === "both").length, 1);
});

Deno.test("a lock held by a thread that waits for one that wants the lock: DeadlockError", async () => {
  const result = await deadlocks.holdsAndWaits(new Lock());
  assert(Array.isArray(result), Deno.inspect(result));
  assertEquals((result as string[])[0], "DeadlockError");
});

Deno.test("a lock that is held for long is no deadlock", async () => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  const lock = new Lock();
  const threads = [500, 1, 1].map((ms) => deadlocks.holdsForAWhile(lock, ms));
  assertEquals(await Promise.all(threads), ["held", "held", "held"]);
});

Deno.test("a wait with a time limit is no deadlock: it ends by itself", async () => {
  assertEquals(await deadlocks.limitedCircle(), "Timeout");
  assertEquals(await deadlocks.throughTheHubWithALimit(), "gave up");
});

/** Two threads that each have one of two locks and wait for the other one, each in its way. */
async function crossed(ways: [deadlocks.How, deadlocks.How], ms: number): Promise<string[]> {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const [a, b] = [new Lock({ name: "a" }), new Lock({ name: "b" })];
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const meet = meeting(2);
  const met = async () => {
    await meet();
    timer ??= setTimeout(() => controller.abort(new RangeError("aborted")), ms);
  };
  const take = (how: deadlocks.How, first: Lock, second: Lock) =>
    deadlocks.takesTwoSomehow(first, second, met as () => void, how, ms, controller.signal);
  const results = await Promise.all([take(ways[0], a, b), take(ways[1], b, a)]);
  clearTimeout(timer);
  return results;
}

for (const how of ["timeout", "Timeout", "signal"] as const) {
  const end = how === "signal" ? "RangeError" : "Timeout";
  Deno.test(`locks taken in opposite order are no deadlock with a ${how}`, async () => {
    // Long enough for a circle to be believed several times.
    const [results, first, second] = await Promise.all([
      crossed([how, how], 1500),
      crossed([how, "no limit"], 1500),
      crossed(["no limit", how], 1500),
    ]);
    assert(results.includes(end), Deno.inspect(results));
    assert(!results.includes("DeadlockError"), Deno.inspect(results));
    assertEquals(first, [end, "both"]);
    assertEquals(second, ["both", end]);
  });
}

Deno.test("a Timeout that a shield() holds off is no limit: DeadlockError", async () => {
  const results = await crossed(["shield", "no limit"], 600_000);
  assertEquals(results.toSorted(), ["DeadlockError", "both"]);
});

Deno.test("a Timeout that a shield() holds off is no limit of a wait() either", async () => {
  const all = Promise.withResolvers<GreenThread[]>();
  const other = (i: number) => (() => all.promise.then((threads) => [threads[i]])) as never;
  const a = deadlocks.waitsInAShield(other(1), 600_000);
  const b = deadlocks.waitsFor(other(0));
  all.resolve([a, b]);
  const results = await Promise.all([a, b]) as string[][];
  assertEquals(results.map(([name]) => name), ["DeadlockError", "DeadlockError"]);
  assertSites(results[0][1], [a.name, b.name]);
});

Deno.test("a lock that only one Worker has: DeadlockError, with the site of each thread on the stack", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const [name, message, ...cycle] = await deadlocks.holdsItsOwn() as string[];
  assertEquals([name, cycle.length], ["DeadlockError", 2]);
  assertMatch(message, /waits for "takesItsOwn-\d+" by wait\(\)/);
  assertMatch(message, /waits for "holdsItsOwn-\d+" by lock "of this Worker"/);
  assertSites(message, cycle);
});

Deno.test("the call of a function in a deadlock is given up, and the function goes on when the thread has ended", async () => {
  deadlocks.endings.length = 0;
  assertEquals(await deadlocks.isAwaited(), "DeadlockError");
  await until(() => deadlocks.endings.length === 2);
  assertEquals(deadlocks.endings, ["DeadlockError", "DeadlockError"]);
});

Deno.test("a report that became wrong while the hub was busy closes no circle", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const [one, two] = [new Lock({ name: "one" }), new Lock({ name: "two" })];
  // In some rounds the hub reads the new report before it reads that the other thread goes on.
  for (let round = 0; round < 6; round++) {
    const words = new SharedArrayBuffer(4);
    const stage = new Int32Array(words);
    const start = [
      () => deadlocks.takesTurns(one, two, words, false),
      () => deadlocks.takesTurns(two, one, words, true),
    ];
    const isFirst = round % 2 === 0;
    const started = (isFirst ? start : start.toReversed()).map((start) => start());
    const [first, second] = isFirst ? started : started.toReversed();
    await parked(hub, first, /lock "two"/);
    // The first thread gets lock two and gives it back. The second one takes it again, and reports a wait for lock one.
    Atomics.store(stage, 0, 3);
    while (Atomics.load(stage, 0) < 4);
    const end = performance.now() + 100;
    while (performance.now() < end);
    await parked(hub, second, /lock "one"/);
    Atomics.store(stage, 0, 5);
    assertEquals(await Promise.all([first, second]), ["first", "second"]);
  }
});

Deno.test("the hub ends a wait by its number, once, and no other wait", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const [items, ended] = [new Queue<string>(), new Queue<string>()];
  const thread = hub.spawn(
    (items: Queue<string>, ended: Queue<string>) => {
      try {
        items.get();
      } catch (error) {
        ended.put((error as Error).message);
      }
      return items.get();
    },
    items,
    ended,
  );
  const end = (wait: number) => {
    const { post, kinds } = workerOf(thread as HubThread)!;
    const reason = encodeThrown(new Error(`end ${wait}`), "reason", kinds);
    post.send(Down.Kill, thread.id, wait, KillMode.Once, reason);
  };
  await parked(hub, thread, /queue/);
  for (const wait of [2, 1, 1]) end(wait);
  assertEquals(await ended.getAsync(), "end 1");
  end(1);
  await parked(hub, thread, /queue/);
  end(1);
  await items.putAsync("item");
  assertEquals(await thread, "item");
});

Deno.test("slow progress is no deadlock", async () => {
  await using hub = new TestHub({ maxWorkers: 4 });
  const gate = Promise.withResolvers<number>();
  const future = futureToGreenlet(gate.promise);
  // A tree of waits that hangs on one promise, for longer than anybody needs to look for circles.
  const leaf = hub.spawn((thread: GreenThread<number>) => thread.wait(), future);
  const [left, right] = [1, 2].map(() =>
    hub.spawn((thread: GreenThread<number>) => thread.wait(), leaf)
  );
  const root = hub.spawn(
    (left: GreenThread<number>, right: GreenThread<number>) => left.wait() + right.wait(),
    left,
    right,
  );
  await parked(hub, root, /^thread/);
  await new Promise((resolve) => setTimeout(resolve, 500));
  gate.resolve(21);
  assertEquals(await root, 42);
});

Deno.test("what a function of the hub has done when its caller has ended is no deadlock", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  deadlocks.seen.length = 0;
  assertEquals(await deadlocks.isWatched(), "left");
  await turn();
  assertEquals(deadlocks.seen, ["ended", "awaited"]);
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("a full pool is no deadlock: a thread that a function of the hub awaits gets a Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const nested = hub.spawn(
    (call: () => number) => call() + 1,
    (async () => await hub.spawn(() => 41)) as never,
  );
  assertEquals(await nested, 42);
  assertEquals(await deadlocks.deep(10), 10);
  await until(() => hub.statistics().workers === 1);
});

Deno.test("a pool that can have no more Workers: DeadlockError, and all go on", async () => {
  using _workers = extraWorkers(rounds(32, 18));
  await using hub = new TestHub({ maxWorkers: 1 });
  const error = await rejection(deadlocks.deep(100), DeadlockError);
  assertMatch(
    error.message,
    /^Cannot wait for "deep-\d+": it can never start: all \d+ Workers that hub "hub" can have/,
  );
  assert(error.cycle.length > 16);
  // So many of them as anybody reads.
  assertSites(error.message, error.cycle.slice(0, 16));
  await until(() => hub.statistics().workers <= 1);
  assertEquals(await deadlocks.deep(3), 3);
});

Deno.test("a kill that a shield holds off breaks no circle; one that is heard does", async () => {
  for (const isShielded of [true, false]) {
    const next = new Queue<GreenThread<unknown>>();
    const last = hub.spawn((next: Queue<GreenThread<unknown>>) => {
      try {
        return next.get().wait();
      } catch (error) {
        return (error as Error).name;
      }
    }, next);
    const first = hub.spawn(
      (last: GreenThread<unknown>, isShielded: boolean) =>
        isShielded ? shield(() => last.wait()) : last.wait(),
      last,
      isShielded,
    );
    await parked(hub, first, /^thread/);
    first.kill();
    if (!isShielded) await ending(first);
    await next.putAsync(first);
    assertEquals(await last, isShielded ? "DeadlockError" : "GreenletExit");
    await ending(first);
  }
});

Deno.test("a deadlock of two hubs' threads is seen in each", async () => {
  const hubs = [new Hub({ maxWorkers: 2, name: "one" }), new Hub({ maxWorkers: 2, name: "two" })];
  for (const hub of hubs) {
    const results = await Promise.all(circle(hub, ["a", "b"]));
    assertEquals((results[0] as string[])[0], "DeadlockError");
    await hub.close();
  }
});

Deno.test("a thread that waits for thousands in turn keeps nothing of them", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await deadlocks.waitsForMany(2000), 2000);
  assertEquals(hub.statistics().totalThreads, 2001);
  assertEquals(hub.threads(), []);
});

Deno.test("killing one of a chain of waiters frees the others", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const last = hub.spawn(() => sleep(60_000));
  const middle = hub.spawn((thread: GreenThread) => thread.wait(), last);
  const first = hub.spawn((thread: GreenThread) => {
    try {
      thread.wait();
    } catch (error) {
      return (error as Error).name;
    }
  }, middle);
  await parked(hub, first, /^thread/);
  await parked(hub, middle, /^thread/);
  middle.kill();
  assertEquals(await first, "GreenletExit");
  assertEquals(last.state, "running");
  // The edge of the dead one is gone: this is no circle any more.
  const again = spawn((thread: GreenThread) => thread.state, last);
  assertEquals(typeof await again, "string");
  await last.killAsync();
});
