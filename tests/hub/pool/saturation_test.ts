import { GreenEvent, HubSaturatedError, Queue } from "@aiohub/aiohub";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { HubThread } from "../../../hub/records/thread.ts";
import { mostWorkers, Saturation } from "../../../hub/pool/saturation.ts";
import { rejection, TestHub, until } from "../../support/mod.ts";
import { extraWorkers, patience } from "../../support/patience.ts";
import { rounds } from "../../support/rounds.ts";

const MAX_WORKERS = 1;

/** A pool whose Workers are blocked or not, as the test says. */
function fakePool(startError?: Error) {
  const queue = new Set<HubThread>();
  const state = { since: undefined as number | undefined, refused: [] as string[], queue };
  const saturation = new Saturation({
    name: "hub",
    maxWorkers: MAX_WORKERS,
    queue,
    stuckSince: () => state.since,
    startError: () => startError,
    refuse(thread, { message }) {
      queue.delete(thread);
      state.refused.push(message);
    },
  }, 20);
  const add = (name: string) => {
    queue.add({ name } as HubThread);
    saturation.look();
  };
  return { state, saturation, add };
}

/** Waits for a time that has to pass. */
const past = (time: number) => until(() => performance.now() > time);

Deno.test("Saturation refuses what has waited while all were blocked, and later what came later", async () => {
  const { state, add } = fakePool();
  const since = state.since = performance.now();
  add("first");
  await past(since + 5);
  add("second");
  await until(() => state.refused.length > 0);
  assertMatch(
    state.refused[0],
    /^Cannot start "first": all 34 Workers of hub "hub" \(the limit for maxWorkers 1\) run/,
  );
  await until(() => state.refused.length === 2);
  assertMatch(state.refused[1], /^Cannot start "second"/);
});

Deno.test("K6 Saturation says why no more Workers can be started", async () => {
  const { state, add } = fakePool(new Error("no threads left"));
  state.since = performance.now();
  add("waits");
  await until(() => state.refused.length > 0);
  assertMatch(
    state.refused[0],
    /^Cannot start "waits": hub "hub" cannot start more Workers \(no threads left\), and all its Workers run/,
  );
});

Deno.test("Saturation refuses nothing when one has gone on meanwhile, or nobody is blocked", async () => {
  const { state, saturation, add } = fakePool();
  add("waits");
  const since = state.since = performance.now();
  saturation.look();
  // One goes on, and is blocked again: the time begins anew.
  state.since = Infinity;
  await past(since + 50);
  assertEquals([state.refused, state.queue.size], [[], 1]);
  state.since = undefined;
  await past(since + 100);
  assertEquals(state.refused, []);
  saturation.stop();
});

Deno.test("Hub at its limit: threads that can have no Worker end with an error, and the others go on", async () => {
  using _times = patience({ saturated: 500 });
  using _workers = extraWorkers(rounds(32, 4));
  const most = mostWorkers(MAX_WORKERS);
  await using hub = new TestHub({ maxWorkers: MAX_WORKERS });
  const queue = new Queue<number>();
  const get = (queue: Queue<number>) => queue.get();
  const put = (queue: Queue<number>, count: number) => {
    for (let i = 0; i < count; i++) queue.put(i);
  };
  const consumers = Array.from({ length: most + 2 }, () => hub.spawn(get, queue));
  const producer = hub.spawn(put, queue, most + 2);
  const { message } = await rejection(producer, HubSaturatedError);
  assertStringIncludes(message, `all ${most} Workers`);
  assertMatch(message, /have been blocked for 0.5 s.*: raise maxWorkers/);
  await Promise.all(consumers.slice(most).map((thread) => rejection(thread, HubSaturatedError)));
  assertEquals([queue.getting, hub.statistics().queued], [most, 0]);

  // What they wait for may come from async code all the same.
  for (let i = 0; i < most; i++) queue.tryPut(i);
  assertEquals(new Set(await Promise.all(consumers.slice(0, most))).size, most);
  assertEquals(await hub.spawn(() => "goes on"), "goes on");
});

Deno.test("Hub at its limit: where one ends by itself, the others wait for it", async () => {
  using _times = patience({ saturated: 500 });
  using _workers = extraWorkers(rounds(32, 4));
  const most = mostWorkers(MAX_WORKERS);
  await using hub = new TestHub({ maxWorkers: MAX_WORKERS });
  const [event, late] = [new GreenEvent<string>(), new GreenEvent<string>()];
  const wait = (event: GreenEvent<string>) => event.wait();
  const waitWithLimit = (event: GreenEvent<string>) => event.wait({ timeout: 3_600_000 });
  const limited = hub.spawn(waitWithLimit, late);
  const waiters = Array.from({ length: most - 1 }, () => hub.spawn(wait, event));
  // So many Workers start one after another.
  await until(() => event.waiting === most - 1 && late.waiting === 1, { limit: 120_000 });
  const last = hub.spawn(() => "at last");
  await past(performance.now() + 1200);
  assertEquals([hub.statistics().queued, last.state], [1, "pending"]);
  late.send("in time");
  assertEquals([await limited, await last], ["in time", "at last"]);
  event.send("all");
  assert((await Promise.all(waiters)).every((value) => value === "all"));
});
