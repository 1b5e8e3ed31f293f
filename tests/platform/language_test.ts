import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers";
import { serve } from "../support/server.ts";
import { until } from "../support/until.ts";

Deno.test("structuredClone() drops the name and the fields of an Error's subclass (bridge/values/error_values.ts)", () => {
  class Shortage extends Error {
    override name = "Shortage";
    left = 3;
  }
  const clone = structuredClone(new Shortage("no tea")) as Shortage;
  assertEquals([clone.message, clone.left, clone instanceof Shortage], [
    "no tea",
    undefined,
    false,
  ]);
  assertNotEquals(clone.name, "Shortage");
});

Deno.test("a function's text is plain JavaScript, with imported names as they were written (bridge/protocol/targets.ts)", () => {
  const typed = (n: number): string => assertEquals.name + (n as unknown as string);
  assertEquals(typed.toString().replace(/\s+/g, " "), "(n)=>assertEquals.name + n");
});

Deno.test("a class tells by its text that it is one, and a native function that it has none (bridge/protocol/targets.ts)", () => {
  assert(/^class\b/.test(class {}.toString()));
  assert(/\{\s*\[native code\]\s*\}$/.test(parseInt.bind(null).toString()));
});

Deno.test("an AsyncLocalStorage keeps its value through await, timers and setImmediate (bridge/context/context.ts)", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen = await storage.run("inside", async () => {
    await null;
    const timer = await new Promise((resolve) => setTimeout(() => resolve(storage.getStore())));
    const turn = await new Promise((resolve) => setImmediate(() => resolve(storage.getStore())));
    return [storage.getStore(), timer, turn];
  });
  assertEquals([seen, storage.getStore()], [["inside", "inside", "inside"], undefined]);
});

Deno.test("setImmediate() comes after all microtasks, and before a timer of a millisecond can starve (hub/pool/doorbell.ts)", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    setImmediate(() => (order.push("turn"), resolve()));
    queueMicrotask(() => queueMicrotask(() => order.push("microtask")));
  });
  assertEquals(order, ["microtask", "turn"]);
});

Deno.test("Error.stackTraceLimit is read when an error is made (bridge/values/stacks.ts)", () => {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 1;
    assertEquals(new Error("x").stack!.split("\n").length, 2);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
});

Deno.test("request.signal of Deno.serve() is aborted after success too (docs/what-crosses.md)", async () => {
  let signal: AbortSignal | undefined;
  await using server = serve((request) => {
    signal = request.signal;
    return new Response("ok");
  });
  await (await fetch(server.url)).text();
  await until(() => signal!.aborted);
});

Deno.test("a Blob is had by its URL in each thread of the process (bridge/memory/blobs.ts)", async () => {
  const { Worker } = await import("node:worker_threads");
  const url = URL.createObjectURL(new Blob(["hello"]));
  const worker = new Worker(
    new URL(
      `data:application/javascript,${
        encodeURIComponent(`import { parentPort, workerData } from "node:worker_threads";
        parentPort.postMessage(await (await fetch(workerData)).text());`)
      }`,
    ),
    { workerData: url },
  );
  assertEquals(await new Promise((resolve) => worker.on("message", resolve)), "hello");
  await new Promise((resolve) => worker.on("exit", resolve));
  URL.revokeObjectURL(url);
});
