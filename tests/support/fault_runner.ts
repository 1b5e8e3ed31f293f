/** Runs the fault suite of `fixtures/lifetimes/faults.ts`, which says what it does. */

import { assertEquals } from "@std/assert";
import { fixture, runDeno } from "./mod.ts";

/** How long it may take to begin and to end, and for each round, in milliseconds. */
const LIMIT = 120_000;

/**
 * Runs the suite in a process of its own, and asserts that it found nothing.
 *
 * One round by default; for more, `AIOHUB_FAULT_ROUNDS=300`, with `AIOHUB_FAULT_SEED` for the same ones again.
 *
 * @param flags More arguments.
 * @returns The lines that it printed.
 */
export async function runFaults(...flags: string[]): Promise<string[]> {
  const rounds = Deno.env.get("AIOHUB_FAULT_ROUNDS") ?? "1";
  const seed = Deno.env.get("AIOHUB_FAULT_SEED") ?? String(Math.trunc(Math.random() * 2 ** 31));
  console.log(`AIOHUB_FAULT_SEED=${seed} AIOHUB_FAULT_ROUNDS=${rounds}`);
  const program = fixture("lifetimes/faults.ts");
  const { code, stdout, stderr } = await runDeno(
    [
      "run",
      "--allow-all",
      "--no-prompt",
      "--v8-flags=--expose-gc",
      program,
      "--rounds",
      rounds,
      "--seed",
      seed,
      ...flags,
    ],
    { limit: LIMIT + LIMIT * Number(rounds) },
  );
  const lines = stdout.trim().split("\n");
  assertEquals([lines.at(-1), code], ["ok", 0], `${stdout}\n${stderr}`);
  return lines;
}
