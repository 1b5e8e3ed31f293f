import { assert, assertEquals } from "@std/assert";
import { fixture } from "../support.ts";

/**
 * Each fault at each blocking point; see `fixtures/lifetimes/faults.ts` for the table. One round by default; for more,
 * `AIOHUB_FAULT_ROUNDS=300`, with `AIOHUB_FAULT_SEED` for the same ones again.
 */
Deno.test("faults at all blocking points: every thread ends as the table says, nothing is left, the process exits", async () => {
  const rounds = Deno.env.get("AIOHUB_FAULT_ROUNDS") ?? "1";
  const seed = Deno.env.get("AIOHUB_FAULT_SEED") ?? String(Math.trunc(Math.random() * 2 ** 31));
  console.log(`AIOHUB_FAULT_SEED=${seed} AIOHUB_FAULT_ROUNDS=${rounds}`);
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--no-prompt",
      "--v8-flags=--expose-gc",
      fixture("lifetimes/faults.ts"),
      "--rounds",
      rounds,
      "--seed",
      seed,
    ],
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(120_000 + 60_000 * Number(rounds)),
  }).output();
  const out = new TextDecoder().decode(stdout);
  const lines = out.trim().split("\n");
  const failure = `${out}\n${new TextDecoder().decode(stderr)}`;
  assertEquals([lines.at(-1), code, signal], ["ok", 0, null], failure);
  // The table is complete: each cell that makes sense was tried, but for faults that only hit some points in a round.
  const cells = lines.filter((line) => line.startsWith("|")).slice(1)
    .flatMap((line) => line.split("|").slice(2, -1).map((cell) => cell.trim()));
  const tried = cells.filter((cell) => cell !== "-" && cell !== "0").length;
  assert(cells.length > 1800 && tried > 1100, `${tried} of ${cells.length} cells`);
});
