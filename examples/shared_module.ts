/**
 * Two modules in green threads: `pages.ts` is written for both sides, and `rules.ts` knows nothing of green threads.
 *
 * Run: `deno run --allow-read --allow-net=127.0.0.1 examples/shared_module.ts`
 *
 * @module
 */

import { greenImport } from "@aiohub/aiohub";
import { fetchBody, titleOf, titlesOf } from "./pages.ts";

if (import.meta.main) {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const tea = new URL(request.url).pathname.slice(1);
    return new Response(`<title>All about ${tea} tea</title>`);
  });
  const at = (tea: string) => `http://127.0.0.1:${server.addr.port}/${tea}`;

  console.log(`One page: ${await titleOf(at("green"))}.`);

  const titles = await titlesOf([at("black"), at("white"), at("mint")]);
  console.log(`Three pages: ${titles.join("; ")}.`);

  console.log(
    `The same function on the hub: ${(await fetchBody.async(at("oolong"))).length} bytes.`,
  );

  const rules = greenImport<typeof import("./rules.ts")>(import.meta.resolve("./rules.ts"));
  const counts = await rules.countWords(titles);
  console.log(`The word "tea" comes ${counts.get("tea")} times.`);
}
