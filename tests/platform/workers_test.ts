import { assert, assertEquals } from "@std/assert";
import { MessageChannel, receiveMessageOnPort, SHARE_ENV, Worker } from "node:worker_threads";
import { serve } from "../support/server.ts";
import { runText, runWorker, urlOf } from "./support.ts";

const WORKER = `import { parentPort, workerData, isMainThread } from "node:worker_threads";
import process from "node:process";
`;

Deno.test("an unreferenced thread Worker lets the process end (hub/records/thread_worker.ts)", async () => {
  const text = await runText(`import { Worker } from "node:worker_threads";
    new Worker(new URL("data:application/javascript,setInterval(() => {}, 100)")).unref();
    console.log("end");`);
  assertEquals(text, "0: end\n");
});

Deno.test("resourceLimits contain an out-of-memory in one Worker (hub/records/thread_worker.ts)", async () => {
  const { error } = await runWorker(
    `setTimeout(() => { const all = []; for (;;) all.push(new Array(10_000).fill(1.5)); });`,
    { resourceLimits: { maxOldGenerationSizeMb: 32 } },
  );
  assertEquals(error?.code, "ERR_WORKER_OUT_OF_MEMORY");
});

Deno.test("a thread Worker starts from no http: URL, but a data: URL may import one (hub/records/thread_worker.ts)", async () => {
  await using server = serve(
    () =>
      new Response(
        `import { parentPort } from "node:worker_threads"; parentPort.postMessage("ran");`,
        {
          headers: { "content-type": "application/javascript" },
        },
      ),
  );
  const url = `${server.url}/${crypto.randomUUID()}.js`;
  // In a process of its own, without a lock file: what is imported from a server is written there.
  const program = `import { Worker } from "node:worker_threads";
    try { new Worker(new URL("${url}")); } catch { console.log("refused"); }
    new Worker(new URL("${urlOf(`import "${url}";`)}")).on("message", console.log);`;
  assertEquals(await runText(program), "0: refused\nran\n");
});

Deno.test("a Worker that imports its program is no main module there (hub/spawn.ts, docs)", async () => {
  const program = urlOf(`globalThis.main = import.meta.main;`).href;
  const { messages } = await runWorker(
    `${WORKER} await import(${JSON.stringify(program)});
     parentPort.postMessage([globalThis.main, isMainThread, typeof WorkerGlobalScope]);`,
  );
  // `typeof WorkerGlobalScope` does not tell a thread Worker: `bridge/side/side.ts` has a mark of its own.
  assertEquals(messages, [[false, false, "undefined"]]);
});

Deno.test("process.exit() in a thread Worker ends it alone, with its code (hub/pool/worker_endings.ts)", async () => {
  const { code, error } = await runWorker(`${WORKER} process.exit(3);`);
  assertEquals([code, error], [3, undefined]);
});

Deno.test("process.exit() calls reallyExit() (green/worker/entry.ts)", async () => {
  const { messages } = await runWorker(`${WORKER}
    process.reallyExit = (code) => { throw new Error("asked to end with " + code); };
    try { process.exit(4); } catch (error) { parentPort.postMessage(error.message); }`);
  assertEquals(messages, ["asked to end with 4"]);
});

Deno.test("SHARE_ENV gives a Worker the process's environment without asking (hub/records/thread_worker.ts)", async () => {
  const { messages } = await runWorker(
    `${WORKER} process.env.AIOHUB_PROBE = "set"; parentPort.postMessage("done");`,
    { env: SHARE_ENV },
  );
  assertEquals([messages, Deno.env.get("AIOHUB_PROBE")], [["done"], "set"]);
  Deno.env.delete("AIOHUB_PROBE");
});

Deno.test("a message is had while the Worker is parked, without its event loop (bridge/memory/objects.ts)", async () => {
  const { port1, port2 } = new MessageChannel();
  const words = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    urlOf(`import { receiveMessageOnPort, workerData } from "node:worker_threads";
      const { port, words } = workerData;
      while (Atomics.load(words, 0) === 0) Atomics.wait(words, 0, 0);
      port.postMessage(receiveMessageOnPort(port).message + 1);`),
    { workerData: { port: port2, words }, transferList: [port2] },
  );
  port1.postMessage(41);
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
  await new Promise((resolve) => worker.on("exit", resolve));
  assertEquals(receiveMessageOnPort(port1)?.message, 42);
  port1.close();
});

Deno.test("what is left behind unhandled ends a thread Worker with an error (hub/pool/worker_endings.ts)", async () => {
  const { error, code } = await runWorker(`Promise.reject(new Error("left behind"));`);
  assertEquals([error?.message, code], ["left behind", 1]);
});

Deno.test("a thread Worker may be terminated while it is parked, once it was woken (hub/pool/stopped.ts)", async () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(
    urlOf(`import { workerData as words } from "node:worker_threads";
      Atomics.store(words, 1, 1); Atomics.notify(words, 1);
      Atomics.wait(words, 0, 0);`),
    { workerData: words },
  );
  const began = Atomics.waitAsync(words, 1, 0);
  const hold = setInterval(() => {}, 1000);
  if (began.async) await began.value;
  clearInterval(hold);
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  Atomics.store(words, 0, 1);
  Atomics.notify(words, 0);
  await worker.terminate();
  await ended;
});

Deno.test("deno run --watch dispatches unload before a restart, and a program's end does so too (hub/base/unload.ts)", async () => {
  const text = await runText(`addEventListener("unload", () => console.log("unload"));`);
  assertEquals(text, "0: unload\n");
  assert(typeof globalThis.onunload !== "undefined");
});

Deno.test("a Worker that runs out of memory in a microtask goes on as if nothing had happened (green/worker/entry.ts)", async () => {
  // So green code is run by a macrotask: there it is `ERR_WORKER_OUT_OF_MEMORY`, as above.
  const { messages, error } = await runWorker(
    `${WORKER} setTimeout(() => parentPort.postMessage("goes on"), 500);
     setTimeout(() => Promise.resolve().then(() => {
       const all = [];
       for (;;) all.push(new Array(10_000).fill(1.5));
     }));`,
    { resourceLimits: { maxOldGenerationSizeMb: 32 } },
  );
  assertEquals([messages, error], [["goes on"], undefined]);
});

Deno.test("terminate() does not end a Worker that computes (hub/pool/stopped.ts)", async () => {
  const text = await runText(`import { Worker } from "node:worker_threads";
    const words = new Int32Array(new SharedArrayBuffer(4));
    const source = 'import { workerData as words } from "node:worker_threads"; for (;;) Atomics.add(words, 0, 1);';
    const worker = new Worker(new URL("data:application/javascript," + encodeURIComponent(source)), { workerData: words });
    while (Atomics.load(words, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await worker.terminate();
    const count = Atomics.load(words, 0);
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    console.log(Atomics.load(words, 0) > count ? "computes" : "has ended");
    Deno.exit(0);`);
  assertEquals(text, "0: computes\n");
});
