import { assertEquals, assertLess } from "@std/assert";
import { fixture, runDeno } from "../support/mod.ts";
import { testWith } from "../support/needs.ts";

for (const kind of ["ordinary", "cooperative"]) {
  const name = `K7 green threads that wait are not woken while nothing happens: ${kind} hub`;
  // It is counted by what Linux says of threads.
  testWith(["linux"], name, async () => {
    const program = new URL(fixture("edges/idle_waiters.ts")).pathname;
    const { code, stdout, stderr } = await runDeno(["run", "-A", "--no-check", program, kind]);
    assertEquals([code, stderr], [0, ""]);
    const [slept, parked, ended] = stdout.trim().split(" ").map(Number);
    assertEquals([parked, ended], [30, 0]);
    // What the engine's own threads do now and then. Each of the waiters said so ten times a second, once: a hundred here.
    assertLess(slept, 5);
  });
}
