import { type Async, handle, release, spawn, type Sync } from "@aiohub/aiohub";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { TestHub, until } from "../../support/mod.ts";
import * as handles from "../../fixtures/handles.ts";
import { type Account, Connection } from "../../fixtures/handles.ts";

TestHub.shared({ maxWorkers: 1 });

Deno.test("P132 handle() makes async methods, properties and results plain in green code", async () => {
  assertEquals(await handles.session(), {
    before: ["main", "MAIN", true, 3],
    after: ["other", "Connection other"],
    rows: ["select 0", "select 1"],
    inTransaction: "inner 0",
    same: { result: true, self: true, argument: true, method: true },
    has: { property: true, nothing: false, method: true },
    keys: ["closed", "name", "options", "ready", "then"],
  });
});

Deno.test("J108 handle() refuses the way to prototypes and constructors", async () => {
  assertEquals(await handles.guarded(), {
    "get constructor": undefined,
    "get __proto__": undefined,
    "get prototype": undefined,
    "get then": undefined,
    "set constructor": "TypeError",
    "set __proto__": "TypeError",
    "set the prototype": "TypeError",
    "call no method": "TypeError",
    "call a method that throws": "RangeError",
  });
});

Deno.test("J108 the hub refuses what a Worker asks beyond the handle's surface", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const [results] = await handles.rawAttack(handle(new Connection()));
  assertEquals(results, [
    [0, undefined],
    "TypeError",
    [0, undefined],
    "TypeError",
    "TypeError",
    "TypeError",
    "TypeError",
    "TypeError",
    "TypeError",
    "TypeError",
    "TypeError",
    "TypeError",
    "Connection main",
  ]);
  assertEquals(Object.getPrototypeOf({}), Object.prototype);
});

Deno.test("the hub survives anything that a Worker asks of handles", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const connection = new Connection();
  const answers = await handles.fuzz(handle(connection), 5000, 20261123);
  assertEquals(answers, 5000);
  assertEquals(Object.getPrototypeOf(connection), Connection.prototype);
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
  assertEquals(hub.statistics().calls, 0);
});

Deno.test("what a method of a handle returns is a value where it can be one, in both directions", async () => {
  const clock = {
    day: () => Temporal.PlainDate.from("2024-02-29"),
    image: () => new ImageData(2, 2),
  };
  const found = await spawn((there: Sync<typeof clock>) => ({
    isDate: there.day() instanceof Temporal.PlainDate,
    isImage: there.image() instanceof ImageData,
    day: there.day().toString(),
  }), handle(clock));
  assertEquals(found, { isDate: true, isImage: true, day: "2024-02-29" });
  const there = await spawn(() =>
    handle({
      day: () => Temporal.PlainDate.from("2024-02-29"),
      image: () => new ImageData(2, 2),
    })
  );
  assertEquals((await there.day()) instanceof Temporal.PlainDate, true);
  assertEquals((await there.image()) instanceof ImageData, true);
});

Deno.test("J106 a handle says so when it is used after its release", async () => {
  const [name, self, sent, wrong] = await handles.used() as string[];
  assertEquals(name, 'Cannot use "name" of a handle: the handle was released');
  assertMatch(self, /the handle was released/);
  assertMatch(sent, /Cannot send a handle: it was released/);
  assertMatch(wrong, /expected a handle/);
});

Deno.test("J106 `using` on a handle disposes of the hub's object and lets go of it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const connection = new Connection();
  await spawn((connection: Sync<Connection>) => {
    using it = connection;
    return it.name;
  }, handle(connection));
  assertEquals(connection.closed, true);
  await until(() => hub.statistics().handles === 0);
});

Deno.test("J101 handle() of an array agrees with the array", async () => {
  const list = [1, 2, 3];
  assertEquals(await handles.arrayAgrees(handle(list) as unknown as number[]), [
    true,
    ["0", "1", "2", "3"],
    [10, 2, 3, 4],
    4,
    [20, 4, 6, 8],
    [2, 3, 4, 10],
  ]);
  assertEquals(list, [2, 3, 4, 10]);
});

Deno.test("what is set over a method of a handle's class is what is read then", async () => {
  class Counter {
    next(): number {
      return 1;
    }
  }
  const counter = new Counter();
  const thread = spawn(
    (counter: { next: unknown }, other: { next(): number }) => {
      const before = (counter as { next(): number }).next();
      counter.next = 5;
      return [before, counter.next, other.next()];
    },
    handle(counter) as never,
    handle(new Counter()) as never,
  );
  assertEquals(await thread, [1, 5, 1]);
  assertEquals(counter.next as unknown, 5);
});

Deno.test("J104 handle() of a class constructs, and has its statics", async () => {
  const result = await handles.classRemotely(handle(Connection) as Sync<typeof Connection>);
  assertEquals(result, ["MADE", true, "function", "main"]);
});

Deno.test("a handle that travels back is the original, and one Worker has one for it", async () => {
  const connection = new Connection();
  const back = await spawn((c: Sync<Connection>) => [c, c], handle(connection));
  assertStrictEquals(back[0] as unknown, connection);
  assertStrictEquals(back[1] as unknown, connection);
  const { mainConnection } = handles;
  assertEquals(await handles.mainIs(await mainConnection.async() as never), {
    onHub: true,
    here: true,
  });
});

Deno.test("handle() on the side of its object is only to be passed on", () => {
  const passed = handle({ a: 1 });
  assertThrows(() => (passed as { a: unknown }).a, TypeError, "use the object itself");
  assertStrictEquals(handle(passed), passed as unknown);
  assertThrows(() => handle(5 as never), TypeError, "expected an object, found number");
  assertThrows(() => release({}), TypeError);
});

Deno.test("a green object's handle has async methods on the hub", async () => {
  const hub = new TestHub({ maxWorkers: 2 });
  const account = await handles.openAccount() as unknown as Async<Account>;
  assertEquals(await account.deposit(5), 5);
  assertEquals(await account.deposit(5), 10);
  assertEquals([await account.balance, await account.doubled], [10, 20]);
  account.balance = 3 as never;
  assertEquals(await account.balance, 3);
  await assertRejects(() => account.fail() as Promise<unknown>, TypeError, "green no");
  const items: number[] = [];
  for await (const item of await account.history() as unknown as AsyncIterable<number>) {
    items.push(item);
  }
  assertEquals(items, [1, 2]);
  const child = await account.child() as unknown as Async<Account>;
  assertEquals(await child.deposit(1), 1);
  assertEquals((account as { then?: unknown }).then, undefined);
  assertEquals((account as { constructor?: unknown }).constructor, undefined);
  await using again = account as unknown as AsyncDisposable;
  assert(again);
  await hub[Symbol.asyncDispose]();
  await assertRejects(() => child.deposit(1) as Promise<unknown>, Error, "it is closed");
});

Deno.test("a green object's handle is the original at home and works from other Workers", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const account = await handles.openAccount() as unknown as Account;
  assertEquals(await handles.isAccount(account), true);
  assertEquals(await handles.useAccount(account), 10);
  assertEquals(await account.balance, 5);
});

Deno.test("a green object's handle says so when its Worker has ended", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const account = await handles.openAccount() as unknown as Async<Account>;
  await assertRejects(async () =>
    await spawn(() =>
      (globalThis as never as { process: { exit(c: number): void } }).process.exit(3)
    )
  );
  await assertRejects(() => account.deposit(1) as Promise<unknown>, Error, "its Worker has ended");
});

Deno.test("a Worker that holds what the hub uses is not dismissed for idleness", async () => {
  await using hub = new TestHub({ maxWorkers: 2, idleTimeout: 20 });
  const account = await handles.openAccount() as unknown as Async<Account>;
  await Promise.all([spawn(() => 1), spawn(() => 2)]);
  await until(() => hub.statistics().workers === 1);
  assertEquals(await account.deposit(2), 2);
});
