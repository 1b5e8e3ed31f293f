import { type GreenThread, Hub, spawn } from "@aiohub/aiohub";
import { assertEquals, assertLess } from "@std/assert";
import { fixture, moduleOf, runDeno, TestHub, until } from "../../support/mod.ts";

type Teardown = typeof import("../../fixtures/lifetimes/teardown.ts");
type Script = typeof import("../../fixtures/lifetimes/typed_script.ts");

Deno.test("J80 what a module has for its Worker's end is done when the hub closes, and when an idle Worker goes", async () => {
  for (const idleTimeout of [0, Infinity]) {
    const counts = new SharedArrayBuffer(8);
    const hub = new Hub({ maxWorkers: 1, idleTimeout });
    await hub.greenImport<Teardown>(fixture("lifetimes/teardown.ts")).prepare(counts);
    if (idleTimeout === 0) await until(() => hub.statistics().workers === 0);
    await hub.close();
    assertEquals([...new Int32Array(counts)], [1, 1]);
  }
});

Deno.test("J16 modules in JavaScript and in TypeScript are loaded alike, from files and from data URLs", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const urls = [
    fixture("lifetimes/plain_script.js"),
    fixture("lifetimes/typed_script.ts"),
    moduleOf("export function area(side) { return { side, area: side ** 2 }; }"),
    `data:application/typescript,${
      encodeURIComponent("export function area(side: number) { return { side, area: side ** 2 }; }")
    }`,
  ];
  for (const url of urls) {
    assertEquals(await hub.greenImport<Script>(url).area(3), { side: 3, area: 9 });
  }
});

Deno.test("P271 five calls one after another use one Worker", async () => {
  await using hub = new TestHub({ maxWorkers: 4 });
  const ids = [];
  for (let i = 0; i < 5; i++) {
    ids.push(await spawn(() => (globalThis as { mine?: number }).mine ??= Math.random()));
  }
  assertEquals(new Set(ids).size, 1);
  assertEquals(hub.statistics().workers, 1);
});

Deno.test("J12, P273 a Worker of the app's own has a hub of its own", async () => {
  const worker = new Worker(fixture("lifetimes/own_worker.ts"), { type: "module" });
  try {
    const said = await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
    assertEquals(said, [42, 0, 0]);
  } finally {
    worker.terminate();
  }
});

Deno.test("P146 spawnAfter() starts threads in the order of their times, then of the calls", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const started: number[] = [];
  const say = (n: number) => void started.push(n);
  const run = (n: number, say: (n: number) => void) => say(n);
  // The Worker is taken until all of them are due, so that only their order is left.
  const gate = Promise.withResolvers<void>();
  const first = hub.spawn((wait: () => void) => wait(), () => gate.promise);
  let threads: GreenThread<void>[];
  for (let step = 20;; step *= 2) {
    const start = performance.now();
    threads = [[2, 4], [1, 2], [0, 0], [1, 3], [0, 1]].map(([steps, n]) =>
      hub.spawnAfter(steps * step, run, n, say)
    );
    if (performance.now() - start < step) break;
    // This program had no core for so long that the times of the first were over before the last were given theirs.
    for (const thread of threads) thread.cancel();
    await Promise.allSettled(threads);
  }
  await until(() => hub.statistics().queued === 5);
  gate.resolve();
  await Promise.all([first, ...threads]);
  assertEquals(started, [0, 1, 2, 3, 4]);
});

Deno.test("P147 threads that were to start in an hour, and were called off, are kept by nobody", async () => {
  const { code, stdout } = await runDeno([
    "run",
    "--allow-read",
    "--no-prompt",
    "--v8-flags=--expose-gc",
    fixture("lifetimes/called_off.ts"),
  ]);
  const [threads, kept] = stdout.trim().split("\n").map(Number);
  assertEquals([code, threads], [0, 0]);
  assertLess(kept, 1000);
});
