import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Body, Format } from "../../bridge/codec.ts";
import { BridgeProtocolError } from "../../bridge/errors.ts";
import { Inbox } from "../../bridge/inbox.ts";
import { EMPTY, FIRST_KIND, type Message } from "../../bridge/message.ts";
import { Outgoing } from "../../bridge/outbox.ts";
import { writeFrame } from "../../bridge/outbox.ts";
import {
  createRing,
  HEADER,
  MAX_FRAME,
  RING_BYTES,
  RingReader,
  RingWriter,
  Word,
} from "../../bridge/ring.ts";
import { randomFrom } from "./random.ts";

const KIND = FIRST_KIND;
const CHUNK = 1;

/** The two ends of a mailbox. */
interface Ends {
  readonly ring: RingWriter;
  readonly inbox: Inbox;
}

function mailbox(): Ends {
  const buffer = createRing();
  return { ring: new RingWriter(buffer), inbox: new Inbox(new RingReader(buffer)) };
}

function textBody(text: string): Body {
  return { format: Format.Json, text, meta: undefined, blobs: [] };
}

function blobBody(meta: Uint8Array, blobs: Uint8Array[]): Body {
  return { format: Format.Structured, text: "", meta, blobs };
}

/** Bytes that tell where they are wrong. */
function bytesOf(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + seed + (i >> 8);
  return bytes;
}

let lastStream = 0;

/** Begins to send a message; the result goes on with it, and says whether all is written. */
function sending(ring: RingWriter, id: number, body: Body): () => boolean {
  let outgoing: Outgoing | undefined;
  return () => {
    if (outgoing) return outgoing.advance(ring);
    const written = writeFrame(ring, KIND, id, id + 1, id + 2, body);
    if (written >= 0) return written === 1;
    lastStream = lastStream % 0xffff + 1;
    outgoing = new Outgoing(lastStream, KIND, id, id + 1, id + 2, body);
    return outgoing.advance(ring);
  };
}

/** Sends a message and receives it, however often the ring has to be emptied in between. */
function pass(body: Body, { ring, inbox }: Ends = mailbox()): Message {
  const advance = sending(ring, 5, body);
  let message: Message | undefined;
  while (!advance()) message ??= inbox.receive();
  message ??= inbox.receive();
  if (!message) throw new Error("Nothing arrived");
  assert(inbox.empty);
  assertEquals([message.kind, message.id, message.a, message.b], [KIND, 5, 6, 7]);
  return message;
}

function assertSame(actual: Body, expected: Body): void {
  assertEquals(actual.format, expected.format);
  assert(actual.text === expected.text);
  assertEquals(actual.meta === undefined, expected.meta === undefined);
  assertEquals(actual.int ?? 0, expected.int ?? 0);
  const parts = ({ meta, blobs }: Body) => [meta ?? bytesOf(0, 0), ...blobs];
  const [a, b] = [parts(actual), parts(expected)];
  assertEquals(a.map(({ length }) => length), b.map(({ length }) => length));
  for (const [i, part] of a.entries()) assert(equal(part, b[i]));
}

/** `assertEquals` takes seconds for a megabyte. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("Inbox receives messages without a body, and with numbers of all sizes", () => {
  const { ring, inbox } = mailbox();
  for (const n of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    assertEquals(writeFrame(ring, KIND, n, n, n, EMPTY), 1);
    assertEquals(inbox.receive(), { kind: KIND, id: n, a: n, b: n, body: EMPTY });
  }
  assertEquals(inbox.receive(), undefined);
});

Deno.test("Inbox receives texts of all lengths around the limits", () => {
  const room = MAX_FRAME - HEADER;
  const limits = [0, 8, 160, room / 3, room, room / 2, 2 * room, RING_BYTES - room, RING_BYTES];
  for (const unit of ["x", "ü", "語", "\u{1F600}"]) {
    for (const limit of limits) {
      for (const off of [-4, -3, -2, -1, 0, 1, 2, 3, 4]) {
        const body = textBody(unit.repeat(Math.max(0, Math.floor(limit / unit.length) + off)));
        assertSame(pass(body).body, body);
      }
    }
  }
});

Deno.test("Inbox receives texts with surrogate pairs across all chunk borders, and a BOM in front", () => {
  const { ring, inbox } = mailbox();
  for (let shift = 0; shift < 8; shift++) {
    const faces = "x".repeat(shift) + "\u{1F600}".repeat(40_000);
    const marks = "\ufeff".repeat(shift + 1) + "語\ufeff".repeat(30_000);
    for (const text of [faces, marks, `\ufeff${faces}\ufeff`]) {
      assertSame(pass(textBody(text), { ring, inbox }).body, textBody(text));
    }
  }
});

Deno.test("Inbox receives blobs of all sizes around the limits", () => {
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
      const bodies = [
        blobBody(bytes, []),
        blobBody(bytesOf(0, 0), [bytes]),
        blobBody(bytesOf(5, 1), [bytes.subarray(0, half), bytesOf(0, 0), bytes.subarray(half)]),
      ];
      for (const body of bodies) assertSame(pass(body).body, body);
    }
  }
});

Deno.test("Inbox receives bodies that are bytes, and bodies that are a number", () => {
  const ends = mailbox();
  for (const length of [0, 1, 7, 8, 1000, MAX_FRAME - HEADER - 8, MAX_FRAME, 3 * RING_BYTES + 5]) {
    for (const format of [Format.Bytes, Format.BytesInArray]) {
      const body = { format, text: "", meta: undefined, blobs: [bytesOf(length, 3)] };
      assertSame(pass(body, ends).body, body);
    }
  }
  for (const int of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    for (const format of [Format.Int, Format.IntInArray]) {
      const body = { format, text: "", meta: undefined, blobs: [], int };
      assertSame(pass(body, ends).body, body);
    }
  }
});

Deno.test("Inbox receives a message with very many blobs, and one with none", () => {
  const blobs = Array.from({ length: 40_000 }, (_, i) => bytesOf(i % 3, i));
  assertSame(pass(blobBody(bytesOf(3, 3), blobs)).body, blobBody(bytesOf(3, 3), blobs));
  assertSame(pass(blobBody(bytesOf(0, 0), [])).body, blobBody(bytesOf(0, 0), []));
});

Deno.test("Inbox receives chunked messages that alternate", () => {
  const { ring, inbox } = mailbox();
  const bodies = [
    textBody("ab\u{1F600}".repeat(200_000)),
    blobBody(bytesOf(10, 1), [bytesOf(600_000, 2), bytesOf(1, 3)]),
    textBody("\ufeff語".repeat(150_000)),
  ];
  const sends = bodies.map((body, id) => sending(ring, id, body));
  const received = new Map<number, Body>();
  while (received.size < bodies.length) {
    for (const [i, send] of sends.entries()) if (send?.()) delete sends[i];
    // A few frames at a time, so that the ring is full for one and then for the other.
    const message = inbox.receive(2);
    if (message) received.set(message.id, message.body);
  }
  for (const [id, body] of bodies.entries()) assertSame(received.get(id)!, body);
});

Deno.test("Inbox.receive() looks at no more frames than it is told", () => {
  const { ring, inbox } = mailbox();
  const advance = sending(ring, 1, textBody("x".repeat(MAX_FRAME * 2)));
  assert(advance());
  assertEquals(inbox.receive(1), undefined);
  assertEquals(inbox.receive(1), undefined);
  let frames = 2;
  for (; !inbox.empty; frames++) if (inbox.receive(1)) break;
  assertEquals(frames, 3);
});

Deno.test("Outgoing.keep() takes a copy of what is not written yet", () => {
  const { ring, inbox } = mailbox();
  const [early, late] = [bytesOf(RING_BYTES, 1), bytesOf(RING_BYTES, 2)];
  const expected = blobBody(bytesOf(4, 0), [early.slice(), late.slice()]);
  const outgoing = new Outgoing(1, KIND, 5, 6, 7, blobBody(bytesOf(4, 0), [early, late]));
  assert(!outgoing.advance(ring));
  outgoing.keep();
  early.fill(0);
  late.fill(0);
  let message: Message | undefined;
  while (!outgoing.advance(ring)) message ??= inbox.receive();
  message ??= inbox.receive();
  assertSame(message!.body, expected);
});

Deno.test("Inbox agrees with a queue under random interleaving", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = randomFrom(seed);
    const { ring, inbox } = mailbox();
    const sent = new Map<number, Body>();
    const sends: (() => boolean)[] = [];
    let id = 0;
    let received = 0;
    const take = () => {
      const message = inbox.receive(1 + random(5));
      if (!message) return;
      assertSame(message.body, sent.get(message.id)!);
      sent.delete(message.id);
      received++;
    };
    for (let step = 0; step < 300; step++) {
      if (random(3) > 0 && sends.length < 20) {
        const length = random(5) === 0 ? random(400_000) : random(2000);
        const body = random(2) === 0
          ? textBody(["x", "ü", "\u{1F600}"][random(3)].repeat(length / 2))
          : blobBody(bytesOf(random(40), step), [bytesOf(length, step), bytesOf(random(9), step)]);
        sent.set(++id, body);
        sends.push(sending(ring, id, body));
      }
      // Any of them goes on, as when callbacks are served in the middle of sending.
      const at = random(sends.length);
      if (sends[at]?.()) sends.splice(at, 1);
      take();
    }
    while (sent.size > 0) {
      if (sends[0]?.()) sends.shift();
      take();
    }
    assertEquals([received, inbox.empty], [id, true]);
  }
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
    while (!inbox.empty) inbox.receive();
  }, BridgeProtocolError);
}

Deno.test("Inbox refuses a text that is longer than its frame", () => {
  for (const Meta of [1, 8, MAX_FRAME, 2 ** 31 - 1, -1]) {
    refuses((ring) => forge(ring, { Meta, Format: Format.Json }));
  }
});

Deno.test("Inbox refuses more blobs, or longer ones, than the frame has room for", () => {
  for (const Blobs of [1, 100, 2 ** 20, 2 ** 30, 2 ** 31 - 1, -1]) {
    refuses((ring) => forge(ring, { Blobs, Format: Format.Structured }));
  }
  for (const length of [13, 2 ** 31 - 1, -1, -8]) {
    refuses((ring) => {
      const at = forge(ring, { Blobs: 1, Format: Format.Structured }, HEADER + 16);
      ring.words[at + HEADER >> 2] = length;
    });
  }
});

Deno.test("Inbox refuses chunks of a stream that was not begun", () => {
  for (const Id of [0, 1, -1, 65_536]) {
    refuses((ring) => forge(ring, { Kind: CHUNK, Id, A: 0, B: 1 }));
  }
});

Deno.test("Inbox refuses a chunk that claims more bytes than its frame has", () => {
  for (const A of [1, 8, -1, 2 ** 31 - 1]) {
    refuses((ring) => {
      forge(ring, { Format: Format.Json | 1 << 16 });
      forge(ring, { Kind: CHUNK, Id: 1, A, B: 1 });
    });
  }
});

Deno.test("Inbox refuses a stream that is begun twice, and too many streams", () => {
  refuses((ring) => {
    forge(ring, { Format: Format.Json | 1 << 16 });
    forge(ring, { Format: Format.Json | 1 << 16 });
  });
  const { ring, inbox } = mailbox();
  assertThrows(() => {
    for (let stream = 1; stream <= 2000; stream++) {
      forge(ring, { Format: Format.Json | stream << 16 });
      inbox.receive();
    }
  }, BridgeProtocolError);
});

Deno.test("Inbox refuses a chunked message that ends too early or goes on too long", () => {
  const begin = (ring: RingWriter, Meta: number, Blobs: number) =>
    forge(ring, { Format: Format.Structured | 1 << 16, Meta, Blobs });
  refuses((ring) => {
    begin(ring, 100, 0);
    forge(ring, { Kind: CHUNK, Id: 1, A: 8, B: 1 }, HEADER + 8);
  });
  refuses((ring) => {
    begin(ring, 4, 0);
    forge(ring, { Kind: CHUNK, Id: 1, A: 9, B: 0 }, HEADER + 16);
  });
  refuses((ring) => {
    begin(ring, 0, 3);
    forge(ring, { Kind: CHUNK, Id: 1, A: 8, B: 1 }, HEADER + 8);
  });
});

Deno.test("Inbox refuses a chunked message that lies about the lengths of its blobs", () => {
  for (const length of [1, 1 << 20, 2 ** 31 - 1, -1]) {
    refuses((ring) => {
      forge(ring, { Format: Format.Structured | 1 << 16, Meta: 0, Blobs: 2 });
      const at = forge(ring, { Kind: CHUNK, Id: 1, A: 8, B: 1 }, HEADER + 8);
      ring.words.fill(length, at + HEADER >> 2, (at + HEADER >> 2) + 2);
    });
  }
});

Deno.test("Inbox refuses a chunked message of too many blobs before it makes room for them", () => {
  for (const Blobs of [2 ** 22 + 1, 2 ** 31 - 1, -1]) {
    refuses((ring) => forge(ring, { Format: Format.Structured | 1 << 16, Meta: 0, Blobs }));
  }
});

Deno.test("Inbox meets random frames with messages or a BridgeProtocolError, and ends", () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const random = randomFrom(seed);
    const { ring, inbox } = mailbox();
    const odd = () => [0, 1, 2, 7, 8, 16, 40, 64, -1, 2 ** 16, 2 ** 20, 2 ** 31 - 1][random(12)];
    for (let i = 0; i < 30; i++) {
      const words = {
        Kind: [CHUNK, CHUNK, KIND, odd()][random(4)],
        Id: random(3),
        A: odd(),
        B: random(2),
        Format: [Format.Json, Format.Structured, odd()][random(3)] | random(3) << 16,
        Meta: random(2) * odd(),
        Blobs: random(2) * random(4),
      };
      const at = forge(ring, words, HEADER + 8 * random(6));
      ring.words[at + HEADER >> 2] ||= random(2) * random(30);
    }
    try {
      for (let i = 0; i < 40 && !inbox.empty; i++) inbox.receive();
      assert(inbox.empty);
    } catch (error) {
      assert(error instanceof BridgeProtocolError, String(error));
    }
  }
});
