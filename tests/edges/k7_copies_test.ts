/**
 * Two copies of the library in one process, as a diamond of dependencies brings them: one hub, and objects that cross.
 *
 * Each case runs in both directions: the hub and its Workers are of one copy, the code is of the other, and back.
 */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import type { SyncWriter } from "@aiohub/aiohub";
import { copyLibrary, type Side } from "../fixtures/edges/copies.ts";
import { PROTOCOL } from "../../bridge/state.ts";
import { fixture, moduleOf, runDeno, thrownBy, until } from "../support/mod.ts";

const copy = await copyLibrary();
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(new URL(copy.url), { recursive: true }),
);

const sides: Side[] = [
  await import(fixture("edges/copies_side.ts")),
  await import(copy.side),
];

type Use = (one: Side, other: Side) => Promise<void>;

/** The hubs of both directions: one is enough for what leaves it as it was. */
const hubs = new Map<Side, InstanceType<Side["lib"]["Hub"]>>();

function hubOf(side: Side): InstanceType<Side["lib"]["Hub"]> {
  let hub = hubs.get(side);
  if (!hub) {
    hub = new side.lib.Hub({ name: `hub ${sides.indexOf(side)}`, maxWorkers: 3 });
    hub.expose({ exposed: (n: number) => n + 1 });
    hubs.set(side, hub);
  }
  return hub;
}

/** Both directions: the hub is of the first one. */
function testBoth(name: string, use: Use): void {
  const [here, there] = sides;
  for (const [direction, one, other] of [["there", here, there], ["back", there, here]] as const) {
    Deno.test(`K7 ${name}: ${direction}`, async () => {
      one.lib.useHub(hubOf(one));
      try {
        await use(one, other);
      } finally {
        one.lib.useHub(undefined);
      }
    });
  }
}

/** The class names of errors, which both copies have. */
const names = Object.keys(sides[0].errors) as (keyof Side["errors"])[];

Deno.test("K7 the copies are two", () => {
  const [{ lib: a }, { lib: b }] = sides;
  assert(a.Hub !== b.Hub && a.Timeout !== b.Timeout && a.Queue !== b.Queue);
});

testBoth("two copies have one default hub", async (one, other) => {
  const hub = other.lib.getHub();
  assertStrictEquals(hub, one.lib.getHub());
  assert(hub instanceof other.lib.Hub && hub instanceof one.lib.Hub);
  assertStrictEquals(other.lib.useHub(hub), hub);
  const thread = other.lib.spawn((n: number) => n + 1, 1);
  assert(thread instanceof other.lib.GreenThread && thread instanceof one.lib.GreenThread);
  assertEquals(await thread, 2);
  assertEquals(await other.lib.greenletToFuture(one.lib.spawn(() => 5)), 5);
  assertEquals(await one.lib.spawnWith({ name: "x" }).spawn(() => 6), 6);
});

testBoth("calls of one copy work in a Worker of the other", async (one, other) => {
  for (const side of [other, one, other]) {
    assertEquals(await side.useCalls(), [
      ...[true, true, 3, 8, 10, true, 11, 1, 1, 3, true, 3, 2],
    ]);
  }
  assertEquals(other.table.get("n"), 2);
});

testBoth("objects of one copy are used by the code of the other", async (one, other) => {
  for (const [code, made] of [[one, other], [other, one], [other, other]]) {
    const objects = made.makeObjects();
    assertEquals(code.classesOfObjects(objects), new Array(12).fill(true));
    assertEquals(await code.classesInGreen(objects), new Array(12).fill(true));
    for (let i = 0; i < 2; i++) {
      const seen = await code.useObjects(i === 0 ? objects : made.makeObjects());
      assertEquals(seen, [true, undefined, true, 1, true, "set", true, 2, 7, 7]);
    }
    // On the hub.
    using _permit = await objects.lock.acquireAsync();
    const mine = new code.lib.Condition(objects.lock);
    assertStrictEquals(mine.lock, objects.lock);
    const pile = new code.lib.GreenPile<number>(objects.pool);
    pile.spawnAsync((n: number) => n, 4);
    for await (const n of pile) assertEquals(n, 4);
  }
});

testBoth("locks keep off threads of both copies, and async code", async (one, other) => {
  for (const lock of [new one.lib.Lock(), new other.lib.RLock()]) {
    const counter = new Int32Array(new SharedArrayBuffer(4));
    const threads = [one, other, one].map((side) => side.add(lock, counter, 200));
    for (let i = 0; i < 50; i++) {
      using _permit = await lock.acquireAsync();
      const before = counter[0];
      await null;
      counter[0] = before + 1;
    }
    await Promise.all(threads);
    assertEquals(counter[0], 650);
  }
});

testBoth(
  "items go through queues of both copies in order, plain ones and live ones",
  async (one, other) => {
    const queues = [
      new one.lib.Queue<unknown>(2),
      new other.lib.Queue<unknown>(1),
      new one.lib.LightQueue<unknown>(),
      new other.lib.Queue<unknown>(),
    ] as const;
    const relays = [
      other.relay(queues[0], queues[1]),
      one.relay(queues[1], queues[2] as never),
      other.relay(queues[2] as never, queues[3]),
    ];
    const lock = new other.lib.Lock();
    const fn = () => 1;
    const items = [1, { a: [2] }, lock, "text", fn, new Map([[1, lock]]), new other.lib.Empty("e")];
    for (const item of items) await queues[0].putAsync(item);
    queues[0].close();
    assertEquals(await Promise.all(relays), [7, 7, 7]);
    const out: unknown[] = [];
    for await (const item of queues[3]) out.push(item);
    assertEquals(out.slice(0, 2), items.slice(0, 2));
    assertStrictEquals(out[2], lock);
    assertStrictEquals(out[4], fn);
    assertStrictEquals((out[5] as Map<number, unknown>).get(1), lock);
    assert(out[6] instanceof one.lib.Empty && out[6] instanceof other.lib.Empty);
  },
);

testBoth("errors of one copy are errors of the other", async (one, other) => {
  for (const name of names) {
    for (const [made, seen] of [[one, other], [other, one]]) {
      const here = made.errors[name]();
      assertEquals(seen.classesOf(here), [name]);
      // Thrown in green code, and awaited here.
      const thrown = await thrownBy(made.throwing(name));
      assertEquals(seen.classesOf(thrown), [name]);
      assertEquals(made.classesOf(thrown), [name]);
      const { stack, ...fields } = thrown as Error & Record<string, unknown>;
      assertMatch(stack!, /side\.ts/);
      const own = stack!.split("\n").filter((line) => /\/(bridge|hub|sync)\/\w+\.ts/.test(line));
      assertEquals(own, [], "the frames of both copies are left out");
      assertEquals(Object.keys(fields), Object.keys(here));
      assertEquals((thrown as Error).name, here.name);
      // Thrown on the hub, and caught in green code.
      assertEquals(await seen.classesOfThrown(made.fail as never, name), [name]);
    }
  }
  class Mine extends other.lib.Timeout {}
  assert(!(new other.lib.Empty() instanceof Mine), "a class of people's is not branded");
  assert(!(other.errors.Timeout() instanceof Mine));
  const mine = new Mine(1);
  mine.cancel();
  assert(mine instanceof Mine && mine instanceof one.lib.Timeout);
});

testBoth("threads of one copy are threads of the other", async (one, other) => {
  const { spawn } = one.lib;
  assertEquals(await other.waitFor(spawn(() => 3)), [true, 3]);
  const threads = [1, 2].map((n) => spawn((n: number) => n, n));
  assertEquals((await other.lib.joinAllAsync(threads)).length, 2);
  for await (const [thread] of other.lib.iwaitAsync(threads)) assert(threads.includes(thread));
  const started = new other.lib.GreenEvent();
  const ended = new one.lib.Queue<unknown>();
  const sleeping = other.sleeper(started, ended);
  await started.waitAsync();
  await one.lib.killAllAsync([sleeping]);
  const [isExit, text] = await ended.getAsync() as [boolean, string];
  assertEquals([isExit, text.split(":")[0]], [true, "GreenletExit"]);
  assert(await thrownBy(sleeping) instanceof other.lib.GreenletExit);
  assertEquals(await other.waitFor(other.lib.futureToGreenlet(Promise.resolve(8))), [true, 8]);
  assertStrictEquals(other.lib.futureToGreenlet(threads[0]), threads[0]);
  assertEquals(await other.lib.spawn(() => 1), 1);
});

testBoth(
  "a thread of a hub of its own crosses to the hub of the other copy",
  async (one, other) => {
    await using hub = new other.lib.Hub({ name: "its own", maxWorkers: 1 });
    assertEquals(await one.waitFor(hub.spawn(() => 4)), [true, 4]);
    const gate = Promise.withResolvers<number>();
    const thread = hub.spawn((wait: () => number) => wait(), (() => gate.promise) as never);
    const waiting = one.waitFor(thread as never);
    const back = await other.moneyBack([thread]) as unknown[];
    assertStrictEquals(back[0], thread);
    gate.resolve(9);
    assertEquals(await waiting, [true, 9]);
    // Functions and proxies of a Worker of the one, in a Worker of the other.
    const given = await hub.spawn(() => [(n: number) => n + 1]);
    assertEquals(await one.lib.spawn((fn: (n: number) => number) => fn(1), given[0] as never), 2);
    // What it is called with goes on to it as a handle, and is no copy.
    const adder = await hub.spawn(() => [(counter: { add(n: number): number }) => counter.add(5)]);
    const object = {
      n: 1,
      add(n: number) {
        return this.n += n;
      },
    };
    const added = one.lib.spawn(
      (fn: (counter: unknown) => number, counter: unknown) => fn(counter),
      adder[0] as never,
      one.lib.handle(object) as never,
    );
    assertEquals([await added, object.n], [6, 6]);
    // Both may write to a stream, one after the other.
    const chunks: unknown[] = [];
    const stream = new WritableStream({ write: (chunk) => void chunks.push(chunk) });
    const write = (stream: SyncWriter<string>, chunk: string) => {
      using writer = stream; // given back, as a stream that is left open is aborted
      writer.write(chunk);
    };
    await hub.spawn(write, stream as never, "a");
    await one.lib.spawn(write, stream as never, "b");
    assertEquals(chunks, ["a", "b"]);
    const lock = new other.lib.Lock();
    const counter = new Int32Array(new SharedArrayBuffer(4));
    const adding = (lock: { acquire(): Disposable }, counter: Int32Array) => {
      for (let i = 0; i < 200; i++) {
        using _permit = lock.acquire();
        counter[0]++;
      }
    };
    await Promise.all([hub.spawn(adding, lock, counter), one.lib.spawn(adding, lock, counter)]);
    assertEquals(counter[0], 400);
  },
);

testBoth("handles of one copy are handles of the other", async (one, other) => {
  class Counter {
    n = 0;
    add(m: number) {
      return this.n += m;
    }
  }
  const counter = new Counter();
  for (const side of [other, one]) {
    counter.n = 0;
    for (const { lib } of [one, other]) {
      const [sum, { again }] = await side.useHandle(lib.handle(counter) as never);
      assertStrictEquals(again as unknown, counter);
      assertEquals(sum, counter.n + counter.n - 2);
    }
    assertMatch(String(await side.releases(one.lib.handle(counter))), /the handle was released/);
  }
  const given = await other.giveHandle() as unknown as { add(n: number): Promise<number> };
  assertEquals(await given.add(2), 12);
  assertStrictEquals(one.lib.handle(given) as unknown, given);
  one.lib.release(given);
  assertMatch(String(await thrownBy(Promise.try(() => given.add(2)))), /the handle was released/);
  // Of two who update it, one waits for the other.
  const order: string[] = [];
  await Promise.all([one, other].map(({ lib }, i) =>
    lib.updateAsync(counter, async () => {
      order.push(`in ${i}`);
      await null;
      order.push(`out ${i}`);
    })
  ));
  assertEquals(order, ["in 0", "out 0", "in 1", "out 1"]);
});

testBoth("signals and limits reach the code of the other copy", async (one, other) => {
  const controller = new AbortController();
  const started = new one.lib.GreenEvent();
  const heard = other.heedsSignal(controller.signal, started, new other.lib.Queue());
  await started.waitAsync();
  controller.abort(new other.lib.Collision("enough"));
  assertEquals(await heard, "Collision: enough");
  const slow = other.lib.spawnWith({ timeout: 20 }).spawn(
    other.sleeper as never,
    new other.lib.GreenEvent() as never,
    new other.lib.Queue() as never,
  );
  assert(await thrownBy(slow) instanceof other.lib.Timeout);
  const late = await thrownBy(other.lib.withTimeoutAsync(1, () => new Promise(() => {})));
  assert(late instanceof one.lib.Timeout);
  // A circle that a limit ends is no deadlock.
  const limited = one.lib.spawn(
    (call: () => unknown) => call(),
    () => other.lib.withTimeoutAsync(50, () => limited),
  ) as PromiseLike<unknown>;
  assert(await thrownBy(limited) instanceof other.lib.Timeout);
});

testBoth("contexts and registered classes are common to both copies", async (one, other) => {
  const name = `copies.${one.lib.getHub().name}`;
  const storage = one.useContext(name);
  assertEquals(await storage.run("ada", () => one.contextInGreen(name)), ["ada", "ada"]);
  // It is registered: the other copy says so of another storage, and takes the same one.
  assertMatch(
    String(await thrownBy(Promise.try(() => other.useContext(name)))),
    /another storage has that name/,
  );
  assertStrictEquals(other.lib.registerContext(name, storage), storage);
  // The Worker has to have loaded the module that has the class.
  await using hub = new one.lib.Hub({ name: "money", maxWorkers: 1 });
  one.lib.useHub(hub);
  for (const side of [one, other]) {
    assertEquals(await side.moneyBack(1), 1);
    const money = new side.Money(5);
    for (const { moneyBack } of [one, other]) {
      const [back, same] = await moneyBack([money, money]) as typeof money[];
      assert(back instanceof side.Money && back !== money);
      assertEquals([back.cents, same === back], [5, true]);
    }
  }
  const wire = { toWire: () => 1, fromWire: () => new one.Money(1) };
  assertMatch(
    String(await thrownBy(Promise.try(() => other.lib.registerClass(one.Money, wire)))),
    /Cannot register class "Money": it is registered as "Money of /,
  );
});

testBoth("DAG pools, resources and connections of one copy serve the other", async (one, other) => {
  const pool = new one.lib.DAGPool<unknown>({ a: 1, b: 2 });
  assertEquals(await other.dag(pool), [true, 3]);
  const mine = new other.lib.DAGPool<unknown>({ a: 3, b: 4 });
  mine.spawn("sum", ["a", "b"], one.sum as never);
  assertEquals(await mine.atAsync("sum"), 7);
  const made: { n: number; next(): number; close(): void }[] = [];
  await using connections = new other.lib.ConnectionPool({
    connect: () => {
      const connection = { n: 0, next: () => ++connection.n, close() {} };
      made.push(connection);
      return connection;
    },
    maxSize: 1,
  });
  assert(connections instanceof one.lib.ConnectionPool);
  for (const side of [one, other, one]) {
    assertEquals(await side.useConnection(connections as never), made[0].n);
  }
  assertEquals([made.length, made[0].n], [1, 3]);
  // One that a thread lets go of is there for others, while that thread goes on.
  assertEquals(await one.releaseConnection(connections as never), 4);
  await until(() => connections.free === 1);
});

testBoth("what the library serves to green code needs no permission", async (one, other) => {
  await using hub = new one.lib.Hub({ name: "strict", hubImport: false, maxWorkers: 2 });
  const queue = new other.lib.Queue<unknown>();
  const lock = new one.lib.Lock();
  const items = await hub.spawn(
    (queue: InstanceType<Side["lib"]["Queue"]>, lock: unknown) => {
      queue.put({ lock });
      return queue.get() as { lock: unknown };
    },
    queue as never,
    lock,
  );
  assertStrictEquals(items.lock, lock);
  const blob = new Blob(["blob"]);
  assertEquals(await hub.spawn(other.blobText as never, blob), "blob");
  assertEquals(await hub.spawn(other.fetchText as never, "data:,fetched"), "fetched");
  const pool = new other.lib.DAGPool<unknown>({ a: 1, b: 2 });
  assertEquals(await hub.spawn(other.dag as never, pool), [true, 3]);
  // Nor does what was wrapped on the hub, by whichever copy.
  hub.expose({ exposed: (n: number) => n + 1 });
  for (const side of [one, other]) {
    assertEquals((await hub.spawn(side.useCalls as never) as unknown[])[3], 8);
  }
});

testBoth("a module has one function of a name, whichever copy wraps it", (one, other) => {
  const meta = { url: `app:${one.lib.getHub().name}` } as ImportMeta;
  one.lib.syncToAsync(meta, function f() {
    return 1;
  });
  const again = () =>
    other.lib.asyncToSync(meta, async function f() {
      return await Promise.resolve(2);
    });
  assertThrows(again, TypeError, 'wraps another function with the name "f"');
  return Promise.resolve();
});

testBoth("bytes that one copy gives away are moved by the other", async (one, other) => {
  const bytes = new Uint8Array(2 << 20).fill(1);
  const moved = other.lib.transfer(bytes);
  const back = await one.moneyBack(moved) as Uint8Array;
  assertEquals([bytes.byteLength, back.length, back[0]], [0, 2 << 20, 1]);
  assertEquals(moved.byteLength, 0, "it has changed hands");
  assertEquals((await other.giveBytes(1 << 20))[5], 3);
});

testBoth("a deadlock over both copies is an error of both", async (one, other) => {
  const queues = [new one.lib.Queue(), new other.lib.Queue()];
  const threads = [one.waitsForNext(queues[0] as never), other.waitsForNext(queues[1] as never)];
  for (let i = 0; i < 2; i++) await queues[i].putAsync(threads[1 - i]);
  const thrown = await Promise.all(threads.map(thrownBy));
  for (const error of thrown) {
    assert(error instanceof one.lib.DeadlockError && error instanceof other.lib.DeadlockError);
    // Where they are is in people's code, and not in that of a copy of the library.
    const places = [...(error as Error).message.matchAll(/at (file:\S+)/g)];
    assertEquals(places.length, 2);
    for (const [, place] of places) assertMatch(place, /side\.ts:\d+:\d+$/);
  }
  const lock = new other.lib.Lock();
  const twice = one.lib.spawn((lock: { acquire(): Disposable }) => {
    using _first = lock.acquire();
    lock.acquire();
  }, lock);
  assert(await thrownBy(twice) instanceof one.lib.DeadlockError);
});

testBoth("one green thread uses both copies at once", async (one, other) => {
  const urls = [one, other].map((side) => side.url);
  const both = `
    import * as a from ${JSON.stringify(urls[0])};
    import * as b from ${JSON.stringify(urls[1])};
    export function mixed(counter) {
      const seen = [];
      const note = (...values) => seen.push(...values);
      const { lib: A, green: inA } = a, { lib: B, green: inB } = b;
      note(inA.getCurrent() === inB.getCurrent());
      const fails = (call) => { try { call(); } catch (error) { return error; } };
      {
        const timeout = new A.Timeout(5);
        const error = fails(() => inB.sleep(60_000));
        note(error === timeout, error instanceof B.Timeout, timeout.pending);
      }
      const late = fails(() => B.withTimeout(5, () => new A.Queue().get()));
      note(late instanceof A.Timeout);
      const promise = b.double.async(5);
      note(promise instanceof A.HubPromise, A.futureToGreenlet(promise).wait());
      const thread = A.spawn((n) => n, 4);
      note(thread instanceof B.GreenThread, B.joinAll([thread])[0] === thread, thread.wait());
      B.killAll([A.spawn(() => sleep(60_000))]);
      const rlock = new A.RLock();
      const condition = new B.Condition(rlock);
      {
        using _outer = rlock.acquire();
        using _inner = condition.acquire();
        note(fails(() => condition.wait({ timeout: 1 })) instanceof A.Timeout);
        note(rlock.locked);
      }
      note(rlock.locked);
      const queue = new B.Queue();
      const lock = new A.Lock();
      queue.put({ lock, thread });
      const item = queue.get();
      note(item.lock === lock, item.thread === thread);
      note(fails(() => { using _held = lock.acquire(); lock.acquire(); }) instanceof B.DeadlockError);
      note(fails(() => queue.tryGet()) instanceof A.Empty);
      const controller = new AbortController();
      controller.abort(new A.Collision("over"));
      note(fails(() => queue.get({ signal: controller.signal })) instanceof B.Collision);
      a.table.set("both", 1);
      B.update(a.table, (table) => table.set("both", table.get("both") + 1));
      note(a.table.get("both"));
      note(A.update(counter, (counter) => counter.add(1)));
      B.release(counter);
      note(fails(() => counter.add(1)) instanceof TypeError);
      const pool = new A.GreenPool(1);
      const pile = new B.GreenPile(pool);
      pile.spawn((n) => n, 3);
      note(...pile);
      note(inA.shield(() => { inB.checkpoint(); return 1; }));
      const values = A.local(() => 1);
      note(values.get());
      note(fails(() => b.fail("Full")) instanceof A.Full);
      return seen;
    }`;
  const { mixed } = one.lib.greenImport<{ mixed(counter: object): unknown[] }>(moduleOf(both));
  const counter = { n: 1, add: (m: number) => counter.n += m };
  assertEquals(await mixed(one.lib.handle(counter)), [
    true, // one thread
    ...[true, true, false, true], // limits
    ...[true, 10, true, true, 4], // promises and threads
    ...[true, true, false], // a condition
    ...[true, true, true, true, true], // items and errors
    ...[2, 2, true], // shared objects and handles
    ...[3, 1, 1, true],
  ]);
});

testBoth("green code asks for nothing that the library does not serve", async (one, other) => {
  for (const name of ["constructor", "load", ""]) {
    const call = other.lib.spawn(
      (name: string, key: string) => {
        const { runtime } = (globalThis as never)[Symbol.for(key)] as {
          runtime: { call(target: unknown, args: unknown[]): unknown };
        };
        runtime.call({ kind: "library", name }, []);
      },
      name,
      `aiohub.${PROTOCOL}.green`,
    );
    const error = await thrownBy(call) as Error;
    assert(error instanceof TypeError);
    assertEquals(error.message, `Cannot call "${name}": the library serves no such function`);
  }
  assertEquals((await one.useCalls())[2], 3);
});

testBoth("a cooperative hub runs the code of both copies, one at a time", async (one, other) => {
  await using hub = new one.lib.Hub({ cooperative: true, maxWorkers: 4 });
  hub.expose({ exposed: (n: number) => n + 1 });
  one.lib.useHub(hub);
  const objects = other.makeObjects();
  const seen = await Promise.all([other.useObjects(objects), one.useCalls(), other.useCalls()]);
  assertEquals(seen[0].slice(0, 6), [true, undefined, true, 1, true, "set"]);
  assertEquals([seen[1][2], seen[2][2]], [3, 3]);
  const queues = [new one.lib.Queue<unknown>(), new other.lib.Queue<unknown>()];
  const relays = [other.relay(queues[0], queues[1])];
  for (let i = 0; i < 5; i++) await queues[0].putAsync(i);
  queues[0].close();
  const counter = new Int32Array(new SharedArrayBuffer(4));
  await Promise.all([one, other].map((side) => side.add(objects.lock, counter, 50)));
  assertEquals([...await Promise.all(relays), counter[0]], [5, 100]);
});

testBoth(
  "a Worker that dies gives back what its code held of the other copy",
  async (one, other) => {
    await using hub = new one.lib.Hub({ maxWorkers: 2 });
    const lock = new other.lib.Lock();
    const semaphore = new one.lib.Semaphore(2);
    one.lib.useHub(hub);
    assert(await thrownBy(other.dies([lock, semaphore])) instanceof other.lib.WorkerCrashedError);
    assertEquals([lock.locked, semaphore.value], [false, 2]);
    using _permit = await lock.acquireAsync();
  },
);

testBoth("a failure that nobody asks about is an event for both copies", async (one, other) => {
  const hub = one.lib.getHub();
  const heard = Promise.withResolvers<Event & { reason?: unknown }>();
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    heard.resolve(event);
  }, { once: true });
  other.lib.spawnN(() => {
    throw new TypeError("nobody asks");
  });
  const event = await heard.promise;
  assert(event instanceof other.lib.UnhandledThreadEvent);
  assert(event instanceof one.lib.UnhandledThreadEvent);
  assertMatch(String(event.reason), /nobody asks/);
});

testBoth("a copy that a Worker loads first works there, and on the hub then", async (one) => {
  await using late = await copyLibrary();
  const lib = one.lib.greenImport<Pick<Side, "useCalls" | "useObjects" | "dag">>(late.side);
  assertEquals((await lib.useCalls() as unknown[])[2], 3);
  const objects = one.makeObjects();
  assertEquals((await lib.useObjects(objects as never) as unknown[])[3], 1);
  const pool = new one.lib.DAGPool<unknown>({ a: 1, b: 2 });
  assertEquals(await lib.dag(pool as never), [true, 3]);
  const side: Side = await import(late.side);
  assertStrictEquals(side.lib.getHub(), one.lib.getHub());
});

testBoth("a hub that one copy closes is closed for the other", async (one, other) => {
  const hub = new one.lib.Hub({ maxWorkers: 1 });
  one.lib.useHub(hub);
  const started = new other.lib.GreenEvent();
  const running = other.sleeper(started, new one.lib.Queue<unknown>());
  await started.waitAsync();
  const closing = hub.close({ grace: 0 });
  assert(await thrownBy(running) instanceof other.lib.HubClosedError);
  await closing;
  // The next one is made by whoever asks.
  const next = other.lib.getHub();
  next.expose({ exposed: (n: number) => n + 1 });
  assert(next !== hub);
  assertStrictEquals(one.lib.getHub(), next);
  assertEquals((await one.useCalls())[2], 3);
  await next.close();
});

testBoth(
  "a stream that a thread leaves open ends with it in a hub of any copy",
  async (one, other) => {
    const { readable, writable } = new TransformStream<string, string>(undefined, {
      highWaterMark: 4,
    });
    // What stands for the stream is of the copy whose hub has it first.
    await hubOf(other).spawn(
      (writer: SyncWriter<string>) => writer[Symbol.dispose](),
      writable as never,
    );
    const reading = thrownBy(Array.fromAsync(readable));
    await hubOf(one).spawn((writer: SyncWriter<string>) => writer.write("x"), writable as never);
    assertMatch(String(await reading), /has ended without close\(\)/);
  },
);

Deno.test("K7 nothing of one copy is left in a hub of the other", async () => {
  for (const hub of hubs.values()) {
    await hub.close();
    const { workers, threads, calls, functions, handles, crashed, leaked } = hub.statistics();
    assertEquals(
      { workers, threads, calls, functions, handles, crashed, leaked },
      { workers: 0, threads: 0, calls: 0, functions: 0, handles: 0, crashed: 0, leaked: 0 },
    );
  }
});

Deno.test("K7 a program with two copies and another version ends by itself", async () => {
  await using other = await copyLibrary({ version: "9.8.7", protocol: 99 });
  const { code, stdout, stderr } = await runDeno([
    "run",
    "-A",
    "--no-check",
    fixture("programs/copies.ts"),
    fixture("edges/copies_side.ts"),
    copy.side,
    other.side,
  ]);
  assertEquals([code, stderr, stdout], [0, "", "one hub\ntheir own hub\n3 8 10\n"]);
});
