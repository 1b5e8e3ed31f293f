import { assertEquals, assertMatch } from "@std/assert";
import { runProgram } from "../../support/mod.ts";

Deno.test("a one-file program that runs in its Workers too gets an error with the way out", async () => {
  const { code, stderr } = await runProgram("one_file.ts", "--allow-read");
  assertMatch(stderr, /Cannot call work\(\) while a Worker imports "file:.*one_file\.ts"/);
  assertMatch(stderr, /Put the code that must run only once under `if \(import\.meta\.main\)`/);
  assertEquals(code, 1);
});

Deno.test("a one-file program that blocks at top level gets an error with the way out", async () => {
  const { code, stdout, stderr } = await runProgram("one_file_calls.ts", "--allow-read");
  assertMatch(stdout, /^BlockingCallError\n/);
  assertMatch(stderr, /Cannot call sleep\(\) while a Worker imports "file:.*one_file_calls\.ts"/);
  assertMatch(stderr, /under `if \(import\.meta\.main\)`/);
  assertEquals(code, 1);
});

Deno.test("J12 a one-file program that makes a hub at top level gets an error with the way out", async () => {
  const { code, stderr } = await runProgram("one_file_hub.ts", "--allow-read");
  assertMatch(stderr, /BlockingCallError: Cannot create a hub in a green thread/);
  assertMatch(stderr, /under `if \(import\.meta\.main\)`/);
  assertEquals(code, 1);
});

Deno.test("a one-file program under import.meta.main runs once", async () => {
  const { code, stdout, stderr } = await runProgram("one_file_guarded.ts", "--allow-read");
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "started\nworked: 42\n", stderr: "" });
});
