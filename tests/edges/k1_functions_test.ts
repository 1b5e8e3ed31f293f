/**
 * Functions that give what has a `then()`: those of the app, which are awaited as `async` functions are, in both directions, and
 * callbacks, links and shared objects.
 *
 * @module
 */

import {
  asyncToSync,
  call,
  futureToGreenlet,
  getHub,
  GreenEvent,
  type GreenThread,
  handle,
  Hub,
  Queue,
  shared,
  spawn,
  syncToAsync,
  updateAsync,
} from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { thrownBy } from "../support/mod.ts";
import {
  eq,
  LazyPromise,
  plainQuery,
  Query,
  ran,
  reset,
  type Row,
} from "../fixtures/edges/queries.ts";

const ada = { id: 1, name: "ada" };

export const one = asyncToSync(import.meta, function one(): PromiseLike<Row[]> {
  return new Query<Row>("select").where(eq(1));
});
export const oneLater = asyncToSync(import.meta, async function oneLater() {
  return await new Query<Row>("select").where(eq(1));
});
export const plain = asyncToSync(import.meta, function plain() {
  return plainQuery("x");
});
export const unbuilt = asyncToSync(import.meta, function unbuilt() {
  return { query: new Query<Row>("delete") };
});
export const unbuiltPlain = asyncToSync(import.meta, function unbuiltPlain() {
  return { query: plainQuery("x") };
});
export const handed = asyncToSync(import.meta, function handed() {
  return handle(new Query<Row>("select"));
});
export const late = asyncToSync(import.meta, async function late(n: number) {
  return await Promise.resolve(n);
});

Deno.test("K1 what an asyncToSync() function returns is awaited, as for async functions", async () => {
  reset();
  const seen = await spawn(useWrapped);
  assertEquals(seen, [[ada], [ada], "X", [ada], [ada]]);
  assertEquals(ran.length, 5);
});
export const useWrapped = syncToAsync(import.meta, function useWrapped() {
  return [one(), oneLater(), plain(), one.spawn().wait(), futureToGreenlet(one.async()).wait()];
});

Deno.test("K1 a query in an asyncToSync() function's result is a handle, or refused by its path", async () => {
  reset();
  const [path, message, found, limited] = await spawn(useUnbuilt);
  assertEquals(path, "result.query");
  assertMatch(message as string, /await it first, or pass it by reference with handle\(\)/);
  assertEquals([found, limited], ["X", [ada]]);
  assertEquals(ran, ["plain x", "select limit 1"]);
});
export const useUnbuilt = syncToAsync(import.meta, function useUnbuilt() {
  let error: { path?: string; message?: string } = {};
  try {
    unbuilt();
  } catch (thrown) {
    error = thrown as typeof error;
  }
  const { query } = unbuiltPlain() as unknown as { query: { wait(): string } };
  const select = handed() as unknown as { limit(n: number): { wait(): Row[] } };
  return [error.path, error.message, query.wait(), select.limit(1).wait()];
});

Deno.test("K1 what an exposed function returns is awaited, as for async functions", async () => {
  reset();
  getHub().expose({
    k1One: () => new Query<Row>("select").where(eq(1)),
    k1Lazy: () => new LazyPromise(() => "lazy"),
  });
  assertEquals(await spawn(() => [call("k1One"), call("k1Lazy")]), [[ada], "lazy"]);
});

/** A thenable of green code. */
class Later {
  then(onFulfilled: (value: string) => unknown): void {
    onFulfilled("later");
  }
}
class LateJob<T> extends Promise<T> {}

export const givesThenable = syncToAsync(
  import.meta,
  function givesThenable(kind: string): unknown {
    if (kind === "class") return new Later();
    if (kind === "subclass") return new LateJob((resolve) => resolve("subclass"));
    if (kind === "hub") return late.async(5);
    return late.spawn(6);
  },
);
export const givesAsync = syncToAsync(import.meta, function givesAsync(): unknown {
  return (async () => await new Later())();
});
export const givesHubPromise = syncToAsync(import.meta, function givesHubPromise(): unknown {
  return late.async(7);
});
export const nests = syncToAsync(import.meta, function nests() {
  // With one Worker the awaited one runs on the stack of the one that waits.
  return [givesHubPromise().wait(), givesThenable("thread").wait()];
});

Deno.test("K1 what a green function returns is awaited, as for async functions", async () => {
  const kinds = ["class", "subclass", "hub", "thread"];
  const results = await Promise.all(kinds.map((kind) => givesThenable(kind).then()));
  assertEquals(results, ["later", "subclass", 5, 6]);
  assertEquals(await givesAsync(), "later");
});

Deno.test("K1 a promise of the hub is awaited that a thread on another's stack returns", async () => {
  await using hub = new Hub({ maxWorkers: 1 });
  assertEquals(await hub.spawn(nests), [7, 6]);
});

Deno.test("K1 a callback of green code gives threads and hub promises, and no queries", async () => {
  reset();
  const gives = async (fn: () => unknown) => await fn();
  assertEquals(await spawn(callsBack, gives, handle(new Query("delete")) as never), [8, 9, [
    true,
    true,
  ]]);
  assertEquals(ran, []);
});
export const callsBack = syncToAsync(
  import.meta,
  function callsBack(gives: (fn: () => unknown) => unknown, query: Query<Row>) {
    const refused = [() => query, () => ({ query })].map((fn) => {
      try {
        return gives(fn);
      } catch (error) {
        return (error as Error).message.includes("wait()");
      }
    });
    return [gives(() => late.async(8)), gives(() => late.spawn(9)), refused];
  },
);

Deno.test("K1 a function of link() that gives a query does not run it", async () => {
  reset();
  for (
    const make of [
      () => new LazyPromise(() => "x"),
      () => new Query("delete"),
      () => plainQuery("x"),
    ]
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const thread = spawn(() => 1);
    thread.link(() => {
      setTimeout(resolve);
      return make();
    });
    await promise;
  }
  assertEquals(ran, []);
  assertEquals(await spawn(linksLazily), false);
});
export const linksLazily = syncToAsync(import.meta, function linksLazily() {
  const thread = late.spawn(1);
  const lazy = new LazyPromise(() => "x");
  thread.link(() => lazy);
  thread.wait();
  late(1);
  return lazy.begun;
});

export const query = shared(import.meta, function query() {
  return new Query<Row>("select");
});
export const lazy = shared(import.meta, function lazy() {
  return new LazyPromise(() => "lazy");
});
export const opened = shared(import.meta, async function opened() {
  return await Promise.resolve(new Map([["a", 1]]));
});
export const usesShared = syncToAsync(import.meta, function usesShared() {
  const all = query as unknown as {
    limit(n: number): { wait(): Row[] };
    wait(): Row[];
    text: string;
  };
  return [
    all.text,
    all.limit(1).wait(),
    (lazy as unknown as { wait(): string }).wait(),
    opened.get("a"),
  ];
});
export const returnsShared = syncToAsync(import.meta, function returnsShared() {
  return [(query as unknown as { text: string }).text, query];
});

Deno.test("K1 a shared object that has a then() is not awaited; a promise of one is", async () => {
  reset();
  assertMatch((await thrownBy(returnsShared()) as Error).message, /wait\(\)/);
  assertEquals(lazy.begun, false);
  assertEquals(
    await updateAsync(
      query as Query<Row>,
      (query) => String((query as unknown as Query<Row>).text),
    ),
    "select",
  );
  assertEquals(ran, []);
  assertEquals(await usesShared(), ["select", [ada], "lazy", 1]);
});

Deno.test("K1 a query is not put where awaiting takes it out, but in a part of an object", async () => {
  reset();
  const queue = new Queue<unknown>();
  const event = new GreenEvent<unknown>();
  const select = new Query<Row>("select");
  await assertRejects(
    async () => await queue.putAsync(handle(select)),
    TypeError,
    "Put in the result (in green code query.wait(), on the hub await query)",
  );
  await assertRejects(
    async () => await queue.putAsync(plainQuery("x")),
    TypeError,
    "Put in the result (in green code query.wait(), on the hub await query)",
  );
  queue.tryPut({ query: handle(select) });
  assertRefused(() => event.send(handle(select)));
  assertEquals([queue.size, ran], [1, []]);
  const { query } = await queue.getAsync() as { query: unknown };
  // On the hub, where it was put in, it is what was put in.
  assertEquals(typeof query, "object");
  assertEquals(ran, []);
  function assertRefused(fn: () => unknown) {
    let message = "";
    try {
      fn();
    } catch (error) {
      message = (error as Error).message;
    }
    assertMatch(message, /in green code query\.wait\(\)/);
  }
});

Deno.test("K1 futureToGreenlet() of a query on the hub runs it: somebody asked for that", async () => {
  reset();
  const thread = futureToGreenlet(new Query<Row>("select").where(eq(1)));
  assertEquals(await spawn((thread: GreenThread<Row[]>) => thread.wait(), thread), [ada]);
  assertEquals(ran, ["select where id = 1"]);
});

Deno.test("K1 a handle of a handle, and one that comes back, is the same query", async () => {
  reset();
  const query = new Query<Row>("select");
  const same = (other: unknown) => other === query;
  const seen = await spawn(
    (query: unknown, same: (query: unknown) => boolean) => same(query),
    handle(query) as never,
    same,
  );
  assertStrictEquals(seen, true);
  assertEquals(ran, []);
});

Deno.test("K1 a promise of a subclass that fails before its wait() ends nothing, and is thrown by that", async () => {
  const library = { job: () => new LateJob((_, reject) => reject(new RangeError("too early"))) };
  const message = await spawn((library: { job(): { wait(): unknown } }) => {
    const job = library.job();
    // Whatever is to be heard of on the hub is heard of meanwhile.
    sleep(20);
    try {
      return job.wait();
    } catch (error) {
      return [error instanceof RangeError, (error as Error).message];
    }
  }, handle(library) as never);
  assertEquals(message, [true, "too early"]);
});

Deno.test("K1 a promise of a subclass that fails and that nobody waits for is reported", async () => {
  class Job extends LateJob<string> {
    on(): this {
      return this;
    }
  }
  const library = { job: () => new Job((_, reject) => reject(new RangeError("unseen"))) };
  const errors: unknown[] = [];
  {
    await using hub = new Hub({ maxWorkers: 1 });
    hub.addEventListener("error", (event) => {
      event.preventDefault();
      errors.push((event as ErrorEvent).error);
    });
    await hub.spawn((library: { job(): { on(): { wait(): unknown } } }) => {
      library.job().on();
      try {
        library.job().on().wait();
      } catch {
        // This one is seen.
      }
    }, handle(library) as never);
    assertEquals(errors, []);
  }
  assertEquals(errors.map(String), ["RangeError: unseen"]);
});
