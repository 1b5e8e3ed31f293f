/**
 * The demo's green code: plain synchronous TypeScript, without one `async` or `await`. It reads pages by blocking calls, calls
 * an async library as if the library returned plain values, sleeps, and catches errors.
 *
 * @module
 */

import { hubImport, syncToAsync } from "@aiohub/aiohub";
import { sleep, urlopen } from "@aiohub/aiohub/green";

/** Prints a line of the trace: the action of the hub, and the green code for it. A function of the hub. */
export type Say = (hub: string, green: string) => void;

/** Reads the front page and the shelves, one after another, and gives the addresses of all teas. */
export const crawl = syncToAsync(import.meta, function crawl(site: string, say: Say): string[] {
  const addresses: string[] = [];
  for (const shelf of linksOf(read(site, say))) {
    try {
      addresses.push(...linksOf(read(new URL(shelf, site).href, say)));
    } catch (error) {
      say("", `catch (error): ${(error as Error).name}`);
    }
  }
  return addresses.map((address) => new URL(address, site).href);
});

/** The facts about a tea. */
export interface Tea {
  readonly title: string;
  /** The time for which the green thread was blocked, in milliseconds. */
  readonly blocked: number;
}

/** Reads one page and checks its seal with an async library. Throws the errors of that library. */
export const visit = syncToAsync(
  import.meta,
  function visit(address: string, key: Uint8Array, say?: Say): Tea {
    const begin = performance.now();
    const { jwtVerify } = hubImport<typeof import("npm:jose@6.1.0")>("npm:jose@6.1.0");
    const page = read(address, say);
    const { payload } = jwtVerify(/"seal" content="(.*?)"/.exec(page)![1], key);
    say?.(`npm:jose: "${payload.title}"`, "jwtVerify(seal, key).payload.title");
    sleep(20);
    return { title: String(payload.title), blocked: performance.now() - begin };
  },
);

function read(address: string, say?: Say): string {
  const { pathname } = new URL(address);
  const begin = performance.now();
  try {
    const text = urlopen(address).read();
    say?.(
      `fetch: ${text.length} bytes in ${(performance.now() - begin).toFixed()} ms`,
      `urlopen("${pathname}").read()`,
    );
    return text;
  } catch (error) {
    say?.("fetch: 404", `urlopen("${pathname}")`);
    throw error;
  }
}

function linksOf(page: string): string[] {
  return Array.from(page.matchAll(/href="(.*?)"/g), ([, link]) => link);
}
