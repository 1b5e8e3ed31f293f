/**
 * A crawler: green threads fetch pages with blocking calls, and put a report of each page into a bounded queue. Async code takes
 * the reports out. When the async code is slow, the queue is full and the crawlers wait.
 *
 * Run: `deno run --allow-read --allow-net=127.0.0.1 examples/queue_crawler.ts`
 *
 * @module
 */

import { GreenPool, Queue, syncToAsync } from "@aiohub/aiohub";
import { fetch } from "@aiohub/aiohub/green";

/** A page, as the crawlers report it. */
interface Page {
  readonly path: string;
  readonly title: string;
  readonly links: string[];
}

/** Fetches one page and reports it. */
export const crawl = syncToAsync(
  import.meta,
  function crawl(base: string, path: string, pages: Queue<Page>) {
    const html = fetch(base + path).text();
    const title = /<title>(.*?)</.exec(html)?.[1] ?? "";
    const links = [...html.matchAll(/href="(.*?)"/g)].map(([, link]) => link);
    pages.put({ path, title, links });
  },
);

/** A site of pages that link to each other: page n links to 2n and 2n + 1. */
function serve(request: Request): Response {
  const n = Number(new URL(request.url).pathname.slice(1));
  const links = [2 * n, 2 * n + 1].filter((n) => n < 32);
  const body = links.map((n) => `<a href="/${n}">${n}</a>`).join(" ");
  return new Response(`<title>Page ${n}</title>${body}`);
}

if (import.meta.main) {
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, serve);
  const base = `http://127.0.0.1:${server.addr.port}`;
  const pool = new GreenPool(4);
  const pages = new Queue<Page>(2);
  const seen = new Set(["/1"]);
  let mostWaiting = 0;
  pool.spawnNAsync(crawl, base, "/1", pages);
  let left = 1;
  for await (const { title, links } of pages) {
    mostWaiting = Math.max(mostWaiting, pages.putting);
    for (const link of links) {
      if (seen.has(link)) continue;
      seen.add(link);
      left++;
      pool.spawnNAsync(crawl, base, link, pages);
    }
    if (title === "Page 31") console.log(`The last one is called "${title}".`);
    if (--left === 0) pages.close();
  }
  await pool.waitAllAsync();
  console.log(`Crawled ${seen.size} pages, at most ${pool.size} at a time.`);
  console.log(mostWaiting <= pool.size ? "The queue held the crawlers back." : "It did not.");
}
