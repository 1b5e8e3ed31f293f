/** Iterations over a queue: what is left is in the queue, and the end has an error of its own. */

import { Queue, QueueClosedError, spawn } from "@aiohub/aiohub";
import { assertEquals, assertMatch, assertNotStrictEquals, assertThrows } from "@std/assert";
import { rejection } from "../support/mod.ts";

Deno.test("a queue keeps an item that comes after a loop was left that waited for it", async () => {
  const queue = new Queue<number>();
  const iterator = queue[Symbol.asyncIterator]();
  const pending = iterator.next();
  assertEquals(queue.getting, 1);
  await iterator.return();
  assertEquals(await pending, { done: true, value: undefined });
  assertEquals(queue.getting, 0);
  queue.tryPut(1);
  assertEquals(queue.size, 1);
  assertEquals(await queue.getAsync(), 1);
});

Deno.test("a queue keeps an item that came in the very turn in which a loop is left that waited for it", async () => {
  const queue = new Queue<number>();
  const iterator = queue[Symbol.asyncIterator]();
  const pending = iterator.next();
  queue.tryPut(1);
  await iterator.return();
  assertEquals(await pending, { done: true, value: undefined });
  assertEquals(queue.size, 1);
});

Deno.test("each get() of a closed queue throws an error of its own, which says what failed and where", async () => {
  const queue = new Queue<number>(1, { name: "jobs" });
  queue.close();
  const text = 'Cannot get: queue "jobs" is closed and empty';
  const one = assertThrows(() => queue.tryGet(), QueueClosedError, text);
  const two = await rejection(queue.getAsync(), QueueClosedError);
  assertNotStrictEquals<Error>(one, two);
  assertMatch(one.stack!, /queue_iteration_test\.ts/);
  assertEquals(await Array.fromAsync(queue), []);
  assertEquals(await spawn((queue: Queue<number>) => [...queue], queue), []);
});
