/** synckit: the main thread blocks for an async function that runs in a Worker. */
// @ts-ignore: only bench/deno.json knows this name
import { createSyncFn } from "synckit";
import { serveBlocking } from "./blocking.mjs";

const url = new URL("./synckit_worker.mjs", import.meta.url).href;

await serveBlocking(() => createSyncFn(url), true);
