import { assert, assertEquals, assertThrows } from "@std/assert";
import { BridgeProtocolError } from "../../../bridge/errors.ts";
import {
  align,
  createRing,
  HEADER,
  MAX_FRAME,
  PADDING,
  RING_BYTES,
  RingReader,
  RingWriter,
  Word,
} from "../../../bridge/wire/ring.ts";
import { Chance } from "../../support/random.ts";

/** Where the words of the ring's state stand; the tests play a writer that breaks the rules. */
const HEAD = 0;
const DATA = 256;

/** The two ends of a ring. */
function ring() {
  const buffer = createRing();
  return { buffer, writer: new RingWriter(buffer), reader: new RingReader(buffer) };
}

/** Writes a frame that carries a number, or says that there is no room. */
function write(writer: RingWriter, size: number, id: number): boolean {
  const at = writer.reserve(size);
  if (at < 0) return false;
  const word = at >> 2;
  writer.words[word + Word.Size] = size;
  writer.words[word + Word.Kind] = 8;
  writer.words[word + Word.Id] = id;
  if (size > HEADER) {
    writer.bytes.fill(id & 0xff, at + HEADER, at + HEADER + 8);
    writer.bytes.fill(id & 0xff, at + size - 8, at + size);
  }
  writer.publish(size);
  return true;
}

/** Reads a frame, and checks that it is the one with this size and number. */
function readBack(reader: RingReader, size: number, id: number): void {
  const at = reader.next();
  assert(at >= 0);
  assertEquals([reader.size, reader.words[(at >> 2) + Word.Id]], [size, id]);
  if (size > HEADER) {
    assertEquals(reader.bytes[at + HEADER], id & 0xff);
    assertEquals(reader.bytes[at + size - 1], id & 0xff);
  }
  reader.consume();
}

Deno.test("RingWriter and RingReader carry frames in order", () => {
  const { writer, reader } = ring();
  assert(reader.empty);
  assertEquals(reader.next(), -1);
  for (const [id, size] of [HEADER, HEADER + 8, 4096, MAX_FRAME].entries()) write(writer, size, id);
  assert(!reader.empty);
  for (const [id, size] of [HEADER, HEADER + 8, 4096, MAX_FRAME].entries()) {
    readBack(reader, size, id);
  }
  assert(reader.empty);
  assertEquals(reader.next(), -1);
});

Deno.test("RingWriter wraps around at every offset", () => {
  const { writer, reader } = ring();
  let at = 0;
  let id = 0;
  const pass = (size: number) => {
    assert(write(writer, size, ++id));
    readBack(reader, size, id);
    at = (at + size > RING_BYTES ? 0 : at) + size;
    if (at === RING_BYTES) at = 0;
  };
  for (let left = 8; left < MAX_FRAME - HEADER; left += 8) {
    // To where `left` bytes remain, by frames of sizes that are allowed.
    const target = RING_BYTES - left;
    while (at !== target) {
      const rest = target - at;
      if (rest < 0) pass(Math.min(MAX_FRAME, RING_BYTES - at < HEADER ? HEADER : RING_BYTES - at));
      else if (rest <= MAX_FRAME && rest >= HEADER) pass(rest);
      else if (rest < HEADER) pass(MAX_FRAME);
      else pass(rest - MAX_FRAME < HEADER ? MAX_FRAME - HEADER : MAX_FRAME);
    }
    // One that just does not fit, so that padding fills the rest; and one that just fits, where it may.
    pass(Math.max(HEADER, left % 16 === 0 ? left + 8 : left));
  }
});

Deno.test("RingWriter and RingReader go on when their counters pass 2^32", () => {
  const { writer, reader } = ring();
  const frames = 2 ** 32 / MAX_FRAME + 10;
  for (let id = 0; id < frames; id++) {
    const at = writer.reserve(MAX_FRAME);
    writer.words[(at >> 2) + Word.Size] = MAX_FRAME;
    writer.words[(at >> 2) + Word.Kind] = 8;
    writer.words[(at >> 2) + Word.Id] = id;
    writer.publish(MAX_FRAME);
    const found = reader.next();
    if (reader.words[(found >> 2) + Word.Id] !== id) throw new Error(`Frame ${id} was lost`);
    reader.consume();
  }
  assert(reader.empty);
  assert(write(writer, 64, 1));
  readBack(reader, 64, 1);
});

Deno.test("RingWriter.reserve() finds no room in a full ring, and some once it was read", () => {
  const { writer, reader } = ring();
  let id = 0;
  while (write(writer, MAX_FRAME, id)) id++;
  assertEquals(id, RING_BYTES / MAX_FRAME);
  assertEquals(writer.reserve(HEADER), -1);
  readBack(reader, MAX_FRAME, 0);
  assert(write(writer, MAX_FRAME, id));
  assertEquals(writer.reserve(HEADER), -1);
  for (let i = 1; i <= id; i++) readBack(reader, MAX_FRAME, i);
  assert(reader.empty);
});

Deno.test("RingWriter and RingReader agree with a queue under random interleaving", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed);
    const { writer, reader } = ring();
    const model: { size: number; id: number }[] = [];
    let bytes = 0;
    for (let step = 0; step < 3000; step++) {
      if (chance.below(2) === 0) {
        const size = chance.below(4) === 0
          ? align(HEADER + chance.below(MAX_FRAME - HEADER))
          : HEADER + 8 * chance.below(64);
        const id = chance.below(2 ** 30);
        if (write(writer, size, id)) {
          model.push({ size, id });
          bytes += size;
          assert(bytes <= RING_BYTES);
        } else assert(bytes + 2 * MAX_FRAME > RING_BYTES);
      } else if (model.length === 0) {
        assertEquals(reader.next(), -1);
      } else {
        const { size, id } = model.shift()!;
        readBack(reader, size, id);
        bytes -= size;
      }
    }
  }
});

Deno.test("RingReader.takeHungry() says once that there is room again", () => {
  const { writer, reader } = ring();
  for (let id = 0; id < 4; id++) write(writer, MAX_FRAME, id);
  assert(!reader.takeHungry());
  writer.setHungry(true);
  assert(!reader.takeHungry());
  readBack(reader, MAX_FRAME, 0);
  readBack(reader, MAX_FRAME, 1);
  assert(reader.takeHungry());
  assert(!reader.takeHungry());
  writer.setHungry(true);
  writer.setHungry(false);
  assert(!reader.takeHungry());
});

Deno.test("RingWriter.shut() and RingReader.leave() are heard on the other end for good", () => {
  const { writer, reader } = ring();
  assertEquals([reader.shut, writer.left], [false, false]);
  writer.shut();
  reader.leave();
  assertEquals([reader.shut, writer.left], [true, true]);
  assert(write(writer, HEADER, 1));
  readBack(reader, HEADER, 1);
  assertEquals([reader.shut, writer.left], [true, true]);
});

Deno.test("RingReader refuses every size that cannot be right", () => {
  const sizes = [
    0,
    -8,
    7,
    9,
    12,
    24,
    -(2 ** 31),
    2 ** 31 - 1,
    2 ** 31 - 8,
    MAX_FRAME + 8,
    RING_BYTES,
  ];
  for (const size of sizes) {
    const { buffer, reader } = ring();
    const words = new Int32Array(buffer);
    words[(DATA >> 2) + Word.Size] = size;
    words[(DATA >> 2) + Word.Kind] = 8;
    Atomics.store(words, HEAD, RING_BYTES);
    assertThrows(() => reader.next(), BridgeProtocolError, "Cannot read a frame: its size is");
  }
});

Deno.test("RingReader refuses a frame that is larger than what was written", () => {
  const { buffer, reader } = ring();
  const words = new Int32Array(buffer);
  words[(DATA >> 2) + Word.Size] = 64;
  words[(DATA >> 2) + Word.Kind] = 8;
  Atomics.store(words, HEAD, 56);
  assertThrows(() => reader.next(), BridgeProtocolError, "its size is 64 bytes, with 56 written");
});

Deno.test("RingReader refuses a frame that goes beyond the ring's end", () => {
  const { buffer, writer, reader } = ring();
  for (let id = 0; id < 3; id++) {
    write(writer, MAX_FRAME, id);
    readBack(reader, MAX_FRAME, id);
  }
  write(writer, MAX_FRAME - 64, 3);
  readBack(reader, MAX_FRAME - 64, 3);
  const words = new Int32Array(buffer);
  const at = DATA + RING_BYTES - 64;
  words[(at >> 2) + Word.Size] = 128;
  words[(at >> 2) + Word.Kind] = 8;
  Atomics.add(words, HEAD, 128);
  assertThrows(() => reader.next(), BridgeProtocolError, "Cannot read a frame");
});

Deno.test("RingReader refuses a HEAD that is nonsense", () => {
  for (const head of [-1, 1, RING_BYTES + 8, 2 ** 31 - 1, -(2 ** 31)]) {
    const { buffer, reader } = ring();
    const words = new Int32Array(buffer);
    words[(DATA >> 2) + Word.Size] = HEADER;
    words[(DATA >> 2) + Word.Kind] = 8;
    Atomics.store(words, HEAD, head);
    assertThrows(() => reader.next(), BridgeProtocolError, "Cannot read a frame");
  }
});

Deno.test("RingReader refuses padding that does not end where the ring does", () => {
  for (const size of [8, 64, MAX_FRAME, RING_BYTES]) {
    const { buffer, reader } = ring();
    const words = new Int32Array(buffer);
    words[(DATA >> 2) + Word.Size] = size;
    words[(DATA >> 2) + Word.Kind] = PADDING;
    Atomics.store(words, HEAD, size);
    assertThrows(() => reader.next(), BridgeProtocolError, "bytes of padding at 0");
  }
});

Deno.test("RingReader meets random bytes with a frame or a BridgeProtocolError, and ends", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = new Chance(seed);
    const { buffer, reader } = ring();
    const words = new Int32Array(buffer);
    for (let i = DATA >> 2; i < words.length; i++) {
      // Mostly small numbers, so that some frames look right.
      words[i] = chance.below(3) === 0 ? 8 * chance.below(20) : chance.below(4) - 1;
    }
    Atomics.store(words, HEAD, 8 * chance.below(RING_BYTES / 8));
    let frames = 0;
    try {
      for (; reader.next() >= 0; frames++) reader.consume();
    } catch (error) {
      assert(error instanceof BridgeProtocolError, String(error));
    }
    assert(frames <= RING_BYTES / HEADER);
  }
});
