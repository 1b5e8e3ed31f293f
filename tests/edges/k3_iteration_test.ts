import {
  GreenletExit,
  Hub,
  HubClosedError,
  iterate,
  Queue,
  Semaphore,
  spawn,
  Timeout,
  withTimeoutAsync,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { belongingsCount } from "../../hub/references/belongings.ts";
import { rejection, TestHub, until } from "../support/mod.ts";
import * as fixture from "../fixtures/edges/iteration.ts";

TestHub.shared({ maxWorkers: 1 });

type Items = AsyncIterableIterator<number>;

/** What inline functions have in scope. */
declare const green: typeof import("@aiohub/aiohub");

/** The iterator of what green code gave: its handle is iterable. */
function iteratorOf(items: unknown): Items {
  return (items as AsyncIterable<number>)[Symbol.asyncIterator]() as Items;
}

/** Keeps the Worker busy that has run a thread last, so that the next thread runs on another one. */
async function keepBusy(ends?: typeof WorkerCrashedError): Promise<AsyncDisposable> {
  const gate = new Queue<number>();
  const thread = spawn((gate: Queue<number>) => gate.get(), gate);
  await until(() => gate.getting === 1);
  // It may fail before anybody looks.
  thread.then(undefined, () => {});
  return {
    async [Symbol.asyncDispose]() {
      if (ends) return void await rejection(thread, ends);
      gate.tryPut(0);
      await thread;
    },
  };
}

async function textOf(stream: ReadableStream<string>): Promise<[string, unknown]> {
  let text = "";
  try {
    for await (const chunk of stream) text += chunk;
  } catch (error) {
    return [text, error];
  }
  return [text, undefined];
}

for (const cooperative of [false, true]) {
  const where = cooperative ? "a cooperative hub" : "the hub";

  Deno.test(`K3 items go out before a green generator blocks, and it is left while it does: ${where}`, async () => {
    await using hub = new TestHub({ maxWorkers: 1, cooperative });
    const items = new Queue<number>();
    const log = new Queue<string>();
    const it = iteratorOf(await fixture.ticks(items, log));
    assertEquals([(await it.next()).value, (await it.next()).value], [1, 2]);
    const third = it.next();
    await until(() => items.getting === 1);
    await until(() => / ticks\(\) .* queue \d+$/m.test(hub.dump()));
    await it.return!();
    assertEquals(await third, { done: true, value: undefined });
    // What blocks in the clean-up of what is left throws again, as after a kill.
    assertEquals([items.getting, log.size], [0, 0]);
    assertEquals(hub.dump().includes("ticks()"), false);
    assertEquals(await it.next(), { done: true, value: undefined });
    items.tryPut(3);
    assertEquals(await items.getAsync(), 3);
  });

  Deno.test(`K3 for await with break in try/finally ends a green generator that blocks: ${where}`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1, cooperative });
    const items = new Queue<number>();
    const log = new Queue<string>();
    const seen: (number | string)[] = [];
    try {
      for await (const item of await fixture.ticks(items, log)) {
        seen.push(item);
        if (item === 2) break;
      }
    } finally {
      seen.push("finally");
    }
    assertEquals(seen, [1, 2, "finally"]);
    assertEquals(await log.getAsync(), "finally");
  });

  Deno.test(`K3 a limit on next() of a green generator loses nothing, and return() ends it: ${where}`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1, cooperative });
    const items = new Queue<number>();
    const it = iteratorOf(await fixture.drain(items));
    for (let i = 0; i < 3; i++) await rejection(withTimeoutAsync(5, () => it.next()), Timeout);
    items.tryPut(1);
    assertEquals(await it.next(), { done: false, value: 1 });
    await rejection(withTimeoutAsync(5, () => it.next()), Timeout);
    await it.return!();
    assertEquals(items.getting, 0);
    items.tryPut(2);
    assertEquals(items.size, 1, "nobody takes it");
  });
}

Deno.test("K3 after break at the third item exactly three were asked for, in both directions", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const items = new Queue<number>();
  for (let i = 0; i < 1000; i++) items.tryPut(i);
  for await (const item of await fixture.drain(items)) if (item === 2) break;
  assertEquals(items.size, 997);
  assertEquals(await fixture.firstOfCount("three", 3, 0), [0, 1, 2]);
  assertEquals(fixture.asked.three, 3);
  const drained = await fixture.drain(items);
  await using _busy = await keepBusy();
  const relayed = await fixture.relays(drained as never, 3);
  assertEquals([relayed, items.size], [[3, 4, 5], 994], "from one Worker to another");
});

Deno.test("K3 iterate() asks ahead for as many as it was told, in both directions, and no more", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const items = new Queue<number>();
  for (let i = 0; i < 1000; i++) items.tryPut(i);
  const seen: number[] = [];
  for await (const item of iterate(await fixture.drain(items), { prefetch: 10 })) {
    seen.push(item);
    await until(() => items.size === 1000 - seen.length - 10);
    if (item === 2) break;
  }
  assertEquals([seen, items.size], [[0, 1, 2], 987]);
  assertEquals(await fixture.firstOfCount("ahead", 3, 10), [0, 1, 2]);
  const asked = fixture.asked.ahead;
  assert(asked > 3 && asked <= 13, `asked ${asked}`);
  assertEquals((await fixture.firstOfCount("all", 300, 100)).length, 300);
});

Deno.test("K3 iterate() of what is on its own side", async () => {
  let made = 0;
  async function* local() {
    try {
      for (;;) yield made++;
    } finally {
      made = -1;
    }
  }
  const seen: number[] = [];
  for await (const item of iterate(local(), { prefetch: 3 })) {
    seen.push(item);
    if (item === 1) break;
    await until(() => made === item + 4);
  }
  assertEquals([seen, made], [[0, 1], -1]);
  // Names that were added later are not in the scope of inline functions by themselves, but as members of `green`.
  const inline = await spawn(() => [typeof iterate, ...green.iterate([1, 2], { prefetch: 2 })]);
  assertEquals(inline, ["undefined", 1, 2]);
});

Deno.test("K3 iterate() refuses what it cannot do, by name", () => {
  const iterateAnyhow = iterate as (...args: unknown[]) => unknown;
  assertThrows(
    () => iterateAnyhow(5),
    TypeError,
    "expected an iterable or async iterable, found 5",
  );
  assertThrows(() => iterateAnyhow([], 5), TypeError, "{ prefetch: 5 }");
  assertThrows(() => iterateAnyhow([], { preFetch: 1 }), TypeError, '"preFetch"');
  assertThrows(() => iterateAnyhow([], { prefetch: "1" }), TypeError, '"prefetch", found "1"');
  for (const prefetch of [-1, 1.5, Infinity]) {
    assertThrows(() => iterateAnyhow([], { prefetch }), RangeError, "from 0 to 65536");
  }
});

Deno.test("K3 two who iterate over one green generator share its items", async () => {
  const items = new Queue<number>();
  const handle = await fixture.drain(items);
  const one = iteratorOf(handle);
  const two = iteratorOf(handle);
  const asked = [one.next(), two.next(), one.next()];
  await until(() => items.getting === 1);
  for (const n of [1, 2, 3]) items.tryPut(n);
  const got = (await Promise.all(asked)).map(({ value }) => value as number);
  assertEquals(got.sort(), [1, 2, 3]);
  const last = two.next();
  await until(() => items.getting === 1);
  // It is the generator that ends.
  await one.return!();
  assertEquals((await last).done, true);
});

Deno.test("K3 what a generator does when it is left: shield(), going on all the same, failing in finally", async () => {
  const items = new Queue<number>();
  const log = new Queue<string>();
  const gate = new Semaphore(0);
  const one = iteratorOf(await fixture.shielded(items, gate, log));
  one.next();
  await until(() => items.getting === 1);
  const left = one.return!();
  await until(() => gate.waiting === 1);
  gate.release();
  await left;
  assertEquals(await log.getAsync(), "cleaned up");

  const two = iteratorOf(await fixture.stubborn(items, log));
  const never = two.next();
  await until(() => items.getting === 1);
  await two.return!();
  assertEquals([(await never).done, await log.getAsync()], [true, "returned"]);

  const three = iteratorOf(await fixture.failsWhenLeft(items));
  three.next();
  await until(() => items.getting === 1);
  await assertRejects(() => three.return!(), RangeError, "in finally");
});

Deno.test("K3 nested generators: the one that was given names itself, and both are left", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const items = new Queue<number>();
  const it = iteratorOf(await fixture.nested(items));
  await it.next();
  it.next();
  await until(() => / outerPart\(\) /.test(hub.dump()));
  await it.return!();
  assertEquals(items.getting, 0);
});

Deno.test("K3 a thread that lent a generator goes on when the call has ended, though it blocks", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const items = new Queue<number>();
  assertEquals(await fixture.lends(items, "first"), [1, "went on"]);
  assertEquals(await fixture.lends(items, "left"), [1, "went on"]);
  assertEquals(await fixture.lends(items, "limited"), ["Timeout", "went on"]);
  assertEquals(await fixture.lendsWithLimit(items), ["finally"]);
  assertMatch(await fixture.lendsWithLock() as string, /^lendsWithLock/);
  await until(() => items.getting === 0 && hub.statistics().calls === 0);
});

Deno.test("K3 a kill of the thread reaches the generator that it lent, and that blocks", async () => {
  const items = new Queue<number>();
  const thread = fixture.lends(items, "second");
  await until(() => items.getting === 1);
  thread.kill();
  assertEquals(await thread, ["GreenletExit", "went on"]);
  assertEquals(items.getting, 0);
});

Deno.test("K3 items that are asked for ahead go out before a generator blocks, and it is left", async () => {
  const items = new Queue<number>();
  const it = iterate(await fixture.ticks(items, new Queue<string>()), { prefetch: 8 });
  assertEquals([(await it.next()).value, (await it.next()).value], [1, 2]);
  const third = it.next();
  await until(() => items.getting === 1);
  await it.return!();
  assertEquals([(await third).done, items.getting], [true, 0]);
});

Deno.test("K3 a generator that is returned goes with nobody: threads that ran beneath it end as usual", async () => {
  const items = new Queue<number>();
  const it = iteratorOf(await fixture.drain(items));
  const gate = new Queue<number>();
  const beneath = spawn((gate: Queue<number>) => gate.get(), gate);
  await until(() => gate.getting === 1);
  items.tryPut(1);
  // Begun on top of that thread.
  assertEquals((await it.next()).value, 1);
  gate.tryPut(1);
  await beneath;
  items.tryPut(2);
  assertEquals((await it.next()).value, 2);
  await it.return!();
});

Deno.test("K3 a Worker that ends while the hub iterates fails the next item; a close ends the generator", async () => {
  {
    await using _hub = new TestHub({ maxWorkers: 2 }, { crashed: 2 });
    const exits = await fixture.exits();
    {
      await using _busy = await keepBusy(WorkerCrashedError);
      // In green code of another Worker.
      await rejection(fixture.relays(exits as never, 5), WorkerCrashedError);
    }
    const it = iteratorOf(await fixture.exits());
    assertEquals((await it.next()).value, 1);
    await rejection(it.next(), WorkerCrashedError);
    assertEquals((await it.next()).done, true);
    await it.return!();
  }
  const items = new Queue<number>();
  let third: Promise<unknown>;
  {
    await using hub = new TestHub({ maxWorkers: 1 });
    const it = iteratorOf(await fixture.drain(items));
    third = rejection(it.next(), HubClosedError);
    await until(() => items.getting === 1);
    await hub.close({ grace: 10 });
  }
  await third;
  assertEquals(items.getting, 0);
});

Deno.test("K3 a green generator with a limit in another Worker's iteration loses nothing", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const items = new Queue<number>();
  const out = new Queue<number>();
  const drained = await fixture.drain(items);
  await using _busy = await keepBusy();
  const thread = fixture.relaysLimited(drained as never, out, 3);
  assertEquals(await out.getAsync(), 0);
  for (const n of [1, 2, 3]) items.tryPut(n);
  assertEquals(await thread, { got: [1, 2, 3], wasLate: true });
  await until(() => items.getting === 0);
});

Deno.test("K3 a limit on next() of an iterator of the hub loses nothing, however often", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const items = new Queue<number>();
  const total = 60;
  const thread = fixture.limited(items, total);
  for (let i = 0; i < total; i++) {
    items.tryPut(i);
    if (i % 10 === 0) await until(() => items.getting === 1);
    else await new Promise((resolve) => setTimeout(resolve, i % 3));
  }
  assertEquals(await thread, Array.from({ length: total }, (_, i) => i));
  await until(() => hub.statistics().handles === 0 && items.getting === 0);
});

Deno.test("K3 return() after a limit ends what the library waits for in a generator of the hub", async () => {
  fixture.log.length = 0;
  const items = new Queue<number>();
  const since = performance.now();
  assertEquals(await fixture.limitedAndLeft(items), ["late", true]);
  assertEquals(fixture.log, ["queued finally"]);
  assertEquals(items.getting, 0);
  assert(performance.now() - since < 30_000);
});

Deno.test("K3 items that were ahead of one that cannot cross come before its error", async () => {
  for (const prefetch of [0, 8]) {
    assertEquals(await fixture.untilUncloneable(prefetch), [1, 2, "NotCloneableError"]);
  }
});

Deno.test("K3 a stream of bytes is read ahead in a window of 256 KiB, and cancelled by a break", async () => {
  fixture.log.length = 0;
  const size = 1 << 15;
  const ahead = await fixture.bytesRead(size, 3);
  assert(ahead > 1 && ahead <= (1 << 18) / size + 1, `${ahead} chunks ahead`);
  assertEquals(fixture.log, ["bytes cancelled"]);
});

Deno.test("K3 an iterator of the hub that a thread leaves open is returned when the thread ends", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  fixture.log.length = 0;
  assertEquals(await fixture.leavesOpen("plain", "plain"), 0);
  await rejection(fixture.leavesOpen("throw", "throw"), RangeError);
  const killed = fixture.leavesOpen("kill", "block");
  await until(() => fixture.asked.kill === 1);
  killed.kill();
  await rejection(killed, GreenletExit);
  await rejection(fixture.leavesOpen("exit", "exit"), WorkerCrashedError);
  await until(() => fixture.log.length === 4);
  assertEquals(fixture.log, ["plain", "throw", "kill", "exit"].map((name) => `${name} returned`));
  assertEquals(belongingsCount(), 0);
  await hub.spawn(() => 0);
});

Deno.test("K3 an iteration that a thread began does not go on in another one, and says so", async () => {
  assertEquals(await fixture.keeps("kept"), 0);
  const error = await rejection(fixture.keeps("kept"), Error);
  assertMatch(error.message, /the green thread that began it has ended/);
});

Deno.test("K3 a WritableStream that a thread leaves open is aborted with its error", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const open = () => new TransformStream<string, string>(undefined, { highWaterMark: 8 });
  for (
    const [way, name, message] of [
      ["plain", "Error", /ended without close\(\)/],
      ["throw", "RangeError", /no more/],
      ["using, throw", "RangeError", /no more/],
      ["exit", "WorkerCrashedError", /ended while/],
    ] as const
  ) {
    const { readable, writable } = open();
    const thread = fixture.writes(writable as never, way);
    const [text, error] = await textOf(readable);
    assert(text === "a" || text === "", text);
    assertEquals((error as Error).name, name);
    assertMatch((error as Error).message, message);
    await thread.then(() => {}, () => {});
    await until(() => !writable.locked);
  }
  const { readable, writable } = open();
  const thread = fixture.writes(writable as never, "block");
  const reader = readable.getReader();
  assertEquals((await reader.read()).value, "a");
  thread.kill(new RangeError("killed"));
  await assertRejects(async () => await reader.read(), RangeError, "killed");
  await rejection(thread, RangeError);
  assertEquals(belongingsCount(), 0);
});

Deno.test("K3 a WritableStream that is closed, given back, or still another thread's is not aborted", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const closed = new TransformStream<string, string>();
  const [thread, text] = await Promise.all([
    fixture.writes(closed.writable as never, "close"),
    textOf(closed.readable),
  ]);
  assertEquals([thread, text], ["done", ["a", undefined]]);
  const given = new TransformStream<string, string>(undefined, { highWaterMark: 8 });
  assertEquals(await fixture.writes(given.writable as never, "using"), "done");
  const writer = given.writable.getWriter();
  const rest = textOf(given.readable);
  await writer.write("b");
  await writer.close();
  assertEquals(await rest, ["ab", undefined]);
  const both = new TransformStream<string, string>();
  const [, all] = await Promise.all([
    fixture.writesBoth(both.writable as never),
    textOf(both.readable),
  ]);
  assertEquals(all, ["aab", undefined]);
});

Deno.test("K3 a limit around a whole loop ends what it iterates over, in both directions", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const items = new Queue<number>();
  items.tryPut(1);
  const drained = await fixture.drain(items);
  const seen: number[] = [];
  const late = withTimeoutAsync(50, async () => {
    for await (const item of drained) seen.push(item);
    seen.push(-1);
  });
  await rejection(late, Timeout);
  await until(() => items.getting === 0 && hub.statistics().handles === 0);
  items.tryPut(2);
  assertEquals([seen.includes(-1), items.size >= 1], [false, true]);

  fixture.log.length = 0;
  const more = new Queue<number>();
  assertEquals(await fixture.loopWithLimit(more), ["Timeout", "queued finally"]);
  assertEquals(more.getting, 0);
});

Deno.test("K3 a green generator of one hub is iterated over by green code of another one", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await using other = new Hub({ maxWorkers: 1 });
  const items = new Queue<number>();
  for (const n of [1, 2, 3, 4]) items.tryPut(n);
  const drained = await fixture.drain(items);
  const got = await other.spawn(fixture.relays, drained as never, 3);
  assertEquals([got, items.size], [[1, 2, 3], 1]);
  await until(() => hub.statistics().handles === 0);
});

Deno.test("K3 an inline function that calls iterate() by its bare name is told where it is", async () => {
  const error = await rejection(spawn(() => [...iterate([1])]), ReferenceError);
  assertMatch(error.message, /Cannot find "iterate".* iterate\(\) only as green\.iterate\(\)$/);
});
