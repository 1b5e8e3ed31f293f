/**
 * Green modules that load npm packages, and then the hub imports one that is new to it: never a hang.
 *
 * Each try is a process of its own, with a lock file that knows the first package only. `AIOHUB_PROCESSES=30` has thirty of
 * each kind.
 */

import { assertEquals } from "@std/assert";
import { fixture, runDeno } from "../support.ts";
import { LocalRegistry } from "./local_registry.ts";

const PROCESSES = Number(Deno.env.get("AIOHUB_PROCESSES") ?? 1);

/** How a package is loaded, and who wants the next one: see the program. */
const KINDS = ["static", "own", "inline", "onlyHub", "several", "onHub", "cooperative"];

const library = import.meta.resolve("../../mod.ts");

/** What makes the runtime read for a while: many packages with many versions. */
const more = Array.from({ length: 20 }, (_, i) => `k6-part-${i}`);

Deno.test("K6 a package that a Worker has loaded keeps the hub's next import of one from nothing", async () => {
  await using registry = new LocalRegistry([
    { name: "k6-loaded", dependencies: more },
    { name: "k6-fresh" },
    ...more.map((name) => ({ name, versions: 200 })),
  ]);
  const folder = await Deno.makeTempDir();
  const env = { NPM_CONFIG_REGISTRY: registry.url, DENO_DIR: `${folder}/cache` };
  const [loaded, fresh] = ["npm:k6-loaded@1.0.0", "npm:k6-fresh@1.0.0"];
  const lock = await registry.lock(["k6-loaded"]);

  /** A folder with the program, in which nothing is locked yet but one package. */
  const prepare = async (name: string) => {
    const cwd = `${folder}/${name}`;
    await Deno.mkdir(cwd);
    await Deno.writeTextFile(`${cwd}/deno.json`, `{ "nodeModulesDir": "none" }`);
    await Deno.writeTextFile(`${cwd}/deno.lock`, lock);
    await Deno.copyFile(new URL(fixture("edges/imports_packages.ts")), `${cwd}/main.ts`);
    return cwd;
  };

  try {
    // So that no process needs the registry: a connection is another thing that threads wait for.
    const cached = await runDeno(["cache", "--no-lock", loaded, fresh], { env, cwd: folder });
    assertEquals(cached.code, 0, cached.stderr);
    // One after another of a kind, and all kinds at the same time.
    const ends = await Promise.all(KINDS.map(async (how) => {
      const said = new Set<string>();
      for (let i = 0; i < PROCESSES; i++) {
        const args = ["run", "-A", "--no-check", "main.ts", how, library, loaded, fresh];
        const { stdout, stderr } = await runDeno(args, {
          env,
          cwd: await prepare(`${how}-${i}`),
          limit: 120_000,
        });
        said.add(stdout + stderr);
      }
      return [how, ...said];
    }));
    assertEquals(ends, KINDS.map((how) => [how, "k6-loaded and k6-fresh\n"]));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
