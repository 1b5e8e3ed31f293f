import { assert, assertEquals, assertThrows, unreachable } from "@std/assert";
import { Format, type Payload } from "../../../bridge/wire/payload.ts";
import { BridgeProtocolError } from "../../../bridge/errors.ts";
import { Inbox } from "../../../bridge/wire/inbox.ts";
import { EMPTY, FIRST_KIND, type Message } from "../../../bridge/wire/message.ts";
import { type Departure, Outbox } from "../../../bridge/wire/outbox.ts";
import {
  createRing,
  HEADER,
  MAX_FRAME,
  RING_BYTES,
  RingReader,
  RingWriter,
  Word,
} from "../../../bridge/wire/ring.ts";
import { transfer } from "../../../bridge/wire/transfer.ts";
import { Chance } from "../../support/random.ts";

const KIND = FIRST_KIND;
const BESIDE = 1 << 16;

/** The two ends of a mailbox, the memory that has been given to its reader, and the buffers that were handed over. */
interface Ends {
  readonly ring: RingWriter;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly given: SharedArrayBuffer[];
  readonly handed: readonly (readonly ArrayBuffer[])[];
}

/** @param annexes Whether there is memory for annexes. */
function mailbox(annexes = true): Ends {
  const buffer = createRing();
  const ring = new RingWriter(buffer);
  const given: SharedArrayBuffer[] = [];
  const handed: ArrayBuffer[][] = [];
  const giver = {
    give(memory: SharedArrayBuffer) {
      if (!annexes) throw new RangeError("Array buffer allocation failed");
      return given.push(memory);
    },
    hand: (buffers: ArrayBuffer[]) => handed.push(structuredClone(buffers, { transfer: buffers })),
    send: () => unreachable(),
  };
  const taker = {
    takeMemory: (id: number) => given[id - 1],
    take: (id: number) => handed[id - 1],
  };
  const inbox = new Inbox(new RingReader(buffer), taker);
  return { ring, outbox: new Outbox(ring, giver), inbox, given, handed };
}

function textPayload(text: string): Payload {
  return { format: Format.Json, text, meta: undefined, buffers: [] };
}

function buffersPayload(meta: Uint8Array, buffers: Uint8Array[]): Payload {
  return { format: Format.Structured, text: "", meta, buffers };
}

/** Bytes that tell where they are wrong. */
function bytesOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + seed + (i >> 8);
  return bytes;
}

/** Begins to send a message; the result goes on with it, and says whether all is written. */
function sending(outbox: Outbox, id: number, payload: Payload): () => boolean {
  let departure: Departure | undefined;
  return () => {
    if (!departure && outbox.write(KIND, id, id + 1, id + 2, payload)) return true;
    departure ??= outbox.begin(KIND, id, id + 1, id + 2, payload);
    return departure.advance();
  };
}

/** Sends a message and receives it, however often the ring has to be emptied in between. */
function pass(payload: Payload, { outbox, inbox }: Ends): Message {
  const advance = sending(outbox, 5, payload);
  let message: Message | undefined;
  while (!advance()) message ??= inbox.receive();
  message ??= inbox.receive();
  if (!message) throw new Error("Nothing arrived");
  assert(inbox.ring.empty);
  assertEquals([message.kind, message.id, message.a, message.b], [KIND, 5, 6, 7]);
  return message;
}

function assertSame(actual: Payload, expected: Payload): void {
  assertEquals(actual.format, expected.format);
  assert(actual.text === expected.text);
  assertEquals(actual.meta === undefined, expected.meta === undefined);
  assertEquals(actual.int ?? 0, expected.int ?? 0);
  const parts = ({ meta, buffers }: Payload) => [meta ?? bytesOf(0, 0), ...buffers];
  const [a, b] = [parts(actual), parts(expected)];
  assertEquals(a.map(({ length }) => length), b.map(({ length }) => length));
  for (const [i, part] of a.entries()) assert(equal(part, b[i]));
}

const [handing, annexed] = [mailbox(false), mailbox()];

function assertBothWays(payload: Payload): void {
  for (const ends of [handing, annexed]) assertSame(pass(payload, ends).payload, payload);
}

/** `assertEquals` takes seconds for a megabyte. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("Inbox receives messages without a payload, and with numbers of all sizes", () => {
  const { outbox, inbox } = mailbox();
  for (const n of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    assert(outbox.write(KIND, n, n, n, EMPTY));
    assertEquals(inbox.receive(), { kind: KIND, id: n, a: n, b: n, payload: EMPTY });
  }
  assertEquals(inbox.receive(), undefined);
});

Deno.test("Inbox receives texts of all lengths around the limits", () => {
  const room = MAX_FRAME - HEADER;
  const limits = [0, 8, 160, room / 3, room, room / 2, 2 * room, RING_BYTES - room, RING_BYTES];
  for (const unit of ["x", "ü", "語", "\u{1F600}"]) {
    for (const limit of limits) {
      for (const off of [-4, -3, -2, -1, 0, 1, 2, 3, 4]) {
        const payload = textPayload(
          unit.repeat(Math.max(0, Math.floor(limit / unit.length) + off)),
        );
        assertBothWays(payload);
      }
    }
  }
});

Deno.test("Inbox receives large texts with surrogate pairs, and with a BOM in front", () => {
  for (let shift = 0; shift < 8; shift++) {
    const faces = "x".repeat(shift) + "\u{1F600}".repeat(40_000);
    const marks = "\ufeff".repeat(shift + 1) + "語\ufeff".repeat(30_000);
    for (const text of [faces, marks, `\ufeff${faces}\ufeff`]) {
      assertBothWays(textPayload(text));
    }
  }
});

Deno.test("Inbox receives buffers of all sizes around the limits", () => {
  const room = MAX_FRAME - HEADER;
  for (
    const total of [
      0,
      1,
      8,
      room - 16,
      room - 4,
      room,
      room + 4,
      2 * room,
      RING_BYTES,
      RING_BYTES + 9,
    ]
  ) {
    for (const off of [-2, -1, 0, 1, 2]) {
      const bytes = bytesOf(Math.max(0, total + off), 7);
      const half = bytes.length >> 1;
      const payloads = [
        buffersPayload(bytes, []),
        buffersPayload(bytesOf(0, 0), [bytes]),
        buffersPayload(bytesOf(5, 1), [
          bytes.subarray(0, half),
          bytesOf(0, 0),
          bytes.subarray(half),
        ]),
      ];
      for (const payload of payloads) assertBothWays(payload);
    }
  }
});

Deno.test("Inbox receives payloads that are bytes, and payloads that are a number", () => {
  for (const length of [0, 1, 7, 8, 1000, MAX_FRAME - HEADER - 8, MAX_FRAME, 3 * RING_BYTES + 5]) {
    for (const format of [Format.Bytes, Format.BytesInArray]) {
      const payload = { format, text: "", meta: undefined, buffers: [bytesOf(length, 3)] };
      assertBothWays(payload);
    }
  }
  for (const int of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    for (const format of [Format.Int, Format.IntInArray]) {
      const payload = { format, text: "", meta: undefined, buffers: [], int };
      assertBothWays(payload);
    }
  }
});

Deno.test("Inbox receives a message with very many buffers, and one with none", () => {
  const buffers = Array.from({ length: 40_000 }, (_, i) => bytesOf(i % 3, i));
  assertBothWays(buffersPayload(bytesOf(3, 3), buffers));
  assertBothWays(buffersPayload(bytesOf(0, 0), []));
});

Deno.test("Inbox receives large messages that alternate", () => {
  const { outbox, inbox } = mailbox();
  const payloads = [
    textPayload("ab\u{1F600}".repeat(200_000)),
    buffersPayload(bytesOf(10, 1), [bytesOf(600_000, 2), bytesOf(1, 3)]),
    textPayload("\ufeff語".repeat(150_000)),
  ];
  const sends = payloads.map((payload, id) => sending(outbox, id, payload));
  const received = new Map<number, Payload>();
  while (received.size < payloads.length) {
    for (const [i, send] of sends.entries()) if (send?.()) delete sends[i];
    const message = inbox.receive();
    if (message) received.set(message.id, message.payload);
  }
  for (const [id, payload] of payloads.entries()) assertSame(received.get(id)!, payload);
});

Deno.test("Departure.keep() takes a copy of what is not written yet", () => {
  const { outbox, inbox } = mailbox(false);
  for (let id = 0; id < 8; id++) depart(outbox, id, bytesPayload(MAX_FRAME, id));
  const [early, late] = [bytesOf(RING_BYTES, 1), bytesOf(RING_BYTES, 2)];
  const expected = buffersPayload(bytesOf(4, 0), [early.slice(), late.slice()]);
  const departure = outbox.begin(KIND, 8, 0, 0, buffersPayload(bytesOf(4, 0), [early, late]));
  assert(!departure.advance());
  departure.keep();
  early.fill(0);
  late.fill(0);
  for (let id = 0; id < 8; id++) assertEquals(inbox.receive()?.id, id);
  assert(departure.advance());
  assertSame(inbox.receive()!.payload, expected);
});

Deno.test("Inbox agrees with a queue under random interleaving", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const chance = new Chance(seed);
    const { outbox, inbox } = mailbox(seed % 2 === 0);
    const sent = new Map<number, Payload>();
    const sends: (() => boolean)[] = [];
    let id = 0;
    let received = 0;
    const take = () => {
      const message = inbox.receive();
      if (!message) return;
      assertSame(message.payload, sent.get(message.id)!);
      sent.delete(message.id);
      received++;
    };
    for (let step = 0; step < 300; step++) {
      if (chance.below(3) > 0 && sends.length < 20) {
        const length = chance.below(5) === 0 ? chance.below(400_000) : chance.below(2000);
        const payload = chance.below(2) === 0
          ? textPayload(["x", "ü", "\u{1F600}"][chance.below(3)].repeat(length / 2))
          : buffersPayload(bytesOf(chance.below(40), step), [
            bytesOf(length, step),
            bytesOf(chance.below(9), step),
          ]);
        sent.set(++id, payload);
        sends.push(sending(outbox, id, payload));
      }
      // Any of them goes on, as when callbacks are served in the middle of sending.
      const at = chance.below(sends.length);
      if (sends[at]?.()) sends.splice(at, 1);
      take();
    }
    while (sent.size > 0) {
      if (sends[0]?.()) sends.shift();
      take();
    }
    assertEquals([received, inbox.ring.empty], [id, true]);
  }
});

// Annexes.

const MB = 1 << 20;

function bytesPayload(length: number, seed = 1): Payload {
  return { format: Format.Bytes, text: "", meta: undefined, buffers: [bytesOf(length, seed)] };
}

/** Writes a message that fits into the ring in whatever way it goes. */
function depart(outbox: Outbox, id: number, payload: Payload): void {
  assert(outbox.begin(KIND, id, 0, 0, payload).advance());
}

Deno.test("Outbox uses two annexes at a time, and hands over when both are taken", () => {
  const { outbox, inbox, given, handed } = mailbox();
  const payloads = [1, 2, 3].map((seed) => bytesPayload(150_000, seed));
  for (const [id, payload] of payloads.entries()) depart(outbox, id, payload);
  assertEquals([given.length, handed.length], [2, 1]);
  for (const [id, payload] of payloads.entries()) {
    const message = inbox.receive()!;
    assertEquals(message.id, id);
    assertSame(message.payload, payload);
  }
  // They are free again, and the same ones are used.
  for (const [id, payload] of payloads.entries()) depart(outbox, id, payload);
  assertEquals([given.length, inbox.receive()?.id, inbox.receive()?.id], [2, 0, 1]);
});

Deno.test("Outbox puts a larger annex in the place of one that is too small, and packs what is more", () => {
  const ends = mailbox();
  for (const size of [100_000, 700_000, 200_000, 3 * MB, 16 * MB, 16 * MB + 8, 5 * MB]) {
    // Too many and too small to be handed over.
    const buffers = Array.from({ length: size / 50_000 }, (_, i) => bytesOf(50_000, i));
    const rest = size - buffers.length * 50_000;
    const payload = buffersPayload(new Uint8Array(0), [...buffers, bytesOf(rest, 1)]);
    assertSame(pass(payload, ends).payload, payload);
  }
  assertEquals(ends.given.map(({ byteLength }) => byteLength), [MB / 4, MB, 4 * MB, 16 * MB]);
  // All in one buffer.
  assertEquals(ends.handed.map(({ length }) => length), [1]);
});

Deno.test("Outbox makes room for text that is not ASCII only when it is not", () => {
  const ends = mailbox();
  for (const text of ["x".repeat(MB), "é".repeat(MB), "語".repeat(MB), "語".repeat(6 * MB)]) {
    assert(pass(textPayload(text), ends).payload.text === text);
  }
  assertEquals(ends.given.map(({ byteLength }) => byteLength / MB), [1, 4, 8]);
});

Deno.test("Outbox.tidy() drops annexes that were not used for a second, once they have been read", () => {
  const { outbox, inbox, given } = mailbox();
  assertEquals(outbox.tidyAt, Infinity);
  depart(outbox, 1, bytesPayload(MB / 2));
  const due = outbox.tidyAt;
  assert(due > performance.now() && due <= performance.now() + 1000);
  outbox.tidy(due - 1);
  outbox.tidy(due);
  assert(outbox.tidyAt > due && outbox.tidyAt !== Infinity, "it is put off: nobody has read");
  assertEquals(inbox.receive()?.id, 1);
  outbox.tidy(outbox.tidyAt);
  assertEquals(outbox.tidyAt, Infinity);
  depart(outbox, 2, bytesPayload(MB / 2));
  assertEquals([inbox.receive()?.id, given.length, inbox.ring.empty], [2, 2, true]);
});

Deno.test("Outbox hands over when there is no memory for an annex", () => {
  const { outbox, inbox, handed } = mailbox(false);
  depart(outbox, 1, bytesPayload(150_000));
  depart(outbox, 2, textPayload("x".repeat(150_000)));
  assertEquals(handed.length, 2);
  assertSame(inbox.receive()!.payload, bytesPayload(150_000));
  assertSame(inbox.receive()!.payload, textPayload("x".repeat(150_000)));
});

Deno.test("Outbox has a payload wait while there is no memory for it, and says so", () => {
  const { outbox, inbox } = mailbox(false);
  const payload = bytesPayload(MB);
  const departure = outbox.begin(KIND, 1, 0, 0, payload);
  const real = Uint8Array;
  globalThis.Uint8Array = class extends real {
    constructor() {
      super();
      throw new RangeError("Array buffer allocation failed");
    }
  } as never;
  try {
    assert(!departure.advance());
  } finally {
    globalThis.Uint8Array = real;
  }
  assertEquals([outbox.starved, inbox.ring.empty], [true, true]);
  assert(departure.advance());
  assertEquals(outbox.starved, false);
  assertSame(inbox.receive()!.payload, payload);
});

// What is handed over.

Deno.test("Outbox hands large bytes over, each run in a buffer of its own, as they were when it was sent", () => {
  const { outbox, inbox, given, handed } = mailbox();
  const all = bytesOf(4 * MB, 3);
  const shared = new Uint8Array(new SharedArrayBuffer(MB));
  const payloads = [
    { ...bytesPayload(MB), buffers: [all.subarray(5, 5 + MB)] },
    buffersPayload(bytesOf(70_001, 2), [all, shared, bytesOf(60_000, 4)]),
    { ...bytesPayload(3 * MB), format: Format.BytesInArray },
  ];
  const copy = (blob: Uint8Array) => Uint8Array.from(blob);
  const expected = payloads.map((payload) => ({ ...payload, buffers: payload.buffers.map(copy) }));
  for (const [id, payload] of payloads.entries()) depart(outbox, id, payload);
  all.fill(0);
  shared.fill(1);
  for (const [id, payload] of expected.entries()) {
    const message = inbox.receive()!;
    assertEquals(message.id, id);
    assertSame(message.payload, payload);
    for (const blob of message.payload.buffers) assertEquals(blob.length, blob.buffer.byteLength);
  }
  assertEquals([given.length, handed.map(({ length }) => length)], [0, [1, 4, 1]]);
});

Deno.test("Outbox hands over what was given away with transfer() without a copy", () => {
  const { outbox, inbox, handed } = mailbox();
  const mine = transfer(bytesOf(2 * MB, 1));
  depart(outbox, 1, { ...bytesPayload(0), buffers: [mine] });
  assert(mine.buffer.detached);
  const { buffers } = inbox.receive()!.payload;
  assertEquals(buffers[0].buffer, handed[0][0]);
  assertSame({ ...bytesPayload(0), buffers }, bytesPayload(2 * MB));
  // A part of what was given away is copied: the other parts may be wanted.
  const part = transfer(bytesOf(4 * MB, 1)).subarray(MB);
  depart(outbox, 2, { ...bytesPayload(0), buffers: [part] });
  assert(!part.buffer.detached);
  assertEquals(inbox.receive()!.payload.buffers[0].length, 3 * MB);
});

Deno.test("Outbox hands over eight payloads at the most that nobody has taken, and the next one waits", () => {
  const { outbox, inbox, handed } = mailbox();
  const payloads = [
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((seed) => bytesPayload(MB, seed)),
    bytesPayload(17 * MB, 8),
    textPayload("x".repeat(17 * MB)),
  ];
  for (let id = 0; id < 8; id++) depart(outbox, id, payloads[id]);
  const late = [8, 9].map((id) => outbox.begin(KIND, id, 0, 0, payloads[id]));
  assert(!late[0].advance());
  assertEquals([handed.length, outbox.starved], [8, false]);
  assertSame(inbox.receive()!.payload, payloads[0]);
  assert(late[0].advance());
  assert(!late[1].advance());
  for (let id = 1; id < 9; id++) assertSame(inbox.receive()!.payload, payloads[id]);
  assert(late[1].advance());
  assertSame(inbox.receive()!.payload, payloads[9]);
  assertEquals(handed.length, 10);
});

Deno.test("Inbox refuses what was handed over and cannot be right", () => {
  const detached = new ArrayBuffer(64);
  detached.transfer();
  const things: unknown[] = [
    [new ArrayBuffer(64)],
    [],
    [new ArrayBuffer(64), new ArrayBuffer(64)],
    [new ArrayBuffer(64, { maxByteLength: 128 })],
    [new SharedArrayBuffer(64)],
    [new Uint8Array(64)],
    [detached],
    new ArrayBuffer(64),
    null,
    // Packed: three lengths, room to a multiple of 8, then the meta part and the buffers.
    [Uint32Array.of(4, 0, 5, 0, 1, 2, 3, 4, 5, 6).buffer],
  ];
  const frame = (where: number, id: number, meta: number, buffers: number, format: number) => {
    const buffer = createRing();
    const ring = new RingWriter(buffer);
    const take = (id: number) => things[id];
    const words = { Format: format | BESIDE, Meta: meta, Buffers: buffers };
    const at = forge(ring, words, HEADER + 8);
    ring.words.set([where, id], at + HEADER >> 2);
    return new Inbox(new RingReader(buffer), { take, takeMemory: take as never });
  };
  assertEquals(frame(2, 0, 0, 1, Format.Bytes).receive()!.payload.buffers, [new Uint8Array(64)]);
  assertEquals(frame(2, 0, 64, 0, Format.Structured).receive()!.payload.meta, new Uint8Array(64));
  assertEquals(frame(2, 0, 64, 0, Format.Text).receive()!.payload.text, "\0".repeat(64));
  const { meta, buffers } = frame(3, 9, 3, 3, Format.Structured).receive()!.payload;
  const parts = [[1, 0, 0], [3, 0, 0, 0], [], [5, 0, 0, 0, 6]];
  assertEquals([meta, ...buffers].map((part) => [...part!]), parts);
  const refused: Parameters<typeof frame>[] = [
    [2, 0, 65, 0, Format.Text],
    [2, 0, -1, 0, Format.Json | 1 << 8],
    [2, 1, 1, 0, Format.Text],
    [2, 0, 0, 1, Format.Structured],
    [2, 0, 63, 0, Format.Structured],
    [2, 0, 0, 2, Format.Bytes],
    [3, 0, 0, 17, Format.Bytes],
    [3, 0, 0, -1, Format.Bytes],
    [3, 0, 0, 1 << 30, Format.Bytes],
    [3, 9, 3, 11, Format.Structured],
    [3, 9, 13, 3, Format.Structured],
    [3, 9, -1, 3, Format.Structured],
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((id): Parameters<typeof frame> => [2, id, 0, 1, Format.Bytes]),
    ...[1, 3, 4, 5, 6, 7, 8].map((id): Parameters<typeof frame> => [3, id, 0, 1, Format.Bytes]),
  ];
  for (const args of refused) {
    assertThrows(() => frame(...args).receive(), BridgeProtocolError, "Cannot read a message");
  }
});

Deno.test("Inbox refuses an annex that cannot be right", () => {
  const memories: unknown[] = [
    new SharedArrayBuffer(64),
    new SharedArrayBuffer(64, { maxByteLength: 128 }),
    new ArrayBuffer(64),
    new SharedArrayBuffer(32 * MB),
    null,
  ];
  const frame = (annex: number, id: number, meta: number, lengths: number[], format: number) => {
    const buffer = createRing();
    const ring = new RingWriter(buffer);
    const take = (id: number) => memories[id] as SharedArrayBuffer;
    const at = forge(ring, {
      Format: format | BESIDE,
      Meta: meta,
      Buffers: lengths.length,
    }, HEADER + 8 + lengths.length * 4 + 7 & ~7);
    ring.words.set([annex, id, ...lengths], at + HEADER >> 2);
    return new Inbox(new RingReader(buffer), { takeMemory: take, take: () => undefined });
  };
  assertEquals(frame(1, 0, 0, [64], Format.Bytes).receive()!.payload.buffers, [new Uint8Array(64)]);
  assertEquals(frame(0, 0, 64, [], Format.Text).receive()!.payload.text, "\0".repeat(64));
  const refused: Parameters<typeof frame>[] = [
    [4, 0, 0, [1], Format.Bytes],
    [-1, 0, 0, [1], Format.Bytes],
    [0, 0, 0, [65], Format.Bytes],
    [0, 0, 0, [-1], Format.Bytes],
    [0, 0, 0, [33, 33], Format.Structured],
    [0, 0, 65, [], Format.Structured],
    [0, 0, 65, [], Format.Text],
    [0, 0, -1, [], Format.Json],
    [0, 0, 65, [], Format.Text | 1 << 8],
    ...[1, 2, 3, 4, 5].map((id): Parameters<typeof frame> => [0, id, 0, [1], Format.Bytes]),
  ];
  for (const args of refused) {
    assertThrows(() => frame(...args).receive(), BridgeProtocolError, "Cannot read a message");
  }
  refuses((ring) => forge(ring, { Format: Format.Bytes | BESIDE, Buffers: 1 }, HEADER + 16));
  refuses((ring) => forge(ring, { Format: Format.Bytes | BESIDE, Buffers: 5 }, HEADER + 16));
  refuses((ring) => forge(ring, { Format: Format.Bytes | BESIDE }));
});

// A writer that breaks the rules.

/** Writes one frame, word by word, as nobody should. */
function forge(
  ring: RingWriter,
  words: Partial<Record<keyof typeof Word, number>>,
  size = HEADER,
): number {
  const at = ring.reserve(size);
  ring.bytes.fill(0, at, at + size);
  for (const [name, value] of Object.entries({ Size: size, Kind: KIND, ...words })) {
    ring.words[(at >> 2) + Word[name as keyof typeof Word]] = value;
  }
  ring.publish(size);
  return at;
}

function refuses(prepare: (ring: RingWriter) => void): void {
  const { ring, inbox } = mailbox();
  prepare(ring);
  assertThrows(() => {
    while (!inbox.ring.empty) inbox.receive();
  }, BridgeProtocolError);
}

Deno.test("Inbox refuses a text that is longer than its frame", () => {
  for (const Meta of [1, 8, MAX_FRAME, 2 ** 31 - 1, -1]) {
    refuses((ring) => forge(ring, { Meta, Format: Format.Json }));
  }
});

Deno.test("Inbox refuses more buffers, or longer ones, than the frame has room for", () => {
  for (const Buffers of [1, 100, 2 ** 20, 2 ** 30, 2 ** 31 - 1, -1]) {
    refuses((ring) => forge(ring, { Buffers, Format: Format.Structured }));
  }
  for (const length of [13, 2 ** 31 - 1, -1, -8]) {
    refuses((ring) => {
      const at = forge(ring, { Buffers: 1, Format: Format.Structured }, HEADER + 16);
      ring.words[at + HEADER >> 2] = length;
    });
  }
});

Deno.test("Inbox meets random frames with messages or a BridgeProtocolError, and ends", () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const chance = new Chance(seed);
    const { ring, inbox } = mailbox();
    const odd = () =>
      [0, 1, 2, 7, 8, 16, 40, 64, -1, 2 ** 16, 2 ** 20, 2 ** 31 - 1][chance.below(12)];
    for (let i = 0; i < 30; i++) {
      const words = {
        Kind: [KIND, KIND, 2, odd()][chance.below(4)],
        Id: chance.below(3),
        A: odd(),
        B: chance.below(2),
        Format: [Format.Json, Format.Structured, odd()][chance.below(3)] | chance.below(3) << 16,
        Meta: chance.below(2) * odd(),
        Buffers: chance.below(2) * chance.below(4),
      };
      const at = forge(ring, words, HEADER + 8 * chance.below(6));
      ring.words[at + HEADER >> 2] ||= chance.below(2) * chance.below(30);
    }
    try {
      for (let i = 0; i < 40 && !inbox.ring.empty; i++) inbox.receive();
      assert(inbox.ring.empty);
    } catch (error) {
      assert(error instanceof BridgeProtocolError, String(error));
    }
  }
});
