import {
  DeadlockError,
  GreenEvent,
  GreenletExit,
  type GreenThread,
  Hub,
  HubClosedError,
  HubSaturatedError,
  Lock,
  Queue,
  Semaphore,
  Timeout,
  useHub,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { newWords, Word, type Words } from "../../fixtures/cooperative_faults.ts";
import * as faults from "../../fixtures/cooperative_faults.ts";
import * as threads from "../../fixtures/cooperative_threads.ts";
import {
  cooperative,
  ending,
  fixture,
  moduleOf,
  parked,
  rejection,
  runDeno,
  serve,
  testApart,
  thrownBy,
  until,
} from "../../support/mod.ts";
import { patience } from "../../support/patience.ts";
import { newTrace, notes } from "../../support/trace.ts";

/** Waits until a thread of the fixtures has said that it is there. */
function began(words: Words): Promise<void> {
  return until(() => Atomics.load(words, Word.began) === 1);
}

/** Nobody ever had company, and no update was lost. */
function assertAlone(words: Words, count: number): void {
  assertEquals([words[Word.company], words[Word.count]], [0, count]);
}

Deno.test("threads that wait for ones that have not begun run them on their stacks, one at a time", async () => {
  await using hub = cooperative({ maxWorkers: 1 });
  const words = newWords();
  assertEquals(await faults.recurses(words, 30), 30);
  assertAlone(words, 61);
  assertEquals(hub.statistics().totalThreads, 31);
});

Deno.test("a thread that is waited for has its turn after those before it", async () => {
  for (const maxWorkers of [1, 8]) {
    await using _hub = cooperative({ maxWorkers });
    const trace = newTrace();
    await faults.waitsForTheLast(trace);
    // With one Worker there is none for the first two until that one is free, but a stack for the last.
    const order = maxWorkers === 1
      ? ["waits", "last", "has waited", "first", "second"]
      : ["waits", "first", "second", "last", "has waited"];
    await until(() => notes(trace).length === 5);
    assertEquals(notes(trace), order);
  }
});

Deno.test("callbacks into a blocked thread have turns of their own, and may block", async () => {
  await using hub = cooperative();
  const words = newWords();
  hub.expose({
    async callBack(fn: (blocks: boolean) => Promise<void>, times: number) {
      for (let i = 0; i < times; i++) await fn(i % 2 === 0);
    },
  });
  const others = [1, 2, 3].map(() => faults.counts(words, 200));
  await Promise.all([faults.isCalledBack(words, 50), ...others]);
  assertAlone(words, 50 + 25 + 1 + 600);
});

Deno.test("a green function that outlives its thread is called in a turn of its own", async () => {
  await using hub = cooperative();
  const words = newWords();
  const lend = await hub.spawn(
    async (url: string, words: Words) => {
      const { alone } = await import(url) as typeof faults;
      return () => alone(words);
    },
    fixture("cooperative_faults.ts"),
    words,
  ) as unknown as () => Promise<void>;
  const others = [1, 2].map(() => faults.counts(words, 100));
  for (let i = 0; i < 20; i++) await lend();
  await Promise.all(others);
  assertAlone(words, 220);
});

Deno.test("a kill ends threads that are blocked, that wait for their turn, and that have not begun", async () => {
  await using hub = cooperative();
  const words = newWords();
  const event = new GreenEvent<unknown>();
  const trace = newTrace();
  const blocked = threads.waits(trace, "blocked", new GreenEvent<unknown>());
  const woken = threads.waits(trace, "woken", event);
  await parked(hub, blocked, /event/);
  await parked(hub, woken, /event/);
  const holder = faults.loops(words);
  await began(words);
  const unborn = threads.says(trace, "unborn");
  blocked.kill();
  unborn.kill();
  // That needs no turn.
  assertEquals((await ending(unborn)).status, "killed");
  event.send();
  woken.kill();
  await parked(hub, woken, /^its turn$/);
  assertEquals([blocked.dead, woken.dead, notes(trace)], [false, false, []]);
  Atomics.store(words, Word.stop, 1);
  assertEquals(await holder, "stopped");
  assertEquals((await ending(blocked)).status, "killed");
  // It was sent its value before it was killed: what is ready wins.
  assertEquals((await ending(woken)).status, "fulfilled");
  assertEquals(notes(trace), ["woken"]);
});

Deno.test("a kill ends one that computes at a checkpoint(), and one in a shield() after it", async () => {
  await using hub = cooperative();
  let words = newWords();
  const checks = faults.checks(words);
  await began(words);
  checks.kill();
  assertEquals((await ending(checks)).status, "killed");
  words = newWords();
  const shielded = faults.isShielded(words);
  await began(words);
  shielded.kill();
  await faults.counts(words, 100);
  assertEquals(shielded.dead, false);
  Atomics.store(words, Word.stop, 1);
  assertEquals((await ending(shielded)).status, "killed");
  assertEquals(words[Word.company], 0);
  assertEquals(hub.statistics().threads, 0);
});

Deno.test("a put() into a rendezvous that has taken place does not fail, whatever happens before it goes on", async () => {
  await using hub = cooperative();
  const putThen = (queue: Queue<string>, words: Words, ms: number) => {
    using _limit = ms > 0 ? new Timeout(ms) : undefined;
    queue.put("item");
    Atomics.add(words, 5, 1);
    sleep(60_000);
  };
  for (const ms of [0, 10]) {
    const words = newWords();
    const queue = new Queue<string>(0);
    const got = queue.getAsync();
    const putter = hub.spawn(putThen, queue, words, ms);
    // Has its turn when the putter hands over, and keeps it.
    const greedy = faults.loops(words);
    await began(words);
    if (ms === 0) putter.kill();
    else await delay(2 * ms);
    Atomics.store(words, Word.stop, 1);
    await greedy;
    const { status, reason } = await ending(putter) as PromiseRejectedResult;
    assertEquals([await got, Atomics.load(words, 5)], ["item", 1]);
    if (ms === 0) assertEquals(status as string, "killed");
    else assertInstanceOf(reason, Timeout);
  }
});

Deno.test("time limits end waits in their turns", async () => {
  await using _hub = cooperative();
  const words = newWords();
  const lock = new Lock();
  const holder = faults.holds(words, lock);
  await began(words);
  const others = [1, 2].map(() => faults.counts(words, 100));
  const outcomes = await Promise.all([1, 2, 3].map(() => faults.timesOut(words, lock)));
  for (const outcome of outcomes) {
    assertEquals(outcome, ["Timeout", "Timeout", "in time", "Timeout"]);
  }
  await Promise.all(others);
  Atomics.store(words, Word.stop, 1);
  await holder;
  assertAlone(words, 212);
});

Deno.test("a time limit that has ended a link function ends the call below, even if that has its answer", async () => {
  await using _hub = cooperative({ maxWorkers: 2 });
  const words = newWords();
  const late = faults.isLateInLink(words);
  const computing = faults.loops(words);
  await delay(400);
  Atomics.store(words, Word.stop, 1);
  assertEquals(await late, ["Timeout", "slept"]);
  await computing;
});

Deno.test("a Worker that ends with the run lock, or while it is blocked, holds nobody up", async () => {
  await using _hub = cooperative({}, { crashed: 2 });
  for (const ms of [0, 20]) {
    const words = newWords();
    const others = [1, 2].map(() => faults.counts(words, 300));
    const crash = faults.crashes(words, ms);
    const more = faults.counts(words, 300);
    await rejection(crash, WorkerCrashedError);
    await Promise.all([...others, more]);
    assertAlone(words, 900);
  }
});

Deno.test("a Worker that runs out of memory with the run lock holds nobody up", async () => {
  const program = fixture("programs/cooperative_out_of_memory.ts");
  const { code, stdout, stderr } = await runDeno(["run", "--allow-read", program]);
  assertEquals(stdout.trim().split("\n"), ["WorkerCrashedError", "others count 200", "0"], stderr);
  assertEquals(code, 0);
});

testApart(
  import.meta,
  "a thread that computes for ever loses the run lock when its Worker is stopped",
  async () => {
    await using hub = cooperative({}, { leaked: 1 });
    const words = newWords();
    const greedy = faults.loops(words);
    await began(words);
    const others = [1, 2].map(() => faults.counts(words, 50));
    greedy.kill(undefined, { grace: 20 });
    assertInstanceOf(await thrownBy(greedy), GreenletExit);
    await Promise.all(others);
    assertAlone(words, 100);
    await until(() => hub.statistics().leaked === 1);
    // It goes on, and ends when it is let: it takes no turn of anybody.
    Atomics.store(words, Word.stop, 1);
    assertEquals(await faults.counts(words, 50), 50);
    assertAlone(words, 150);
  },
);

Deno.test("a module is loaded without a switch, however often that is", async () => {
  await using hub = cooperative();
  const trace = newTrace();
  // Each on a Worker of its own, as they are all blocked at the same time.
  const event = new GreenEvent<unknown>();
  const all = [1, 2, 3, 4].map((i) => threads.waitsTwice(trace, `${i}`, event));
  await until(() => event.waiting === 4);
  // The last one may still have its turn: it would go on first if the event came before it has given that up.
  for (const thread of all) await parked(hub, thread);
  event.send();
  await Promise.all(all);
  assertEquals(notes(trace), ["1", "2", "3", "4", "1 again", "2 again", "3 again", "4 again"]);
});

Deno.test("a module whose top-level code waits for another green thread gives the run lock up in the end", async () => {
  using _times = patience({ loading: 500 });
  await using hub = cooperative();
  const trace = newTrace();
  await using server = serve(async () => {
    await hub.spawn(threads.says, trace, "served");
    return new Response("value");
  });
  const url = moduleOf(
    `const value = await (await fetch("${server.url}")).text();
    export function get() { return value; }`,
  );
  const module = hub.greenImport<{ get(): string }>(url);
  assertEquals(await module.get(), "value");
  assertEquals(notes(trace), ["served"]);
});

Deno.test("a module that fails to load, and a thread that is killed while it loads, give the run lock up", async () => {
  await using hub = cooperative();
  const words = newWords();
  const failing = hub.greenImport<{ get(): string }>(moduleOf("throw new RangeError('no')")).get();
  const never = hub.greenImport<{ get(): string }>(
    moduleOf("await new Promise(() => {}); export function get() {}"),
  ).get();
  const other = faults.counts(words, 10);
  await rejection(failing, Error);
  await until(() => never.state === "running");
  never.kill();
  assertEquals((await ending(never)).status, "killed");
  assertEquals(await other, 10);
});

Deno.test("async green functions have the run lock from a blocking call to the next await, and hold nobody up", async () => {
  await using hub = cooperative();
  const words = newWords();
  const module = hub.greenImport<typeof faults>(fixture("cooperative_faults.ts"));
  const others = [1, 2].map(() => faults.counts(words, 300));
  assertEquals(await Promise.all([module.awaits(words, 10), module.awaits(words, 10)]), [
    "done",
    "done",
  ]);
  await Promise.all(others);
  assertAlone(words, 600 + 2 * 10 * 5);
});

testApart(
  import.meta,
  "close() answers those who run, who wait for their turn, and who have not begun",
  async () => {
    using _times = patience({ closing: 500 });
    const words = newWords();
    const hub = cooperative({ maxWorkers: 3 }, { leaked: 1 });
    const trace = newTrace();
    const event = new GreenEvent<unknown>();
    const blocked = threads.waits(trace, "blocked", new GreenEvent<unknown>());
    const woken = threads.waits(trace, "woken", event);
    await parked(hub, woken);
    await parked(hub, blocked);
    const greedy = faults.loops(words);
    await began(words);
    const unborn = [1, 2, 3].map((i) => threads.says(trace, `unborn ${i}`));
    event.send();
    const closing = hub[Symbol.asyncDispose]();
    for (const thread of unborn) await rejection(thread, HubClosedError);
    // The rest takes as long as the grace of `close()`, which has begun.
    const outcomes = await Promise.all(
      ([blocked, woken, greedy] as GreenThread<unknown>[]).map(ending),
    );
    for (const { status } of outcomes) assert(status !== "fulfilled");
    await closing;
    Atomics.store(words, Word.stop, 1);
    assertEquals(notes(trace), []);
  },
);

Deno.test("close() lets those finish who take turns", async () => {
  const words = newWords();
  const hub = cooperative();
  const counting = [1, 2, 3].map(() => faults.counts(words, 200));
  await until(() => words[Word.count] > 10);
  await hub[Symbol.asyncDispose]();
  assertEquals(await Promise.all(counting), [200, 200, 200]);
  assertAlone(words, 600);
});

Deno.test("deadlocks are found: locks in a circle, a thread that waits for itself", async () => {
  await using _hub = cooperative();
  const [a, b] = [new Lock({ name: "a" }), new Lock({ name: "b" })];
  const words = newWords();
  const results = await Promise.all([
    faults.takesTwo(words, a, b),
    faults.takesTwo(words, b, a),
  ]);
  assertEquals(results.toSorted(), ["DeadlockError", "both"]);
  const self = await threads.waitsForItself();
  assertEquals(self, DeadlockError.name);
});

Deno.test("more threads than Workers: those for whom there is none begin when there is one, in their order", async () => {
  await using hub = cooperative({ maxWorkers: 2 });
  const trace = newTrace();
  const all = [1, 2, 3, 4, 5, 6].map((i) => hub.spawn(threads.repeats, trace, `${i}-`, 2));
  await Promise.all(all);
  // Two at a time; when one has ended, the next one is behind those who go on.
  assertEquals(notes(trace).filter((line) => line.endsWith("-0")), [
    "1-0",
    "2-0",
    "3-0",
    "4-0",
    "5-0",
    "6-0",
  ]);
  assertEquals(notes(trace).length, 12);
  assertEquals(hub.statistics().queued, 0);
});

Deno.test("maxQueue counts those for whom there is no Worker, not those who wait for their turn", async () => {
  await using _hub = cooperative({ maxWorkers: 2, maxQueue: 1 });
  const words = newWords();
  const holder = faults.loops(words);
  await began(words);
  const waiting = faults.counts(words, 1);
  const queued = faults.counts(words, 1);
  const { message } = await rejection(faults.counts(words, 1), HubSaturatedError);
  assertMatch(message, /^Cannot spawn "counts-\d+": .* is full: 1 green threads wait for a Worker/);
  Atomics.store(words, Word.stop, 1);
  assertEquals(await Promise.all([holder, waiting, queued]), ["stopped", 1, 1]);
});

Deno.test("async functions on the hub run beside the thread that has the run lock", async () => {
  await using hub = cooperative();
  const words = newWords();
  let calls = 0;
  hub.expose({
    async asyncWork(i: number) {
      await new Promise((resolve) => setTimeout(resolve, i % 3));
      calls++;
    },
  });
  const calling = [1, 2, 3].map(() => faults.calls(words, 20));
  const others = [1, 2].map(() => faults.counts(words, 200));
  await Promise.all([...calling, ...others]);
  assertEquals(calls, 60);
  assertAlone(words, 460);
  const loop = faults.loops(words);
  await began(words);
  assertEquals(await Promise.resolve(calls), 60);
  Atomics.store(words, Word.stop, 1);
  await loop;
});

Deno.test("what async code wakes goes on in the order in which it was woken", async () => {
  await using hub = cooperative();
  const trace = newTrace();
  const events = [0, 1, 2, 3, 4].map(() => new GreenEvent<unknown>());
  const waiting = events.map((event, i) => threads.waits(trace, `${i}`, event));
  await until(() => events.every((event) => event.waiting === 1));
  const words = newWords();
  const holder = faults.loops(words);
  await began(words);
  for (const i of [3, 1, 4, 0, 2]) events[i].send();
  assertEquals(notes(trace), []);
  await parked(hub, waiting[2], /^its turn$/);
  assertEquals(
    hub.threads().filter(({ parkedOn }) => parkedOn === "its turn").length > 0,
    true,
  );
  Atomics.store(words, Word.stop, 1);
  await Promise.all([holder, ...waiting]);
  assertEquals(notes(trace), ["3", "1", "4", "0", "2"]);
});

Deno.test("threads of two cooperative hubs, and of one that is not, wake each other", async () => {
  await using hub = cooperative();
  await using second = new Hub({ cooperative: true });
  await using third = new Hub();
  const words = newWords();
  const semaphore = new Semaphore(1);
  const all: GreenThread<unknown>[] = [];
  for (const each of [hub, second, third]) {
    for (let i = 0; i < 3; i++) all.push(each.spawn(threads.countsLocked, words, semaphore, 200));
  }
  await Promise.all(all);
  assertEquals(words[Word.count], 1800);
  useHub(hub);
});
