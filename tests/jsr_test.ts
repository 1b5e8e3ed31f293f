/**
 * The library as JSR serves it: from a registry of its own on loopback, with nothing but what would be published.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT, runDeno, serve, type Server, temporaryFolder } from "./support/mod.ts";

interface Config {
  readonly name: string;
  readonly version: string;
  readonly exports: Record<string, string>;
}

/** The published modules, by their paths in the package. */
async function readPackage(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const add = async (path: string) =>
    files.set(path, await Deno.readFile(new URL(`.${path}`, ROOT)));
  const addFolder = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(`.${folder}`, ROOT))) {
      if (isDirectory) await addFolder(`${folder}/${name}`);
      else await add(`${folder}/${name}`);
    }
  };
  const { publish } = await readConfig();
  for (const entry of publish.include) {
    if (entry.endsWith("/**/*.ts")) await addFolder(`/${entry.slice(0, -"/**/*.ts".length)}`);
    else if (entry.endsWith(".ts")) await add(`/${entry}`);
  }
  return files;
}

async function readConfig(): Promise<Config & { publish: { include: string[] } }> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
}

/** Answers as the registry does: versions, the manifest of one, and its files. */
async function openRegistry(): Promise<Server> {
  const { name, version, exports } = await readConfig();
  const files = await readPackage();
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, bytes] of files) {
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    manifest[path] = { size: bytes.length, checksum: `sha256-${sum.toHex()}` };
  }
  return serve((request) => {
    const path = new URL(request.url).pathname;
    if (path === `/${name}/meta.json`) return Response.json({ versions: { [version]: {} } });
    if (path === `/${name}/${version}_meta.json`) return Response.json({ exports, manifest });
    const file = files.get(path.replace(`/${name}/${version}`, ""));
    return new Response(file ?? "not found", {
      status: file ? 200 : 404,
      headers: { "content-type": file ? "application/typescript" : "text/plain" },
    });
  });
}

const PROGRAM = `
import * as library from "jsr:@aiohub/aiohub@^0.1.0";
import { spawn, syncToAsync } from "jsr:@aiohub/aiohub@^0.1.0";
import * as errors from "jsr:@aiohub/aiohub@^0.1.0/errors";
import { sleep } from "jsr:@aiohub/aiohub@^0.1.0/green";
import * as objects from "jsr:@aiohub/aiohub@^0.1.0/sync";
import type { Result } from "jsr:@aiohub/aiohub@^0.1.0/types";

/** How many classes of \`./sync\` and \`./errors\` are those of \`.\`, and how many are not. */
function compare(): { same: boolean; others: number } {
  const classes = Object.entries({ ...objects, ...errors }).filter(([name]) => name in library);
  const others = classes.filter(([name, value]) => value !== library[name as never]);
  return { same: classes.length > 20, others: others.length };
}

export const answer = syncToAsync(import.meta, function answer(n: number) {
  sleep(1);
  using _permit = new objects.Lock().acquire();
  try {
    new objects.Queue().tryGet();
  } catch (error) {
    if (error instanceof errors.Empty) return { n: n + 1, ...compare() };
  }
  throw new Error("The queue had an item");
});

export const answered: Result<number> = 0;

if (import.meta.main) {
  console.log(await spawn(() => {
    sleep(1);
    return "inline";
  }));
  console.log(JSON.stringify(await answer(41)), JSON.stringify(compare()));
}
`;

/** What the program prints where the entries have one copy of each class. */
const SAME = '"same":true,"others":0}';

Deno.test("jsr:@aiohub/aiohub needs no permission of its own, and --allow-read for local green modules", async (t) => {
  await using registry = await openRegistry();
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/main.ts`, PROGRAM);
  const run = async (...flags: string[]) => {
    const { code, stdout, stderr } = await runDeno(
      ["run", "--quiet", "--no-prompt", ...flags, "main.ts"],
      {
        cwd: folder.path,
        env: { DENO_DIR: `${folder.path}/cache`, JSR_URL: `${registry.url}/` },
      },
    );
    return { code, stdout, stderr };
  };
  await t.step("without a flag inline functions run, and the missing flag is named", async () => {
    const { code, stdout, stderr } = await run();
    assertEquals({ code, stdout }, { code: 1, stdout: "inline\n" });
    assertStringIncludes(stderr, 'main.ts", run again with the --allow-read flag');
  });
  await t.step("with --allow-read all runs", async () => {
    const ran = await run("--allow-read=.");
    assertEquals(ran, { code: 0, stdout: `inline\n{"n":42,${SAME} {${SAME}\n`, stderr: "" });
  });
});
