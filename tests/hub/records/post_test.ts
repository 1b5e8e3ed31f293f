import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { setImmediate } from "node:timers";
import { MessageChannel, Worker } from "node:worker_threads";
import { Board } from "../../../bridge/wire/board.ts";
import { Format, type Payload } from "../../../bridge/wire/payload.ts";
import { Inbox } from "../../../bridge/wire/inbox.ts";
import { EMPTY, FIRST_KIND } from "../../../bridge/wire/message.ts";
import {
  createRing,
  MAX_FRAME,
  RING_BYTES,
  RingReader,
  RingWriter,
} from "../../../bridge/wire/ring.ts";
import { Post } from "../../../hub/records/post.ts";
import { Outbox } from "../../../bridge/wire/outbox.ts";
import { Passage } from "../../../bridge/memory/objects.ts";
import { hereOnHub } from "../../../bridge/memory/process_side.ts";
import { Chance } from "../../support/random.ts";
import type { PeerStart } from "../../fixtures/mailbox_peer.ts";

/** A message's payload, the same for the same number. */
function payloadOf(n: number): Payload {
  const chance = new Chance(n);
  const length = [0, 10, 1000, MAX_FRAME - 64 + chance.below(128), chance.below(2 * RING_BYTES)][
    chance.below(40) === 0 ? 3 + chance.below(2) : chance.below(3)
  ];
  if (chance.below(2) === 0) {
    const text = ["x", "ü", "\u{1F600}"][chance.below(3)].repeat(length / 2);
    return { format: Format.Text, text, meta: undefined, buffers: [] };
  }
  const buffers = [new Uint8Array(length).fill(n), new Uint8Array(chance.below(9)).fill(n + 1)];
  return {
    format: Format.Structured,
    text: "",
    meta: new Uint8Array(chance.below(50)).fill(n),
    buffers,
  };
}

function isSame(a: Payload, b: Payload): boolean {
  const [x, y] = [a, b].map(({ meta, buffers }) => meta ? [meta, ...buffers] : []);
  return a.format === b.format && a.text === b.text && x.length === y.length &&
    x.every((bytes, i) =>
      bytes.length === y[i].length && bytes.every((byte, j) => byte === y[i][j])
    );
}

Deno.test("Post and a Worker at its other end exchange thousands of messages of all sizes", async () => {
  const count = 2000;
  const board = new Board(1);
  const [up, down] = [createRing(), createRing()];
  const { port1, port2: port } = new MessageChannel();
  const passage = new Passage(port1);
  const outbox = new Outbox(new RingWriter(down), passage);
  const post = new Post(board, 0, outbox, new Inbox(new RingReader(up), passage));
  const here = { arena: hereOnHub().arena.buffer, board: 1 };
  const start: PeerStart = { board: board.buffer, up, down, here, port, count };
  const url = new URL("../../fixtures/mailbox_peer.ts", import.meta.url);
  const worker = new Worker(url, { workerData: start, transferList: [port] });
  const exited = new Promise<void>((resolve) => worker.on("exit", () => resolve()));
  let sent = 0;
  const received = new Set<number>();
  while (received.size < count) {
    // In bursts, so that the ring is now empty and now far too small.
    for (let i = 0; i < 200 && sent < count && sent - received.size < 400; i++, sent++) {
      post.send(FIRST_KIND, sent, -sent, 7, payloadOf(sent));
    }
    post.sendWaiting();
    for (let i = 0; i < 64; i++) {
      const message = post.receive();
      if (!message) break;
      const { kind, id, a, b, payload } = message;
      assertEquals({ kind, a: a + id, b, again: received.has(id) }, {
        kind: FIRST_KIND,
        a: 0,
        b: 7,
        again: false,
      });
      assert(isSame(payload, payloadOf(id)));
      received.add(id);
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await exited;
  assert(post.inbox.ring.empty);
  post.retire();
  passage.close();
});

Deno.test("Post keeps the order of messages that wait for room", () => {
  const board = new Board(1);
  const down = createRing();
  const inbox = new Inbox(new RingReader(down));
  const post = new Post(
    board,
    0,
    new Outbox(new RingWriter(down)),
    new Inbox(new RingReader(createRing())),
  );
  const text = "x".repeat(20_000);
  for (let id = 0; id < 100; id++) {
    post.send(FIRST_KIND, id, 0, 0, { format: Format.Text, text, meta: undefined, buffers: [] });
  }
  const ids: number[] = [];
  while (ids.length < 100) {
    const message = inbox.receive();
    if (message) ids.push(message.id);
    else post.sendWaiting();
  }
  assertEquals(ids, ids.map((_, i) => i));
});

Deno.test("Post sends the bytes as they were when they were sent", () => {
  const board = new Board(1);
  const down = createRing();
  const { port1, port2 } = new MessageChannel();
  const [near, far] = [new Passage(port1), new Passage(port2)];
  const inbox = new Inbox(new RingReader(down), far);
  const post = new Post(
    board,
    0,
    new Outbox(new RingWriter(down), near),
    new Inbox(new RingReader(createRing())),
  );
  const bytes = Array.from({ length: 16 }, (_, i) => new Uint8Array(RING_BYTES).fill(i + 1));
  for (const [id, blob] of bytes.entries()) {
    const meta = new Uint8Array(1);
    post.send(FIRST_KIND, id, 0, 0, { format: Format.Structured, text: "", meta, buffers: [blob] });
    blob.fill(99);
  }
  let next = 0;
  while (next < bytes.length) {
    const message = inbox.receive();
    if (!message) {
      post.sendWaiting();
      continue;
    }
    const [blob] = message.payload.buffers;
    assert(blob.length === RING_BYTES && blob.every((byte) => byte === next + 1));
    next++;
  }
  post.retire();
  near.close();
});

Deno.test("Post wakes the Worker for each message", () => {
  const board = new Board(2);
  const post = new Post(
    board,
    1,
    new Outbox(new RingWriter(createRing())),
    new Inbox(new RingReader(createRing())),
  );
  const before = board.woken(1);
  post.send(FIRST_KIND, 1, 0, 0, EMPTY);
  assertEquals([board.woken(1), board.woken(0)], [before + 1, 0]);
});

Deno.test("Post lets go of memory whose time is long over, where the event loop was late, without a warning", async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  process.on("warning", note);
  const board = new Board(1);
  const passage = new Passage(new MessageChannel().port1);
  const outbox = new Outbox(new RingWriter(createRing()), passage);
  const { promise: tidied, resolve } = Promise.withResolvers<void>();
  let tidyAt = performance.now() - 5000;
  Object.defineProperty(outbox, "tidyAt", { get: () => tidyAt });
  outbox.tidy = () => {
    tidyAt = Infinity;
    resolve();
  };
  const post = new Post(board, 0, outbox, new Inbox(new RingReader(createRing())));
  const text = "x".repeat(RING_BYTES);
  post.send(FIRST_KIND, 1, 0, 0, { format: Format.Text, text, meta: undefined, buffers: [] });
  // The post's own timer does not keep the process alive.
  const alive = setTimeout(() => {}, 60_000);
  await tidied;
  clearTimeout(alive);
  // A warning is told in a turn of its own.
  await new Promise<void>((resolve) => setImmediate(resolve));
  process.off("warning", note);
  post.retire();
  passage.close();
  assertEquals(warnings, []);
});

Deno.test("Post tries a message again by itself when there was no memory for it", async () => {
  const outbox = new Outbox(new RingWriter(createRing()));
  const { promise: written, resolve } = Promise.withResolvers<void>();
  let tries = 0;
  outbox.begin = () => ({
    advance() {
      if (++tries > 2) resolve();
      return tries > 2;
    },
    keep() {},
  });
  Object.defineProperty(outbox, "starved", { get: () => tries <= 2 });
  const post = new Post(new Board(1), 0, outbox, new Inbox(new RingReader(createRing())));
  const text = "x".repeat(RING_BYTES);
  post.send(FIRST_KIND, 1, 0, 0, { format: Format.Text, text, meta: undefined, buffers: [] });
  // Once, and once more after it has asked for room.
  assertEquals(tries, 2);
  await written;
  assertEquals(tries, 3);
});
