/** synckit's Worker. */
// @ts-ignore: only bench/deno.json knows this name
import { runAsWorker } from "synckit";

// deno-lint-ignore require-await -- the bridge is for async functions
runAsWorker(async (value) => value);
