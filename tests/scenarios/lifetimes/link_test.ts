import { futureToGreenlet, type GreenThread } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { newMarks } from "../../fixtures/lifetimes/marks.ts";
import * as links from "../../fixtures/lifetimes/links.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import { ending, parked, TestHub, thrownBy, turn, until } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("P4 GreenThread.link() has called back by the time that an await returns, with its arguments", async () => {
  const called: unknown[] = [];
  const thread = hub.spawn(() => 7);
  thread.link((thread, ...args) => called.push([thread, ...args]), 4, { b: 5 });
  const directly = thread.then(() => called.length);
  assertEquals(await thread, 7);
  assertEquals([called, await directly], [[[thread, 4, { b: 5 }]], 1]);
});

Deno.test("P5, P6 GreenThread.link() of an ended thread calls at the next turn; a link may link", async () => {
  const thread = hub.spawn(() => 7);
  await thread;
  const called: string[] = [];
  thread.link(() => {
    called.push("first");
    thread.link(() => called.push("linked by the first"));
  });
  thread.link(() => called.push("second"));
  assertEquals(called, []);
  await turn();
  assertEquals(called, ["first", "second", "linked by the first"]);
});

Deno.test("GreenThread.link() calls in the order of linking, whatever the ending", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const fulfilled = hub.spawn(() => 1);
  const rejected = hub.spawn(() => {
    throw new RangeError("failed");
  });
  const killed = hub.spawn(() => sleep(60_000));
  const future = futureToGreenlet(new Promise<never>(() => {}));
  const called: [number, string][] = [];
  for (const thread of [fulfilled, rejected, killed, future]) {
    for (const n of [1, 2, 3]) {
      thread.link((thread, n: number) => called.push([n, thread.state]), n);
    }
  }
  await parked(hub, killed);
  killed.kill();
  future.kill();
  for (const thread of [fulfilled, rejected, killed, future]) await ending<unknown>(thread);
  await turn();
  for (const state of ["fulfilled", "rejected"]) {
    assertEquals(called.filter((call) => call[1] === state).map(([n]) => n), [1, 2, 3]);
  }
  assertEquals(called.filter(([, state]) => state === "killed").length, 6);
});

Deno.test("GreenThread.link() isolates errors, of async functions too, and reports them", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const reported: string[] = [];
  hub.addEventListener("error", (event) => {
    event.preventDefault();
    reported.push(event.error.message);
  });
  const called: string[] = [];
  const thread = hub.spawn(() => "unharmed");
  thread.link(() => {
    throw new Error("at once");
  });
  // deno-lint-ignore require-await
  thread.link(async () => {
    throw new Error("later");
  });
  thread.link(() => called.push("third"));
  assertEquals(await thread, "unharmed");
  await turn();
  assertEquals([called, reported], [["third"], ["at once", "later"]]);
});

Deno.test("P215 GreenThread.unlink() takes a link back, and says whether there was one", async () => {
  const called: string[] = [];
  const [first, second, third] = ["first", "second", "third"].map((name) => () =>
    called.push(name)
  );
  const thread = hub.spawn(() => 1);
  for (const link of [first, second, third]) thread.link(link);
  assertEquals([thread.unlink(second), thread.unlink(second)], [true, false]);
  // A link that is called takes back one that has not been.
  thread.link(() => thread.unlink(fourth));
  const fourth = () => called.push("fourth");
  thread.link(fourth);
  await thread;
  await turn();
  assertEquals(called, ["first", "third"]);
  assertEquals(thread.unlink(first), false);
});

Deno.test("P213, P240 GreenThread.link() to several results, before and after the end", async () => {
  for (const fails of [false, true]) {
    const results: unknown[] = [];
    const keep = (thread: GreenThread) => {
      const outcome = thread.outcome()!;
      results.push(outcome.status === "fulfilled" ? outcome.value : outcome.reason);
    };
    const thread = hub.spawn((fails: boolean) => {
      if (fails) throw new RangeError("the same for all");
      return "the same for all";
    }, fails);
    thread.link(keep);
    thread.link(keep);
    await ending(thread);
    thread.link(keep);
    await turn();
    assertEquals(results.length, 3);
    assertStrictEquals(results[0], results[1]);
    assertStrictEquals(results[1], results[2]);
    if (fails) assertStrictEquals(await thrownBy(thread), results[0]);
  }
});

Deno.test("P214 GreenThread.link() to a list: threads arrive as they end", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
  const ended: number[] = [];
  const all = gates.map(({ promise }, i) => {
    const thread = hub.spawn((wait: () => void) => wait(), () => promise);
    thread.link(() => ended.push(i));
    return thread;
  });
  for (const i of [2, 0, 1]) {
    gates[i].resolve();
    await all[i];
  }
  assertEquals(ended, [2, 0, 1]);
});

Deno.test("link() and unlink() in green code: of threads elsewhere, here, ended, and of those that throw", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const errors: string[] = [];
  hub.addEventListener("error", (event) => {
    event.preventDefault();
    errors.push(event.error.message);
  });
  assertEquals(await links.linksInGreenCode(), {
    running: ["running 1", "running 2", "elsewhere fulfilled"],
    ended: ["ended fulfilled"],
    failed: ["failed rejected"],
    killed: ["killed killed"],
    unlinked: { first: true, again: false },
  });
  await until(() => errors.length === 2);
  assertEquals(errors.toSorted(), ["async link", "link"]);
});

Deno.test("a thread's links do not keep its failure from being reported by others, but count as looking", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  let reports = 0;
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    reports++;
  });
  const linked = hub.spawn(() => {
    throw new RangeError("looked at");
  });
  linked.link(() => {});
  await ending(linked);
  await turn();
  assertEquals(reports, 0);
});

Deno.test("GreenThread.link() of a thread that was killed in the queue calls back", async () => {
  const blocker = threads.sleeper(newMarks());
  await parked(hub, blocker);
  const queued = hub.spawn(() => 1);
  const states: string[] = [];
  queued.link(({ state }) => states.push(state));
  queued.kill();
  await turn();
  assertEquals(states, ["killed"]);
  await blocker.killAsync();
});
