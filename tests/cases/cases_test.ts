import { table } from "./table.ts";
import { runCase, waysOf } from "./ways.ts";
import { getHub } from "@aiohub/aiohub";

for (const [name, given] of Object.entries(table)) {
  for (const [way, greens] of waysOf(given)) {
    Deno.test(`${name} (${way})`, () => runCase(name, given, greens));
  }
}

Deno.test("no thread and no call is left", () => {
  const { threads, calls } = getHub().statistics();
  if (threads !== 0 || calls !== 0) throw new Error(`${threads} threads, ${calls} calls`);
});
