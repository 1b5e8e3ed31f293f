/** piscina: async tasks on a pool. */
// @ts-ignore: only bench/deno.json knows this name
import { Piscina } from "piscina";
import { servePool } from "./pool.mjs";

await servePool((workers) => {
  const pool = new Piscina({
    filename: new URL("./pool_tasks.mjs", import.meta.url).href,
    minThreads: workers,
    maxThreads: workers,
  });
  return (name, value) => pool.run(value, { name });
});
