import {
  GreenletExit,
  handle,
  HubClosedError,
  type UnhandledThreadEvent,
  WorkerCrashedError,
} from "@aiohub/aiohub";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { EventEmitter } from "node:events";
import * as strays from "../fixtures/edges/k4_strays.ts";
import {
  fixture,
  moduleOf,
  parked,
  rejection,
  runDeno,
  TestHub,
  thrownBy,
  turn,
  until,
} from "../support/mod.ts";

const MODULE = fixture("edges/k4_strays.ts");

/** What a hub tells of failures. None of it is printed. */
function eventsOf(hub: TestHub) {
  const errors: ErrorEvent[] = [];
  const failures: UnhandledThreadEvent[] = [];
  hub.addEventListener("error", (event) => {
    event.preventDefault();
    errors.push(event);
  });
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    failures.push(event);
  });
  return { errors, failures };
}

const never = () => new Promise<void>(() => {});

Deno.test("K4 a callback that is called after its thread has ended: one event, with thread, function and place", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { errors } = eventsOf(hub);
  const emitter = new EventEmitter();
  await strays.listens(handle(emitter));
  for (let i = 0; i < 50; i++) emitter.emit("tick");
  await turn();
  assertEquals(errors.length, 1);
  const [{ message, error, filename, lineno }] = errors;
  assertMatch(
    message,
    /^Uncaught \(in the callback "onTick" of the green thread "listens-\d+"\) Error: Cannot use /,
  );
  assertMatch(
    error.message,
    /the thread has ended, .* return the function from the thread to keep it$/,
  );
  // Where it was called.
  assertEquals(filename, import.meta.url);
  assert(lineno > 0);
  // The Worker was not asked at all, and others run there.
  assertEquals(await strays.innocent(), "innocent");
});

Deno.test("K4 EventTargets, timers and signals of the hub call late callbacks, and nothing dies", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { errors } = eventsOf(hub);
  const target = new EventTarget();
  const controller = new AbortController();
  await strays.listensInAllWays(handle(target), controller.signal, (fn, _signal) => {
    controller.signal.addEventListener("abort", fn);
    setTimeout(fn, 0);
  });
  target.dispatchEvent(new Event("tick"));
  controller.abort();
  // One for the listener of the target, one for the timer of node, and one for the callback that two call.
  await until(() => errors.length === 3);
  for (const { message } of errors) {
    assertMatch(message, /^Uncaught \(in a callback of the green thread "listensInAllWays-\d+"\)/);
  }
});

Deno.test("K4 who awaits a late callback gets the rejection, and there is no event", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { errors } = eventsOf(hub);
  const emitter = new EventEmitter();
  await strays.listens(handle(emitter));
  const [onTick] = emitter.listeners("tick") as (() => Promise<void>)[];
  const ways = [
    () => onTick(),
    () => Promise.all([onTick()]),
    async () => await onTick(),
    () => onTick().then(),
    () => Promise.race([onTick()]),
  ];
  for (const way of ways) {
    assertMatch((await rejection(way(), Error)).message, /^Cannot use the callback "onTick"/);
  }
  await turn();
  assertEquals(errors, []);
});

Deno.test("K4 what a listener throws while its thread lives is an event each time, and the thread goes on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { errors } = eventsOf(hub);
  const emitter = new EventEmitter();
  const gate = Promise.withResolvers<void>();
  const thread = strays.listensOn(handle(emitter), () => gate.promise, "throws");
  await parked(hub, thread);
  for (let i = 0; i < 3; i++) emitter.emit("tick", i);
  await until(() => errors.length === 3);
  assertEquals(errors.map(({ error }) => error.message), [
    "listener 0",
    "listener 1",
    "listener 2",
  ]);
  const [{ message, filename, lineno }] = errors;
  assertMatch(
    message,
    /^Uncaught \(in the callback "onTick" of the green thread "listensOn-\d+"\) RangeE/,
  );
  // Where it was thrown.
  assertEquals([filename, lineno > 0], [MODULE, true]);
  gate.resolve();
  await thread;
});

Deno.test("K4 an async function as a listener is told once for each call, with its name", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { errors } = eventsOf(hub);
  const emitter = new EventEmitter();
  const gate = Promise.withResolvers<void>();
  const thread = strays.listensOn(handle(emitter), () => gate.promise, "is async");
  await parked(hub, thread);
  emitter.emit("tick");
  await until(() => errors.length === 1);
  assertMatch(
    errors[0].message,
    /"onTickAsync" of the green thread .* Cannot return a promise from/,
  );
  gate.resolve();
  await thread;
});

Deno.test("K4 listeners of a thread that was killed, whose Worker died, whose hub closed: one event each", async () => {
  const emitter = new EventEmitter();
  const seen: ErrorEvent[] = [];
  {
    await using hub = new TestHub({ maxWorkers: 2 }, { crashed: 1 });
    const { errors } = eventsOf(hub);
    const killed = strays.listensOn(handle(emitter), never, "throws");
    await parked(hub, killed);
    killed.kill();
    await rejection(killed, Error);
    for (let i = 0; i < 50; i++) emitter.emit("tick");
    await turn();
    assertMatch(
      errors.map(({ message }) => message).join("\n"),
      /^[^\n]*the thread has ended[^\n]*$/,
    );
    emitter.removeAllListeners();

    const gate = Promise.withResolvers<void>();
    const dying = strays.listensAndDies(handle(emitter), () => gate.promise);
    await parked(hub, dying);
    gate.resolve();
    await rejection(dying, WorkerCrashedError);
    errors.length = 0;
    for (let i = 0; i < 50; i++) emitter.emit("tick");
    await turn();
    assertEquals(errors.length, 1);
    assertInstanceOf(errors[0].error, WorkerCrashedError);
    assertMatch(errors[0].message, /green thread "listensAndDies-\d+": its Worker has ended$/);
    emitter.removeAllListeners();

    await strays.listens(handle(emitter));
    hub.addEventListener("error", (event) => seen.push(event));
  }
  for (let i = 0; i < 50; i++) emitter.emit("tick");
  await turn();
  assertEquals(seen.length, 1);
  assertInstanceOf(seen[0].error, HubClosedError);
  assertMatch(
    seen[0].message,
    /^Uncaught \(in the callback "onTick" of the green thread "listens-\d+"\)/,
  );
});

for (const cooperative of [false, true]) {
  const where = cooperative ? "a cooperative hub" : "a hub";
  Deno.test(`K4 a listener that is ended by the kill of its thread is no failure, and its caller gets the reason: ${where}`, async () => {
    await using hub = new TestHub({ maxWorkers: 1, cooperative });
    const { errors, failures } = eventsOf(hub);
    const emitter = new EventEmitter();
    for (const reason of [undefined, new RangeError("enough"), "text"]) {
      let begun = 0;
      const thread = strays.listensAndBlocks(handle(emitter), () => void begun++, never);
      await until(() => emitter.listenerCount("tick") === 1);
      const [onTick] = emitter.listeners("tick") as ((fails: boolean) => Promise<void>)[];
      emitter.emit("tick", false);
      emitter.emit("tick", false);
      const awaited = thrownBy(onTick(false));
      await until(() => begun === 3);
      thread.kill(reason);
      const ended = await thrownBy(thread);
      assertEquals(String(await awaited), String(ended));
      emitter.removeAllListeners();
    }
    await turn();
    assertEquals([errors, failures], [[], []]);

    // What it throws of its own is one.
    let begun = false;
    const thread = strays.listensAndBlocks(handle(emitter), () => void (begun = true), never);
    await until(() => emitter.listenerCount("tick") === 1);
    emitter.emit("tick", true);
    await until(() => begun);
    thread.kill();
    await rejection(thread, GreenletExit);
    await until(() => errors.length === 1);
    assertMatch(errors[0].message, /"onTick" of the green thread .* RangeError: clean-up$/);
  });
}

Deno.test("K4 a function that a thread has returned is called as before; what it throws is told by name", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { errors } = eventsOf(hub);
  const emitter = new EventEmitter();
  const kept = await strays.returnsListener() as unknown as (n: number) => Promise<number>;
  assertEquals(await kept(1), 2);
  emitter.on("tick", kept);
  emitter.emit("tick", -1);
  await until(() => errors.length === 1);
  assertMatch(
    errors[0].message,
    /^Uncaught \(in the callback "kept" of green code\) RangeError: less/,
  );
});

Deno.test("K4 listeners of the hub itself that throw, or reject, end nothing", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { errors } = eventsOf(hub);
  const bad = () => {
    throw new RangeError("a bad listener");
  };
  hub.addEventListener("unhandledthread", bad);
  // deno-lint-ignore require-await
  hub.addEventListener("unhandledthread", { handleEvent: async () => bad() });
  await rejection(hub.greenImport<{ f(): void }>(moduleOf("no module")).f(), Error);
  hub.spawn(() => {
    throw new RangeError("nobody looks");
  });
  await until(() => errors.length === 2);
  for (const { message } of errors) {
    assertEquals(
      message,
      `Uncaught (in a listener of "unhandledthread" of hub "${hub.name}") RangeError: a bad listener`,
    );
  }
  // As with any `EventTarget`, nothing awaits what a listener gives back but has not begun: a query is not sent.
  let sent = false;
  const query = { then: () => sent = true };
  hub.addEventListener("unhandledthread", (() => query) as unknown as () => void);
  // The very listener is taken away again.
  hub.removeEventListener("unhandledthread", bad);
  hub.spawn(() => {
    throw new RangeError("nobody looks");
  });
  await until(() => errors.length === 3);
  await turn();
  assertEquals([errors.length, sent], [3, false]);
});

Deno.test("K4 a rejection that a thread leaves behind is a failure of that thread; its Worker and the next thread go on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { failures, errors } = eventsOf(hub);
  const { turns } = hub.greenImport<typeof strays>(MODULE);
  const left = strays.leavesRejection("error");
  assertEquals(await left, "left");
  assertEquals(await turns(), "unharmed");
  assertEquals(failures.map(({ thread, reason }) => [thread.id, thread.name, String(reason)]), [
    [left.id, left.name, "RangeError: left behind"],
  ]);
  assertEquals([errors, hub.statistics().crashed], [[], 0]);
});

Deno.test("K4 threads of one turn of the event loop: a stack tells who it was; without one all are named that it may have been", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { failures, errors } = eventsOf(hub);
  // Their module is loaded, so that they run on their parent's stack, in one turn.
  await strays.innocent();
  await strays.nests("error");
  await until(() => failures.length === 1);
  assertMatch(failures[0].thread.name, /^leavesRejection-\d+$/);
  await strays.nests("text");
  await until(() => errors.length === 1);
  assertMatch(
    errors[0].message,
    /^Uncaught \(in code left running by one of the green threads "nests-\d+", "innocent-\d+", "leavesRejection-\d+"\) left behind$/,
  );
  assertEquals([errors[0].error, failures.length], ["left behind", 1]);
});

Deno.test("K4 a rejection of the last thread of a Worker is told while the hub closes", async () => {
  const hub = new TestHub({ maxWorkers: 1 });
  const { failures } = eventsOf(hub);
  const left = strays.leavesRejection("error");
  await left;
  await hub[Symbol.asyncDispose]();
  assertEquals(failures.map(({ thread }) => thread.name), [left.name]);
});

for (const reason of ["text", "nothing", "revoked", "getters"] as const) {
  Deno.test(`K4 a rejection with ${reason} as its reason is told too`, async () => {
    await using hub = new TestHub({ maxWorkers: 1 });
    const { failures } = eventsOf(hub);
    const left = strays.leavesRejection(reason);
    await left;
    await until(() => failures.length === 1);
    assertEquals(failures[0].thread.name, left.name);
    if (reason === "nothing" || reason === "text") {
      assertEquals(failures[0].reason, reason === "text" ? "left behind" : undefined);
    }
    assertEquals([await strays.innocent(), hub.statistics().crashed], ["innocent", 0]);
  });
}

Deno.test("K4 what a timer throws in a Worker, or rejects with, and a microtask throws, is told, and ends nobody", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { failures, errors } = eventsOf(hub);
  const { turns } = hub.greenImport<typeof strays>(MODULE);
  for (const how of ["throws", "microtask"] as const) {
    await strays.leavesTimer(how);
    const going = turns();
    await until(() => errors.length === 1);
    const { message, filename } = errors.pop()!;
    assertMatch(message, /^Uncaught \(in a timer or other late code in a Worker/);
    assertEquals([message.endsWith(`RangeError: left behind: ${how}`), filename], [true, MODULE]);
    assertEquals(await going, "unharmed");
  }
  const left = strays.leavesTimer("rejects");
  await left;
  assertEquals(await turns(), "unharmed");
  await until(() => failures.length === 1);
  assertEquals([failures[0].thread.name, errors], [left.name, []]);
});

Deno.test("K4 a rejection that green code handles by a listener, in a Worker, is not told", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { failures, errors } = eventsOf(hub);
  const { turns } = hub.greenImport<typeof strays>(MODULE);
  for (const how of ["listener", "process"] as const) {
    assertEquals(await strays.handles(how), "handled");
    assertEquals(await turns(), "unharmed");
  }
  assertEquals([failures, errors, hub.statistics().crashed], [[], [], 0]);
});

Deno.test("K4 a rejection that is handled late is told once, and whoever handles it gets it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { failures } = eventsOf(hub);
  const { handlesLate } = hub.greenImport<typeof strays>(MODULE);
  const thread = handlesLate();
  assertEquals(await thread, "handled late");
  assertEquals(failures.map(({ reason }) => String(reason)), ["RangeError: handled late"]);
  assertMatch(failures[0].thread.name, /^handlesLate-\d+$/);
});

Deno.test("K4 a cooperative hub tells what threads leave behind as well", async () => {
  await using hub = new TestHub({ maxWorkers: 2, cooperative: true });
  const { failures } = eventsOf(hub);
  const left = strays.leavesRejection("error");
  await left;
  await until(() => failures.length === 1);
  assertEquals([failures[0].thread.name, await strays.innocent()], [left.name, "innocent"]);
});

Deno.test("K4 a Worker that ends with no thread on it is an event", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const { errors } = eventsOf(hub);
  await hub.spawn(() => void setTimeout(() => Deno.exit(3), 0));
  await until(() => errors.length === 1);
  assertInstanceOf(errors[0].error, WorkerCrashedError);
  assertMatch(
    errors[0].error.message,
    /^Worker \d+ ended while no green thread ran on it: the Worker exited with code 3$/,
  );
});

Deno.test("K4 without a listener there are a few lines on stderr, and the process goes on", async () => {
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--allow-read",
    fixture("edges/k4_late.ts").slice(7),
  ]);
  assertEquals([code, stdout], [0, "unharmed\nalive 0\n"]);
  const uncaught = stderr.split("\n").filter((line) => line.startsWith("Uncaught"));
  assertEquals(uncaught.length, 4, stderr);
  // A Worker tells what has failed there when its event loop has a turn, so the order is not fixed.
  for (
    const line of [
      /^Uncaught \(in the callback "onTick" of the green thread "listens-\d+"\) Error: Cannot use .*k4_late\.ts:\d+:\d+\)$/,
      /^Uncaught \(in green thread "leavesRejection-\d+"\) RangeError: left behind/,
      /^Uncaught \(in a timer or other late code in a Worker.*\) RangeError: left behind/,
      /^Uncaught \(in green thread "leavesRejection-\d+"\) left behind$/,
    ]
  ) assertEquals(uncaught.filter((text) => line.test(text)).length, 1, stderr);
});

Deno.test("K4 what the last thread leaves behind is told before the process ends", async () => {
  const program = fixture("edges/k4_ends.ts").slice(7);
  const { code, stdout, stderr } = await runDeno(["run", "--allow-read", program]);
  assertEquals([code, stdout], [0, "left\n"]);
  assertMatch(
    stderr,
    /^Uncaught \(in green thread "leavesRejection-\d+"\) RangeError: left behind\n/,
  );
});
