import { table } from "./table.ts";
import { crashesOf, runCase } from "./ways.ts";
import { cooperative } from "../support/mod.ts";

const leftovers = { crashed: 0 };
const hub = cooperative({}, leftovers);

// Each case that is run in several ways elsewhere, once more: all parties in green threads that take turns.
for (const [name, given] of Object.entries(table)) {
  Deno.test(`${name} (all green, cooperative)`, async () => {
    leftovers.crashed += crashesOf(given);
    await runCase(name, given, given.parties.map(() => true));
  });
}

Deno.test("no thread and no call of the cooperative cases is left", async () => {
  const { threads, calls } = hub.statistics();
  if (threads !== 0 || calls !== 0) throw new Error(`${threads} threads, ${calls} calls`);
  await hub[Symbol.asyncDispose]();
});
