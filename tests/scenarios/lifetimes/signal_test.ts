import { assertEquals, assertLess } from "@std/assert";
import { fixture, startDeno } from "../../support/mod.ts";

/** Runs the program, sends it a signal once it works, and says how it ended. */
async function interrupt(signal: Deno.Signal, ...args: string[]) {
  const program = fixture("lifetimes/works.ts");
  const child = startDeno(["run", "--no-prompt", "--allow-read", program, ...args]);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let stdout = "";
  let start = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    stdout += value;
    if (start !== 0 || !stdout.includes("works\n")) continue;
    start = performance.now();
    child.kill(signal);
  }
  const stderr = await new Response(child.stderr).text();
  const { code, signal: by } = await child.status;
  return { code, by, lines: stdout.trim().split("\n"), stderr, ms: performance.now() - start };
}

Deno.test("J121 SIGINT and SIGTERM during work, with a handler that closes the hub: clean-up runs, the exit code is the program's", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const { code, by, lines, stderr, ms } = await interrupt(signal, signal);
    assertEquals({ code, by, stderr }, { code: 7, by: null, stderr: "" });
    assertEquals(lines.toSorted(), [
      "caller: HubClosedError",
      "checker: HubClosedError",
      "closed: 0 Workers, 0 threads, 0 leaked",
      "exits",
      "queued: HubClosedError",
      "sleeper cleaned up",
      "sleeper: HubClosedError",
      "works",
    ]);
    assertLess(ms, 10_000);
  }
});

Deno.test("J121 SIGINT during work without a handler ends the process at once, whatever its Workers do", async () => {
  for (const what of ["none", "none busy"]) {
    const { code, by, lines, ms } = await interrupt("SIGINT", ...what.split(" "));
    assertEquals([code, by], [130, "SIGINT"]);
    assertEquals(lines, ["works"]);
    assertLess(ms, 10_000);
  }
});
