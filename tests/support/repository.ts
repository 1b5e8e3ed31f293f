/**
 * The repository as a package registry or a code host serves it, and programs that have it from there.
 *
 * @module
 */

import { join } from "node:path/posix";
import { type Ran, runDeno } from "./child.ts";
import { ROOT, temporaryFolder } from "./paths.ts";
import { serve } from "./server.ts";

/** Serves the repository, as a package registry or a code host would. */
export function serveRepository() {
  const asked: string[] = [];
  const server = serve(async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    try {
      const source = await Deno.readTextFile(join(ROOT.pathname, pathname));
      return new Response(source, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response("Not found", { status: 404 });
    }
  });
  return { ...server, asked };
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
