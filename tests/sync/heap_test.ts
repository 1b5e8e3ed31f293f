import { assertEquals } from "@std/assert";
import type { Core } from "../../bridge/memory/core.ts";
import { Heap, HEAP_WORDS, makeItem } from "../../bridge/memory/heap.ts";

/** Text is not stored on the hub, where it would be somebody's. */
const NOBODY = undefined as unknown as Core;

Deno.test("Heap.store() sees all of a free block that another side has made, and not only what was in it", () => {
  const buffer = new SharedArrayBuffer(4096, { maxByteLength: 1 << 16 });
  const words = new Int32Array(buffer, 0, HEAP_WORDS);
  const [wide, narrow] = [new Heap(buffer, words, 0), new Heap(buffer, words, 0)];
  // Of 2 KiB each: the second one begins in the memory that was there, and ends behind it.
  const blocks = [1, 2].map(() => wide.store(makeItem("x".repeat(1000), NOBODY)));
  wide.free(blocks[1]);
  const text = "y".repeat(2000);
  const block = narrow.store(makeItem(text, NOBODY));
  assertEquals(block, blocks[1]);
  assertEquals([narrow, wide].map((heap) => heap.read(block)), [text, text]);
});
