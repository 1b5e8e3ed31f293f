import { assertEquals } from "@std/assert";
import { join } from "node:path/posix";
import { serveRepository } from "../support/repository.ts";
import { type Ran, runDeno, temporaryFolder } from "../support/mod.ts";

/** A program whose Workers need what no static import of the app reaches: the entry, and the names of `./green`. */
const MAIN = (library: string) =>
  `import { asyncToSync, spawn, syncToAsync } from "${library}/mod.ts";

export const ask = asyncToSync(import.meta, async function ask(n: number) {
  await null;
  return n + 1;
});

export const work = syncToAsync(import.meta, function work(n: number) {
  return ask(n) * 2;
});

if (import.meta.main) {
  console.log(await work(20));
  console.log(await spawn((n: number) => (sleep(1), n + 1), 1));
}
`;

/** Fetches a program's modules while the repository is served, and runs it when it is not served any more. */
async function runOffline(config: object): Promise<Ran> {
  await using folder = await temporaryFolder();
  await using cache = await temporaryFolder();
  const options = { cwd: folder.path, env: { DENO_DIR: cache.path } };
  await Deno.writeTextFile(join(folder.path, "deno.json"), JSON.stringify(config));
  {
    await using repository = serveRepository();
    const { host } = repository;
    await Deno.writeTextFile(join(folder.path, "main.ts"), MAIN(`http://${host}`));
    const cached = await runDeno(["cache", `--allow-import=${host}`, "main.ts"], options);
    assertEquals(cached.code, 0, cached.stderr);
  }
  if ("vendor" in config) await Deno.remove(cache.path, { recursive: true });
  return await runDeno(
    ["run", "--no-check", "--cached-only", "--no-prompt", "-A", "main.ts"],
    options,
  );
}

Deno.test("K7 deno cache fetches all that a program with green threads needs", async () => {
  const { code, stdout, stderr } = await runOffline({});
  assertEquals([code, stdout, stderr], [0, "42\n2\n", ""]);
});

Deno.test("K7 a vendored program runs with neither the network nor the cache", async () => {
  const { code, stdout, stderr } = await runOffline({ vendor: true });
  assertEquals([code, stdout, stderr], [0, "42\n2\n", ""]);
});
