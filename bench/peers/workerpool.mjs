/** workerpool: async tasks on a pool. */
// @ts-ignore: only bench/deno.json knows this name
import workerpool from "workerpool";
import { fileURLToPath } from "node:url";
import { servePool } from "./pool.mjs";

await servePool((workers) => {
  const script = fileURLToPath(new URL("./workerpool_worker.mjs", import.meta.url));
  const pool = workerpool.pool(script, {
    workerType: "thread",
    minWorkers: workers,
    maxWorkers: workers,
  });
  return (name, value) => pool.exec(name, [value]);
});
