/**
 * Runs the tests, and adds up what they say: `deno task test`, `deno task test:more`, `deno task test:soak`.
 *
 * A task is several runs, one after another: files that measure nothing run side by side, the others alone. The last line is
 * "12 passed, 0 failed". More arguments go to `deno test`, as in `deno task test --filter Lock`. With files or folders these
 * alone are run, one file after another: `deno task test tests/sync --filter Lock`.
 *
 * `test:soak` ends with the program `soak.ts`, for ten minutes or `--minutes 60`.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";

/** One run of `deno test`. */
interface Run {
  /** What it runs, for people. */
  readonly title: string;
  /** Files and folders; without them all there are, with the blocks of the documentation. */
  readonly paths?: readonly string[];
  /** Files and folders that are left out. */
  readonly ignore?: readonly string[];
  /** How many files run at the same time. */
  readonly jobs?: number;
}

/** How many tests ended how. */
interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

/** Files that measure time, the memory of their process, or how busy it is: they would measure the others too. */
const ALONE = [
  "tests/scenarios/live/streams_test.ts",
  "tests/scenarios/process/exit_test.ts",
];

/** Files that need more than Deno: servers, real packages of npm, what others run. */
const MORE = [
  "tests/packages",
  "tests/edges/k4_postgres_test.ts",
  "tests/edges/k7_bundles_test.ts",
];

/** Files whose tests do nothing but repeat, or need a machine that does nothing else. */
const SOAK = "tests/soak";

/** The count of files that run side by side: one more than there are cores, as tests wait now and then. */
const JOBS = navigator.hardwareConcurrency + 1;

const TASKS: Readonly<Record<string, () => readonly Run[]>> = {
  "test": () => [
    { title: "side by side", ignore: [...ALONE, ...MORE, SOAK], jobs: JOBS },
    { title: "one after another", paths: ALONE },
  ],
  "test:more": () => [{ title: "with more than Deno", paths: MORE }],
  "test:soak": () => [{ title: "all rounds", paths: repeating("tests") }],
};

/** The files of tests that repeat: those of {@linkcode SOAK}, and others that ask how often. */
function repeating(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return repeating(path);
    if (!name.endsWith("_test.ts")) return [];
    const asks = () => /\/rounds\.ts"/.test(Deno.readTextFileSync(path));
    return folder === SOAK || asks() ? [path] : [];
  }).toSorted();
}

/** Runs some tests, shows what `deno test` prints, and counts. */
async function test({ title, paths, ignore, jobs = 1 }: Run, more: string[]): Promise<Counts> {
  console.log(`--- ${title}`);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--allow-all",
      "--no-check",
      ...paths ? [] : ["--doc"],
      ...jobs > 1 ? ["--parallel"] : [],
      ...ignore ? [`--ignore=${ignore}`] : [],
      ...more,
      ...paths ?? [],
    ],
    env: { DENO_JOBS: `${jobs}` },
    stdout: "piped",
  }).spawn();
  let end = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    await print(text);
    end = (end + text).slice(-2000);
  }
  const { code } = await child.status;
  return count(stripVTControlCharacters(end), code);
}

/** Prints a piece as it comes: `console.log()` would end its last line. */
async function print(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

/** Reads "ok | 12 passed (3 steps) | 1 failed | 2 ignored (3s)". A run that ended badly has failed at least once. */
function count(output: string, code: number): Counts {
  const last = output.match(/^(ok|FAILED) \| \d+ passed.*$/gm)?.at(-1) ?? "";
  const [passed, failed, ignored] = ["passed", "failed", "ignored"].map((what) =>
    Number(last.match(`(\\d+) ${what}`)?.[1] ?? 0)
  );
  return { passed, failed: code === 0 ? failed : Math.max(1, failed), ignored };
}

/** Runs the program that does everything at the same time. */
async function soak(minutes: string): Promise<Counts> {
  console.log("--- everything at the same time");
  const program = new URL("soak.ts", import.meta.url).pathname;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--v8-flags=--expose-gc", program, "--minutes", minutes],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, ignored: 0 };
}

/** Whether there is a file or a folder of that name. */
function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  const [task, ...args] = Deno.args;
  const at = args.indexOf("--minutes");
  const [, minutes = "10"] = at < 0 ? [] : args.splice(at, 2);
  const paths = args.filter(exists);
  const more = args.filter((argument) => !paths.includes(argument));
  const isSoak = task === "test:soak";
  if (isSoak) Deno.env.set("AIOHUB_SOAK", "1");
  const runs = paths.length > 0 ? [{ title: paths.join(" "), paths }] : TASKS[task]();
  const counts: Counts[] = [];
  for (const run of runs) counts.push(await test(run, more));
  if (isSoak && args.length === 0) counts.push(await soak(minutes));
  const sum = (what: keyof Counts) => counts.reduce((total, { [what]: n }) => total + n, 0);
  const [passed, failed, ignored] = [sum("passed"), sum("failed"), sum("ignored")];
  console.log(`${passed} passed, ${failed} failed${ignored > 0 ? `, ${ignored} skipped` : ""}`);
  Deno.exitCode = failed > 0 ? 1 : 0;
}

if (import.meta.main) await main();
