/** Runs the fault suite of `fixtures/lifetimes/faults.ts`, which says what it does. */

import { assertEquals } from "@std/assert";
import { fixture, runDeno } from "./mod.ts";
import { anySeed, rounds } from "./rounds.ts";

/** How long it may take, in milliseconds. */
const LIMIT = 300_000;

/** Which part of the table is tried: with `AIOHUB_SOAK=1` all of it, else a random tenth. */
export const SHARE = rounds(10) / 10;

/**
 * Runs the suite in a process of its own, and asserts that it found nothing.
 *
 * @param flags More arguments.
 * @returns The lines that it printed.
 */
export async function runFaults(...flags: string[]): Promise<string[]> {
  const seed = anySeed();
  console.log(`AIOHUB_SEED=${seed}`);
  const program = fixture("lifetimes/faults.ts");
  const { code, stdout, stderr } = await runDeno(
    [
      "run",
      "--allow-all",
      "--no-prompt",
      "--v8-flags=--expose-gc",
      program,
      "--share",
      String(SHARE),
      "--seed",
      String(seed),
      ...flags,
    ],
    { limit: LIMIT },
  );
  const lines = stdout.trim().split("\n");
  assertEquals([lines.at(-1), code], ["ok", 0], `${stdout}\n${stderr}`);
  return lines;
}
