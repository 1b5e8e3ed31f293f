import { assert, assertEquals } from "@std/assert";
import { runText, urlOf } from "./support.ts";

Deno.test("Atomics.waitAsync keeps no process alive, so a referenced thing must (hub/base/keep_alive.ts)", async () => {
  const text = await runText(`const words = new Int32Array(new SharedArrayBuffer(4));
    Atomics.waitAsync(words, 0, 0).value.then(() => console.log("woken"));
    console.log("end");`);
  assertEquals(text, "0: end\n");
});

Deno.test("Atomics.waitAsync wakes by a notify of another thread (hub/pool/doorbell.ts)", async () => {
  const { Worker } = await import("node:worker_threads");
  const words = new Int32Array(new SharedArrayBuffer(4));
  const { async, value } = Atomics.waitAsync(words, 0, 0);
  assert(async);
  const hold = setInterval(() => {}, 1000);
  const worker = new Worker(
    urlOf(`import { workerData as words } from "node:worker_threads";
      Atomics.store(words, 0, 1); Atomics.notify(words, 0);`),
    { workerData: words },
  );
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  assertEquals(await value, "ok");
  clearInterval(hold);
  await ended;
});

Deno.test("the main thread may block, so a blocking call has to be refused there (bridge/side/side.ts)", () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  assertEquals(Atomics.wait(words, 0, 0, 1), "timed-out");
});

Deno.test("a wait whose word has changed does not sleep (bridge/wire/board.ts)", () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  assertEquals(Atomics.wait(words, 0, 1), "not-equal");
  assertEquals(Atomics.waitAsync(words, 0, 1), { async: false, value: "not-equal" });
});

Deno.test("Atomics.pause is there for spin loops (bridge/wire/patience.ts)", () => {
  assertEquals(typeof (Atomics as unknown as { pause: unknown }).pause, "function");
});

Deno.test("TextEncoder.encodeInto() writes to memory that is not shared only (bridge/wire/text.ts)", () => {
  const bytes = new Uint8Array(8);
  assertEquals(new TextEncoder().encodeInto("häh", bytes).written, 4);
});

Deno.test("an ArrayBuffer that was transferred is empty here (bridge/wire/beside.ts)", () => {
  const { buffer } = new Uint8Array([1, 2, 3]);
  assertEquals(structuredClone(buffer, { transfer: [buffer] }).byteLength, 3);
  assertEquals([buffer.byteLength, buffer.detached], [0, true]);
});
