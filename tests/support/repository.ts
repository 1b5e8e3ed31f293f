/**
 * The repository as a package registry or a code host serves it, and programs that have it from there.
 *
 * @module
 */

import { join } from "node:path/posix";
import { type Ran, runDeno } from "./mod.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Serves the repository, as a package registry or a code host would. */
export function serveRepository() {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    try {
      const source = await Deno.readTextFile(join(ROOT, pathname));
      return new Response(source, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response("Not found", { status: 404 });
    }
  });
  const host = `127.0.0.1:${server.addr.port}`;
  return { host, asked, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A folder for one test, gone after it. */
export async function temporaryFolder() {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "aiohub_remote_" }));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/**
 * Runs Deno with a cache of its own: in that of the machine there may be modules of an earlier run, whose server had the
 * same port.
 */
export async function runUncached(cwd: string, ...args: string[]): Promise<Ran> {
  await using cache = await temporaryFolder();
  return await runDeno(["run", "--no-prompt", "--no-lock", "--quiet", ...args], {
    cwd,
    env: { DENO_DIR: cache.path },
  });
}
