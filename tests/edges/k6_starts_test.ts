/** Workers that cannot start while others work: what waits for a Worker goes on waiting. */

import { assert, assertEquals } from "@std/assert";
import { fixture, runDeno, temporaryFolder } from "../support/mod.ts";
import { testWith } from "../support/needs.ts";

/** Whoever runs the program: not root, for whom the number of threads has no limit. */
const UID = Deno.uid() === 0 ? 64_321 : Deno.uid()!;

/**
 * How many threads the program may have at first: those that the runtime needs, one for each core among them, and some Workers.
 */
const THREADS = 12 + 2 * navigator.hardwareConcurrency;

/** Begins a command that is run by that user, who may read all that this one may. */
const as = Deno.uid() === 0
  ? ["setpriv", `--reuid=${UID}`, "--clear-groups", "--inh-caps=+dac_read_search"].concat(
    "--ambient-caps=+dac_read_search",
  )
  : ["env"];

/** How many threads a user has. */
function threadsOf(uid: number): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = Deno.readTextFileSync(`/proc/${name}/status`);
      if (status.match(/^Uid:\s+(\d+)/m)?.[1] !== String(uid)) continue;
      count += Number(status.match(/^Threads:\s+(\d+)/m)![1]);
    } catch (error) {
      // It has ended meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return count;
}

function command([program, ...args]: string[], options?: Deno.CommandOptions): Deno.Command {
  return new Deno.Command(program, { stdin: "null", ...options, args });
}

/** Runs the program with few threads, and raises their number when it says that they are too few. */
async function limitedRun(run: string[], env: Record<string, string>) {
  const limit = `--nproc=${threadsOf(UID) + THREADS}:`;
  await using child = command([...as, "prlimit", limit, ...run, String(THREADS)], {
    env,
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  }).spawn();
  const stderr = new Response(child.stderr).text();
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said !== "limited, 0 have ended\n") continue;
    const raise = [...as, "prlimit", "--pid", String(child.pid), "--nproc=4000:"];
    assert((await command(raise).output()).success);
  }
  return { said, stderr: await stderr, code: (await child.status).code };
}

const full = "K6 threads wait while the process can have no more threads, and start when it can";
testWith(["linux", "prlimit", "setpriv"], full, async () => {
  await using cache = await temporaryFolder();
  await Deno.chmod(cache.path, 0o777);
  const program = new URL(fixture("edges/many_starts.ts")).pathname;
  const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", DENO_DIR: cache.path };
  const run = [Deno.execPath(), "run", "--allow-read", program];
  // Once without a limit, so that all is compiled.
  assert((await command([...as, ...run, "1"], { env }).output()).success);
  for (;;) {
    const { said, stderr, code } = await limitedRun(run, env);
    // Deno's own threads found no room either, and it has given up: that says nothing of the library.
    if (stderr.includes("unable to create worker threads")) continue;
    assertEquals(said, `limited, 0 have ended\n${THREADS} have ended\n`, stderr);
    assertEquals(code, 0);
    return;
  }
});

for (const kind of ["plain", "cooperative"]) {
  Deno.test(`K6 threads wait while new Workers die, and fail when none is left: ${kind} hub`, async () => {
    const program = fixture("edges/dies_at_start.ts");
    const { code, stdout } = await runDeno(["run", "--allow-read", "--no-prompt", program, kind]);
    assertEquals(stdout.trim().split("\n"), [
      "rested: true",
      "pending,pending,pending",
      "1,2,3",
      "WorkerCrashedError ended before it was ready: Requires read",
      "WorkerCrashedError ended before it was ready: Requires read",
    ]);
    assertEquals(code, 0);
  });
}
