/**
 * How often those tests repeat that do nothing but repeat.
 *
 * @module
 */

/**
 * All rounds with `AIOHUB_SOAK=1`, as `deno task test:soak` has it; else a few.
 *
 * @param full All rounds.
 * @param few Those that are worth it each time: a tenth by default, and one at least.
 */
export function rounds(full: number, few: number = Math.max(1, Math.round(full / 10))): number {
  return Deno.env.get("AIOHUB_SOAK") === "1" ? full : few;
}

/** What random numbers begin with: any number, or `AIOHUB_SEED` for the same ones again. */
export function anySeed(): number {
  return Number(Deno.env.get("AIOHUB_SEED") ?? Math.trunc(Math.random() * 1e9));
}
