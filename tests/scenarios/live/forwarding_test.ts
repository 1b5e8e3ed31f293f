import { type GreenThread, handle, Queue } from "@aiohub/aiohub";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { TestHub, thrownBy } from "../../support/mod.ts";
import * as forwarding from "../../fixtures/forwarding.ts";
import { type GreenTill, Till } from "../../fixtures/passing_on.ts";

function given(till: Till, thread: GreenThread<string>): forwarding.Given {
  return {
    double: (n) => 2 * n,
    till: handle(till) as unknown as GreenTill,
    signal: new AbortController().signal,
    thread,
  };
}

const USED = [
  1,
  8,
  5,
  false,
  "told",
  15,
  7,
  "aborted before",
  7,
  true,
  "item",
  "a blob",
  "in a form",
  5000,
];

Deno.test("an argument that refers to each kind goes from Worker to Worker, and the hub does not decode it", async () => {
  await using hub = new TestHub({ maxWorkers: 3 });
  const queue = new Queue<string>();
  const till = new Till();
  const thread = forwarding.told(queue);
  const used = forwarding.forward(given(till, thread) as never);
  await queue.putAsync("told");
  assertEquals(await used, USED);
  assertEquals([till.cents, hub.statistics().crashed], [5, 0]);
});

Deno.test("a result that refers to each kind goes from Worker to Worker, and the hub does not decode it", async () => {
  await using _hub = new TestHub({ maxWorkers: 3 });
  const [queue, go] = [new Queue<string>(), new Queue<string>()];
  const thread = forwarding.told(queue);
  const giver = forwarding.giveAll(given(new Till(), thread) as never, go);
  const used = forwarding.useResult(giver as never, go);
  await queue.putAsync("told");
  assertEquals(await used, USED);
  // The hub cannot decode it: so it has not.
  assertStringIncludes(String(await thrownBy(giver)), "not on the hub");
});

Deno.test("a thread that has not started keeps nothing of its arguments once it is killed", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const queue = new Queue<string>();
  const busy = forwarding.told(queue);
  const waits = hub.spawn((_fn: () => void, _till: unknown) => {}, () => {}, handle(new Till()));
  // What a waiting thread refers to is counted when it is sent.
  assertEquals(hub.statistics().functions, 0);
  waits.kill();
  await thrownBy(waits);
  await queue.putAsync("told");
  assertEquals(await busy, "told");
  assertEquals([hub.statistics().functions, hub.statistics().handles], [0, 0]);
});

Deno.test("a thread that ends while its handle waits in an argument is known to who gets the handle", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const queue = new Queue<string>();
  const busy = forwarding.told(queue);
  const next = forwarding.told(queue);
  const waits = hub.spawn((thread: GreenThread<string>) => thread.wait(), busy);
  await queue.putAsync("told");
  assertEquals(await busy, "told");
  // From here on nobody but the argument holds the thread.
  await queue.putAsync("next");
  assertEquals(await next, "next");
  assertEquals(await waits, "told");
});
