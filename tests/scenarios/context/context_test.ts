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

test("P254 what a function of the hub sets is not seen by who calls it, also in a catch block", async () => {
  await using _hub = new TestHub();
  const seen = (own: unknown) => ({
    before: own,
    afterSet: { set: "set on the hub", here: own, onHub: own },
    afterAtOnce: { set: "set at once", here: own, onHub: own },
    afterRun: { set: "only inside", here: own, onHub: own },
    afterFailure: own,
  });
  await user.run("ada", async () => assertEquals(await contexts.callsSetters(), seen("ada")));
  assertEquals(await contexts.callsSetters(), seen(undefined));
});

test("P255 async → green → async → green: each sees its caller's value, and nothing of what is set below", async () => {
  await using _hub = new TestHub();
  await user.run("ada", async () => {
    assertEquals(await contexts.nested(), [["ada", "set at the bottom", "ada"], "ada"]);
    assertEquals(user.getStore(), "ada");
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

test("P266 what a thread sets is not seen by who awaits it on the hub", async () => {
  await using _hub = new TestHub();
  const set = "set in green";
  await user.run("before", async () => {
    assertEquals([await contexts.setGreen(set), user.getStore()], [set, "before"]);
    const error = await rejection(contexts.failGreen("set by what failed"), RangeError);
    assertEquals([error.message, user.getStore()], ["after the change", "before"]);
    await contexts.setGreen(undefined);
    assertEquals(user.getStore(), "before");
    const seen = (value: unknown) => [value, user.getStore()];
    assertEquals(await contexts.setGreen(set).then(seen), [set, "before"]);
    assertEquals(await greenletToFuture(contexts.setGreen(set)).then(seen), [set, "before"]);
    const ended = contexts.setGreen(set);
    await Promise.all([ended, contexts.seen()]);
    assertEquals([await ended, user.getStore()], [set, "before"]);
  });
});

/** What `waitsForSetter()` sees: the thread that it waits for has set its value, and not the waiter's. */
const MINE = { set: "set by a thread", here: "mine", onHub: "mine", inNext: "mine" };

test("P266 what a thread, or a function that was started, sets is not seen by green code that waits for it", async () => {
  await using _hub = new TestHub();
  assertEquals(await contexts.waitsForSetter(), MINE);
  assertEquals(await contexts.startsOnHub(), {
    read: "started with",
    set: "set by what was started",
    after: "set since",
  });
  assertEquals(user.getStore(), undefined);
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
  assertEquals(seen, names.map((name) => ["start", name, name]));
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

test("P266 callbacks have the context of who calls them, who sees nothing of what they set", async () => {
  await using _hub = new TestHub();
  await user.run("ada", async () => {
    const fromHub = await contexts.callsBack(async (value) => {
      const before = user.getStore();
      await delay(1);
      user.enterWith(value);
      return before;
    });
    assertEquals(fromHub, ["green", "green"]);
    assertEquals(await contexts.givesCallback(), [
      ["the hub's", "the hub's"],
      ["set in green", "the hub's"],
      "green's own",
    ]);
    const fn = await contexts.lasting();
    assertEquals([await fn("set by what stayed"), user.getStore()], ["ada", "ada"]);
    assertEquals(await user.run("bob", () => fn()), "bob");
    assertEquals([await fn(), user.getStore()], ["ada", "ada"]);
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
    return [[n, n, `green ${n} hub ${n}`, `green ${n}`], n, `task ${n}`];
  });
  assertEquals(await Promise.all(tasks), expected);
});

test("P293 threads in one Worker, one after another or on one stack, see nothing of each other", async () => {
  await using hub = await user.run("whoever made the hub", () => new TestHub({ maxWorkers: 1 }));
  await trail.run("ignored", () => contexts.setGreen("left behind"));
  assertEquals(await contexts.seenOnBoth(), [undefined, undefined, undefined]);
  assertEquals(await contexts.waitsFor("inner"), [
    ["inner", "inner", undefined],
    "outer",
    "outer",
  ]);
  assertEquals(await contexts.waitsForSetter(), MINE);
  const killed = contexts.blocked("of a killed thread");
  await until(() => hub.threads().some(({ parkedOn }) => parkedOn !== undefined));
  killed.kill();
  await rejection(killed, GreenletExit);
  assertEquals(user.getStore(), undefined);
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
      afterThread: "set after an await",
      flows: [{ here: "a", onHub: "a" }, { here: "b", onHub: "b" }],
    });
    assertEquals(user.getStore(), "ada");
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
  const { message } = await rejection(contexts.refused("to the hub"), NotCloneableError);
  assert(message.startsWith('Cannot send context "test.user"'), message);
  // A value that goes nowhere need not cross.
  assertEquals(await contexts.refused("nowhere"), undefined);
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

test("registerContext() values larger than a mailbox go with their spawn, and with a call", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const large = "x".repeat(3 << 20);
  await user.run(`${large}1`, async () => {
    const [seen, onHub] = await contexts.runGreen(`${large}2`).then((seen) => [seen[0], seen[2]]);
    assertEquals([seen === `${large}1`, onHub === `${large}2`], [true, true]);
  });
});

test("registerContext() values that a thread has set are not seen in then() and finally() of the thread", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const seen: unknown[] = [];
  const note = () => void seen.push(user.getStore());
  await user.run("before", async () => {
    await contexts.setGreen("1").then(note);
    await contexts.setGreen("2").finally(note);
    seen.push(user.getStore());
  });
  assertEquals(seen, ["before", "before", "before"]);
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
