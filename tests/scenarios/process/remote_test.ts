import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path/posix";
import { temporaryFolder } from "../../support/mod.ts";
import { runUncached, serveRepository } from "../../support/repository.ts";

const GREEN = (library: string) =>
  `import { asyncToSync, syncToAsync } from "${library}/mod.ts";
import { sleep } from "${library}/green/mod.ts";

export const ask = asyncToSync(import.meta, async function ask(n: number) {
  await null;
  return n + 1;
});

export const work = syncToAsync(import.meta, function work(n: number) {
  sleep(1);
  return ask(n) * 2;
});
`;

const MAIN = (library: string) =>
  `import { greenImport, spawn } from "${library}/mod.ts";
import { sleep } from "${library}/green/mod.ts";
import { work } from "./green.ts";

console.log(await work(20));
console.log(await spawn((n: number) => (sleep(1), n + 1), 1));
const url = import.meta.resolve("./green.ts");
console.log(await greenImport<{ work(n: number): number }>(url).work(1));
`;

Deno.test("an app with local green modules runs with the library from a URL", async () => {
  await using repository = serveRepository();
  await using folder = await temporaryFolder();
  const library = `http://${repository.host}`;
  await Deno.writeTextFile(join(folder.path, "green.ts"), GREEN(library));
  await Deno.writeTextFile(join(folder.path, "main.ts"), MAIN(library));
  const { code, stdout, stderr } = await runUncached(
    folder.path,
    `--allow-import=${repository.host}`,
    `--allow-read=${folder.path}`,
    join(folder.path, "main.ts"),
  );
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "42\n2\n4\n", stderr: "" });
  assertEquals(repository.asked.includes("/green/worker/entry.ts"), true);
});

Deno.test("J122 an app that comes from a URL as a whole runs with --allow-import alone", async () => {
  await using repository = serveRepository();
  await using folder = await temporaryFolder();
  const program = `http://${repository.host}/tests/fixtures/programs/remote/main.ts`;
  const { code, stdout, stderr } = await runUncached(
    folder.path,
    `--allow-import=${repository.host}`,
    program,
  );
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "42\n2\n4\n", stderr: "" });
});

Deno.test("an app from a URL without --allow-import gets an error that names the flag", async () => {
  await using repository = serveRepository();
  await using folder = await temporaryFolder();
  const library = `http://${repository.host}`;
  await Deno.writeTextFile(join(folder.path, "main.ts"), MAIN(library));
  const { code, stderr } = await runUncached(
    folder.path,
    "--allow-read",
    join(folder.path, "main.ts"),
  );
  assertMatch(stderr, /Requires import access to "127\.0\.0\.1:\d+"[\s\S]*--allow-import/);
  assertEquals(code, 1);
});

Deno.test("an app may spawn a remote green module by its URL", async () => {
  await using repository = serveRepository();
  await using folder = await temporaryFolder();
  const library = `http://${repository.host}`;
  const source = `import { greenImport } from "${library}/mod.ts";
const remote = greenImport<{ add(a: number, b: number): number }>("${library}/tests/fixtures/plain.ts");
console.log(await remote.add(40, 2));
`;
  await Deno.writeTextFile(join(folder.path, "main.ts"), source);
  const main = join(folder.path, "main.ts");
  const all = await runUncached(folder.path, `--allow-import=${repository.host}`, main);
  assertEquals({ code: all.code, stdout: all.stdout, stderr: all.stderr }, {
    code: 0,
    stdout: "42\n",
    stderr: "",
  });
});
