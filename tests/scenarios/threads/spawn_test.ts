import { getHub, GreenThread, Hub, NotCloneableError, spawn } from "@aiohub/aiohub";
import { spawnAfter, spawnN, type UnhandledThreadEvent, WorkerCrashedError } from "@aiohub/aiohub";
import {
  call,
  GreenEvent,
  GreenletExit,
  GreenPool,
  HubClosedError,
  hubImport,
  spawnWith,
  syncToAsync,
} from "@aiohub/aiohub";
import { getCurrent, sleep } from "@aiohub/aiohub/green";
import { assert, assertEquals, assertInstanceOf, assertNotEquals } from "@std/assert";
import { assertGreaterOrEqual, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import { isMainThread } from "node:worker_threads";
import { meeting, moduleOf, rejection, TestHub, thrownBy, until } from "../../support/mod.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

/** A name that the compiler knows and nobody else. */
declare const neverDeclared: unknown;

Deno.test("P1 spawn() runs the function once with its arguments and gives its result", async () => {
  let calls = 0;
  const thread = spawn(
    (a: number, b: number, called: () => void) => {
      called();
      return [a, b];
    },
    1,
    2,
    () => void calls++,
  );
  assertInstanceOf(thread, GreenThread);
  assertEquals(await thread, [1, 2]);
  assertEquals(calls, 1);
});

Deno.test("J9, J10 spawn() takes a function without arguments or result", async () => {
  assertEquals(await hub.spawn(() => {}), undefined);
  assertEquals(await hub.spawn((...args: unknown[]) => args.length), 0);
});

Deno.test("J11 spawn() runs the function in a Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(async () => (await import("node:worker_threads")).isMainThread);
  assertEquals([isMainThread, await thread], [true, false]);
});

Deno.test("J17 spawn() gives green code the arguments and the environment of the process", async () => {
  Deno.env.set("AIOHUB_TEST", "of the process");
  const seen = await hub.spawn(() => [Deno.env.get("AIOHUB_TEST"), Deno.args.length, Deno.pid]);
  Deno.env.delete("AIOHUB_TEST");
  assertEquals(seen, ["of the process", Deno.args.length, Deno.pid]);
});

Deno.test("P2 spawnN() runs a function whose result nobody wants", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const thread = hub.spawnN((done: (n: number) => void) => done(7), resolve);
  assertEquals(thread.dead, false);
  assertEquals(await promise, 7);
  await until(() => thread.dead);
  assertEquals(thread.state, "fulfilled");
});

Deno.test("spawnN() reports a failure exactly once, also to one who links nothing", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const events: UnhandledThreadEvent[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    events.push(event);
    resolve();
  });
  const thread = hub.spawnN(() => {
    throw new RangeError("nobody looks");
  });
  await promise;
  assertStrictEquals(events[0].thread, thread);
  assertInstanceOf(events[0].reason, RangeError);
  assertEquals((events[0].reason as Error).message, "nobody looks");
  await hub.spawn(() => {});
  assertEquals(events.length, 1);
});

Deno.test("spawnN() in green code reports a failure too", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise, resolve } = Promise.withResolvers<UnhandledThreadEvent>();
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    resolve(event);
  });
  await hub.spawn(() => {
    spawnN(() => {
      throw new RangeError("nobody looks here either");
    });
  });
  assertEquals(((await promise).reason as Error).message, "nobody looks here either");
});

Deno.test("spawnWith({ delay }) is for spawn() and spawnN(), and spawnAfter() has its own", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const late = hub.with({ delay: 40, name: "late" });
  const never = hub.with({ delay: 60_000 });
  const start = performance.now();
  const waits = [never.spawn(() => "never"), never.spawnN(() => "never")];
  assertEquals([await late.spawn((n: number) => n + 1, 41), await never.spawnAfter(0, () => 1)], [
    42,
    1,
  ]);
  assertEquals([performance.now() - start >= 39, late.spawn(() => 1).name], [true, "late"]);
  for (const thread of waits) {
    assertEquals(thread.state, "pending");
    thread.cancel();
    assertEquals(thread.state, "killed");
    assertInstanceOf(await thrownBy(thread), GreenletExit);
  }
  // Less than zero is zero.
  assertEquals(await hub.with({ delay: -5 }).spawn(() => "now"), "now");
  assertThrows(() => hub.with({ delay: Infinity }), RangeError, "Cannot spawn later");
});

Deno.test("spawnWith({ delay, local }) in green code does as spawnAfterLocal()", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  let dropped!: GreenThread<string>;
  const owner = hub.spawn((hand: (thread: GreenThread<string>) => void) => {
    const fired = spawnWith({ delay: 20, local: true }).spawn(() => "fired").wait();
    hand(spawnWith({ delay: 60_000, local: true, name: "dropped" }).spawn(() => "never"));
    return fired;
  }, (thread) => void (dropped = thread));
  assertEquals(await owner, "fired");
  const { message } = await rejection(dropped, GreenletExit);
  assertMatch(
    message,
    /^The green thread "dropped" was not started: ".*", which spawned it, has ended$/,
  );
  assertEquals(dropped.name, "dropped");
});

for (const cooperative of [false, true]) {
  const where = cooperative ? "a cooperative hub" : "a hub";
  Deno.test(`spawnWith({ local }) of ${where} calls off what waits for a Worker`, async () => {
    await using hub = new TestHub({ maxWorkers: 1, cooperative });
    const threads: GreenThread<string>[] = [];
    await hub.spawn((hand: (thread: GreenThread<string>) => void) => {
      hand(spawn(() => {
        sleep(300);
        return "has the Worker";
      }));
      hand(spawnWith({ local: true }).spawn(() => "never"));
    }, (thread) => void threads.push(thread));
    assertEquals(await threads[0], "has the Worker");
    assertInstanceOf(await thrownBy(threads[1]), GreenletExit);
  });

  Deno.test(`spawnWith({ local }) of ${where} leaves alone what has started`, async () => {
    await using hub = new TestHub({ maxWorkers: 2, cooperative });
    let running!: GreenThread<string>;
    await hub.spawn(
      (hand: (thread: GreenThread<string>) => void, started: GreenEvent<void>) => {
        hand(
          spawnWith({ local: true }).spawn((started: GreenEvent<void>) => {
            started.send();
            sleep(100);
            return "ran on";
          }, started),
        );
        started.wait();
      },
      (thread) => void (running = thread),
      new GreenEvent<void>(),
    );
    assertEquals(running.state, "running");
    assertEquals(await running, "ran on");
  });
}

Deno.test("spawnWith({ local }) on the hub changes nothing: no green thread spawns", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await hub.with({ local: true, delay: 5 }).spawn(() => "ran"), "ran");
});

Deno.test("spawnAfter() in green code runs after its time, and can be cancelled", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const thread = hub.spawn(() => {
    const start = performance.now();
    const cancelled = spawnAfter(60_000, () => "never");
    const value = spawnAfter(40, (n: number) => n + 1, 41).wait();
    const took = performance.now() - start;
    cancelled.cancel();
    try {
      return cancelled.wait();
    } catch (error) {
      return { value, isLate: took >= 39, error: (error as Error).name };
    }
  });
  assertEquals(await thread, { value: 42, isLate: true, error: "GreenletExit" });
});

Deno.test("J68 spawn() in green code into a full queue throws where it is waited for", async () => {
  await using hub = new TestHub({ maxWorkers: 1, maxQueue: 1 });
  let reports = 0;
  hub.addEventListener("unhandledthread", () => reports++);
  const gate = Promise.withResolvers<void>();
  const thread = hub.spawn((full: () => void) => {
    const [queued, refused] = [spawn(() => 1), spawn(() => 2)];
    full();
    try {
      return refused.wait();
    } catch (error) {
      return [(error as Error).name, queued.wait()];
    }
  }, () => gate.promise);
  await until(() => hub.statistics().queued === 1);
  gate.resolve();
  assertEquals(await thread, ["HubSaturatedError", 1]);
  assertEquals(reports, 0);
});

Deno.test("J31 a call from green code with what cannot cross throws there, and nothing was sent", async () => {
  let calls = 0;
  const thread = hub.spawn((tell: (value: unknown) => unknown) => {
    try {
      tell({ list: [1, Symbol("no")] });
    } catch (error) {
      return [error instanceof NotCloneableError, (error as NotCloneableError).path, tell(1)];
    }
  }, (value) => (calls++, value));
  assertEquals(await thread, [true, "arguments[0].list[1]", 1]);
  assertEquals(calls, 1);
});

Deno.test("P316 spawn() reports a failure that nobody looked at, and it still raises later", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const { promise, resolve } = Promise.withResolvers<UnhandledThreadEvent>();
  let events = 0;
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    events++;
    resolve(event);
  });
  const thread = hub.spawn(() => {
    throw new RangeError("looked at late");
  });
  assertStrictEquals((await promise).thread, thread);
  await rejection(thread, RangeError);
  await rejection(thread, RangeError);
  assertEquals(events, 1);
});

Deno.test("spawn() reports no failure that is awaited", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  hub.addEventListener("unhandledthread", () => assert(false, "It was handled"));
  const thread = hub.spawn(() => {
    throw new RangeError("awaited");
  });
  await rejection(thread, RangeError);
  await delay(0);
  await hub.spawn(() => {});
});

Deno.test("P7 spawnAfter() runs the function after its time", async () => {
  const start = performance.now();
  const thread = spawnAfter(60, (a: number) => a + 1, 41);
  assertEquals(thread.state, "pending");
  assertEquals(await thread, 42);
  assertGreaterOrEqual(performance.now() - start, 59);
});

Deno.test("P8 spawnAfter() can be cancelled before its time", async () => {
  let ran = false;
  const thread = hub.spawnAfter(60_000, (run: () => void) => run(), () => void (ran = true));
  thread.cancel();
  assertEquals(thread.dead, true);
  await rejection(thread, GreenletExit);
  assertEquals([ran, thread.state], [false, "killed"]);
});

Deno.test("P9 spawnAfter() cannot be cancelled once it has started", async () => {
  const started = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const thread = hub.spawnAfter(
    0,
    (started: () => void, goOn: () => void) => {
      started();
      goOn();
      return 22;
    },
    started.resolve,
    () => goOn.promise,
  );
  await started.promise;
  thread.cancel();
  goOn.resolve();
  assertEquals(await thread, 22);
});

Deno.test("spawnAfter() takes a negative time as none, and refuses what is no number", async () => {
  assertEquals(await hub.spawnAfter(-5, () => 1), 1);
  for (const ms of [NaN, "5", undefined] as number[]) {
    assertThrows(
      () => hub.spawnAfter(ms, () => 1),
      TypeError,
      "Cannot spawn later: expected a number",
    );
  }
});

Deno.test("P13 spawn() from a green thread outlives the one that spawned it", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const ended = Promise.withResolvers<void>();
  const child = await hub.spawn((wait: () => void) => {
    const child = spawn((wait: () => void) => {
      wait();
      return "still here";
    }, wait);
    return [child];
  }, () => ended.promise);
  assertInstanceOf(child[0], GreenThread);
  assertEquals(child[0].dead, false);
  ended.resolve();
  assertEquals(await child[0], "still here");
});

Deno.test("spawn() gives a thread that can be awaited twice, by two, and when it has ended", async () => {
  const thread = hub.spawn(() => ({ value: 1 }));
  const [a, b] = await Promise.all([thread, (async () => await thread)()]);
  assertStrictEquals(a, b);
  assertStrictEquals(await thread, a);
  assertEquals(thread.outcome(), { status: "fulfilled", value: { value: 1 } });
  const failed = hub.spawn(() => {
    throw new RangeError("again and again");
  });
  const [c, d] = await Promise.all([thrownBy(failed), thrownBy(failed)]);
  assertStrictEquals(c, d);
  assertStrictEquals(await thrownBy(failed), c);
});

Deno.test("GreenThread has an id, a name, a state and an outcome", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const goOn = Promise.withResolvers<void>();
  const meet = meeting(1);
  const first = hub.spawn(
    function work(meet: () => void, goOn: () => void) {
      meet();
      goOn();
      return getCurrent().id;
    },
    meet,
    () => goOn.promise,
  );
  const second = hub.spawn(() => 2);
  assertEquals([first.state, first.dead, first.outcome()], ["pending", false, undefined]);
  await until(() => meet.arrived === 1);
  assertEquals([first.state, second.state], ["running", "pending"]);
  assertNotEquals(first.id, second.id);
  assertMatch(first.name, /^work-\d+$/);
  assertEquals(String(first), `GreenThread ${first.name} (running)`);
  goOn.resolve();
  assertEquals(await first, first.id);
  assertEquals([first.state, first.dead], ["fulfilled", true]);
  assertEquals(first.outcome(), { status: "fulfilled", value: first.id });
  await second;
});

Deno.test("P4, P6 GreenThread.link() calls functions when the thread ends, also ones linked by them", async () => {
  const log: unknown[] = [];
  const thread = hub.spawn(() => 1);
  const done = Promise.withResolvers<void>();
  thread.link(
    (ended, a, b) => {
      log.push(ended === thread, a, b);
      ended.link(() => {
        log.push("relinked");
        done.resolve();
      });
    },
    4,
    5,
  );
  const unlinked = () => log.push("unlinked");
  thread.link(unlinked);
  assertEquals([thread.unlink(unlinked), thread.unlink(unlinked)], [true, false]);
  await done.promise;
  assertEquals(log, [true, 4, 5, "relinked"]);
});

Deno.test("P5 GreenThread.link() of an ended thread calls back soon, and isolates errors", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => 1);
  await thread;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  hub.addEventListener("error", (event) => {
    event.preventDefault();
    resolve(event.error);
  });
  const log: string[] = [];
  thread.link(() => {
    throw new RangeError("in a link");
  });
  thread.link(() => log.push("second"));
  assertEquals(log, []);
  assertInstanceOf(await promise, RangeError);
  assertEquals(log, ["second"]);
});

Deno.test("inline functions have the names of the library in scope", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  getHub().expose({ triple: (n: number) => Promise.resolve(3 * n) });
  const thread = spawn(() => {
    sleep(1);
    const child = spawn(() => call<number>("triple", 14));
    return [child.wait(), typeof getCurrent().id, typeof Hub, typeof syncToAsync];
  });
  assertEquals(await thread, [42, "number", "function", "function"]);
});

Deno.test("inline functions may be of any form", async () => {
  class Methods {
    static one() {
      return 1;
    }
    static async two() {
      await null;
      return 2;
    }
    three() {
      return 3;
    }
    ["four and more"]() {
      return 4;
    }
  }
  const methods = {
    five() {
      return 5;
    },
    async six() {
      await null;
      return 6;
    },
    ["seven, computed"]() {
      return 7;
    },
    eight: () => 8,
    nine: function () {
      return 9;
    },
  };
  const functions = [
    Methods.one,
    Methods.two,
    Methods.prototype.three,
    Methods.prototype["four and more"],
    methods.five,
    methods.six,
    methods["seven, computed"],
    methods.eight,
    methods.nine,
    async () => await Promise.resolve(10),
  ];
  const results = await Promise.all(functions.map((fn) => hub.spawn<[], unknown>(fn)));
  assertEquals(results, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

Deno.test("inline functions shadow the library's names as usual", async () => {
  assertEquals(await hub.spawn((sleep: number) => sleep + 1, 1), 2);
});

Deno.test("inline functions get an error for any other free variable, with both ways out", async () => {
  const surroundings = 5;
  const error = await rejection(hub.spawn(() => surroundings), ReferenceError);
  assertMatch(error.message, /^Cannot find "surroundings" in an inline green thread/);
  assertMatch(error.message, /spawn\(\(surroundings\) => …, surroundings\)/);
  assertMatch(error.message, /export const f = syncToAsync\(import\.meta, function f\(\)/);
  const nested = hub.spawn(() => {
    const inner = () => neverDeclared;
    return inner();
  });
  assertMatch((await rejection(nested, ReferenceError)).message, /^Cannot find "neverDeclared"/);
});

Deno.test("inline functions get an error for a global that the main thread alone has", async () => {
  const asking = await rejection(hub.spawn(() => prompt("name?")), ReferenceError);
  assertMatch(
    asking.message,
    /^Cannot find "prompt" in an inline green thread: a Worker has no global of that name/,
  );
  assertMatch(asking.message, /only the main thread has it: .* asyncToSync\(/);
  const browser = await rejection(hub.spawn(() => (self as never)["name"]), ReferenceError);
  assertMatch(browser.message, /: use globalThis\. If "self" is a variable of your own/);
});

Deno.test("inline functions keep a ReferenceError that is none of theirs", async () => {
  const url = moduleOf("export function work() { return missing; }");
  const thread = hub.spawn(async (url: string) => (await import(url)).work(), url);
  assertEquals((await rejection(thread, ReferenceError)).message, "missing is not defined");
});

/** A class whose methods need it around them. */
class Needy extends class {
  after(): number {
    return 1;
  }
} {
  #secret = 1;
  knows(other: object) {
    return #secret in other && this.#secret;
  }
  above() {
    return () => super.toString();
  }
  before() {
    return super.after();
  }
  static(n: number) {
    return n + 1;
  }
}

Deno.test("an inline function that does not compile in a Worker is one rejected thread that says why", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const above = new Needy().above();
  const pool = new GreenPool(1);
  const cases: [() => PromiseLike<unknown>, RegExp][] = [
    [() => hub.spawn(() => import.meta.url), /"anonymous" .*: Cannot use 'import\.meta' outside/],
    [() => hub.spawn(async () => await import.meta.resolve("./a.ts")), /'import\.meta' outside/],
    [() => hub.spawn(Needy.prototype.knows, {}), /"knows" .*: Private field '#secret' must be/],
    [() => hub.spawn(above), /: 'super' keyword unexpected here/],
    [() => hub.spawnN(() => import.meta.url), /'import\.meta' outside/],
    [() => hub.with({ name: "url" }).spawn(() => import.meta.url), /'import\.meta' outside/],
    [() => pool.spawnAsync(() => import.meta.url), /'import\.meta' outside/],
    [() => pool.imapAsync((_: number) => import.meta.url, [1]).next(), /'import\.meta' outside/],
    [() => hub.spawn(() => spawn(() => import.meta.url).wait()), /'import\.meta' outside/],
  ];
  for (const [run, expected] of cases) {
    const { message } = await rejection(run(), TypeError);
    assertMatch(message, /^Cannot compile "\w*" in an inline green thread: /);
    assertMatch(message, expected);
    assertMatch(
      message,
      /import\.meta, super and #private names do not exist\. Pass the value as an/,
    );
    assertMatch(message, /export const f = syncToAsync\(import\.meta, function f\(\)/);
  }
  const { message } = await rejection(hub.spawn(Needy.prototype.before), TypeError);
  assertMatch(
    message,
    /^Cannot call "super\.after" in an inline green thread: .*without its class/,
  );
  assertEquals([hub.statistics().crashed, await hub.spawn(() => "goes on")], [0, "goes on"]);
});

Deno.test("spawn() takes a method that is named static", async () => {
  assertEquals(await hub.spawn(Needy.prototype.static, 1), 2);
});

Deno.test("an inline function that imports a relative specifier is told how to pass it", async () => {
  const thread = hub.spawn(async () => await import("./no_such_module.ts" as string));
  assertEquals(
    (await rejection(thread, TypeError)).message,
    'Cannot import("./no_such_module.ts") in an inline green thread: a Worker does not know which module the path is relative to: pass ' +
      'import.meta.resolve("./no_such_module.ts") as an argument',
  );
});

Deno.test("spawn() refuses what has no source text to send", () => {
  const message = (fn: unknown) =>
    assertThrows(() => hub.spawn(fn as () => void), TypeError).message;
  assertMatch(message(class Work {}), /^Cannot spawn "Work": expected a function, found a class$/);
  assertMatch(message(Math.max), /^Cannot spawn "max": a native or bound function has no source/);
  assertMatch(message(function f() {}.bind(null)), /^Cannot spawn "bound f": a native or bound/);
  assertMatch(message(Math.max), /wrap the function: spawn\(\(\.\.\.args\) => …\)$/);
  assertMatch(message(42), /^Cannot spawn: expected a function, found 42$/);
  assertMatch(message(undefined), /^Cannot spawn: expected a function, found undefined/);
  assertMatch(message("f"), /^Cannot spawn: expected a function, found "f"$/);
});

Deno.test("spawn() of a hub function says that it runs on the hub", async () => {
  const thread = hub.spawn(() => {
    const { lookup } = hubImport<typeof import("node:dns/promises")>("node:dns/promises");
    return spawn(lookup as unknown as () => void).wait();
  });
  const error = await rejection(thread, TypeError);
  assertMatch(error.message, /^Cannot spawn "lookup": this function runs on the hub/);
});

Deno.test("J18, J31, P320 spawn() refuses an argument that cannot cross, and names the path", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const bad = { user: { tag: Symbol("no") } };
  const error = assertThrows(() => hub.spawn((value) => value, bad), NotCloneableError);
  assertMatch(error.message, /arguments\[0\]\.user\.tag/);
  assertEquals(error.path, "arguments[0].user.tag");
  assertEquals(hub.statistics().threads, 0);
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("J30 spawn() rejects for a result that cannot cross, and the Worker serves on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => [1, { tag: Symbol("no") }]);
  const error = await rejection(thread, NotCloneableError);
  assertEquals(error.path, "result[1].tag");
  assertEquals(await hub.spawn(() => 1), 1);
  assertEquals(hub.statistics().crashed, 0);
});

Deno.test("J20, J21 spawn() rejects with the error that was thrown, its stack included", async () => {
  const thread = hub.spawn(function unicorns() {
    throw new TypeError("unicorn");
  });
  const error = await rejection(thread, TypeError);
  assertEquals([error.name, error.message], ["TypeError", "unicorn"]);
  assertMatch(error.stack ?? "", /unicorns/);
});

Deno.test("J23, J24, J25 spawn() rejects with whatever was thrown", async () => {
  const values = [undefined, null, 0, false, "", "oops", { test: true }, [1, 2]];
  for (const value of values) {
    const thread = hub.spawn((value: unknown) => {
      throw value;
    }, value);
    assertEquals(await thrownBy(thread), value);
    assertEquals(thread.state, "rejected");
  }
});

Deno.test("J29 spawn() rejects with an error without a message", async () => {
  const thread = hub.spawn(() => {
    throw new Error();
  });
  assertEquals((await rejection(thread, Error)).message, "");
});

Deno.test("J40 spawn() rejects with a RangeError for a stack overflow, and the Worker serves on", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = hub.spawn(() => {
    const deeper = (): number => deeper() + 1;
    return deeper();
  });
  await rejection(thread, RangeError);
  assertEquals(await hub.spawn(() => 1), 1);
  assertEquals(hub.statistics().crashed, 0);
});

Deno.test("J40 a stack overflow around calls of the library leaves nothing half done", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  hub.expose({ same: (n: number) => n });
  const thread = hub.spawn(() => {
    const work: (() => unknown)[] = [
      () => call("same", 1),
      () => spawn((n: number) => n, 1).wait(),
      () => sleep(0),
      () => getCurrent().name,
    ];
    const caught = work.map((act) => {
      let depth = 0;
      // Most levels call nothing, so that it does not take long; near the end each one does.
      const deeper = (near: number): number => {
        if (++depth > near || depth % 500 === 0) act();
        return deeper(near) + 1;
      };
      try {
        return deeper(Infinity);
      } catch {
        const near = depth - 300;
        depth = 0;
        try {
          return deeper(near);
        } catch (error) {
          return (error as Error).name;
        }
      }
    });
    return {
      caught: new Set(caught),
      call: call("same", 5),
      spawn: spawn((n: number) => n, 8).wait(),
    };
  });
  assertEquals(await thread, { caught: new Set(["RangeError"]), call: 5, spawn: 8 });
  await until(() => hub.statistics().threads === 0);
});

Deno.test("J38 spawn() survives green code that overwrites globals", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await hub.spawn(() => {
    Object.assign(globalThis, { process: {}, console: {}, setTimeout: 1, queueMicrotask: null });
  });
  assertEquals(await hub.spawn((n: number) => n + 1, 1), 2);
  assertEquals(hub.statistics().crashed, 0);
});

Deno.test("J38 spawn() replaces a Worker whose green code broke it", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const thread = hub.spawn(() => void Object.assign(globalThis, { Atomics: undefined }));
  await rejection(thread, WorkerCrashedError);
  assertEquals(await hub.spawn((n: number) => n + 1, 1), 2);
});

Deno.test("J34 spawn() rejects when green code exits, and the hub goes on with a new Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 2 });
  const exit = hub.spawn(() => Deno.exit(3));
  const error = await rejection(exit, WorkerCrashedError);
  assertMatch(error.message, /ended while it ran "anonymous-\d+": the Worker exited with code 3$/);
  const processExit = hub.spawn(async () => (await import("node:process")).exit(4));
  assertMatch((await rejection(processExit, WorkerCrashedError)).message, /exited with code 4$/);
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("J85 spawn() keeps the queue when a Worker dies", async () => {
  await using hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  const dies = hub.spawn(() => Deno.exit(1));
  const queued = [1, 2, 3].map((n) => hub.spawn((n: number) => n, n));
  await rejection(dies, WorkerCrashedError);
  assertEquals(await Promise.all(queued), [1, 2, 3]);
});

Deno.test("spawn() in green code runs threads on other Workers at the same time", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const meet = meeting(3);
  const thread = hub.spawn((meet: () => void) => {
    const work = (meet: () => void) => meet();
    const [a, b] = [spawn(work, meet), spawn(work, meet)];
    meet();
    a.wait();
    b.wait();
    return "met";
  }, meet);
  assertEquals(await thread, "met");
});

Deno.test("GreenThread.wait() in green code gives the result and throws the error, any number of times", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const thread = hub.spawn(() => {
    const good = spawn(() => 1);
    const bad = spawn(() => {
      throw new RangeError("bad");
    });
    const caught: string[] = [];
    for (let i = 0; i < 2; i++) {
      try {
        bad.wait();
      } catch (error) {
        caught.push(`${(error as Error).name}: ${(error as Error).message}`);
      }
    }
    return [good.wait(), good.wait(), good.state, bad.state, ...caught];
  });
  const bad = "RangeError: bad";
  assertEquals(await thread, [1, 1, "fulfilled", "rejected", bad, bad]);
});

Deno.test("GreenThread crosses as an argument and as a result, and is the same handle there", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const goOn = Promise.withResolvers<void>();
  const first = hub.spawn((goOn: () => void) => {
    goOn();
    return 21;
  }, () => goOn.promise);
  const second = hub.spawn(
    (first: GreenThread<number>, again: GreenThread<number>, ask: () => void) => {
      ask();
      return { same: first === again, id: first.id, doubled: first.wait() * 2, back: [first] };
    },
    first,
    first,
    goOn.resolve,
  );
  const { back, ...rest } = await second;
  assertEquals(rest, { same: true, id: first.id, doubled: 42 });
  assertEquals(await back[0], 21);
});

Deno.test("spawn() counts its parent in threads()", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const goOn = Promise.withResolvers<void>();
  const started = meeting(1);
  const thread = hub.spawn(
    function parent(started: () => void, goOn: () => void) {
      spawn(
        function child(started: () => void, goOn: () => void) {
          started();
          goOn();
        },
        started,
        goOn,
      ).wait();
    },
    started,
    () => goOn.promise,
  );
  await until(() => started.arrived === 1);
  const [parent, child] = hub.threads();
  assertEquals({ id: parent.id, parent: parent.parent, state: parent.state }, {
    id: thread.id,
    parent: 0,
    state: "running",
  });
  assertEquals([child.parent, child.state], [thread.id, "running"]);
  assertMatch(child.name, /^child-\d+$/);
  goOn.resolve();
  await thread;
});

Deno.test("spawn() after the hub was closed rejects with a HubClosedError", async () => {
  const hub = new Hub({ maxWorkers: 1 });
  await hub.close();
  const error = await rejection(hub.spawn(() => 1), HubClosedError);
  assertMatch(error.message, /^Cannot use the hub "hub": it is closed/);
});

Deno.test("callbacks passed to spawn() block the green thread until they resolve", async () => {
  const order: string[] = [];
  const thread = hub.spawn((step: (name: string) => string) => {
    return [step("one"), step("two")];
  }, async (name: string) => {
    order.push(`${name} begins`);
    await delay(5);
    order.push(`${name} ends`);
    return name.toUpperCase();
  });
  assertEquals(await thread, ["ONE", "TWO"]);
  assertEquals(order, ["one begins", "one ends", "two begins", "two ends"]);
});

Deno.test("J102 callbacks get arguments, return values and throw", async () => {
  const add12 = (n: number) => Promise.resolve(n + 12);
  const thread = hub.spawn(
    (fn: (n: number) => unknown, bad: () => void) => {
      try {
        bad();
      } catch (error) {
        return [fn(10), (error as Error).name, (error as Error).message];
      }
    },
    add12,
    () => Promise.reject(new TypeError("not today")),
  );
  assertEquals(await thread, [22, "TypeError", "not today"]);
});

Deno.test("callbacks are released when nobody holds them any more", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  await hub.spawn((call: () => void) => call(), () => {});
  assertEquals(hub.statistics().functions <= 1, true);
  await hub.close();
  assertEquals(hub.statistics().functions, 0);
});

Deno.test("J110 callbacks inside of arguments are callbacks too, and are called before the thread ends", async () => {
  const seen: number[] = [];
  const options = { onProgress: { update: (n: number) => void seen.push(n) } };
  await hub.spawn((options: { onProgress: { update: (n: number) => void } }) => {
    for (let n = 0; n < 3; n++) options.onProgress.update(n);
  }, options);
  assertEquals(seen, [0, 1, 2]);
});

Deno.test("green functions passed to the hub can be called while their thread is blocked", async () => {
  const useIt = async (
    double: (n: number) => Promise<number>,
  ) => [await double(1), await double(21)];
  const thread = hub.spawn((useIt: (double: (n: number) => number) => number[]) => {
    return useIt((n) => 2 * n);
  }, useIt as unknown as (double: (n: number) => number) => Promise<number[]>);
  assertEquals(await thread, [2, 42]);
});

Deno.test("async green functions may wait for the hub to call them back", async () => {
  const thread = hub.spawn(
    async (register: (resolve: (n: number) => void) => void) =>
      await new Promise<number>((resolve) => register(resolve)),
    (resolve) => void setTimeout(resolve, 20, 55),
  );
  assertEquals(await thread, 55);
});

Deno.test("async green functions block and await by turns", async () => {
  type Register = (resolve: (n: number) => void) => void;
  const thread = hub.spawn(
    async (register: Register, add: (a: number, b: number) => number) => {
      let sum = 0;
      for (let i = 0; i < 10; i++) {
        await null;
        sleep(1);
        const n = await new Promise<number>((resolve) => register(resolve));
        sum = add(sum, n);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return sum;
    },
    (resolve) => void setTimeout(resolve, 1, 5),
    (a, b) => Promise.resolve(a + b),
  );
  assertEquals(await thread, 50);
});

Deno.test("async green functions can be spawned and waited for in green code", async () => {
  for (const maxWorkers of [1, 2]) {
    await using hub = new TestHub({ maxWorkers });
    const thread = hub.spawn(() =>
      spawn(async () => {
        await null;
        return 7;
      }).wait()
    );
    assertEquals(await thread, 7);
  }
});

Deno.test("green functions end with their thread", async () => {
  let kept: (() => Promise<unknown>) | undefined;
  await hub.spawn(
    (keep: (fn: () => number) => void) => keep(() => 1),
    (fn) => void (kept = fn as never),
  );
  assertInstanceOf(await thrownBy(kept!()), Error);
  assertEquals(await hub.spawn(() => 1), 1);
});

Deno.test("spawnWith() refuses a function beside the options, as it would never run", async () => {
  const text =
    'Cannot spawn with options: expected the options alone, found the function "work" too: use spawnWith(options).spawn(fn, ...args)';
  // deno-lint-ignore no-explicit-any
  const wrong = spawnWith as any;
  assertThrows(() => wrong({ name: "a" }, function work() {}), TypeError, text);
  const inGreenCode = spawn(() => {
    // deno-lint-ignore no-explicit-any
    const wrong = spawnWith as any;
    try {
      return wrong({ name: "a" }, function work() {});
    } catch (error) {
      return (error as Error).message;
    }
  });
  assertEquals(await inGreenCode, text);
});
