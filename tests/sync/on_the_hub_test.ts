/** Blocking calls on the hub: the error names the call that was made, and the form of that call for the hub. */

import {
  BlockingCallError,
  Condition,
  DAGPool,
  GreenPile,
  GreenPool,
  Pool,
  Queue,
} from "@aiohub/aiohub";
import { assertEquals, assertThrows } from "@std/assert";

const dag = new DAGPool<number>({ a: 1 });
const pool = new GreenPool(1);
const pile = new GreenPile<number>(1);
const heldCondition = () => {
  const condition = new Condition();
  condition.tryAcquire();
  return condition;
};

const calls: readonly [call: string, instead: string, begin: () => unknown][] = [
  ["spawn()", "spawnAsync()", () => pool.spawn(() => 1)],
  ["spawnN()", "spawnNAsync()", () => pool.spawnN(() => 1)],
  ["imap()", "for await … of imapAsync()", () => pool.imap((n: number) => n, [1])],
  ["starmap()", "for await … of starmapAsync()", () => pool.starmap((n: number) => n, [[1]])],
  ["wait()", "await waitAsync()", () => dag.wait()],
  ["waitEach()", "for await … of waitEachAsync()", () => [...dag.waitEach()]],
  [
    "waitEachSuccess()",
    "for await … of waitEachSuccessAsync()",
    () => [...dag.waitEachSuccess()],
  ],
  ["waitEachError()", "for await … of waitEachErrorAsync()", () => [...dag.waitEachError()]],
  ["waitFor()", "await waitForAsync()", () => heldCondition().waitFor(() => false)],
  ["next()", "for await … of the queue", () => [...new Queue<number>()]],
  ["item()", "await itemAsync()", () => new Pool({ create: () => 1 }).item()],
  ["next()", "for await … of the pile", () => {
    pile.spawnAsync(() => 1);
    return [...pile];
  }],
];

Deno.test("a blocking call on the hub throws an error that names the call, and the form for the hub", async () => {
  for (const [call, instead, begin] of calls) {
    const { message } = assertThrows(begin, BlockingCallError);
    assertEquals(
      message,
      `Cannot call ${call} on the hub as it would block the event loop: use ${instead}`,
    );
  }
  assertEquals(await Array.fromAsync(pile), [1]);
});
