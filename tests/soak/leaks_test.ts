import { assert, assertEquals } from "@std/assert";
import { fixture, runDeno } from "../support/mod.ts";

Deno.test("functions and handles that were dropped leave nothing on either side", async () => {
  const { code, stdout, stderr } = await runDeno(
    ["run", "--no-prompt", "-A", "--v8-flags=--expose-gc", fixture("programs/leaks.ts")],
    { limit: 300_000 },
  );
  assertEquals({ code, stderr: stderr.replace(/^Check .*\n/gm, "") }, { code: 0, stderr: "" });
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ name }) => name), [
    "hub functions and handles",
    "signals",
    "green arguments",
    "green results",
    "released by hand",
  ]);
  // That nothing is held is counted; what else there may be is seen by the heap, which is never quite still.
  for (const { name, grown, of } of lines) {
    for (const bytes of grown) assert(bytes < 1e6 + 100 * of, `${name}: ${of} left ${bytes} bytes`);
  }
});

Deno.test("blobs that were dropped, or were refused or killed half-way, leave nothing", async () => {
  const { code, stdout, stderr } = await runDeno(
    ["run", "--no-prompt", "-A", "--v8-flags=--expose-gc", fixture("programs/blob_leaks.ts")],
    // So that the allocator gives back what is free.
    { limit: 300_000, env: { MALLOC_MMAP_THRESHOLD_: "65536" } },
  );
  assertEquals({ code, stderr: stderr.replace(/^Check .*\n/gm, "") }, { code: 0, stderr: "" });
  const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ name }) => name), [
    "hub arguments",
    "green arguments",
    "green results",
    "refused on the hub",
    "refused in green code",
    "killed before they arrived",
    "on the way when their Worker died",
    "streams",
  ]);
  for (const { name, grown, of, left } of lines) {
    assertEquals([name, left], [name, 0]);
    assert(grown < of / 5, `${name}: of ${of} bytes of blobs ${grown} are left`);
  }
});
