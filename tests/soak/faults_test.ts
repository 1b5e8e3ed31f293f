import { assert } from "@std/assert";
import { runFaults, SHARE } from "../support/fault_runner.ts";

Deno.test("faults at all blocking points: every thread ends as the table says, nothing is left, the process exits", async () => {
  const lines = await runFaults();
  // Each cell of that part was tried that makes sense, but for faults that only hit some points in a round.
  const cells = lines.filter((line) => line.startsWith("|")).slice(1)
    .flatMap((line) => line.split("|").slice(2, -1).map((cell) => cell.trim()));
  const tried = cells.filter((cell) => cell !== "-" && cell !== "0").length;
  assert(cells.length > 1800 && tried > 1100 * SHARE, `${tried} of ${cells.length} cells`);
});

Deno.test("faults at all blocking points of cooperative hubs: every thread ends as the table says, nothing is left", async () => {
  await runFaults("--cooperative");
});
