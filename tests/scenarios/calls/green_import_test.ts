import { greenImport, GreenThread, spawn } from "@aiohub/aiohub";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { assertNotEquals, assertStrictEquals } from "@std/assert";
import { threadId } from "node:worker_threads";
import { fixture, moduleOf, rejection, TestHub } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

type Plain = typeof import("../../fixtures/plain.ts");
type Counter = typeof import("../../fixtures/counter.ts");

/** A module of which nothing is known. */
type Anything = Record<string, (...args: unknown[]) => unknown>;

Deno.test("greenImport() gives functions that spawn green threads", async () => {
  const plain = greenImport<Plain>(fixture("plain.ts"));
  const thread = plain.add(20, 22);
  assertInstanceOf(thread, GreenThread);
  assertEquals(await thread, 42);
  assertEquals(await hub.greenImport<Plain>(fixture("plain.ts")).add(1, 2), 3);
});

Deno.test("J9, J10 greenImport() functions take no arguments and return nothing", async () => {
  const plain = greenImport<Plain>(fixture("plain.ts"));
  assertEquals(await plain.nothing(), undefined);
  assertEquals(await plain.countArguments(), 0);
  assertEquals(await plain.countArguments(undefined, undefined), 2);
});

Deno.test("J11 greenImport() loads the module in a Worker", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const where = await greenImport<Plain>(fixture("plain.ts")).whichThread();
  assertEquals(where.isMainThread, false);
  assertNotEquals(where.threadId, threadId);
});

Deno.test("J4 greenImport() takes a URL, a string, and a bare name of the import map", async () => {
  const url = new URL("../../fixtures/plain.ts", import.meta.url);
  assertEquals(await greenImport<Plain>(url).add(1, 1), 2);
  assertEquals(await greenImport<Plain>(url.href).add(1, 1), 2);
  assertEquals(
    await greenImport<Plain>(import.meta.resolve("../../fixtures/plain.ts")).add(1, 1),
    2,
  );
  const { equal } = greenImport<typeof import("@std/assert")>("@std/assert");
  assertEquals(await equal({ a: 1 }, { a: 1 }), true);
});

Deno.test("greenImport() gives the default export", async () => {
  assertEquals(await greenImport<Plain>(fixture("plain.ts")).default(), "default export");
});

Deno.test("J15 greenImport() waits for a module that awaits at top level", async () => {
  const url = fixture("awaits_at_top_level.ts");
  assertEquals(
    await greenImport<typeof import("../../fixtures/awaits_at_top_level.ts")>(url).isReady(),
    true,
  );
});

Deno.test("greenImport() functions may be async", async () => {
  assertEquals(await greenImport<Plain>(fixture("plain.ts")).later(5), 5);
});

Deno.test("greenImport() functions reject with what they throw", async () => {
  const error = await rejection(greenImport<Plain>(fixture("plain.ts")).fail("plainly"), TypeError);
  assertEquals(error.message, "plainly");
  assertMatch(error.stack ?? "", /plain\.ts/);
});

Deno.test("greenImport() functions are ones that spawn() takes", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const plain = greenImport<Plain>(fixture("plain.ts"));
  assertEquals(await hub.spawn(plain.add, 1, 2), 3);
  const inGreen = spawn((url: string) => {
    const plain = greenImport<Plain>(url);
    return [plain.add(2, 3).wait(), spawn(plain.add, 3, 4).wait()];
  }, fixture("plain.ts"));
  assertEquals(await inGreen, [5, 7]);
});

Deno.test("J8 greenImport() modules keep their state in their Worker", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const counter = greenImport<Counter>(fixture("counter.ts"));
  assertEquals(await Promise.all([counter.increment(), counter.increment()]), [1, 2]);
  assertEquals(await counter.increment(), 3);
});

Deno.test("J13, J114 greenImport() functions are named and made once", () => {
  const plain = greenImport<Plain>(fixture("plain.ts"));
  assertEquals([plain.add.name, plain.toString.name], ["add", "toString"]);
  assertStrictEquals(plain.add, plain.add);
});

Deno.test("greenImport() gives an object that can be awaited and printed without a call", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const plain = greenImport<Plain>(fixture("plain.ts"));
  assertStrictEquals(await Promise.resolve(plain), plain);
  assert(Deno.inspect(plain).length > 0);
  assertEquals(JSON.stringify(plain), "{}");
  assertEquals(hub.statistics().totalThreads, 0);
});

Deno.test("greenImport() gives an object that cannot be changed", () => {
  const plain = greenImport<Plain>(fixture("plain.ts")) as { add: unknown };
  const error = assertThrows(() => plain.add = 1, TypeError);
  assertMatch(error.message, /^Cannot set "add" of "file:.*": a module cannot be changed/);
});

Deno.test("J6 greenImport() refuses a relative specifier and shows the way", () => {
  for (const specifier of ["./plain.ts", "../plain.ts", "/plain.ts"]) {
    const error = assertThrows(() => greenImport(specifier), TypeError);
    assertEquals(
      error.message,
      `Cannot greenImport("${specifier}"): the library does not know which module the path is relative to: ` +
        `use greenImport(import.meta.resolve("${specifier}"))`,
    );
  }
});

Deno.test("greenImport() refuses a name that the import map does not know, and says where names are told", () => {
  const error = assertThrows(() => greenImport("no-such-name"), TypeError);
  assertEquals(
    error.message,
    'Cannot greenImport("no-such-name"): "no-such-name" is not in the import map: ' +
      'add it to "imports" in deno.json, or write "npm:no-such-name"',
  );
  assertMatch(String(error.cause), /no-such-name/);
});

Deno.test("greenImport() refuses what is no specifier", () => {
  const message = (url: unknown) =>
    assertThrows(() => greenImport(url as string), TypeError).message;
  assertMatch(
    message(undefined),
    /^Cannot greenImport\(\): expected a URL or a string, found undef/,
  );
  assertMatch(message({}), /found an object of class Object$/);
});

Deno.test("J5 greenImport() of an unsupported scheme names it", async () => {
  const error = await rejection(greenImport<Anything>("ftp://example.com/m.ts").f(), TypeError);
  assertMatch(error.message, /Unsupported scheme "ftp"/);
});

Deno.test("greenImport() of a bare name that the import map does not know names it", () => {
  const error = assertThrows(() => greenImport("no-such-name"), TypeError);
  assertMatch(error.message, /"no-such-name"/);
});

Deno.test("J37 greenImport() of a module that is not there rejects with its URL", async () => {
  const url = fixture("no_such_module.ts");
  const error = await rejection(greenImport<Anything>(url).f(), TypeError);
  assertMatch(error.message, /Module not found "file:.*no_such_module\.ts"/);
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("J37 greenImport() of a module with a syntax error rejects with its place", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const url = moduleOf("export function f() {\n  return );\n}");
  const error = await rejection(greenImport<Anything>(url).f(), TypeError);
  assertMatch(error.message, /Expression expected[\s\S]*:2:10/);
  assertEquals(await hub.spawn(() => 1), 1);
  assertEquals(hub.statistics().crashed, 0);
});

Deno.test("J37 greenImport() of a module that imports what is not there rejects with that", async () => {
  const missing = fixture("no_such_module.ts");
  const url = moduleOf(`import ${JSON.stringify(missing)}; export function f() {}`);
  const error = await rejection(greenImport<Anything>(url).f(), TypeError);
  assertMatch(error.message, /no_such_module\.ts/);
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("J36 greenImport() of a module that throws at top level rejects with that, each time", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const module = greenImport<Anything>(moduleOf("throw new RangeError('top level')"));
  for (let i = 0; i < 2; i++) {
    assertEquals((await rejection(module.f(), RangeError)).message, "top level");
  }
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("J14 greenImport() of a function that the module does not export lists what it does", async () => {
  const counter = greenImport<Anything>(fixture("counter.ts"));
  const error = await rejection(counter.decrement(), TypeError);
  assertMatch(error.message, /^Cannot find "decrement" in "file:.*counter\.ts"/);
  assertMatch(error.message, /the module exports "increment"/);
  assertMatch(
    error.message,
    /For greenImport\(\): export function decrement\(\) \{ … \}\. For sync/,
  );
  const empty = greenImport<Anything>(moduleOf("export {}"));
  assertMatch((await rejection(empty.f(), TypeError)).message, /the module exports nothing/);
});

Deno.test("J108 greenImport() finds only what the module itself exports", async () => {
  const counter = greenImport<Anything>(fixture("counter.ts"));
  for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
    const error = await rejection(counter[name](), TypeError);
    assertMatch(error.message, /^Cannot find "/);
  }
  assertEquals(await greenImport<Plain>(fixture("plain.ts")).toString(), "plain");
});

Deno.test("greenImport() of an export that is no function says what it is", async () => {
  const plain = greenImport<Anything>(fixture("plain.ts"));
  const error = await rejection(plain.answer(), TypeError);
  assertMatch(error.message, /^Cannot run "answer" of ".*": expected a function, found number$/);
});

Deno.test("greenImport() of a module with wrapped functions runs the originals", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const url = fixture("both_ways.ts");
  const module = greenImport<{ double(n: number): number }>(url);
  assertEquals(await module.double(4), 8);
  assertEquals(hub.statistics().totalThreads, 1);
});
