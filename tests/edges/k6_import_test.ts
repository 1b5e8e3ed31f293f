/**
 * Green modules that load npm packages, and then the hub imports one that is new to it: never a hang.
 *
 * Each try is a process of its own, with a lock file that knows the first package only: then the runtime goes on to read what is
 * known of that one after it has been imported.
 */

import { assertEquals } from "@std/assert";
import { fixture, runDeno } from "../support/mod.ts";
import { rounds } from "../support/rounds.ts";
import { LocalRegistry } from "./local_registry.ts";

/** How many tries of each kind there are. */
const PROCESSES = rounds(30, 1);

/** How a package is loaded, and who wants the next one: see the program. */
const KINDS = ["static", "own", "inline", "onlyHub", "several", "onHub", "cooperative"];

const library = import.meta.resolve("../../mod.ts");

/** What makes the runtime read for a while: many packages with many versions. */
const more = Array.from({ length: 20 }, (_, i) => `k6-part-${i}`);

const [loaded, fresh] = ["npm:k6-loaded@1.0.0", "npm:k6-fresh@1.0.0"];

/** A registry, and a cache that has all its packages: a program reads, and needs no connection. */
class Packages implements AsyncDisposable {
  readonly #registry = new LocalRegistry([
    // Longer than a Worker takes to park once it has loaded this.
    { name: "k6-loaded", dependencies: more, delay: 700 },
    { name: "k6-fresh" },
    ...more.map((name) => ({ name, versions: 200 })),
  ]);
  readonly #folder = Deno.makeTempDirSync();
  readonly #env = { NPM_CONFIG_REGISTRY: this.#registry.url, DENO_DIR: `${this.#folder}/cache` };
  #tries = 0;

  async fill(): Promise<void> {
    const args = ["cache", "--no-lock", loaded, fresh];
    const { code, stderr } = await runDeno(args, { env: this.#env, cwd: this.#folder });
    assertEquals(code, 0, stderr);
  }

  /** The next program that loads the first package has to ask the registry what is known of it, and that takes a while. */
  async forget(): Promise<void> {
    this.#registry.slow = true;
    const npm = `${this.#folder}/cache/npm`;
    const [{ name: registry }] = await Array.fromAsync(Deno.readDir(npm));
    await Deno.remove(`${npm}/${registry}/k6-loaded/registry.json`);
  }

  /** What the program says, in a folder of its own in which nothing is locked yet but one package. */
  async run(how: string): Promise<string> {
    const cwd = `${this.#folder}/${how}-${this.#tries++}`;
    await Deno.mkdir(cwd);
    await Deno.writeTextFile(`${cwd}/deno.json`, `{ "nodeModulesDir": "none" }`);
    await Deno.writeTextFile(`${cwd}/deno.lock`, await this.#registry.lock(["k6-loaded"]));
    await Deno.copyFile(new URL(fixture("edges/imports_packages.ts")), `${cwd}/main.ts`);
    const args = ["run", "-A", "--no-check", "--quiet", "main.ts", how, library, loaded, fresh];
    const { stdout, stderr } = await runDeno(args, { env: this.#env, cwd, limit: 120_000 });
    return stdout + stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

const wanted = "k6-loaded and k6-fresh\n";

Deno.test("K6 a package that a Worker has loaded keeps the hub's next import of one from nothing", async () => {
  await using packages = new Packages();
  await packages.fill();
  // One after another of a kind, and all kinds at the same time.
  const ends = await Promise.all(KINDS.map(async (how) => {
    const said = new Set<string>();
    for (let i = 0; i < PROCESSES; i++) said.add(await packages.run(how));
    return [how, ...said];
  }));
  assertEquals(ends, KINDS.map((how) => [how, wanted]));
});

Deno.test("K6 a Worker parks while the registry has not answered it, and the hub imports all the same", async () => {
  await using packages = new Packages();
  await packages.fill();
  for (const how of ["own", "inline"]) {
    for (let i = 0; i < PROCESSES; i++) {
      await packages.forget();
      assertEquals(await packages.run(how), wanted, how);
    }
  }
});
