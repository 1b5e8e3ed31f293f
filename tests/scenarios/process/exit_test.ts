import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { fixture, runDeno, runProgram, startDeno } from "../../support/mod.ts";

Deno.test("J78 a five-line script prints its result and exits by itself in under two seconds", async () => {
  const ran = await runProgram("five_lines.ts", "--allow-read");
  assertEquals({ code: ran.code, stdout: ran.stdout, stderr: ran.stderr }, {
    code: 0,
    stdout: "42\n",
    stderr: "",
  });
  // A second run, since the first one may have had to compile the library.
  assertLess(Math.min(ran.ms, (await runProgram("five_lines.ts", "--allow-read")).ms), 2000);
});

Deno.test("J78 an idle pool does not keep the process alive", async () => {
  const { code, stdout } = await runProgram("idle_pool.ts", "--allow-read");
  assertEquals([code, stdout], [0, "done\n"]);
});

Deno.test("outstanding green threads keep the process alive", async () => {
  const { code, stdout } = await runProgram("outstanding.ts", "--allow-read");
  const lines = stdout.trim().split("\n").toSorted();
  assertEquals(lines, ["future", "linked", "spawned", "spawned for nothing", "spawned later"]);
  assertEquals(code, 0);
});

Deno.test("P316 a failure that nobody looked at is printed with the thread's name", async () => {
  const { stderr } = await runProgram("unhandled.ts", "--allow-read");
  assertMatch(stderr, /^Uncaught \(in green thread "careless-\d+"\) RangeError: nobody looked\n/);
  assertEquals(stderr.match(/nobody looked/g)?.length, 1);
});

Deno.test("Deno.exit() and an uncaught error end a process whose green threads are busy", async () => {
  const cases: [string, number][] = [["0", 0], ["3", 3], ["throw", 1]];
  for (const [argument, expected] of cases) {
    const { code, signal } = await runDeno(
      ["run", "--no-prompt", "--allow-read", fixture("programs/exits_while_busy.ts"), argument],
      { limit: 300_000 },
    );
    assertEquals([code, signal], [expected, null]);
  }
});

Deno.test("J121 SIGINT ends a process whose green threads are busy", async () => {
  await using child = startDeno(
    ["run", "--no-prompt", "--allow-read", fixture("programs/sleeps.ts")],
    { limit: 300_000 },
  );
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assertEquals(new TextDecoder().decode(value), "started\n");
  child.kill("SIGINT");
  const { signal } = await child.status;
  assertEquals(signal, "SIGINT");
  assert((await reader.read()).done);
});

Deno.test("J111 what both sides print appears in order", async () => {
  const { stdout, stderr } = await runProgram("prints.ts", "--allow-read");
  const lines = stdout.trim().split("\n");
  assertEquals(lines, ["1 hub", "2 green", "3 hub, while green is blocked", "4 green", "5 hub"]);
  assertEquals(stderr, "green error\n");
});
