import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fixture, ROOT, runDeno, runProgram } from "../../support/mod.ts";

Deno.test("a program with green modules needs --allow-read and nothing else", async () => {
  const { code, stdout, stderr } = await runProgram("five_lines.ts", "--allow-read");
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "42\n", stderr: "" });
});

Deno.test("a program needs no permission to read more than the library and its modules", async () => {
  const root = ROOT.pathname;
  const { code, stdout, stderr } = await runProgram("five_lines.ts", `--allow-read=${root}`);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "42\n", stderr: "" });
});

Deno.test("a program without --allow-read gets an error that names the flag", async () => {
  const { code, stderr } = await runProgram("five_lines.ts");
  assertMatch(stderr, /WorkerCrashedError: Worker 1 ended before it was ready: Requires read/);
  assertStringIncludes(stderr, "run again with the --allow-read flag");
  assertEquals(code, 1);
});

Deno.test("a program that may not read a green module gets an error that names module and flag", async () => {
  const root = ROOT.pathname;
  const names = [...Deno.readDirSync(root)].map(({ name }) => name);
  const allowed = names.filter((name) => name !== "tests").map((name) => root + name).join();
  const { code, stderr } = await runProgram("five_lines.ts", `--allow-read=${allowed}`);
  assertMatch(stderr, /Requires read access to ".*both_ways\.ts", run again with the --allow-read/);
  assertEquals(code, 1);
});

Deno.test("the core of the demo needs --allow-read and --allow-net", async () => {
  const flags = ["--allow-read", "--allow-net=127.0.0.1"];
  const { code, stdout, stderr } = await runProgram("crawls.ts", ...flags);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "5 pages, 5 titles\n", stderr: "" });
});

Deno.test("the core of the demo without --allow-net gets an error that names the flag", async () => {
  const { code, stderr } = await runProgram("crawls.ts", "--allow-read", "--allow-net=127.0.0.2");
  assertMatch(stderr, /NotCapable: Requires net access to "127\.0\.0\.1:.*--allow-net/);
  assertEquals(code, 1);
});

Deno.test("green code that lacks a permission gets an error that names the flag, and the hub goes on", async () => {
  const { code, stdout } = await runProgram("asks_for_more.ts", "--allow-read");
  const [environment, network, rest] = stdout.trim().split("\n");
  assertMatch(environment, /^NotCapable: Requires env access to "HOME", .*--allow-env/);
  assertMatch(network, /^NotCapable: Requires net access to "127\.0\.0\.1:8111", .*--allow-net/);
  assertEquals([rest, code], ["goes on", 0]);
});

Deno.test("a program asks for no permission but to read, so nothing prompts at a terminal", async () => {
  const log = await Deno.makeTempFile();
  try {
    const program = fixture("programs/five_lines.ts");
    // All that is asked for is written down, also what the runtime asks for by itself and takes a "no" for.
    const { code, stdout, stderr } = await runDeno(
      ["run", "--no-prompt", "--allow-read", program],
      { env: { DENO_AUDIT_PERMISSIONS: log } },
    );
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "42\n", stderr: "" });
    const lines = (await Deno.readTextFile(log)).trim().split("\n");
    const asked = lines.map((line) => JSON.parse(line).permission);
    assertEquals([...new Set(asked)], ["read"]);
  } finally {
    await Deno.remove(log);
  }
});

Deno.test("green code sees the environment as it is, and not at all without --allow-env", async () => {
  const program = fixture("programs/environment.ts");
  const run = (...rest: string[]) =>
    runDeno(["run", "--no-prompt", "--allow-read", ...rest], {
      env: { AIOHUB_TEST_VARIABLE: "first" },
    });
  const allowed = await run("--allow-env", program, "see");
  assertEquals(allowed.stdout, "first first\nsecond second\nthird third\n", allowed.stderr);
  const denied = await run(program);
  assertEquals(denied.stdout, "NotCapable NotCapable\n", denied.stderr);
});
