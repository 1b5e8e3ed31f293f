import { greenImport, spawn } from "@aiohub/aiohub";
import { assertEquals } from "@std/assert";
import { TestHub } from "../../support/mod.ts";

Deno.test("wait() gives what a queued async function resolves to while the pool is full", async (t) => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  await t.step("an inline one", async () => {
    assertEquals(await spawn(() => spawn(async () => await Promise.resolve(7)).wait()), 7);
  });
  await t.step("an exported one, before and after its module was loaded", async () => {
    const url = import.meta.resolve("../../fixtures/async_green.ts");
    const module = greenImport<typeof import("../../fixtures/async_green.ts")>(url);
    for (let i = 0; i < 3; i++) assertEquals(await module.outer(i), 2 * i);
  });
});
