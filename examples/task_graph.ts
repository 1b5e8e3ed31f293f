/**
 * A breakfast as a graph of tasks. Each task is a green thread, and starts when the results that it needs are there. One task
 * fails, and the tasks that need its result fail too, with an error that names it. The rest is served.
 *
 * Run: `deno run --allow-read examples/task_graph.ts`
 *
 * @module
 */

import { DAGPool, type DagResults } from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";

const needs: Record<string, string[]> = {
  tea: ["water", "leaves"],
  toast: ["bread"],
  egg: ["water"],
  "egg cup": ["egg"],
  breakfast: ["tea", "toast"],
  feast: ["breakfast", "egg cup"],
};

/** Makes a dish of the results that it needs. */
function make(key: string, results: DagResults<string>): string {
  const parts = [...results].map(([, part]) => part).sort();
  if (key === "egg") throw new Error("the egg has a crack");
  sleep(5);
  return `${key} (${parts.join(" and ")})`;
}

if (import.meta.main) {
  const pool = new DAGPool<string>({ water: "water", leaves: "leaves", bread: "bread" });
  pool.spawnMany(needs, make);
  console.log(`Breakfast is ${await pool.atAsync("breakfast")}.`);
  try {
    await pool.atAsync("feast");
  } catch (error) {
    for (let reason = error; reason instanceof Error; reason = reason.cause) {
      console.log(`${reason.name}: ${reason.message.split(":")[0]}`);
    }
  }
}
