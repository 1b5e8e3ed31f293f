/**
 * Another version of the library in the process, with another protocol: it has a hub and Workers of its own. Errors and plain
 * values cross; what is bound to the one is refused by the other, by name.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { PROTOCOL, VERSION } from "../../bridge/state.ts";
import { copyLibrary, type Side } from "../fixtures/edges/copies.ts";
import { fixture, rejection, thrownBy } from "../support/mod.ts";

const copy = await copyLibrary({ version: "9.8.7", protocol: 99 });
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(new URL(copy.url), { recursive: true }),
);

const here: Side = await import(fixture("edges/copies_side.ts"));
const there: Side = await import(copy.side);

const NAMES = new Map([
  [here, `aiohub ${VERSION} (protocol ${PROTOCOL})`],
  [there, "aiohub 9.8.7 (protocol 99)"],
]);

const hubs = new Map(
  [here, there].map((side) => {
    const hub = new side.lib.Hub({ maxWorkers: 2 });
    hub.expose({ exposed: (n: number) => n + 1 });
    side.lib.useHub(hub);
    return [side, hub] as const;
  }),
);

/** Both directions: the hub is of the first one, what is foreign of the second. */
function testBoth(name: string, use: (one: Side, other: Side) => Promise<void>): void {
  Deno.test(`K7 ${name}: there`, () => use(here, there));
  Deno.test(`K7 ${name}: back`, () => use(there, here));
}

/** Checks that a refusal names the version that made what was refused, and the one that refuses. */
function assertNames(error: unknown, one: Side, other: Side): void {
  const { message } = error as Error;
  assert(message.includes(NAMES.get(other)!), message);
  assert(message.includes(NAMES.get(one)!), message);
}

Deno.test("K7 VERSION is that of the package", () => {
  assertEquals(VERSION, config.version);
});

testBoth("two versions each have a hub and Workers of their own, at once", async (one, other) => {
  assertStrictEquals(one.lib.getHub(), hubs.get(one)!);
  assertStrictEquals(other.lib.getHub(), hubs.get(other)!);
  assert(!(other.lib.getHub() instanceof one.lib.Hub));
  const rounds = [one, other, one, other].map((side) => side.useCalls());
  for (const seen of await Promise.all(rounds)) assertEquals(seen[2], 3);
  const lock = new one.lib.Lock();
  const counter = new Int32Array(new SharedArrayBuffer(4));
  await Promise.all([one.add(lock, counter, 100), one.add(lock, counter, 100)]);
  assertEquals(counter[0], 200);
});

testBoth("errors and plain values of another version cross", async (one, other) => {
  const names = Object.keys(one.errors) as (keyof Side["errors"])[];
  for (const name of names) {
    const error = other.errors[name]();
    assertEquals(one.classesOf(error), [name]);
    // Thrown on the hub by the one, caught in green code of the other, and thrown on from there.
    const fail = () => {
      throw error;
    };
    assertEquals(await one.classesOfThrown(fail as never, name), [name]);
    const passed = await one.moneyBack([error, { list: [1n, new Map([[1, 2]])] }]) as unknown[];
    assertEquals(one.classesOf(passed[0]), [name]);
    assertEquals(other.classesOf(passed[0]), [name]);
    assertEquals((passed[0] as Error).message, error.message);
    assertEquals(passed[1], { list: [1n, new Map([[1, 2]])] });
  }
  // What one hub's thread threw is thrown by the other's.
  const failed = await thrownBy(other.throwing("Collision"));
  assertEquals(await one.classesOfThrown((() => Promise.reject(failed)) as never, ""), [
    "Collision",
  ]);
  // A function of the other goes as any does; a thread's promise is its result.
  const plus = await one.lib.spawn(
    (call: (n: number) => number) => call(1),
    (async (n: number) => (await other.waitFor(other.lib.spawn((n) => n + 1, n)))[1]) as never,
  );
  assertEquals(plus, 2);
  const thread = one.lib.futureToGreenlet(other.lib.spawn(() => 6));
  assert(thread instanceof one.lib.GreenThread);
  assertEquals(await one.waitFor(thread), [true, 6]);
});

testBoth("what is bound to another version is refused by name", async (one, other) => {
  const running = other.lib.spawn(() => 1);
  const connections = new other.lib.ConnectionPool({ connect: () => ({ n: 1 }) });
  const given = await other.giveHandle();
  const bound: Record<string, unknown> = {
    ...other.makeObjects(),
    lifo: new other.lib.LifoQueue(),
    dag: new other.lib.DAGPool({ a: 1 }),
    capped: new other.lib.CappedSemaphore(1, 1),
    tokens: new other.lib.TokenPool(1),
    thread: running,
    hub: other.lib.getHub(),
    connections,
    handle: other.lib.handle({ n: 1 }),
    standIn: given,
    permit: await new other.lib.Lock().acquireAsync(),
  };
  const queue = new one.lib.Queue<unknown>();
  for (const [name, value] of Object.entries(bound)) {
    const ways: Record<string, () => unknown> = {
      argument: () => one.moneyBack({ nested: [value] }),
      result: () => one.lib.spawn((f: () => unknown) => f(), (() => value) as never),
      nested: () => one.lib.spawn((f: () => unknown) => f(), (() => [value]) as never),
      item: () => queue.putAsync(value),
      handled: () => one.moneyBack(one.lib.handle(value as object)),
      property: () =>
        one.lib.spawn((o: { value: unknown }) => o.value, one.lib.handle({ value }) as never),
    };
    for (const [way, send] of Object.entries(ways)) {
      const error = await thrownBy(Promise.try(send));
      assert(error instanceof one.lib.NotCloneableError, `${name} as ${way}: ${error}`);
      assertNames(error, one, other);
    }
  }
  assertEquals(queue.size, 0);
  assertEquals(await running, 1);
  other.lib.release(given);
  await connections.closeAsync();
  // Thrown, it is described, as whatever cannot cross.
  const cause = await thrownBy(
    one.lib.spawn((f: () => void) => f(), () => {
      throw new Error("failed", { cause: bound.lock });
    }),
  );
  assertMatch(String((cause as Error).cause), /Lock/);
});

testBoth("functions of this library refuse what another version made", async (one, other) => {
  const thread = other.lib.spawn(() => 1) as never;
  const storage = new AsyncLocalStorage<string>();
  other.lib.registerContext(`versions ${NAMES.get(other)}`, storage);
  const calls: Record<string, () => unknown> = {
    useHub: () => one.lib.useHub(other.lib.getHub()),
    spawn: () => one.lib.spawn(other.moneyBack, 1),
    joinAll: () => one.lib.joinAllAsync([thread]),
    killAll: () => one.lib.killAllAsync([thread]),
    greenletToFuture: () => one.lib.greenletToFuture(thread),
    registerContext: () => one.lib.registerContext("versions", storage),
    Condition: () => new one.lib.Condition(new other.lib.Lock()),
    GreenPile: () => new one.lib.GreenPile(new other.lib.GreenPool(1)),
  };
  for (const [name, call] of Object.entries(calls)) {
    const error = await thrownBy(Promise.try(call));
    assert(error instanceof TypeError, `${name}: ${error}`);
    assertNames(error, one, other);
  }
  assertEquals(await thread, 1);
});

testBoth("green code of another version says whose Worker this is", async (one, other) => {
  // The module of the other version is imported in a Worker of this one, and all its calls are tried.
  const url = other === there ? copy.side : fixture("edges/copies_side.ts");
  const { strangersCalls } = one.lib.greenImport<Pick<Side, "strangersCalls">>(url);
  const results = await strangersCalls();
  assertEquals(results.length, 21);
  for (const [name, result] of results) {
    assert(result.startsWith("Cannot use aiohub"), `${name}: ${result}`);
    assertNames(new Error(result), one, other);
  }
  // It is none the worse for that.
  assertEquals((await one.useCalls())[2], 3);
});

Deno.test("K7 hubs of two versions end", async () => {
  for (const hub of hubs.values()) {
    await hub.close();
    const { threads, calls, functions, handles, crashed, leaked } = hub.statistics();
    assertEquals(
      { threads, calls, functions, handles, crashed, leaked },
      { threads: 0, calls: 0, functions: 0, handles: 0, crashed: 0, leaked: 0 },
    );
  }
  await rejection(
    here.lib.spawn(() => 1).then(() => Promise.reject(new TypeError("new"))),
    TypeError,
  );
  await here.lib.getHub().close();
});
