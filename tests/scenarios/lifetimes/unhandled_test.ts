import { ON_END } from "../../../bridge/side/green_thread.ts";
import { futureToGreenlet, type GreenThread, type Hub, spawn } from "@aiohub/aiohub";
import { type UnhandledThreadEvent, WorkerCrashedError } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import * as fussy from "../../fixtures/fussy.ts";
import { newMarks } from "../../fixtures/lifetimes/marks.ts";
import * as threads from "../../fixtures/lifetimes/threads.ts";
import {
  ending,
  parked,
  rejection,
  runDeno,
  TestHub,
  thrownBy,
  turn,
  until,
} from "../../support/mod.ts";

/** The reports of a hub, as messages. */
function reportsOf(hub: Hub): UnhandledThreadEvent[] {
  const reports: UnhandledThreadEvent[] = [];
  hub.addEventListener("unhandledthread", (event) => {
    event.preventDefault();
    reports.push(event);
  });
  return reports;
}

const fail = () => {
  throw new RangeError("nobody looks");
};

Deno.test("P316 a failure that nobody looks at is reported once, and raises all the same later", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const reports = reportsOf(hub);
  const thread = hub.spawn(fail);
  await until(() => reports.length > 0);
  await hub.spawn(() => {});
  assertEquals(reports.map(({ thread: { id }, reason }) => [id, (reason as Error).message]), [
    [thread.id, "nobody looks"],
  ]);
  assertEquals((await rejection(thread, RangeError)).message, "nobody looks");
  await turn();
  assertEquals(reports.length, 1);
});

Deno.test("failures that somebody looks at are not reported: by await, wait, link, outcome, future, in green code", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const reports = reportsOf(hub);
  await thrownBy(hub.spawn(fail));
  const linked = hub.spawn(fail);
  linked.link(() => {});
  await until(() => linked.dead);
  const waited = hub.spawn(fail);
  const looks = (thread: GreenThread) => {
    try {
      thread.wait();
    } catch {
      // Seen.
    }
  };
  await hub.spawn(looks, waited);
  await hub.spawn(() => {
    const child = spawn(() => {
      throw new RangeError("seen by its parent");
    });
    try {
      child.wait();
    } catch {
      // Seen.
    }
  });
  const looked = hub.spawn(fail);
  await new Promise<void>((resolve) => looked[ON_END](() => resolve(void looked.outcome())));
  await turn();
  await hub.spawn(() => {});
  assertEquals(reports, []);
});

Deno.test("killed threads are not reported", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const reports = reportsOf(hub);
  const thread = threads.sleeper(newMarks());
  await parked(hub, thread);
  hub.spawn(() => {}).kill();
  thread.kill(new RangeError("a reason is no failure"));
  await until(() => thread.dead);
  await turn();
  await hub.spawn(() => {});
  assertEquals(reports, []);
});

Deno.test("a failed child that its green parent does not look at is reported when the parent has ended", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const reports = reportsOf(hub);
  const parent = hub.spawn(() => {
    spawn(() => {
      throw new RangeError("unseen child");
    });
    sleep(30);
    return "fine";
  });
  assertEquals(await parent, "fine");
  await until(() => reports.length === 1);
  const [{ thread, reason }] = reports;
  assertInstanceOf(reason, RangeError);
  assertEquals([(reason as Error).message, thread.state], ["unseen child", "rejected"]);
});

Deno.test("a child that outlives its green parent and fails then is reported", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const reports = reportsOf(hub);
  const { promise, resolve } = Promise.withResolvers<void>();
  await hub.spawn((wait: () => void) => {
    spawn((wait: () => void) => {
      wait();
      throw new RangeError("late");
    }, wait);
    sleep(5);
  }, () => promise);
  resolve();
  await until(() => reports.length === 1);
  assertEquals((reports[0].reason as Error).message, "late");
});

Deno.test("a child that fails while a callback goes on that has spawned it is reported when that has ended", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const reports = reportsOf(hub);
  // Returned, so that it is called on an empty stack: as a thread of its own.
  const callback = await hub.spawn(() => (wait: () => void) => {
    const child = spawn(() => {
      throw new RangeError("of a callback");
    });
    while (!child.dead) sleep(1);
    wait();
  }) as (wait: () => void) => Promise<void>;
  let told = 0;
  await callback(() => {
    told = reports.length;
  });
  await until(() => reports.length === 1);
  assertEquals([told, (reports[0].reason as Error).message], [0, "of a callback"]);
});

Deno.test("a failure that the hub cannot read is reported as that, and its Worker lives on", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const reports = reportsOf(hub);
  assertEquals(await fussy.leavesFailure(), "left");
  await until(() => reports.length === 1);
  assertMatch(String(reports[0].reason), /fromWire of class "test.Fussy" failed/);
  assertEquals(hub.statistics().crashed, 0);
});

Deno.test("a child whose parent's Worker has crashed is looked after by the hub", async () => {
  await using hub = new TestHub({ maxWorkers: 2 }, { crashed: 1 });
  const reports = reportsOf(hub);
  const { promise, resolve } = Promise.withResolvers<void>();
  const parent = hub.spawn((wait: () => void) => {
    spawn((wait: () => void) => {
      wait();
      throw new RangeError("orphan");
    }, wait);
    sleep(30);
    Deno.exit(1);
  }, () => promise);
  await rejection(parent, WorkerCrashedError);
  resolve();
  await until(() => reports.length === 1);
  assertEquals((reports[0].reason as Error).message, "orphan");
});

Deno.test("async work that stands as a thread and fails unseen is reported too", async () => {
  await using hub = new TestHub();
  const reports = reportsOf(hub);
  const thread = futureToGreenlet(Promise.reject(new RangeError("unseen future")));
  await until(() => reports.length === 1);
  assertEquals(reports[0].thread, thread);
});

Deno.test("P152 without a listener a failure is printed once, with its whole story", async () => {
  const program = new URL("../../fixtures/lifetimes/fails_unseen.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await runDeno(["run", "--allow-read", program]);
  assertEquals([code, stdout], [0, "goes on\n"]);
  assertEquals(stderr.match(/nobody looks/g)?.length, 1);
  assertMatch(stderr, /^Uncaught \(in green thread "careless"\) RangeError: nobody looks\n/);
  // Where it was thrown, and, as the hub records that, where it was spawned.
  assertMatch(stderr, /at careless \(inline function:2:\d+\)/);
  assertMatch(stderr, /--- spawned as "careless" ---\n.*fails_unseen\.ts/);
});

Deno.test("P148 what a callback of the hub throws is an event, and disturbs nobody", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  let errors = 0;
  hub.addEventListener("error", (event) => {
    event.preventDefault();
    errors++;
  });
  const sleeping = hub.spawn(() => {
    const start = performance.now();
    sleep(50);
    return performance.now() - start;
  });
  const ended = futureToGreenlet(Promise.resolve(1));
  ended.link(() => {
    throw new Error("in the hub");
  });
  await ending(ended);
  assertEquals(await sleeping >= 49, true);
  assertEquals(errors, 1);
});

Deno.test("P149 a catch in progress in one thread is unaffected by another one's", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const work = (text: string) => {
    try {
      throw new RangeError(text);
    } catch (error) {
      sleep(20);
      return (error as Error).message;
    }
  };
  assertEquals(await Promise.all([hub.spawn(work, "one"), hub.spawn(work, "two")]), ["one", "two"]);
});
