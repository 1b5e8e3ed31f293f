import {
  currentCall,
  futureToGreenlet,
  type GreenThread,
  Hub,
  Lock,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import * as crashes from "../../fixtures/lifetimes/crashes.ts";
import { Mark, marked, newMarks } from "../../fixtures/lifetimes/marks.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import {
  ending,
  fixture,
  moduleOf,
  parked,
  rejection,
  runDeno,
  testApart,
  TestHub,
  until,
} from "../../support/mod.ts";

Deno.test("J34 Deno.exit() and process.exit() in green code: WorkerCrashedError with the code, and the pool heals", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 2 });
  for (const [way, code] of [["Deno.exit()", 3], ["process.exit()", 4]] as const) {
    const thread = crashes.crash(way, newMarks());
    const queued = hub.spawn(() => "queued");
    const error = await rejection(thread, WorkerCrashedError);
    assertMatch(
      error.message,
      /^Worker \d+ ended while it ran "crash-\d+": the Worker exited with code \d$/,
    );
    assertStringIncludes(error.message, `code ${code}`);
    assertEquals([thread.state, await queued], ["rejected", "queued"]);
  }
});

Deno.test("J81 out of memory in green code: WorkerCrashedError with its cause, and everyone else goes on", async () => {
  // In a process of its own, as Deno prints what ends a Worker.
  const program = fixture("lifetimes/out_of_memory.ts");
  const { code, stdout } = await runDeno(["run", "--allow-read", program]);
  const lines = stdout.trim().split("\n");
  assertMatch(
    lines[0],
    /^WorkerCrashedError: Worker \d+ ended while it ran "crash-\d+": .*memory/i,
  );
  assertEquals(lines.slice(1), [
    "cause ERR_WORKER_OUT_OF_MEMORY",
    "other thread unharmed",
    "next one runs",
    "crashed 1 leaked 0",
  ]);
  assertEquals(code, 0);
});

Deno.test("J32, J39, K4 an uncaught error in a timer of the Worker, and an unhandled rejection: an event, and the Worker goes on", async () => {
  const program = fixture("lifetimes/fails_in_a_timer.ts");
  const { code, stdout } = await runDeno(["run", "--allow-read", program]);
  assertEquals(stdout.trim().split("\n"), [
    "timer: an event, RangeError: in a timer, its thread running",
    "rejection: a failure of fails-, RangeError: a rejection, its thread running",
    "other thread unharmed",
    "crashed 0 leaked 0",
  ]);
  assertEquals(code, 0);
});

Deno.test("J40 a stack overflow is an error like others: the Worker stays", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await rejection(crashes.overflows(), RangeError);
  assertEquals(await hub.spawn(() => 1), 1);
  assertEquals(hub.statistics().crashed, 0);
});

Deno.test("J36, J37 a module that fails to load is an error like others: the Worker stays", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const poisoned = moduleOf(`throw new RangeError("poisoned"); export function f() {}`);
  const broken = moduleOf(`export function f( {`);
  for (const [url, errorClass] of [[poisoned, RangeError], [broken, Error]] as const) {
    const { f } = hub.greenImport<{ f(): void }>(url);
    await rejection(f(), errorClass);
    await rejection(f(), errorClass);
  }
  assertEquals(await hub.spawn(() => 1), 1);
  assertEquals([hub.statistics().crashed, hub.statistics().workers], [0, 1]);
});

Deno.test("Workers that cannot start: each thread gets its answer, and nothing starts over and over", async () => {
  const program = fixture("lifetimes/never_starts.ts");
  const { code, stdout, ms } = await runDeno(["run", "--no-prompt", program]);
  assertEquals(stdout.trim().split("\n"), [
    "WorkerCrashedError before it was ready",
    "WorkerCrashedError before it was ready",
    "WorkerCrashedError before it was ready",
    "closed, 0 Workers, 0 threads",
  ]);
  assertEquals(code, 0);
  assert(ms < 30_000);
});

Deno.test("a crash takes all threads of its Worker, and nobody else", async () => {
  await using hub = new TestHub({ maxWorkers: 2 }, { crashed: 1 });
  const other = threads.sleeper(newMarks());
  await parked(hub, other);
  const outer = crashes.nested();
  const error = await rejection(outer, WorkerCrashedError);
  assertMatch(error.message, /ended while it ran/);
  assertEquals(other.state, "running");
  assertEquals(await hub.spawn(() => 1), 1);
  await other.killAsync();
});

Deno.test("a crash is heard by green threads and promises that wait, and links are called", async () => {
  await using hub = new TestHub({ maxWorkers: 3 }, { crashed: 1 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const thread = hub.spawn((wait: () => void) => {
    wait();
    Deno.exit(1);
  }, () => promise);
  const linked: string[] = [];
  thread.link(({ state }) => linked.push(state));
  const watching = crashes.watches(thread);
  await parked(hub, watching, /^thread/);
  const awaiting = rejection(thread, WorkerCrashedError);
  resolve();
  await awaiting;
  assertEquals(await watching, ["WorkerCrashedError", "rejected"]);
  assertEquals(linked, ["rejected"]);
});

Deno.test("a crash aborts the calls that the Worker's threads were in, and forgets their functions", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const { promise, resolve } = Promise.withResolvers<() => Promise<void>>();
  const thread = crashes.diesInACallback(((fn: () => Promise<void>) => resolve(fn)) as never);
  const callback = await promise;
  await rejection(callback(), WorkerCrashedError);
  await rejection(thread, WorkerCrashedError);
  // It is not there any more, and says so.
  const { message } = await rejection(callback(), WorkerCrashedError);
  assertMatch(
    message,
    /^Cannot use a callback of the green thread "diesInACallback-\d+": its Worker has ended$/,
  );
  assertEquals([hub.statistics().functions, hub.statistics().calls], [0, 0]);
});

Deno.test("a crash in the middle of a call aborts it with a WorkerCrashedError", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const { promise, resolve } = Promise.withResolvers<Error>();
  const thread = hub.spawn(
    (call: (fn: () => void) => void) => {
      call(() => Deno.exit(1));
    },
    (async (fn: () => Promise<void>) => {
      const { signal } = currentCall()!;
      signal.onabort = () => resolve(signal.reason);
      await fn();
    }) as never,
  );
  await rejection(thread, WorkerCrashedError);
  assertInstanceOf(await promise, WorkerCrashedError);
  assertEquals(hub.statistics().calls, 0);
});

Deno.test("locks that a crashed thread held are free for others", async () => {
  await using hub = new TestHub({ maxWorkers: 2 }, { crashed: 2 });
  const lock = new Lock();
  for (let i = 0; i < 2; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const dying = crashes.diesWithLock(lock, resolve);
    await promise;
    const next = crashes.takesLock(lock);
    await rejection(dying, WorkerCrashedError);
    assertEquals(await next, "taken");
    using _permit = await lock.acquireAsync({ timeout: 20_000 });
  }
  assertEquals(hub.statistics().threads, 0);
});

testApart(
  import.meta,
  "locks that a thread held whose Worker was stopped are free for others",
  async () => {
    await using hub = new TestHub({ maxWorkers: 2 }, { leaked: 1 });
    const lock = new Lock();
    const marks = newMarks();
    const greedy = hub.spawn(
      async (url: string, lock: Lock, marks: SharedArrayBuffer) => {
        const { busy } = await import(url) as typeof threads;
        lock.acquire();
        busy.sync(marks);
      },
      fixture("lifetimes/threads.ts"),
      lock,
      marks,
    );
    await until(() => marked(marks, Mark.Started) === 1);
    const next = crashes.takesLock(lock);
    await parked(hub, next);
    greedy.kill(undefined, { grace: 10 });
    assertEquals(await next, "taken");
    assertEquals((await ending(greedy)).status, "killed");
    await until(() => hub.statistics().leaked === 1);
    Atomics.store(new Int32Array(marks), 7, 1);
  },
);

Deno.test("threads that a crashed thread had spawned go on", async () => {
  await using hub = new TestHub({ maxWorkers: 2 }, { crashed: 1 });
  const { promise, resolve } = Promise.withResolvers<[GreenThread<string>]>();
  const parent = crashes.leavesOthersBehind((thread) => resolve([thread]));
  const [child] = await promise;
  await rejection(parent, WorkerCrashedError);
  assertEquals(await child, "alive");
  assertEquals(hub.statistics().threads, 0);
});

Deno.test("J85 a crash after the thread has ended harms nobody: the queue goes on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 5 });
  for (let i = 0; i < 5; i++) {
    // It ends, and what it left behind ends the Worker in a turn of its event loop.
    const thread = hub.spawn(async () => {
      await null;
      queueMicrotask(() => setTimeout(() => Deno.exit(1), 0));
      return "ended";
    });
    assertEquals(await thread, "ended");
    await until(() => hub.statistics().crashed === i + 1 || poke(hub));
  }
  assertEquals(await hub.spawn(() => "goes on"), "goes on");

  /** Has the Worker's event loop turn; whether this thread survives is not the question. */
  function poke(hub: Hub): boolean {
    const thread = hub.spawn(async () => await new Promise((resolve) => setTimeout(resolve, 1)));
    thread.then(() => {}, () => {});
    return false;
  }
});

Deno.test("a thread that was killed and whose Worker crashed meanwhile ends once", async () => {
  // Which of the two it is that ends the Worker is a race.
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: "any", leaked: "any" });
  let ends = 0;
  for (let i = 0; i < 5; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const thread = hub.spawn((ready: () => void) => {
      ready();
      Deno.exit(1);
    }, resolve);
    thread.link(() => ends++);
    await promise;
    thread.kill(undefined, { grace: 0 });
    const { status, reason } = await ending(thread) as { status: string; reason: unknown };
    assert(status === "killed" || reason instanceof WorkerCrashedError, `${status} ${reason}`);
  }
  assertEquals(ends, 5);
  const { crashed, leaked } = hub.statistics();
  assert(crashed + leaked <= 5);
});

Deno.test("a result that is on its way when the Worker ends arrives", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 3 });
  for (let i = 0; i < 3; i++) {
    const big = "x".repeat(3_000_000);
    const thread = hub.spawn((text: string) => {
      setTimeout(() => Deno.exit(1), 0);
      return text + text;
    }, big);
    assertEquals((await thread).length, 6_000_000);
    await until(() => {
      hub.spawn(async () => await new Promise((resolve) => setTimeout(resolve, 1))).then(
        () => {},
        () => {},
      );
      return hub.statistics().crashed > i;
    });
  }
});

Deno.test("async work is not touched by crashes", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const { promise, resolve } = Promise.withResolvers<string>();
  const future = futureToGreenlet(promise);
  const thread = hub.spawn((_future: GreenThread<string>) => Deno.exit(1), future);
  await rejection(thread, WorkerCrashedError);
  resolve("unharmed");
  assertEquals(await future, "unharmed");
  assertInstanceOf(hub, Hub);
});
