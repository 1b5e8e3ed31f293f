import { assert, assertEquals } from "@std/assert";
import { Board } from "../../../bridge/wire/board.ts";
import { Inbox } from "../../../bridge/wire/inbox.ts";
import { Mailbox } from "../../../green/worker/mailbox.ts";
import { EMPTY } from "../../../bridge/wire/message.ts";
import { Outbox } from "../../../bridge/wire/outbox.ts";
import { createRing, RingReader, RingWriter } from "../../../bridge/wire/ring.ts";

const KIND = 16;

/** A Worker's mailbox, and the hub's end of it, on one thread: the hub reads at chosen moments. */
function bothEnds(options: {
  /** What the hub does when the Worker sleeps. */
  asleep(hub: { read(frames?: number): void }): void;
  /** What the Worker does with what arrives while it writes. */
  takeIn(mailbox: Mailbox): void;
  /** Called when the Worker says that it is hungry. */
  hungry?(hub: { read(frames?: number): void }): void;
}) {
  const [up, down] = [createRing(), createRing()];
  const inbox = new Inbox(new RingReader(up));
  const ids: number[] = [];
  const hub = {
    /** As the hub reads: it wakes who waits for room. */
    read(frames = Infinity) {
      for (let i = 0; i < frames; i++) {
        const message = inbox.receive();
        if (!message) return;
        ids.push(message.id);
        if (inbox.ring.takeHungry()) board.wake(0);
      }
    },
  };
  class Asleep extends Board {
    override park(slot: number, seen: number): void {
      options.asleep(hub);
      assert(this.woken(slot) !== seen, "the Worker sleeps for ever");
    }
  }
  const board = new Asleep(1);
  class Watched extends RingWriter {
    override setHungry(hungry: boolean) {
      super.setHungry(hungry);
      if (hungry) options.hungry?.(hub);
    }
  }
  const out = new Outbox(new Watched(up));
  const inboxHere = new Inbox(new RingReader(down));
  const mailbox: Mailbox = new Mailbox(board, 0, out, inboxHere, () => options.takeIn(mailbox));
  let filling = 0;
  while (out.write(KIND, 0, 0, 0, EMPTY)) filling++;
  return { mailbox, hub, sent: () => ids.slice(filling) };
}

/** Waits until it has been looked twice. */
function waitOnce(mailbox: Mailbox): void {
  let looks = 0;
  mailbox.wait(() => looks++ > 0 || Infinity);
}

Deno.test("Mailbox.send() puts off what is to be sent while a message waits for room, however much that is", () => {
  let left = 20_000;
  const { mailbox, hub, sent } = bothEnds({
    // Room for few, so that those that were put off have to wait as well.
    asleep: (hub) => hub.read(5000),
    takeIn(mailbox) {
      while (left > 0) mailbox.send(KIND, 2 + --left, 0, 0, EMPTY);
    },
  });
  mailbox.send(KIND, 1, 0, 0, EMPTY);
  assertEquals(left, 0);
  hub.read();
  assertEquals(sent(), [1, ...Array.from({ length: 20_000 }, (_, i) => 20_001 - i)]);
});

Deno.test("Mailbox stays hungry while any message waits for room", () => {
  let nested = 0;
  const { mailbox, hub, sent } = bothEnds({
    asleep: (hub) => hub.read(),
    // What arrives may block, in green code: it is served in the middle of the message that waits.
    takeIn(mailbox) {
      if (nested++ > 0) return;
      mailbox.send(KIND, 2, 0, 0, EMPTY);
      waitOnce(mailbox);
    },
    // The hub reads one more each time, too few to wake anybody.
    hungry: (hub) => {
      if (nested > 0) hub.read(1);
    },
  });
  mailbox.send(KIND, 1, 0, 0, EMPTY);
  hub.read();
  assertEquals(sent().toSorted(), [1, 2]);
});

Deno.test("Mailbox has written what was put off before it sleeps on top of a message that waits", () => {
  const before: number[][] = [];
  let nested = 0;
  const ends = bothEnds({
    asleep(hub) {
      hub.read();
      before.push(ends.sent());
    },
    takeIn(mailbox) {
      if (nested++ > 0) return;
      mailbox.send(KIND, 2, 0, 0, EMPTY);
      // As a blocking call does: first it finds that something was put off, then it sleeps.
      waitOnce(mailbox);
      ends.hub.read();
      before.push(ends.sent());
    },
  });
  ends.mailbox.send(KIND, 1, 0, 0, EMPTY);
  assert(before[0].includes(2) || before[1].includes(2), Deno.inspect(before));
  ends.hub.read();
  assertEquals(ends.sent().toSorted(), [1, 2]);
});
