import { assertEquals, assertMatch } from "@std/assert";
import { fixture, runDeno } from "../../support/mod.ts";

Deno.test("an app's tests pass with all of deno test's sanitizers", async () => {
  // It is type-checked too, which takes long where nothing is in Deno's cache.
  const { code, stdout, stderr } = await runDeno(
    ["test", "-A", fixture("programs/strict_tests.ts")],
    { limit: 600_000 },
  );
  assertEquals(code, 0, stdout + stderr);
  assertMatch(stdout, /3 passed \| 0 failed/);
});
