import { asyncToSync, futureToGreenlet, type GreenThread, type Hub, Queue } from "@aiohub/aiohub";
import { Lock, spawn } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertGreaterOrEqual, assertMatch, assertThrows } from "@std/assert";
import { newMarks } from "../../fixtures/lifetimes/marks.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import { parked, rejection, TestHub, until } from "../../support/mod.ts";

/** What a thread says that it is blocked on. */
function parkedOn(hub: Hub, thread: GreenThread): string | undefined {
  return hub.threads().find(({ id }) => id === thread.id)?.parkedOn;
}

Deno.test("Hub.threads() says what each thread is parked on: a call, a sleep, a thread, a queue, a lock", async () => {
  await using hub = new TestHub({ maxWorkers: 6 });
  const queue = new Queue<number>(undefined, { name: "jobs" });
  const lock = new Lock({ name: "cache" });
  const permit = await lock.acquireAsync();
  const sleeping = hub.with({ name: "late riser" }).spawn(threads.sleeper, newMarks());
  const cases: [GreenThread, RegExp][] = [
    [sleeping, /^sleep, \d+ ms more$/],
    [threads.caller(newMarks()), /^hang\(\)$/],
    [threads.waiter(sleeping), /^thread "late riser"$/],
    [hub.spawn((queue: Queue<number>) => queue.get(), queue), /jobs/],
    [hub.spawn((lock: Lock) => void lock.acquire(), lock), /cache/],
    [
      hub.spawn((callback: () => void) => callback(), () => new Promise<void>(() => {})),
      /callback/,
    ],
  ];
  for (const [thread, on] of cases) await parked(hub, thread, on);
  const ids = hub.threads().map(({ id }) => id);
  assertEquals(ids, ids.toSorted((a, b) => a - b));
  assertEquals(ids.length, cases.length);
  permit.release();
  for (const [thread] of cases.toReversed()) await thread.killAsync();
  assertEquals(hub.threads(), []);
});

Deno.test("Hub.threads() tells id, name, state, age and parent, of queued threads and futures too", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const gate = Promise.withResolvers<void>();
  const parent = hub.with({ name: "parent" }).spawn((wait: () => void) => {
    spawn(() => "child");
    wait();
  }, () => gate.promise);
  const queued = hub.spawn(function queuedOne() {});
  const future = futureToGreenlet(gate.promise);
  await parked(hub, parent);
  const all = hub.threads();
  assertEquals(all.map(({ state }) => state), ["running", "pending", "running", "pending"]);
  assertEquals(all.map(({ id }) => id).slice(0, 3), [parent.id, queued.id, future.id]);
  assertEquals(all[0].name, "parent");
  assertMatch(all[1].name, /^queuedOne-\d+$/);
  assertEquals(all.map(({ parent }) => parent), [0, 0, 0, parent.id]);
  for (const { age } of all) assertGreaterOrEqual(age, 0);
  assertGreaterOrEqual(all[0].age, all[3].age);
  gate.resolve();
  await Promise.all([parent, queued, future]);
});

Deno.test("Hub.threads() forgets what a thread was parked on when it goes on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const marks = newMarks();
  const thread = hub.spawn((marks: SharedArrayBuffer) => {
    const words = new Int32Array(marks);
    while (Atomics.load(words, 6) === 0) sleep(60);
    Atomics.store(words, 0, 1);
    while (Atomics.load(words, 7) === 0);
    sleep(60_000);
  }, marks);
  await parked(hub, thread, /^sleep/);
  new Int32Array(marks)[6] = 1;
  await until(() => new Int32Array(marks)[0] === 1 && parkedOn(hub, thread) === undefined);
  assertEquals(thread.state, "running");
  new Int32Array(marks)[7] = 1;
  await parked(hub, thread, /^sleep/);
  await thread.killAsync();
});

Deno.test("Hub.dump() is a table of them", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(hub.dump(), "id  name  state  age  parent  parked on");
  const sleeping = hub.with({ name: "late riser" }).spawn(threads.sleeper, newMarks());
  const queued = hub.with({ name: "queued" }).spawn(() => {});
  await parked(hub, sleeping);
  const [head, first, second, ...rest] = hub.dump().split("\n");
  assertMatch(head, /^id +name +state +age +parent +parked on$/);
  assertMatch(first, /^\d+ +late riser +running +\d+ ms +sleep, \d+ ms more$/);
  assertMatch(second, /^\d+ +queued +pending +\d+ ms$/);
  assertEquals([rest, first.indexOf("sleep")], [[], head.indexOf("parked on")]);
  await sleeping.killAsync();
  await queued;
});

Deno.test("Hub({ debug }) has stacks tell who spawned whom, through all threads", async () => {
  await using hub = new TestHub({ maxWorkers: 2, debug: true });
  const { message, stack } = await rejection(spawnsHere(hub), RangeError);
  assertEquals(message, "deep down");
  assertMatch(stack!, /--- spawned as "outer" ---\n.*\n?.*spawnsHere/);
});

Deno.test("Hub({ debug }) has the stack of a grandchild tell the whole line, once", async () => {
  await using _hub = new TestHub({ maxWorkers: 3, debug: true });
  const { stack } = await rejection(threads.generations(2), RangeError);
  const lines = stack!.match(/--- spawned as "(generations|heir)-\d+" ---/g)!;
  assertEquals([lines.length, new Set(lines).size], [3, 3], stack);
  // Spawned in green code: the line of that code, and not the hub's.
  assertMatch(stack!, /--- spawned as "(generations|heir)-\d+" ---\n.*lifetimes\/threads\.ts/);
});

function spawnsHere(hub: Hub): GreenThread<void> {
  return hub.with({ name: "outer" }).spawn(() => {
    throw new RangeError("deep down");
  });
}

Deno.test("P150 Hub({ blockedWarning }) reports a function that keeps the event loop, by its name", async () => {
  await using hub = new TestHub({ maxWorkers: 1, blockedWarning: 1000, name: "watchful" });
  const messages: string[] = [];
  hub.addEventListener("blocked", (event) => {
    event.preventDefault();
    messages.push(event.message);
  });
  hub.expose({
    computes(ms: number) {
      const end = performance.now() + ms;
      while (performance.now() < end);
      return ms;
    },
    awaits: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms, ms)),
  });
  const thread = hub.spawn(async (url: string) => {
    const { call } = await import(url) as typeof import("../../../mod.ts");
    return [call("computes", 0), call("awaits", 1100), call("computes", 1100)];
  }, import.meta.resolve("../../../mod.ts"));
  assertEquals(await thread, [0, 1100, 1100]);
  assertEquals(messages.length, 1);
  assertMatch(messages[0], /^computes\(\) blocked the event loop of hub "watchful" for \d+ ms$/);
});

Deno.test("P150 Hub({ blockedWarning }) warns on stderr when nobody listens", async () => {
  await using hub = new TestHub({ maxWorkers: 1, blockedWarning: 20 });
  const { warn } = console;
  const warnings: unknown[] = [];
  console.warn = (text: unknown) => warnings.push(text);
  try {
    await hub.spawn((callback: () => void) => callback(), function slow() {
      const end = performance.now() + 50;
      while (performance.now() < end);
    });
  } finally {
    console.warn = warn;
  }
  assertEquals(warnings.length, 1);
  assertMatch(String(warnings[0]), /^Warning: .* blocked the event loop of hub "hub" for \d+ ms$/);
});

Deno.test("J117 blocking calls where nothing may block say what to do instead", () => {
  assertThrows(() => sleep(1), Error, "Cannot call sleep() on the hub");
  assertThrows(() => echoHere(1), Error, "await echoHere.async()");
  assert(typeof echoHere.async === "function");
});

const echoHere = asyncToSync(import.meta, async function echoHere(n: number) {
  return await n;
});
