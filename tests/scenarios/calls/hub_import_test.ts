import { BlockingCallError, call, hubImport, NotCloneableError, spawn } from "@aiohub/aiohub";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { fixture, moduleOf, rejection, TestHub } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

type OnHub = typeof import("../../fixtures/on_hub.ts");

Deno.test("hubImport() gives a module's functions, async or not, as blocking ones", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn((url: string) => {
    const { slowly, quickly } = hubImport<OnHub>(url);
    return [slowly(1), quickly(2)];
  }, fixture("on_hub.ts"));
  assertEquals(await thread, ["slowly 1", "quickly 2"]);
  assertEquals(hub.statistics().totalCalls, 3);
});

Deno.test("J100 hubImport() runs the functions on the main thread, all in one copy of the module", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const { countHere } = await import("../../fixtures/on_hub.ts");
  const before = countHere();
  const work = (url: string) => {
    const { countHere, isOnMainThread } = hubImport<OnHub>(url);
    return [countHere(), isOnMainThread()];
  };
  const url = fixture("on_hub.ts");
  const results = await Promise.all([hub.spawn(work, url), hub.spawn(work, url)]);
  const counts = results.map(([count]) => Number(count)).sort((a, b) => a - b);
  assertEquals(counts, [before + 1, before + 2]);
  assertEquals(results.map(([, isMain]) => isMain), [true, true]);
  assertEquals(countHere(), before + 3);
});

Deno.test("hubImport() gives plain values, the default export, and names", async () => {
  const thread = hub.spawn((url: string) => {
    const module = hubImport<OnHub>(url);
    const isFrozen = Object.isFrozen(module);
    return [
      module.version,
      module.limit,
      module.big,
      module.default(),
      module.slowly.name,
      isFrozen,
    ];
  }, fixture("on_hub.ts"));
  assertEquals(await thread, ["1.2.3", Infinity, 10n, "default", "slowly", true]);
});

Deno.test("hubImport() throws in green code what a function throws", async () => {
  const thread = hub.spawn((url: string) => {
    try {
      hubImport<OnHub>(url).fail("as asked");
    } catch (error) {
      return [error instanceof RangeError, (error as Error).message];
    }
  }, fixture("on_hub.ts"));
  assertEquals(await thread, [true, "as asked"]);
});

Deno.test("hubImport() takes node: modules and bare names of the import map", async () => {
  const thread = hub.spawn(() => {
    const { lookup } = hubImport<typeof import("node:dns/promises")>("node:dns/promises");
    const { equal } = hubImport<typeof import("@std/assert")>("@std/assert");
    return [lookup("127.0.0.1").address, equal({ a: [1] }, { a: [1] })];
  });
  assertEquals(await thread, ["127.0.0.1", true]);
});

Deno.test("hubImport() takes npm packages", async () => {
  const thread = hub.spawn(() => {
    type Delay = { delay(ms: number): Promise<void> };
    return hubImport<Delay>("npm:deno-std@^1.4.0/async/delay.js").delay(1);
  });
  assertEquals(await thread, undefined);
});

Deno.test("hubImport() on the hub throws at once and names the twin", () => {
  const error = assertThrows(() => hubImport("node:path"), BlockingCallError);
  assertMatch(error.message, /^Cannot call hubImport\(\) on the hub .*: use await import\(\)$/);
});

Deno.test("J6 hubImport() refuses a relative specifier and shows the way", async () => {
  const error = await rejection(hub.spawn(() => hubImport("./on_hub.ts")), TypeError);
  assertMatch(error.message, /use hubImport\(import\.meta\.resolve\("\.\/on_hub\.ts"\)\)$/);
});

Deno.test("J6 hubImport() of a bare name that the import map has not got says what to add", async () => {
  const error = await rejection(hub.spawn(() => hubImport("no-such-name")), TypeError);
  assertEquals(
    error.message,
    'Cannot hubImport("no-such-name"): "no-such-name" is not in the import map: add it to "imports" in deno.json, or write "npm:no-such-name"',
  );
  assert(error.cause instanceof TypeError);
});

Deno.test("J37 hubImport() throws what is wrong with the module, and the hub goes on", async () => {
  const load = (url: string) => void hubImport(url);
  const missing = await rejection(hub.spawn(load, fixture("no_such_module.ts")), TypeError);
  assertMatch(missing.message, /Module not found "file:.*no_such_module\.ts"/);
  const broken = await rejection(hub.spawn(load, moduleOf("export const = 1;")), TypeError);
  assertMatch(broken.message, /SyntaxError/);
  const failing = moduleOf("throw new RangeError('while loading')");
  assertEquals((await rejection(hub.spawn(load, failing), RangeError)).message, "while loading");
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("hubImport() of a function whose result cannot cross says so", async () => {
  const thread = hub.spawn((url: string) => hubImport<OnHub>(url).symbol(), fixture("on_hub.ts"));
  assertEquals((await rejection(thread, NotCloneableError)).path, "result");
});

Deno.test("expose() and call() are the plain form", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  hub.expose({ double: (n: number) => Promise.resolve(2 * n), now: () => "now", nothing() {} });
  const thread = hub.spawn(() => [call<number>("double", 21), call("now"), call("nothing")]);
  assertEquals(await thread, [42, "now", undefined]);
});

Deno.test("expose() belongs to one hub", async () => {
  await using other = new TestHub({ maxWorkers: 1 });
  await using hub = new TestHub({ maxWorkers: 1 });
  hub.expose({ whose: () => "hub" });
  other.expose({ whose: () => "other" });
  const work = () => call<string>("whose");
  assertEquals([await hub.spawn(work), await other.spawn(work)], ["hub", "other"]);
});

Deno.test("expose() refuses what is no function and a name that is taken", async () => {
  await using hub = new TestHub();
  const fn = () => 1;
  hub.expose({ fn });
  hub.expose({ fn });
  const message = (functions: unknown) =>
    assertThrows(() => hub.expose(functions as Record<string, () => void>), TypeError).message;
  assertEquals(message({ x: 1 }), 'Cannot expose "x": expected a function, found number');
  assertEquals(
    message({ y() {}, fn: () => 2 }),
    'Cannot expose "fn": another function is exposed under that name already',
  );
  assertEquals(message(null), "Cannot expose: expected an object, found null");
  hub.expose({ y: () => 3 });
});

Deno.test("J14 call() of a name that is not exposed lists those that are", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const work = () => call("fetchText");
  const none = await rejection(hub.spawn(work), TypeError);
  assertEquals(
    none.message,
    'Cannot call "fetchText": no function with that name is exposed on the hub',
  );
  hub.expose({ a: () => 1, b: () => 2 });
  const some = await rejection(hub.spawn(work), TypeError);
  assertMatch(some.message, /is exposed on the hub: the hub exposes "a", "b"$/);
  hub.expose({ fetchText: () => "late" });
  assertEquals(await hub.spawn(work), "late");
});

Deno.test("J108 call() does not find what every object has", async () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    await rejection(hub.spawn((name: string) => call(name), name), TypeError);
  }
});

Deno.test("call() on the hub throws at once", () => {
  const error = assertThrows(() => call("double", 1), BlockingCallError);
  assertMatch(error.message, /^Cannot call call\(\) on the hub/);
});

Deno.test("call() refuses what is no name", async () => {
  const error = await rejection(spawn(() => call(5 as unknown as string)), TypeError);
  assertEquals(
    error.message,
    "Cannot call a function of the hub: expected its name as text, found 5",
  );
});
