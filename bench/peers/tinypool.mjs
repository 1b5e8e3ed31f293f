/** tinypool: async tasks on a pool. Hangs in Deno. */
// @ts-ignore: only bench/deno.json knows this name
import { Tinypool } from "tinypool";
import { servePool } from "./pool.mjs";

await servePool((workers) => {
  const pool = new Tinypool({
    filename: new URL("./pool_tasks.mjs", import.meta.url).href,
    minThreads: workers,
    maxThreads: workers,
  });
  return (name, value) => pool.run(value, { name });
});
