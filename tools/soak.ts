/**
 * The soak run: all features at the same time, under load, with faults. At the end the counts of both sides are compared.
 *
 * `deno task test:soak` ends with it. Alone: `deno run -A --v8-flags=--expose-gc tools/soak.ts --minutes 1 --seed 5`.
 *
 * Every accepted spawn and every call must be answered exactly once, every item that was put into a queue comes out once, a lock
 * has one holder, nothing is left over, and the memory stays flat. Prints a summary, and exits with 1 when that does not hold.
 *
 * @module
 */

import { ON_END } from "../bridge/side/green_thread.ts";
import {
  getHub,
  GreenletExit,
  greenletToFuture,
  GreenPool,
  type GreenThread,
  handle,
  Hub,
  HubClosedError,
  Lock,
  type Outcome,
  Queue,
  Semaphore,
  Timeout,
  useHub,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import * as work from "./soak_work.ts";

/** The time after which a thread counts as lost, in milliseconds. */
const PATIENCE = 60_000;

/** The number of jobs that are under way at any time. */
const JOBS_AT_ONCE = 24;

/** The memory that may be left behind in an hour's worth of jobs, in bytes for each job. */
const MOST_GROWTH = 400;

/** The counts of the hub. */
const books = {
  jobs: new Map<string, number>(),
  endings: new Map<string, number>(),
  spawned: 0,
  ended: 0,
  linked: 0,
  itemsPut: 0,
  itemSum: 0,
  unhandled: 0,
};
const problems: string[] = [];

function problem(text: string): void {
  problems.push(text);
  console.error(`PROBLEM ${text}`);
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

let state = 1;

/** Gives a number from 0 to 1; the sequence is the same for the same seed. */
function random(): number {
  state = state + 0x6d2b79f5 | 0;
  let t = Math.imul(state ^ state >>> 15, 1 | state);
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
  return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
}

function upTo(most: number): number {
  return Math.floor(random() * (most + 1));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Follows a thread to its end: it must have one, its links are called once, and each way to ask gives the same ending. */
async function follow<T>(name: string, thread: GreenThread<T>): Promise<T | undefined> {
  books.spawned++;
  let links = 0;
  thread.link(() => {
    links++;
    books.linked++;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => timer = setTimeout(resolve, PATIENCE, "late"));
  const ended = new Promise<void>((resolve) => thread[ON_END](() => resolve()));
  if (await Promise.race([ended, late]) === "late") {
    problem(`${name}: no end after ${PATIENCE} ms\n${getHub().dump()}`);
    return undefined;
  }
  clearTimeout(timer);
  books.ended++;
  await Promise.resolve();
  if (links !== 1) problem(`${name}: its links were called ${links} times`);
  const outcome = thread.outcome()!;
  count(books.endings, describe(outcome));
  const again = await thread.then(() => "fulfilled", () => "rejected");
  if ((again === "fulfilled") !== (outcome.status === "fulfilled")) {
    problem(`${name}: it ended ${outcome.status} and says ${again}`);
  }
  return outcome.status === "fulfilled" ? outcome.value : undefined;
}

function describe(outcome: Outcome<unknown>): string {
  if (outcome.status === "fulfilled") return outcome.status;
  const { status, reason } = outcome;
  return `${status}: ${reason instanceof Error ? reason.name : reason}`;
}

/** Kills a thread in one way or another, at some time, or lets it be. */
function hit(thread: GreenThread, odds = 0.3): void {
  if (random() > odds) return;
  setTimeout(() => {
    const die = random();
    if (die < 0.5) thread.kill();
    else if (die < 0.7) thread.kill(new RangeError("a reason"));
    else if (die < 0.8) thread.cancel();
    else thread.killAsync().catch((error) => problem(`killAsync() rejected: ${error}`));
  }, upTo(30));
}

/** The objects that all jobs share. */
interface World {
  readonly hub: Hub;
  readonly counters: SharedArrayBuffer;
  readonly put: SharedArrayBuffer;
  readonly queue: Queue<number>;
  readonly lock: Lock;
  /** A lock that is never free. */
  readonly neverFree: Lock;
  readonly semaphore: Semaphore;
  readonly url: string;
}

type Job = (world: World) => Promise<void>;

/** Makes a value to send, small or large. */
function value(): unknown {
  const die = random();
  if (die < 0.7) return { id: upTo(1e6), tags: ["a", "b"], nested: { ok: true } };
  if (die < 0.95) return "text ".repeat(upTo(1000));
  return "large ".repeat(upTo(100_000));
}

/** The kinds of jobs, each with its weight: how often it is done compared with the others. */
const JOBS: Record<string, [number, Job]> = {
  calls: [8, async ({ counters }) => {
    const thread = work.calls(counters, 1 + upTo(20), upTo(2) * upTo(3), value());
    hit(thread);
    await follow("calls", thread);
  }],
  callbacks: [4, async ({ counters }) => {
    const ask = async (twice: (n: number) => Promise<number>) => await twice(21);
    const thread = work.callback(counters, ask as never);
    hit(thread);
    await follow("callbacks", thread);
  }],
  families: [3, async ({ counters }) => {
    const [width, depth] = [1 + upTo(2), 1 + upTo(2)];
    const thread = work.family(counters, width, depth);
    hit(thread, 0.4);
    const leaves = await follow("families", thread);
    if (leaves !== undefined && leaves !== width ** depth) problem(`a family of ${leaves}`);
  }],
  sleepers: [4, async () => {
    const thread = work.sleeper(upTo(40));
    hit(thread, 0.6);
    await follow("sleepers", thread);
  }],
  waiters: [4, async ({ counters }) => {
    const number = work.takeNumber(counters);
    const thread = work.numbered(counters, number, upTo(30));
    const waiting = [1, 2].map(() => work.waiter(thread));
    hit(thread, 0.4);
    await follow("waited for", thread);
    const expected = thread.state === "fulfilled" ? `fulfilled ${number}` : thread.state;
    for (const said of await Promise.all(waiting.map((waiter) => follow("waiters", waiter)))) {
      if (said !== expected) problem(`waiters: ${said} for ${expected}`);
    }
  }],
  doomed: [4, async ({ neverFree }) => {
    const thread = work.doomed(neverFree, upTo(3));
    setTimeout(() => thread.kill(), upTo(30));
    await follow("doomed", thread);
    if (thread.state !== "killed") problem(`a doomed thread is ${thread.state}`);
  }],
  computers: [3, async () => {
    const thread = work.computer(upTo(200_000));
    hit(thread, 0.5);
    await follow("computers", thread);
  }],
  limits: [3, async () => {
    const [outer, inner] = [upTo(30), upTo(30)];
    const thread = work.limited(outer, inner);
    hit(thread, 0.1);
    const said = await follow("limits", thread);
    if (said !== undefined && said !== "outer" && said !== "inner") problem(`limits: ${said}`);
  }],
  futures: [4, async ({ hub }) => {
    const controller = new AbortController();
    const thread = hub.with({ signal: random() < 0.3 ? controller.signal : undefined })
      .spawn(work.sleeper as unknown as (ms: number) => string, upTo(30));
    const future = greenletToFuture(thread, {
      signal: controller.signal,
      autokill: random() < 0.7,
      autocancel: random() < 0.7,
    });
    const settled = future.then(() => {}, () => {});
    if (random() < 0.5) setTimeout(() => controller.abort(), upTo(30));
    await follow("futures", thread);
    await settled;
  }],
  timeouts: [2, async ({ hub }) => {
    const thread = hub.with({ timeout: upTo(20), grace: 5000 })
      .spawn(work.sleeper as unknown as (ms: number) => string, upTo(40));
    await follow("timeouts", thread);
    const outcome = thread.outcome()!;
    if (outcome.status === "killed" && !(outcome.reason instanceof Timeout)) {
      problem(`timeouts: ${Deno.inspect(outcome.reason)}`);
    }
  }],
  producers: [4, async ({ put, queue }) => {
    const thread = work.producer(put, queue, upTo(1000), 1 + upTo(50));
    hit(thread);
    await follow("producers", thread);
  }],
  "async producers": [2, async ({ queue }) => {
    for (let i = 1 + upTo(20); i > 0; i--) {
      const item = upTo(1000);
      await queue.putAsync(item);
      books.itemsPut++;
      books.itemSum += item;
    }
  }],
  locks: [3, async ({ counters, lock, semaphore }) => {
    const thread = work.careful(counters, lock, semaphore, 1 + upTo(20));
    hit(thread);
    await follow("locks", thread);
  }],
  "async locks": [2, async ({ counters, lock }) => {
    using _permit = await lock.acquireAsync();
    const words = new Int32Array(counters);
    if (Atomics.add(words, work.Count.Holding, 1) !== 0) problem("the lock had two holders");
    await null;
    Atomics.sub(words, work.Count.Holding, 1);
  }],
  streams: [3, async ({ counters }) => {
    const n = upTo(200);
    const thread = work.reader(counters, n, random() < 0.5 ? 1 + upTo(50) : 1000);
    hit(thread, 0.2);
    await follow("streams", thread);
  }],
  fetches: [2, async ({ url }) => {
    const thread = work.fetcher(url);
    hit(thread, 0.3);
    const length = await follow("fetches", thread);
    if (length !== undefined && length !== 5000) problem(`fetches: ${length} characters`);
  }],
  handles: [3, async () => {
    const counter = new work.Counter();
    const n = 1 + upTo(20);
    const thread = work.visitor(handle(counter) as never, n);
    hit(thread, 0.2);
    const last = await follow("handles", thread);
    if (last !== undefined && (last !== n || counter.value !== n)) problem(`handles: ${last}`);
  }],
  failures: [2, async () => {
    const thread = work.fails("meant to");
    await follow("failures", thread);
  }],
  pools: [1, async () => {
    const pool = new GreenPool(2);
    const results: number[] = [];
    for await (const n of pool.imapAsync(work.computer as never, [1000, 2000, 3000])) {
      results.push(n as number);
    }
    if (results.length !== 3) problem(`pools: ${results}`);
    await pool.waitAllAsync();
  }],
  hubs: [1, async () => {
    const hub = new Hub({ maxWorkers: 2, name: "short" });
    const threads = [1, 2, 3].map((n) => hub.spawn((n: number) => n, n));
    if (random() < 0.5) await pause(upTo(100));
    const followed = threads.map((thread) => follow("hubs", thread));
    await hub.close({ grace: upTo(50) });
    await Promise.all(followed);
    const { workers, threads: left, queued, calls, functions } = hub.statistics();
    if (workers + left + queued + calls + functions > 0) {
      problem(`a closed hub has left: ${Deno.inspect(hub.statistics())}`);
    }
    for (const thread of threads) {
      const outcome = thread.outcome()!;
      const isClosed = outcome.status !== "fulfilled" && outcome.reason instanceof HubClosedError;
      if (outcome.status !== "fulfilled" && !isClosed) problem(`hubs: ${Deno.inspect(outcome)}`);
    }
  }],
};

/** Makes a fault: on a hub of its own, as the counts do not know what a Worker had when it crashed. */
async function fault(hub: Hub): Promise<void> {
  const die = random();
  if (die < 0.6) {
    const thread = hub.spawn(work.crashes as unknown as () => void);
    await follow("crashes", thread);
    const outcome = thread.outcome()!;
    if (outcome.status !== "rejected" || !(outcome.reason instanceof WorkerCrashedError)) {
      problem(`a crash ended ${outcome.status}`);
    }
    return;
  }
  const flag = new SharedArrayBuffer(4);
  const thread = hub.spawn(work.deaf as unknown as (flag: SharedArrayBuffer) => void, flag);
  await pause(upTo(100));
  thread.kill(undefined, { grace: upTo(20) });
  await follow("hard kills", thread);
  Atomics.store(new Int32Array(flag), 0, 1);
  const outcome = thread.outcome()!;
  if (outcome.status !== "killed" || !(outcome.reason instanceof GreenletExit)) {
    problem(`a hard kill ended ${outcome.status}`);
  }
}

/** The jobs as a list that has each job as many times as its weight says. */
const LOTS = Object.entries(JOBS).flatMap(([name, [weight, job]]) =>
  Array.from({ length: weight }, () => ({ name, job }))
);

/** Keeps many jobs under way until the time is over. */
async function load(world: World, deadline: number): Promise<void> {
  const line = async () => {
    while (performance.now() < deadline && problems.length < 20) {
      const { name, job } = LOTS[Math.floor(random() * LOTS.length)];
      await job(world);
      count(books.jobs, name);
    }
  };
  await Promise.all(Array.from({ length: JOBS_AT_ONCE }, line));
}

async function faults(hub: Hub, deadline: number): Promise<void> {
  while (performance.now() < deadline) {
    await fault(hub);
    await pause(200 + upTo(400));
  }
}

/** Consumers are killed now and then, and replaced. */
async function consumers(world: World, isOver: () => boolean): Promise<void> {
  const line = async () => {
    while (!isOver()) {
      const thread = work.consumer(world.counters, world.queue);
      const timer = setInterval(() => {
        // All Workers may wait for a consumer that waits for a Worker: the queue is full.
        if (thread.state !== "pending") thread.kill();
      }, 50 + upTo(500));
      await follow("consumers", thread);
      clearInterval(timer);
    }
  };
  await Promise.all([line(), line()]);
}

function read(counters: SharedArrayBuffer): Record<keyof typeof work.Count, number> {
  const words = new Int32Array(counters);
  const entries = Object.entries(work.Count).map(([name, index]) => [name, words[index]]);
  return Object.fromEntries(entries);
}

/** Compares the counts of both sides. */
function audit({ counters, put, hub, queue, neverFree }: World): void {
  const green = read(counters);
  const [puts, sum] = new Int32Array(put);
  const same = (what: string, a: number, b: number) => {
    if (a !== b) problem(`${what}: ${a} and ${b}`);
  };
  same("calls begun and answered", green.CallsBegun, green.CallsAnswered);
  same("children spawned and ended", green.ChildrenSpawned, green.ChildrenEnded);
  same("hub functions begun and ended", work.served.begun, work.served.ended);
  same("calls served twice", work.served.twice, 0);
  same("children run twice", green.RunTwice, 0);
  same("waiters at the lock that is never free", neverFree.waiting, 0);
  same("threads spawned and ended", books.spawned, books.ended);
  same("threads spawned and linked", books.spawned, books.linked);
  // An item is counted after it was put. If its producer is killed in between, it is in the queue all the same.
  const taken = green.ItemsTaken + queue.size;
  const least = puts + books.itemsPut;
  if (taken < least) problem(`items put and taken: ${least} and ${taken}`);
  const extra = taken - least;
  if (extra > (books.jobs.get("producers") ?? 0)) problem(`${extra} items nobody has put`);
  if (extra === 0) same("the sums of items", (sum + books.itemSum) | 0, green.ItemSum);
  same("holders of the lock", green.Holding, 0);
  same("holders of permits", green.Permits, 0);
  same("two at a time where one may be", green.Collisions, 0);
  same("wrong answers", green.Wrong, 0);
  same("unhandled threads", books.unhandled, 0);
  const { threads, calls, queued, busy, crashed } = hub.statistics();
  same("what is left on the hub", threads + calls + queued + busy + crashed, 0);
}

function newHub(name: string, maxWorkers: number): Hub {
  const hub = new Hub({ name, maxWorkers, idleTimeout: 2000 });
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    books.unhandled++;
    problem(`unhandled: ${Deno.inspect((event as unknown as { reason: unknown }).reason)}`);
  });
  hub.addEventListener("error", (event) => {
    event.preventDefault();
    problem(`an error on the hub: ${Deno.inspect(event.error)}`);
  });
  return hub;
}

function option(name: string, otherwise: string): string {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? otherwise : Deno.args[at + 1];
}

/** Gives the size of the heap in bytes, garbage not included. */
async function heap(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  for (let i = 0; i < 3; i++) {
    gc?.();
    await pause(20);
  }
  return Deno.memoryUsage().heapUsed;
}

function total(map: Map<string, number>): number {
  return [...map.values()].reduce((sum, n) => sum + n, 0);
}

function print(title: string, map: Map<string, number>): void {
  console.log(title);
  for (const [name, n] of [...map].toSorted()) console.log(`  ${String(n).padStart(8)}  ${name}`);
}

async function main(): Promise<void> {
  const minutes = Number(option("minutes", "1"));
  const seed = Number(option("seed", String(Math.trunc(Math.random() * 2 ** 31))));
  console.log(`${minutes} minutes, seed ${seed}`);
  state = seed;
  const hub = newHub("soak", 12);
  useHub(hub);
  const faulty = newHub("faulty", 2);
  const body = "x".repeat(5000);
  const server = Deno.serve(
    { port: 0, onListen() {} },
    async () => {
      await pause(upTo(10));
      return new Response(body);
    },
  );
  const neverFree = new Lock();
  neverFree.tryAcquire();
  const world: World = {
    hub,
    counters: work.newCounters(),
    put: new SharedArrayBuffer(8),
    queue: new Queue<number>(20),
    lock: new Lock(),
    neverFree,
    semaphore: new Semaphore(2),
    url: `http://127.0.0.1:${server.addr.port}/`,
  };
  const start = performance.now();
  const deadline = start + minutes * 60_000;
  // The first part compiles code and fills caches.
  const warm = Math.min(deadline, start + Math.max(10_000, minutes * 12_000));
  let over = false;
  const consuming = consumers(world, () => over);
  const breaking = faults(faulty, deadline);
  await load(world, warm);
  const [before, jobsBefore] = [await heap(), total(books.jobs)];
  await load(world, deadline);
  const [after, jobs] = [await heap(), total(books.jobs)];
  await breaking;
  while (world.queue.size > 0) await pause(5);
  over = true;
  await consuming;
  // Work that goes on after its waiter was killed needs a moment to see that.
  for (let i = 0; i < 200 && hub.statistics().threads + hub.statistics().calls > 0; i++) {
    await pause(10);
  }
  audit(world);
  await hub.close();
  await faulty.close();
  await server.shutdown();
  const left = Object.entries(hub.statistics()).filter(([name, n]) =>
    n !== 0 && !name.startsWith("total")
  );
  if (left.length > 0) problem(`left over when the hub was closed: ${Deno.inspect(left)}`);
  const growth = Math.round((after - before) / Math.max(1, jobs - jobsBefore));
  if (jobs - jobsBefore > 2000 && growth > MOST_GROWTH) {
    problem(`the heap grew from ${before} to ${after} bytes, ${growth} a job`);
  }
  report(hub, faulty, world, performance.now() - start, growth);
}

function report(hub: Hub, faulty: Hub, world: World, ms: number, growth: number): void {
  print("jobs", books.jobs);
  print("endings", books.endings);
  const { totalThreads, totalCalls } = hub.statistics();
  const { crashed, leaked } = faulty.statistics();
  const { CallsBegun, ChildrenSpawned, ItemsTaken, Streamed } = read(world.counters);
  console.log(
    `${books.spawned} threads followed, ${totalThreads} spawned, ${ChildrenSpawned} in green code`,
  );
  console.log(`${totalCalls} calls, of which ${CallsBegun} counted in green code`);
  console.log(`${ItemsTaken} items through the queue, ${Streamed} through streams`);
  console.log(
    `${crashed} Workers crashed, ${leaked} leaked; the heap grew by ${growth} bytes a job`,
  );
  console.log(`${Math.round(ms / 1000)} s`);
  console.log(problems.length === 0 ? "ok" : `${problems.length} problems`);
  if (problems.length > 0) Deno.exitCode = 1;
}

if (import.meta.main) await main();
