import { assertEquals, assertMatch } from "@std/assert";
import { runProgram } from "../../support/mod.ts";

Deno.test("J81 a green thread that runs out of memory is one rejected result", async () => {
  const { code, stdout } = await runProgram("out_of_memory.ts", "--allow-read");
  const [crash, ...rest] = stdout.trim().split("\n");
  assertMatch(crash, /^true Worker \d+ ended while it ran "greedy-\d+": .*memory/);
  assertEquals(rest, ["unharmed", "goes on", "1"]);
  assertEquals(code, 0);
});

Deno.test("J32, J34, J37 whatever goes wrong in green code is one rejected result", async () => {
  const { code, stdout } = await runProgram("crashes.ts", "--allow-read");
  assertEquals(stdout.trim().split("\n"), [
    "throws: RangeError",
    "hub function rejects: RangeError",
    "exits: WorkerCrashedError",
    "syntax error: TypeError",
    "not found: TypeError",
    "no such function: TypeError",
    "fails to load: RangeError",
    "late timer: RangeError",
    "goes on",
    "0",
  ]);
  assertEquals(code, 0);
});
