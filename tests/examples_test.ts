/**
 * The examples and the README's first program, each run as people run it: as a process of its own, with the permissions
 * that its command gives and no more.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Ran, ROOT, runDeno, temporaryFolder } from "./support/mod.ts";

/** Runs a program to its end. */
function run(...args: string[]): Promise<Ran> {
  return runDeno(["run", "--quiet", "--no-prompt", ...args], { cwd: ROOT.pathname });
}

/** Runs an example, which must end well and complain of nothing. */
async function runWell(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

Deno.test("examples/README.md lists the command of every example", async () => {
  const readme = await Deno.readTextFile(new URL("examples/README.md", ROOT));
  for await (const { name } of Deno.readDir(new URL("examples/", ROOT))) {
    if (!name.endsWith(".ts") || name === "demo.ts") continue;
    const source = await Deno.readTextFile(new URL(`examples/${name}`, ROOT));
    const command = /^ \* Run: `(.*)`$/m.exec(source)?.[1];
    if (command) assertStringIncludes(readme, `\`${command}\``);
    else assertStringIncludes(readme, `(${name})`);
  }
});

Deno.test("green_calls_async.ts gets plain values and plain errors", async () => {
  assertEquals(
    await runWell("--allow-read=.", "examples/green_calls_async.ts"),
    `First: a cup of Assam.
Then: a cup of Sencha and a cup of Rooibos.
The shop is at 127.0.0.1.
RangeError: Cannot brew coffee: this is a tea shop.
`,
  );
});

Deno.test("async_calls_green.ts awaits, gets errors, and stops a thread", async () => {
  assertEquals(
    await runWell("--allow-read=.", "examples/async_calls_green.ts"),
    `100 g of Assam: 8.
50 g of each: 4, 23, 3.
A parcel: Assam + Mint.
RangeError: Cannot find "coffee" in the price list.
The nap took too long: TimeoutError.
The nap was killed.
`,
  );
});

Deno.test("shared_module.ts calls its modules from both sides", async () => {
  assertEquals(
    await runWell("--allow-read=.", "--allow-net=127.0.0.1", "examples/shared_module.ts"),
    `One page: All about green tea.
Three pages: All about black tea; All about white tea; All about mint tea.
The same function on the hub: 35 bytes.
The word "tea" comes 3 times.
`,
  );
});

Deno.test("progress_bar.ts calls back while it computes", async () => {
  assertEquals(
    await runWell("--allow-read=.", "examples/progress_bar.ts"),
    `25 %
50 %
75 %
100 %
78498 primes below 1,000,000; the event loop went on.
`,
  );
});

Deno.test("thousand_calls.ts has a thousand calls in flight", async () => {
  const out = await runWell("--allow-read=.", "examples/thousand_calls.ts");
  assertMatch(out, /^One green thread, 1000 calls of 100 ms each: 332833500, in \d+ ms\.$/m);
  assertMatch(out, /^1000 green threads in 4 Workers: 1998, in \d+ ms\.$/m);
  // One after another they would take 100 seconds.
  assert(Number(/332833500, in (\d+) ms/.exec(out)?.[1]) < 20_000);
});

Deno.test("cooperative.ts sells no seat twice, in the same order each time", async () => {
  assertEquals(
    await runWell("--allow-read=.", "examples/cooperative.ts"),
    `Seats by clerk: 1 2 3 1 2 3 1 2 3 1 2 3
Each has sold 4, 4, 4
`,
  );
});

Deno.test("demo.ts shows both directions and a summary with the permissions to read and to connect", async () => {
  const out = await runWell("--allow-read=.", "--allow-net=127.0.0.1", "examples/demo.ts");
  // deno-lint-ignore no-control-regex
  assert(!/[\x1b\r]/.test(out), "plain text where there is no terminal");
  for (
    const line of [
      /await crawl\(site\) +--> {2}crawl\(site\)$/,
      /fetch: \d+ bytes in \d+ ms +<-- {2}urlopen\("\/black"\)\.read\(\)$/,
      / catch \(error\): Http$/,
      /50 addresses +<-- {2}return addresses$/,
      /visit\(page, key\) × 50 +--> {2}visit\(page, key\)$/,
      /npm:jose: "Assam" +<-- {2}jwtVerify/,
      / 50 of 50 done/,
      /49 teas +<-- /,
      /JWSSignatureVerificationFailed +<-- /,
      /green threads +51 in 16 Workers/,
      /median \d+\.\d ms, worst \d+\.\d ms \(with nothing to do: /,
    ]
  ) assertMatch(out, new RegExp(line, "m"));
  // Fifty threads at once are blocked for longer than all of it takes.
  const [, blocked, wall] = /blocked for (\d+\.\d) s in all, within (\d+\.\d) s/.exec(out)!;
  assert(Number(blocked) > 2 * Number(wall), `${blocked} s within ${wall} s`);
});

Deno.test("a missing permission is named by the error", async (t) => {
  await t.step("--allow-read", async () => {
    const { code, stderr } = await run("examples/async_calls_green.ts");
    assertEquals(code, 1);
    assertStringIncludes(stderr, "run again with the --allow-read flag");
  });
  await t.step("--allow-net", async () => {
    const { code, stderr } = await run("--allow-read=.", "examples/shared_module.ts");
    assertEquals(code, 1);
    assertStringIncludes(stderr, "run again with the --allow-net flag");
  });
});

Deno.test("README.md begins with a program that works", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const program = /```ts\n(.*?)```/s.exec(readme)![1];
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/main.ts`, program);
  const stdout = await runWell(
    `--config=${new URL("deno.json", ROOT).pathname}`,
    "--no-lock",
    "--allow-read",
    "--allow-net=127.0.0.1",
    `${folder.path}/main.ts`,
  );
  const promised = /prints this.*?\n```\n(.*?)```/s.exec(readme)![1];
  assertEquals(stdout, promised);
});

Deno.test("queue_crawler.ts crawls the whole site, and the queue holds the crawlers back", async () => {
  assertEquals(
    await runWell("--allow-read=.", "--allow-net=127.0.0.1", "examples/queue_crawler.ts"),
    `The last one is called "Page 31".
Crawled 31 pages, at most 4 at a time.
The queue held the crawlers back.
`,
  );
});

Deno.test("task_graph.ts serves what can be served, and says why the rest cannot", async () => {
  assertEquals(
    await runWell("--allow-read=.", "examples/task_graph.ts"),
    `Breakfast is breakfast (tea (leaves and water) and toast (bread)).
PropagateError: The task under key "feast" failed
PropagateError: The task under key "egg cup" failed
PropagateError: The task under key "egg" failed
Error: the egg has a crack
`,
  );
});

Deno.test("dining_philosophers.ts reports the deadlock that it provokes", async () => {
  assertEquals(
    await runWell("--allow-read=.", "examples/dining_philosophers.ts"),
    `Meals in good order: 1000, 1000, 1000, 1000, 1000.
Left fork first: 4 ate, and 1 got
DeadlockError (a circle of 5).
Forks that are still taken: 0.
`,
  );
});
