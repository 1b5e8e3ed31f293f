import { assertEquals, assertLess } from "@std/assert";
import { runProgram } from "../support/mod.ts";

// In a process of its own: what other tests have left computing counts as CPU time here.
Deno.test("sixteen parked green threads and an idle hub use no more than two percent of a core", async () => {
  const { code, stdout, stderr } = await runProgram("sixteen_parked.ts", "--allow-all");
  assertEquals([code, stderr], [0, ""]);
  const [numbers, last] = stdout.trim().split("\n");
  const [ms, ended] = numbers.split(" ").map(Number);
  assertLess(ms, 20);
  assertEquals([ended, last], [0, "still quick"]);
});

Deno.test("a limit or a kill that a shield() holds off keeps no core busy", async () => {
  const { code, stdout, stderr } = await runProgram("shielded_limits.ts", "--allow-all");
  assertEquals([code, stderr], [0, ""]);
  const all = stdout.trim().split(/\s/).map(Number);
  assertEquals(all.length, 4);
  for (const ms of all) assertLess(ms, 200, stdout);
});
