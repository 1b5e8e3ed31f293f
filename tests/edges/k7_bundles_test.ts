import { build, type BuildOptions, stop } from "npm:esbuild@^0.25";
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path/posix";
import { fixture, type Ran, ROOT, runDeno, temporaryFolder } from "../support/mod.ts";

const FIXTURES = new URL(fixture("edges/bundled")).pathname;
const LIBRARY = {
  "@aiohub/aiohub": new URL("mod.ts", ROOT).pathname,
  "@aiohub/aiohub/green": new URL("green/mod.ts", ROOT).pathname,
  "@aiohub/aiohub/sync": new URL("sync/mod.ts", ROOT).pathname,
  "@aiohub/aiohub/errors": new URL("errors.ts", ROOT).pathname,
};

/** Bundles a program of `fixtures/edges/bundled/` into a folder that has nothing else, and runs it there. */
async function runBundle(name: string, options: BuildOptions): Promise<Ran> {
  await using folder = await temporaryFolder();
  try {
    await build({
      entryPoints: [join(FIXTURES, `${name}.ts`)],
      outdir: folder.path,
      bundle: true,
      format: "esm",
      platform: "neutral",
      external: ["node:*"],
      logLevel: "error",
      ...options,
    });
    await Deno.writeTextFile(join(folder.path, "deno.json"), JSON.stringify({ imports: LIBRARY }));
    return await runDeno(
      ["run", "--no-prompt", "--no-lock", "--allow-read", "--allow-net=127.0.0.1", `${name}.js`],
      { cwd: folder.path },
    );
  } finally {
    await stop();
  }
}

const INSIDE: BuildOptions = { alias: LIBRARY };
const OUTSIDE: BuildOptions = { external: ["node:*", "@aiohub/*"] };
const bundles: Record<string, BuildOptions> = {
  "minified, with the library inside": { ...INSIDE, minify: true },
  "not minified, with the library inside": INSIDE,
  "minified, in several files": { ...INSIDE, minify: true, splitting: true },
  // The library is in a file that both import.
  "of two programs, in several files": {
    ...INSIDE,
    entryPoints: ["main", "unnamed"].map((name) => join(FIXTURES, `${name}.ts`)),
    splitting: true,
  },
  "minified, with the library outside": { ...OUTSIDE, minify: true },
};

for (const [kind, options] of Object.entries(bundles)) {
  Deno.test(`K7 a bundle runs: ${kind}`, async () => {
    const { code, stdout, stderr } = await runBundle("main", options);
    assertEquals([code, stdout, stderr], [
      0,
      "hello 200 1\ntrue 1000000\n20 1\nqueue N true\n",
      "",
    ]);
  });
}

Deno.test("K7 a bundle with two functions of one name says which they are", async () => {
  const { code, stderr } = await runBundle("clash", { ...INSIDE, minify: true });
  assertMatch(
    stderr,
    /TypeError: Cannot call syncToAsync\(\): "file:.*clash\.js" wraps two functions with the name "titleOf"/,
  );
  assertMatch(stderr, /`\w+=>.*<title>.*` and `\w+=>\w+\.toUpperCase\(\)`/);
  assertMatch(
    stderr,
    /give one of the functions another name: syncToAsync\(import\.meta, "other", …\)/,
  );
  assertEquals(code, 1);
});

Deno.test("K7 a bundle whose functions have lost their names says what to write", async () => {
  const minified = await runBundle("unnamed", { ...INSIDE, minify: true });
  assertMatch(
    minified.stderr,
    /the function has no name: .* In a bundle, give the name as text: syncToAsync\(import\.meta, "f", …\)/,
  );
  const renamed = await runBundle("unnamed", INSIDE);
  assertMatch(renamed.stderr, /Cannot find "shout2" in "file:.*unnamed\.js"/);
  assertMatch(renamed.stderr, /In a bundle, give the name as text: syncToAsync\(import\.meta, /);
  assertEquals([minified.code, renamed.code], [1, 1]);
});
