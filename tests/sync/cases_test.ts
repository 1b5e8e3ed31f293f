import { table } from "./cases.ts";
import { runCase, WAYS } from "./ways.ts";
import { getHub } from "@aiohub/aiohub";

for (const [name, given] of Object.entries(table)) {
  for (const [way, greens] of Object.entries(WAYS)) {
    if (given.parties.length < 2 && way.startsWith("mixed")) continue;
    Deno.test(`${name} (${way})`, () => runCase(name, given, greens));
  }
}

Deno.test("no thread and no call is left", () => {
  const { threads, calls } = getHub().statistics();
  if (threads !== 0 || calls !== 0) throw new Error(`${threads} threads, ${calls} calls`);
});
