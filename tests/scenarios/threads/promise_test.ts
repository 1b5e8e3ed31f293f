/** A green thread as a promise: what `catch()` and `finally()` do, and who takes a thread for a promise. */

import { futureToGreenlet, GreenEvent, type GreenThread, HubPromise, spawn } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { fixture, TestHub, thrownBy, turn, until } from "../../support/mod.ts";

const fail = (): number => {
  throw new RangeError("failed");
};

Deno.test("GreenThread.catch() gives the result, or what its function makes of the reason", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const calls: unknown[] = [];
  const note = (reason: Error) => calls.push(reason.message);
  assertEquals(await hub.spawn(() => 5).catch(note), 5);
  assertEquals(await hub.spawn(fail).catch(note), 1);
  assertEquals(calls, ["failed"]);
  assertInstanceOf(await thrownBy(hub.spawn(fail).catch()), RangeError);
  assertInstanceOf(await thrownBy(hub.spawn(fail).catch(null)), RangeError);
  const killed = hub.spawn(() => sleep(60_000));
  const reason = killed.catch((reason) => reason);
  killed.kill("enough");
  assertEquals(await reason, "enough");
});

Deno.test("GreenThread.finally() calls its function once, whichever way the thread ends, and awaits it", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const calls: unknown[][] = [];
  const note = async (...args: unknown[]) => {
    await turn();
    calls.push(args);
  };
  assertEquals(await hub.spawn(() => 5).finally(note), 5);
  assertEquals(calls, [[]]);
  assertEquals((await thrownBy(hub.spawn(fail).finally(note)) as Error).message, "failed");
  assertEquals(calls, [[], []]);
  assertEquals(await hub.spawn(() => 6).finally(), 6);
  const worse = () => {
    throw new TypeError("worse");
  };
  assertInstanceOf(await thrownBy(hub.spawn(() => 7).finally(worse)), TypeError);
  assertInstanceOf(await thrownBy(hub.spawn(fail).finally(worse)), TypeError);
});

Deno.test("GreenThread.catch() and finally() ask for the result: a failure is the promise's, and no thread's", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  let reports = 0;
  hub.addEventListener("unhandledthread", () => reports++);
  const rejections: unknown[] = [];
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    rejections.push((event.reason as Error).message);
  };
  addEventListener("unhandledrejection", onRejection);
  try {
    hub.spawn(fail).catch(() => {});
    hub.spawn(fail).finally(() => {});
    hub.spawn(fail).then(() => {});
    await until(() => rejections.length >= 2);
    await hub.spawn(() => {});
    await turn();
  } finally {
    removeEventListener("unhandledrejection", onRejection);
  }
  assertEquals([rejections, reports], [["failed", "failed"], 0]);
});

Deno.test("a GreenThread is taken where a promise is expected", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const two: Promise<number> = hub.spawn(() => 2);
  assertEquals(await Promise.all([two, hub.spawn(() => "a")]), [2, "a"]);
  assertEquals(await Promise.race([two, new Promise<string>(() => {})]), 2);
  await assertRejects(() => Promise.all([two, hub.spawn(fail)]), RangeError, "failed");
  assertEquals(Object.prototype.toString.call(two), "[object GreenThread]");
});

Deno.test("Deno.serve() takes a handler that gives a GreenThread", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const handler = (request: Request): GreenThread<Response> => {
    const path = hub.spawn((url: string) => new URL(url).pathname, request.url);
    return futureToGreenlet(path.then((path) => new Response(path)));
  };
  await using server = Deno.serve({ port: 0, onListen() {} }, (request) => handler(request));
  const { port } = server.addr as Deno.NetAddr;
  const response = await fetch(`http://127.0.0.1:${port}/tea`);
  assertEquals([response.status, await response.text()], [200, "/tea"]);
});

Deno.test("GreenThread.catch() and finally() in an async green function", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  const thread = spawn(async () => {
    const fails = () =>
      spawn((): number => {
        throw new RangeError("failed");
      });
    const seen: unknown[] = [];
    const note = () => void seen.push("finally");
    seen.push(await spawn(() => 5).catch(() => 0));
    seen.push(await fails().catch((reason) => `caught ${reason.message}`));
    seen.push(await spawn(() => 6).finally(note));
    seen.push(await fails().finally(note).catch((reason) => reason instanceof RangeError));
    seen.push(Object.prototype.toString.call(spawn(() => 7)));
    return seen;
  });
  assertEquals(await thread, [
    5,
    "caught failed",
    "finally",
    6,
    "finally",
    true,
    "[object GreenThread]",
  ]);
});

Deno.test("GreenThread.catch() and finally() in green code ask for the result, as on the hub", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const reports: unknown[] = [];
  const note = (event: Event) => {
    event.preventDefault();
    const { reason, error } = event as unknown as Record<string, Error | undefined>;
    reports.push((reason ?? error)?.message);
  };
  hub.addEventListener("unhandledthread", note);
  hub.addEventListener("error", note);
  await hub.spawn(() => {
    const fails = (text: string) =>
      spawn((text: string) => {
        throw new RangeError(text);
      }, text);
    fails("caught").catch(() => {});
    sleep(20); // it has failed, and a turn of the event loop calls the function
  });
  await hub.spawn(async () => {
    await null;
  });
  await turn();
  assertEquals(reports, []);
  await hub.spawn(() => {
    const fails = spawn(() => {
      throw new RangeError("left by finally()");
    });
    fails.finally(() => {});
    sleep(20);
  });
  await until(() => reports.length > 0);
  await hub.spawn(async () => {
    await null;
  });
  await turn();
  assertEquals(reports, ["left by finally()"]);
});

Deno.test("GreenThread.catch() gets the reason after the end of the thread that called it", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  let reports = 0;
  hub.addEventListener("unhandledthread", () => reports++);
  hub.addEventListener("error", () => reports++);
  const [gate, caught] = [new GreenEvent<void>(), new GreenEvent<string>()];
  await hub.spawn(
    (gate: GreenEvent<void>, caught: GreenEvent<string>) => {
      spawn((gate: GreenEvent<void>) => {
        gate.wait();
        throw new RangeError("late");
      }, gate).catch(({ message }) => caught.send(message));
    },
    gate,
    caught,
  );
  await hub.spawn(async () => {
    await null; // a turn of the event loop: the wait begins, and there is nobody who could block
  });
  gate.send();
  assertEquals(await caught.waitAsync({ timeout: 10_000 }), "late");
  await turn();
  assertEquals(reports, 0);
});

Deno.test("GreenThread.killAsync() in an async green function waits for the end", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const thread = hub.spawn(async () => {
    const thread = spawn(() => sleep(60_000));
    // deno-lint-ignore no-explicit-any
    const refused = await thread.killAsync("no", { wait: true } as any).catch((error) =>
      error.name
    );
    const stateAfter = thread.state;
    await thread.killAsync("enough", { timeout: 10_000 });
    return [
      refused,
      ["pending", "running"].includes(stateAfter),
      thread.state,
      await thread.catch(String),
    ];
  });
  assertEquals(await thread, ["TypeError", true, "killed", "enough"]);
});

Deno.test("HubPromise.catch() and finally() do as those of its thread", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const work = async (url: string) => {
    const { echo } = await import(url) as typeof import("../../fixtures/both_ways.ts");
    let calls = 0;
    const promise = echo.async(5);
    const values = [
      promise instanceof HubPromise,
      await promise.catch(() => 0),
      await promise.finally(() => calls++),
      await Promise.all([promise]),
    ];
    return [...values, calls, Object.prototype.toString.call(promise)];
  };
  assertEquals(await spawn(work, fixture("both_ways.ts")), [
    true,
    5,
    5,
    [5],
    1,
    "[object HubPromise]",
  ]);
});
