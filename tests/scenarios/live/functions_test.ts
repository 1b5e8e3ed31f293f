import {
  BlockingCallError,
  call,
  getHub,
  handle,
  hubImport,
  spawn,
  type Sync,
} from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { rejection, TestHub } from "../../support/mod.ts";
import * as callbacks from "../../fixtures/callbacks.ts";

TestHub.shared({ maxWorkers: 1 });

Deno.test("spawn() passes callbacks nested in objects and arrays, to be called many times", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const item = (n: number) => n + 1;
  const later = (n: number) => Promise.resolve(n * 100) as unknown as number;
  const job = { on: [{ item }, { item: later }] };
  assertEquals(await callbacks.callItems(job), [2, 200]);
});

Deno.test("J102 spawn() passes a callback that blocks green code for its result", async () => {
  const doubled = await spawn((fn: (n: number) => number) => fn(10) + 2, (n: number) => n * 2);
  assertEquals(doubled, 22);
});

Deno.test("an asyncToSync() function that green code is given blocks there for the result", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { next } = callbacks;
  const given = await spawn((fn: (value: number) => number) => fn(0) + fn(1), next);
  assertEquals(given, 3);
  const member = (object: Sync<{ fn(value: number): number }>) => object.fn(3);
  assertEquals(await spawn(member, handle({ fn: next })), 4);
  hub.expose({ next });
  hub.expose({ next });
  assertEquals(await spawn(() => call<number>("next", 4)), 5);
  const module = new URL("../../fixtures/callbacks.ts", import.meta.url).href;
  const imported = spawn(
    (url: string) => hubImport<typeof import("../../fixtures/callbacks.ts")>(url).next(5),
    module,
  );
  assertEquals(await imported, 6);
});

Deno.test("a syncToAsync() function that green code is given blocks there for the result", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const { callIt } = callbacks;
  const thread = spawn((fn: (fn: (n: number) => number) => number) => fn((n) => n * 2), callIt);
  assertEquals(await thread, 41);
});

Deno.test("a blocking function of the library that green code is given says where it has one", async () => {
  const passed = spawn((zzz: (ms: number) => void) => zzz(1), sleep);
  assertMatch(
    (await rejection(passed, BlockingCallError)).message,
    /Do not pass sleep\(\): inline functions have sleep\(\) in scope/,
  );
  const other = spawn((fn: () => void) => fn(), () => sleep(1));
  assertMatch((await rejection(other, BlockingCallError)).message, /setTimeout\(done, ms\)\)$/);
});

Deno.test("a green callback runs inside the wait of the thread that passed it", async () => {
  assertEquals(await callbacks.useVisitor(), { sum: 60, results: [2, 4, 6] });
});

Deno.test("a green callback throws to the async function that calls it", async () => {
  await assertRejects(() => callbacks.throwIn().then(), RangeError, "from the callback");
});

Deno.test("a green callback rejects clearly once the thread that passed it has ended", async () => {
  await callbacks.giveAndEnd();
  const fn = callbacks.keptFunction()! as () => Promise<unknown>;
  await assertRejects(fn, Error, "the thread has ended");
  callbacks.keep.async(() => {});
});

Deno.test("a function that a green thread returns stays callable and may block", async () => {
  const hub = new TestHub({ maxWorkers: 1 });
  const add = await callbacks.makeAdder(40) as unknown as (n: number) => Promise<number>;
  assertEquals(await add(2), 42);
  assertEquals(await Promise.all([1, 2, 3].map((n) => add(n))), [41, 42, 43]);
  const name = await callbacks.whoAmI() as unknown as () => Promise<string>;
  assertMatch(await name(), /^callback-/);
  // Other threads have the Worker in between.
  assertEquals(await spawn(() => 5), 5);
  assertEquals(await add(3), 43);
  await hub[Symbol.asyncDispose]();
  await assertRejects(() => add(1), Error, "it is closed");
});

Deno.test("a function that travels back is the original function, on both sides", async () => {
  assertEquals(await callbacks.sendBack(), { alone: true, inside: true, twice: true });
  assertEquals(await callbacks.countTwice(), { counts: [2, 3], isSame: true });
  const fn = () => 1;
  const back = await spawn((fn: () => number) => [fn], fn);
  assertStrictEquals(back[0], fn);
});

Deno.test("a green callback can be called from another green thread", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  assertEquals(await callbacks.lend(), { total: 41, calls: [20] });
});

Deno.test("a function returned by one thread can be called by others", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const add = await callbacks.makeAdder(1);
  const results = await Promise.all([1, 2, 3].map((n) => callbacks.callIt(() => n).then()));
  assertEquals(results, [2, 3, 4]);
  assertEquals(await callbacks.callIt(add), 22);
});

Deno.test("call() refuses numbers of functions that were not passed to the Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  hub.expose({ hold: () => {} });
  const error = await spawn(() => {
    const { runtime: green } = (globalThis as never)[Symbol.for("aiohub.1.green")] as {
      runtime: {
        call(target: unknown, args: unknown[]): unknown;
      };
    };
    const live = { kind: "live" };
    const messages: string[] = [];
    for (const args of [[1, 0], [7.5, 0], ["__proto__", 0], [null, 2, "x"], [{}, -1], []]) {
      try {
        green.call(live, args);
        messages.push("served");
      } catch (error) {
        messages.push((error as Error).message);
      }
    }
    return messages;
  });
  for (const message of error) assertMatch(message, /not passed to this Worker/);
  assertEquals(getHub(), hub);
  assertEquals(typeof call, "function");
});

Deno.test("a refused argument leaves no callback behind", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await assertRejects(
    async () => await spawn((..._: unknown[]) => {}, () => {}, Symbol("x")),
    Error,
    "cannot be cloned",
  );
  assertEquals(hub.statistics().functions, 0);
});
