/**
 * Values between a real hub and real green threads: what the codec's own tests cannot see.
 *
 * @module
 */

import { handle, type Sync } from "@aiohub/aiohub";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import { rejection, TestHub } from "../../support/mod.ts";
import { NotCloneableError, Queue } from "@aiohub/aiohub";
import * as values from "../../fixtures/values.ts";
import { Money, Purse, Reading, Store } from "../../fixtures/values.ts";

const hub = TestHub.shared({ maxWorkers: 1 });

Deno.test("J95 an object of all kinds with circles comes back in the same shape, both ways", async () => {
  assertEquals(values.checkTangle(await values.echo(values.tangle())), []);
  assertEquals(values.checkTangle(await values.makeTangle()), []);
  assertEquals(await values.receiveTangle(values.tangle()), []);
});

Deno.test("J107 a registered class that wraps a platform object crosses, nested and both ways", async () => {
  const reading = new Reading(new CustomEvent("temperature", { detail: 21.5 }));
  assertEquals(await values.describeReading([{ reading }]), ["temperature", 21.5]);
  const back = await values.makeReading("pressure", 7);
  assertInstanceOf(back, Reading);
  assertEquals([back.event.type, back.event.detail], ["pressure", 7]);
});

Deno.test("registered classes hold one another, and what is one instance stays one", async () => {
  const coin = new Money(5n);
  const purse = new Purse([coin, coin, new Money(1n)]);
  const back = await values.echo({ purse, again: purse, coin });
  assertInstanceOf(back.purse, Purse);
  assertStrictEquals(back.again, back.purse);
  assertStrictEquals(back.purse.coins[0], back.purse.coins[1]);
  assertStrictEquals(back.coin, back.purse.coins[0]);
  assertEquals(back.purse.total, 11n);
});

Deno.test("a class that was not registered, and a subclass of one that was, are refused with the way out", async () => {
  class Coupon {}
  class Gold extends Money {}
  for (const [value, name] of [[new Coupon(), "Coupon"], [new Gold(1n), "Gold"]] as const) {
    const error = await rejection(
      Promise.try(() => values.echo({ list: [value] })),
      NotCloneableError,
    );
    assertEquals(error.path, "arguments[0].list[0]");
    assert(error.message.includes(`registerClass(${name}, { name, toWire, fromWire })`));
    assert(error.message.includes("handle()"));
  }
  const fromGreen = await rejection(values.makeUnregistered(), NotCloneableError);
  assertEquals(fromGreen.path, 'result.get("a")[1]');
});

Deno.test("a refusal names the line that sent the value, on either side, and what it was there", async () => {
  class Coupon {}
  const fromHub = await rejection(
    Promise.try(() => values.echo({ list: [new Coupon()] })),
    NotCloneableError,
  );
  assertMatch(fromHub.stack!, /values_test\.ts/);
  const call = (fn: (value: unknown) => void) => fn(new (class Coupon {})());
  const called = await rejection(hub.spawn(call, () => {}), NotCloneableError);
  assertMatch(called.stack!, /inline function:1:\d+/);
  const put = (queue: Queue<unknown>) => queue.put([new (class Coupon {})()]);
  const queued = await rejection(hub.spawn(put, new Queue<unknown>()), NotCloneableError);
  assertEquals(queued.path, "item[0]");
  assertMatch(queued.stack!, /Cannot send item\[0\]: [^]*inline function:1:\d+/);
});

Deno.test("an instance that is part of what its toWire gives is refused, not sent for ever", async () => {
  const purse = new Purse([]);
  purse.coins.push(purse as never);
  const error = await rejection(Promise.try(() => values.echo(purse)), NotCloneableError);
  assert(
    error.message.includes("the result of its toWire contains the instance itself"),
    error.message,
  );
});

Deno.test("P137 what a method of a handle gives is a handle only where it cannot cross, and never twice", async () => {
  const store = new Store();
  const wrapped = handle(handle(store));
  assertStrictEquals(wrapped as unknown, handle(wrapped) as unknown);
  assertEquals(await values.visit(wrapped as unknown as Sync<Store>), {
    plain: [{ id: 1 }],
    registered: true,
    shelf: "shelf a",
    sameShelf: true,
    sameStore: true,
    date: true,
  });
});

Deno.test("views of one buffer share it on the other side, and SharedArrayBuffers stay shared", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const shared = new SharedArrayBuffer(8, { maxByteLength: 16 });
  const bytes = new Uint8Array(16);
  const back = await values.scribble({
    whole: bytes,
    part: bytes.subarray(4, 8),
    view: new DataView(bytes.buffer, 6),
    shared,
    words: new Int32Array(shared),
  });
  assertEquals([...back.whole.subarray(4, 8)], [1, 2, 3, 4]);
  assertStrictEquals(back.part.buffer, back.whole.buffer);
  assertEquals([back.part.byteOffset, back.view.byteOffset, back.view.getUint8(0)], [4, 6, 3]);
  assertEquals([...bytes], Array(16).fill(0));
  assertStrictEquals(back.shared, shared);
  assertStrictEquals(back.words.buffer, shared);
  assertEquals(new Int32Array(shared)[1], 77);
  assertEquals(shared.byteLength, 16);
});

Deno.test("__proto__ keys touch no prototype, on either side, at any depth", async () => {
  const evil = JSON.parse(
    '{"a":[{"__proto__":{"polluted":1}}],"__proto__":{"polluted":2},"constructor":{"prototype":{"polluted":3}}}',
  );
  assertEquals(await values.pollution(evil), [undefined, 2, ["a", "__proto__", "constructor"]]);
  // The same in the structured form.
  evil.when = new Date(0);
  const keys = ["a", "__proto__", "constructor", "when"];
  assertEquals(await values.pollution(evil), [undefined, 2, keys]);
  const back = await values.evil();
  assertEquals(Object.getPrototypeOf(back), Object.prototype);
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
});
