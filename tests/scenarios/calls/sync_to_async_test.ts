import { BlockingCallError, GreenThread, spawn, syncToAsync } from "@aiohub/aiohub";
import { assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { double, doubleElsewhere, doubleTwice } from "../../fixtures/both_ways.ts";
import * as hiding from "../../fixtures/not_exported.ts";
import * as misplacing from "../../fixtures/wrong_meta.ts";
import { deep } from "../../fixtures/deep.ts";
import { fib } from "../../fixtures/recursion.ts";
import { rejection, TestHub, until } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("P251 syncToAsync() gives a function that spawns a green thread on the hub", async () => {
  const thread = double(21);
  assertInstanceOf(thread, GreenThread);
  assertEquals(await thread, 42);
});

Deno.test("syncToAsync() gives a function that spawns in green code too", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  assertEquals(await doubleElsewhere(21), 42);
});

Deno.test("syncToAsync() gives a function that spawn() takes", async () => {
  assertEquals(await hub.spawn(double, 21), 42);
  assertEquals(await spawn(double, 4), 8);
});

Deno.test("J112 syncToAsync().sync() runs the function inline in the green thread that calls it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await doubleTwice(5), 20);
  assertEquals(hub.statistics().totalThreads, 1);
});

Deno.test("syncToAsync().sync() on the hub names its twin", () => {
  const error = assertThrows(() => double.sync(1), BlockingCallError);
  assertMatch(error.message, /^Cannot call double\.sync\(\) on the hub/);
  assertMatch(error.message, /use await double\(\)$/);
});

Deno.test("syncToAsync() threads run each other when there are more than Workers", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  assertEquals(await fib(9), 34);
  assertEquals(hub.statistics().workers <= 4, true);
});

Deno.test("J114 syncToAsync() keeps name and arity", () => {
  assertEquals([double.name, double.length], ["double", 1]);
});

Deno.test("P252 syncToAsync() refuses what is no import.meta or no named synchronous function", () => {
  const message = (meta: unknown, fn: unknown) =>
    assertThrows(() => syncToAsync(meta as ImportMeta, fn as () => void), TypeError).message;
  assertMatch(message(undefined, () => 1), /expected import\.meta as the first argument, found/);
  assertMatch(message({}, () => 1), /expected import\.meta as the first argument/);
  assertMatch(
    message(import.meta, { async call() {} }),
    /expected a function as the second argument, found an object/,
  );
  assertMatch(message(import.meta, 1), /expected a function as the second argument, found 1/);
  assertMatch(
    message(import.meta, () => 1),
    /the function has no name: give it the name of the export/,
  );
  assertMatch(
    message(import.meta, async function* late() {}),
    /the function "late" is an async generator, and green code is synchronous: make it a generator without async/,
  );
});

Deno.test("syncToAsync() of a function that is not exported under its name says so", async () => {
  const hidden = await rejection(hiding.local.hidden(), TypeError);
  assertMatch(hidden.message, /^Cannot find "hidden" in "file:.*not_exported\.ts"/);
  assertMatch(hidden.message, /the module exports "callHidden", "local", "renamed"/);
  assertMatch(hidden.message, /Export the function as "hidden"/);
  assertMatch(hidden.message, /export const hidden = syncToAsync\(import\.meta, function hidden/);
  const renamed = await rejection(hiding.renamed(), TypeError);
  assertMatch(renamed.message, /^Cannot find "original" in/);
});

Deno.test("syncToAsync() with the wrong import.meta says so", async () => {
  const error = await rejection(misplacing.misplaced(), TypeError);
  assertMatch(error.message, /^Cannot find "misplaced" in "file:.*lends_its_meta\.ts"/);
  assertMatch(error.message, /in the module whose import\.meta you pass/);
});

Deno.test("J36 syncToAsync() of a module that throws when it is loaded rejects with that", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { work } = await import("../../fixtures/throws_at_top_level.ts");
  const error = await rejection(work(), RangeError);
  assertEquals(error.message, "Cannot load me in a Worker");
  for (const thrown of [error, await rejection(work(), RangeError)]) {
    const [top, line, ...rest] = String(thrown.stack).split("\n").slice(1);
    assertMatch(top, /throws_at_top_level\.ts:\d+:\d+\)?$/);
    assertMatch(
      line,
      /^ {4}--- while a Worker imported "file:.*throws_at_top_level\.ts": .*main\)` ---$/,
    );
    assertMatch(rest[0], /^ {4}--- thrown in green thread "work-\d+", awaited on the hub ---$/);
  }
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("syncToAsync() of a module that spawns at top level says to use import.meta.main", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { work } = await import("../../fixtures/spawns_at_top_level.ts");
  const error = await rejection(work(), Error);
  assertMatch(error.message, /while a Worker imports "file:.*spawns_at_top_level\.ts"/);
  assertMatch(error.message, /under `if \(import\.meta\.main\)`$/);
  const calling = await import("../../fixtures/calls_at_top_level.ts");
  const refused = await rejection(calling.work(), Error);
  assertMatch(
    refused.message,
    /^Cannot call echo\(\) while a Worker imports ".*calls_at_top_level/,
  );
  assertMatch(refused.message, /under `if \(import\.meta\.main\)`$/);
  assertEquals(hub.statistics().crashed, 0);
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("syncToAsync() threads that wait in a chain run on one stack, as far as there is room", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await deep(300), 300);
  const error = await rejection(deep(50_000), RangeError);
  assertMatch(error.message, /the stack is full: \d+ green threads wait on it, each for the next/);
  await until(() => hub.statistics().idle === 1);
  assertEquals([hub.statistics().threads, hub.statistics().crashed], [0, 0]);
  assertEquals(await deep(300), 300);
});
