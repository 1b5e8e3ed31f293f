import { AsyncLocalStorage } from "node:async_hooks";
import {
  greenImport,
  GreenletExit,
  greenletToFuture,
  type GreenThread,
  NotCloneableError,
  registerContext,
  spawn,
  spawnAfter,
} from "@aiohub/aiohub";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { delay } from "@std/async/delay";
import * as contexts from "../../fixtures/contexts.ts";
import { trail, user } from "../../fixtures/contexts.ts";
import { between } from "../../fixtures/no_contexts.ts";
import { fixture, rejection, TestHub, until } from "../../support/mod.ts";

/** Each test in a context of its own: what is set in the first part of an async function stays with its caller. */
function test(name: string, fn: () => unknown): void {
  Deno.test(name, async () => {
    await user.exit(() => trail.exit(fn));
  });
}

test("P254 asyncToSync() in a catch block keeps the context, and what was set before", async () => {
  await using _hub = new TestHub();
  await user.run("ada", async () => {
    assertEquals(await contexts.changedByHub(), {
      before: "ada",
      afterSet: { here: "set on the hub", onHub: "set on the hub" },
      afterRun: "set on the hub",
      afterFailure: "set by what failed",
    });
  });
});

test("P255 async → green → async → green: each sees its caller's value, and what was changed below", async () => {
  await using _hub = new TestHub();
  await user.run("ada", async () => {
    const seen = await contexts.nested();
    assertEquals(seen, [["ada", "set at the bottom", "set at the bottom"], "set at the bottom"]);
    assertEquals(user.getStore(), "set at the bottom");
  });
  assertEquals(user.getStore(), undefined);
});

test("P266 a value goes down with spawn(), greenImport() and what is called from there", async () => {
  await using hub = new TestHub();
  hub.expose({ contextOf: () => user.getStore() });
  await user.run({ name: "ada" }, async () => {
    const ada = { name: "ada" };
    assertEquals(await contexts.seenOnBoth(), [ada, ada, undefined]);
    assertEquals(await spawnAfter(5, contexts.seenOnBoth), [ada, ada, undefined] as never);
    const module = greenImport<typeof contexts>(fixture("contexts.ts"));
    assertEquals(await module.seen() as unknown, ada);
    assertEquals(await contexts.byName(), [ada, ada]);
    await trail.run("here", async () => {
      assertEquals(await contexts.seenOnBoth(), [ada, ada, "here"]);
    });
  });
  assertEquals(await contexts.seenOnBoth(), [undefined, undefined, undefined]);
});

test("P266 what is set inside is seen after the return, on the hub", async () => {
  await using _hub = new TestHub();
  await user.run("before", async () => {
    assertEquals(await contexts.setGreen("set in green"), "set in green");
    assertEquals(user.getStore(), "set in green");
    const error = await rejection(contexts.failGreen("set by what failed"), RangeError);
    assertEquals([error.message, user.getStore()], ["after the change", "set by what failed"]);
    await Promise.all([contexts.setGreen("one of two"), contexts.seen()]);
    assertEquals(user.getStore(), "one of two");
    await contexts.setGreen(undefined);
    assertEquals(user.getStore(), undefined);
    // A promise made of the thread is somebody else's.
    await greenletToFuture(contexts.setGreen("not taken over"));
    assertEquals(user.getStore(), undefined);
  });
});

test("P266 what is set inside is seen after the return, in green code", async () => {
  await using _hub = new TestHub();
  const mine = ["set by a thread", "mine again", "mine again"];
  assertEquals(await contexts.changedByThread(), [undefined, ...mine]);
  assertEquals(user.getStore(), "mine again");
  assertEquals(await contexts.startsOnHub(), {
    before: "started with",
    read: "started with",
    after: "set by what was started",
  });
});

test("P266 parallel tasks do not mix", async () => {
  await using _hub = new TestHub();
  const task = async (name: string) => {
    const seen = [user.getStore()];
    user.enterWith(name);
    seen.push(await contexts.seen());
    await contexts.setGreen(`${name} changed`);
    seen.push(user.getStore());
    return seen;
  };
  const names = ["a", "b", "c", "d"];
  const seen = await Promise.all(names.map((name) => user.run("start", () => task(name))));
  assertEquals(seen, names.map((name) => ["start", name, `${name} changed`]));
});

test("P266 a context of one's own is respected: run(), exit() and bind() inside", async () => {
  await using _hub = new TestHub();
  await user.run("ada", async () => {
    assertEquals(await contexts.runGreen("bob"), ["ada", "bob", "bob", "ada", undefined, "ada"]);
    assertEquals(user.getStore(), "ada");
    const asAda = AsyncLocalStorage.bind(() => contexts.seen());
    await user.run("bob", async () => {
      assertEquals([await asAda(), await contexts.seen()], ["ada", "ada"].with(1, "bob"));
    });
    assertEquals(await user.exit(() => contexts.seen()), undefined);
  });
});

test("P266 callbacks have the context of who calls them, and their changes go back", async () => {
  await using _hub = new TestHub();
  await user.run("ada", async () => {
    const fromHub = await contexts.callsBack(async (value) => {
      const before = user.getStore();
      await delay(1);
      user.enterWith(value);
      return before;
    });
    assertEquals(fromHub, ["green", "changed by the callback"]);
    assertEquals(user.getStore(), "changed by the callback");
    assertEquals(await contexts.givesCallback(), [
      ["the hub's", "the hub's"],
      ["changed in green", "changed in green"],
      "changed in green",
    ]);
    const fn = await contexts.lasting();
    assertEquals(user.getStore(), "the thread's");
    user.enterWith("ada");
    const called = fn("changed by what stayed");
    assertEquals([await called, user.getStore()], ["ada", "changed by what stayed"]);
    assertEquals(await user.run("bob", () => fn()), "bob");
    assertEquals(user.getStore(), "changed by what stayed");
  });
});

test("P221 descendants see the values of their ancestors, and nobody else does", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const [family, stranger] = await Promise.all([contexts.family(3), contexts.seen()]);
  assertEquals(family, ["generation 3", "generation 2", "generation 1", "generation 0"]);
  assertEquals([stranger, await contexts.seen(), user.getStore()], [
    undefined,
    undefined,
    undefined,
  ]);
});

test("P291 in 500 concurrent tasks the values set in sync and async code stay with the task", async () => {
  await using _hub = new TestHub();
  const tasks = Array.from({ length: 500 }, (_, n) =>
    user.run(n, async () => {
      trail.enterWith(`task ${n}`);
      const seen = await contexts.task(n);
      return [seen, user.getStore(), trail.getStore()];
    }));
  const expected = tasks.map((_, n) => {
    const text = `green ${n} hub ${n}`;
    return [[n, n, text, text], n, text];
  });
  assertEquals(await Promise.all(tasks), expected);
});

test("P293 threads in one Worker, one after another or on one stack, see nothing of each other", async () => {
  await using hub = await user.run("whoever made the hub", () => new TestHub({ maxWorkers: 1 }));
  await trail.run("ignored", () => contexts.setGreen("left behind"));
  user.enterWith(undefined);
  assertEquals(await contexts.seenOnBoth(), [undefined, undefined, undefined]);
  assertEquals(await contexts.waitsFor("inner"), [
    ["inner", "inner", undefined],
    "outer",
    "outer",
  ]);
  user.enterWith(undefined);
  const killed = contexts.blocked("of a killed thread");
  await until(() => hub.threads().some(({ parkedOn }) => parkedOn !== undefined));
  killed.kill();
  await rejection(killed, GreenletExit);
  assertEquals(user.getStore(), "of a killed thread");
  user.enterWith(undefined);
  assertEquals(await contexts.seenOnBoth(), [undefined, undefined, undefined]);
  assertEquals(hub.statistics().workers, 1);
});

test("P293 an async green function keeps its context over awaits, in each of its flows", async () => {
  await using _hub = new TestHub();
  const { asyncGreen } = greenImport<typeof contexts>(fixture("contexts.ts"));
  await user.run("ada", async () => {
    assertEquals(await asyncGreen("set after an await"), {
      before: "ada",
      afterAwait: "ada",
      afterSet: "set after an await",
      ofThread: "set by an awaited thread",
      afterThread: "set by an awaited thread",
      flows: [{ here: "a", onHub: "a" }, { here: "b", onHub: "b" }],
    });
    assertEquals(user.getStore(), "set by an awaited thread");
  });
});

test("J115 the store before an awaited thread and after it is the same", async () => {
  await using _hub = new TestHub();
  const store = { user: "ada" };
  await user.run(store, async () => {
    await contexts.seenOnBoth();
    assertStrictEquals(user.getStore(), store);
    await contexts.runGreen("inside");
    assertStrictEquals(user.getStore(), store);
  });
});

test("J116 what is set in a scope is seen by what it starts, and is gone after it", async () => {
  await using _hub = new TestHub();
  let late: GreenThread<unknown> | undefined;
  await user.run("scope", async () => {
    late = spawnAfter(20, contexts.seen);
    assertEquals(await contexts.seen(), "scope");
  });
  assertEquals([await late, await contexts.seen()], ["scope", undefined]);
});

test("registerContext() values pass through sides that do not know the name", async () => {
  await using _hub = new TestHub();
  const url = fixture("contexts.ts");
  await user.run("ada", async () => assertEquals(await between(url), ["ada", "ada"]));
  assertEquals(await between(url), [undefined, undefined]);
});

test("registerContext() refuses a value that cannot cross, where it is to cross, and names it", async () => {
  await using _hub = new TestHub();
  const error = user.run(
    new WeakMap(),
    () => assertThrows(() => contexts.seen(), NotCloneableError),
  );
  assert(error.message.startsWith('Cannot send context "test.user"'), error.message);
  assertEquals(error.path, 'context "test.user"');
  for (const how of ["to the hub", "back"]) {
    const { message } = await rejection(contexts.refused(how), NotCloneableError);
    assert(message.startsWith('Cannot send context "test.user"'), message);
  }
  assertEquals(await contexts.seen(), undefined);
});

test("registerContext() values may hold what goes by reference", async () => {
  await using _hub = new TestHub();
  const calls: number[] = [];
  const store = { log: (n: number) => void calls.push(n) };
  await user.run(store, async () => {
    await spawn((url: string) =>
      import(url).then(({ user }) => {
        user.getStore().log(1);
        return spawn(async (url: string) => (await import(url)).user.getStore().log(2), url).wait();
      }), fixture("contexts.ts"));
  });
  assertEquals(calls, [1, 2]);
});

test("registerContext() takes an AsyncLocalStorage, under one name", () => {
  const storage = new AsyncLocalStorage<number>({ defaultValue: 7 } as never);
  assertStrictEquals(registerContext("test.default", storage), storage);
  assertStrictEquals(registerContext("test.default", storage), storage);
  assertEquals([storage.getStore(), storage.run(8, () => storage.getStore())], [7, 8]);
  storage.enterWith(9);
  storage.disable();
  assertEquals(storage.getStore(), 7);
  const other = new AsyncLocalStorage();
  for (
    const wrong of [
      () => registerContext("test.default", other),
      () => registerContext("test.other", storage),
      () => registerContext("", other),
      () => registerContext("test.object", {} as never),
    ]
  ) assertThrows(wrong, TypeError, "Cannot register");
});

test("registerContext() values larger than a mailbox go with their call, both ways", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const large = "x".repeat(3 << 20);
  await user.run(`${large}1`, async () => {
    const [seen, onHub] = await contexts.runGreen(`${large}2`).then((seen) => [seen[0], seen[2]]);
    assertEquals([seen === `${large}1`, onHub === `${large}2`], [true, true]);
    await contexts.setGreen(`${large}3`);
    assert(user.getStore() === `${large}3`);
  });
});

test("registerContext() values stay apart where threads are killed at any moment", async () => {
  await using hub = new TestHub({ maxWorkers: 4 });
  const threads = Array.from({ length: 24 }, (_, n) => contexts.mingle(`t${n}`, 1));
  const ends = threads.map((thread) => thread.then(() => "ended", (reason) => reason));
  for (const thread of threads.filter((_, n) => n % 3 === 0)) {
    await delay(Math.random() * 10);
    thread.kill();
  }
  for (const end of await Promise.all(ends)) {
    if (end !== "ended") assertInstanceOf(end, GreenletExit);
  }
  assertEquals([contexts.mixedUp, hub.statistics().crashed], [[], 0]);
});
