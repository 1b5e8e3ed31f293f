/** await-sync: the main thread blocks for an async function whose source runs in a Worker. */
// @ts-ignore: only bench/deno.json knows this name
import { createWorker } from "await-sync";
import { serveBlocking } from "./blocking.mjs";

await serveBlocking((kind) => {
  const awaitSync = createWorker();
  // Results must be bytes; its README has the user bring a serializer for anything else.
  // deno-lint-ignore require-await -- the bridge is for async functions
  if (kind === "bytes") return awaitSync(async (value) => value);
  return awaitSync(
    // deno-lint-ignore require-await -- the bridge is for async functions
    async (value) => new TextEncoder().encode(JSON.stringify(value)),
    (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
  );
});
