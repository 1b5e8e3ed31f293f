import { GreenEvent, Lock } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { define, type Table, thrown, values } from "./ways.ts";

export const events: Table = {
  "P59 P241 GreenEvent.send() reaches one who waits": define({
    make: () => ({ event: new GreenEvent<string>() }),
    parties: [
      ({ event }) => event.waitAsync(),
      async ({ event }, { until }) => {
        await until(() => event.waiting === 1);
        event.send("value");
      },
    ],
    check(endings, { event }) {
      assertEquals(values(endings)[0], "value");
      assert(event.ready && event.hasResult && !event.hasError);
    },
  }),
  "P60 GreenEvent.send() wakes five who wait, even if each throws right after": define({
    make: () => ({ event: new GreenEvent<number>() }),
    parties: [
      ...[1, 2, 3, 4, 5].map((n) => async ({ event }: { event: GreenEvent<number> }) => {
        throw new Error(`${await event.waitAsync()}-${n}`);
      }),
      async ({ event }, { until }) => {
        await until(() => event.waiting === 5);
        event.send(7);
      },
    ],
    check(endings) {
      assertEquals(endings.slice(0, 5).map(thrown), ["7-1", "7-2", "7-3", "7-4", "7-5"]);
    },
  }),
  "P61 GreenEvent.reset() before a send and a second send fail; after a reset a new value comes":
    define({
      make: () => ({ event: new GreenEvent<number>({ name: "e" }) }),
      parties: [async ({ event }) => {
        const errors: string[] = [];
        const attempt = (fn: () => void) => {
          try {
            fn();
          } catch (error) {
            errors.push((error as Error).message);
          }
        };
        attempt(() => event.reset());
        event.send(1);
        attempt(() => event.send(2));
        const first = await event.waitAsync();
        event.reset();
        event.send(3);
        return { first, second: await event.waitAsync(), refused: errors.length };
      }],
      check(endings) {
        assertEquals(values(endings), [{ first: 1, second: 3, refused: 2 }]);
      },
    }),
  "GreenEvent.wait() gives the first value after send, reset, send before the waiter runs": define({
    make: () => ({ event: new GreenEvent<number>(), held: new Lock() }),
    parties: [
      ({ event }) => event.waitAsync(),
      async ({ event }, { until }) => {
        await until(() => event.waiting === 1);
        event.send(1);
        event.reset();
        event.send(2);
        return await event.waitAsync();
      },
    ],
    check(endings) {
      assertEquals(values(endings), [1, 2]);
    },
  }),
  "P63 GreenEvent.wait() gives a value that was sent before its time is over": define({
    make: () => ({ event: new GreenEvent<undefined>() }),
    parties: [
      async ({ event }) => [await event.waitAsync({ timeout: 600_000 })],
      ({ event }) => event.send(),
    ],
    check(endings, { event }) {
      assertEquals(values(endings)[0], [undefined]);
      assert(event.ready);
    },
  }),
  "P64 GreenEvent.wait() throws a Timeout when its time is over": define({
    make: () => ({ event: new GreenEvent() }),
    parties: [({ event }) => event.waitAsync({ timeout: 5 })],
    check([ending], { event }) {
      assertEquals(thrown(ending), "Timeout");
      assertEquals(event.waiting, 0);
    },
  }),
  "P242 GreenEvent.wait() that may not wait throws a Timeout when nothing was sent": define({
    make: () => ({ event: new GreenEvent<number>() }),
    parties: [async ({ event }) => {
      const late = await event.waitAsync({ timeout: 0 }).catch((error: Error) => error.name);
      const before = event.poll();
      event.send(0);
      const waited = await event.waitAsync({ timeout: 0 });
      return { late, before, waited, polled: event.poll(), waiting: event.waiting };
    }],
    check: (endings) =>
      assertEquals(values(endings), [
        { late: "Timeout", before: undefined, waited: 0, polled: 0, waiting: 0 },
      ]),
  }),
  "P240 GreenEvent.settle() sends how a thread ended, value or error": define({
    make: () => ({ events: [new GreenEvent<number>(), new GreenEvent<number>()] }),
    parties: [
      ({ events }) => Promise.all(events.map((event: GreenEvent<number>) => event.waitAsync())),
      ({ events }) => {
        events[0].settle({ status: "fulfilled", value: 1 });
        events[1].settle({ status: "rejected", reason: new RangeError("failed") });
        return { hasResult: events[0].hasResult, hasError: events[1].hasError };
      },
    ],
    check([first, second]) {
      assertEquals(thrown(first), "RangeError");
      assertEquals(values([second]), [{ hasResult: true, hasError: true }]);
    },
  }),
  "GreenEvent.sendError() is thrown with its class where somebody waits": define({
    make: () => ({ event: new GreenEvent() }),
    parties: [
      ({ event }) => event.waitAsync(),
      ({ event }) => event.sendError(new RangeError("no")),
    ],
    check([first], { event }) {
      assertEquals(thrown(first), "RangeError");
      assert(event.hasError && !event.hasResult);
    },
  }),
  "GreenEvent.send() carries large values and references": define({
    // deno-lint-ignore no-explicit-any
    make: () => ({ event: new GreenEvent<any>() }),
    parties: [
      async ({ event }) => {
        const { lock, text, bytes } = await event.waitAsync();
        return { locked: lock.locked, text: text.length, bytes: bytes.length };
      },
      ({ event }) =>
        event.send({ lock: new Lock(), text: "x".repeat(100_000), bytes: new Uint8Array(9) }),
    ],
    check(endings) {
      assertEquals(values(endings)[0], { locked: false, text: 100_000, bytes: 9 });
    },
  }),
};
