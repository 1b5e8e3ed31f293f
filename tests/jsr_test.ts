/**
 * The library as JSR serves it: from a registry of its own on loopback, with nothing but what would be published.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

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
async function openRegistry(): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const { name, version, exports } = await readConfig();
  const files = await readPackage();
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, bytes] of files) {
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    manifest[path] = { size: bytes.length, checksum: `sha256-${sum.toHex()}` };
  }
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
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
import { spawn, syncToAsync } from "jsr:@aiohub/aiohub@^0.1.0";
import { sleep } from "jsr:@aiohub/aiohub@^0.1.0/green";

export const answer = syncToAsync(import.meta, function answer(n: number) {
  sleep(1);
  return n + 1;
});

if (import.meta.main) {
  console.log(await spawn(() => {
    sleep(1);
    return "inline";
  }));
  console.log(await answer(41));
}
`;

Deno.test("jsr:@aiohub/aiohub needs no permission of its own, and --allow-read for local green modules", async (t) => {
  await using registry = await openRegistry();
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/main.ts`, PROGRAM);
  const run = async (...flags: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...flags, "main.ts"],
      cwd: folder,
      env: {
        NO_COLOR: "1",
        DENO_DIR: `${folder}/cache`,
        JSR_URL: `http://127.0.0.1:${registry.addr.port}/`,
      },
      signal: AbortSignal.timeout(60_000),
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  };
  try {
    await t.step("without a flag inline functions run, and the missing flag is named", async () => {
      const { code, out, err } = await run();
      assertEquals({ code, out }, { code: 1, out: "inline\n" });
      assertStringIncludes(err, 'main.ts", run again with the --allow-read flag');
    });
    await t.step("with --allow-read all runs", async () => {
      assertEquals(await run("--allow-read=."), { code: 0, out: "inline\n42\n", err: "" });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
