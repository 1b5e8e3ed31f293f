import { assertEquals, assertMatch } from "@std/assert";
import { fixture, runDeno } from "../../support/mod.ts";

Deno.test("an app's tests pass with all of deno test's sanitizers", async () => {
  const { code, stdout, stderr } = await runDeno(
    ["test", "-A", "--no-check", fixture("programs/strict_tests.ts")],
  );
  assertEquals(code, 0, stdout + stderr);
  assertMatch(stdout, /3 passed \| 0 failed/);
});
