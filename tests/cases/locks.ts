import {
  Barrier,
  BoundedSemaphore,
  CappedSemaphore,
  Condition,
  Lock,
  RLock,
  Semaphore,
} from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { classThrown, define, type Table, thrown, values, write } from "./ways.ts";

const newLog = () => new Int32Array(new SharedArrayBuffer(4 * 64));
const entries = (log: Int32Array) => [...log.slice(1, 1 + log[0])];

export const locks: Table = {
  "P71 new Semaphore() checks how many permits there are": define({
    make: () => ({}),
    parties: [() =>
      [Semaphore, BoundedSemaphore].map((Class) => ({
        values: [0, 1, 1e2].map((count) => new Class(count).value),
        ofText: classThrown(() => new Class("foo" as never)),
        below0: classThrown(() => new Class(-1)),
        fraction: classThrown(() => new Class(1.5)),
      }))],
    check(endings) {
      const ofEach = {
        values: [0, 1, 1e2],
        ofText: "TypeError",
        below0: "RangeError",
        fraction: "RangeError",
      };
      assertEquals(values(endings), [[ofEach, ofEach]]);
    },
  }),
  "P65 CappedSemaphore.release() waits at the limit, and the balance counts both lines": define({
    make: () => ({ semaphore: new CappedSemaphore(2, 3) }),
    parties: [
      ...[1, 2, 3, 4, 5].map(() => ({ semaphore }: { semaphore: CappedSemaphore }) =>
        semaphore.acquireAsync().then(() => {})
      ),
      async ({ semaphore }, { until }) => {
        await until(() => semaphore.balance === -3);
        for (let i = 0; i < 6; i++) await semaphore.releaseAsync();
        return semaphore.balance;
      },
      async ({ semaphore }, { until }) => {
        await until(() => semaphore.balance === 3);
        await semaphore.releaseAsync();
      },
      async ({ semaphore }, { until }) => {
        await until(() => semaphore.balance === 4);
        await semaphore.acquireAsync();
      },
    ],
    check(endings, { semaphore }) {
      values(endings);
      assertEquals(semaphore.balance, 3);
    },
  }),
  "P66 CappedSemaphore.release() with a limit of 0 meets an acquire": define({
    make: () => ({ semaphore: new CappedSemaphore(0, 0), log: newLog() }),
    parties: [
      async ({ semaphore, log }) => {
        await semaphore.releaseAsync();
        write(log, 2);
      },
      async ({ semaphore, log }, { until }) => {
        await until(() => semaphore.balance === 1);
        write(log, 1);
        await semaphore.acquireAsync();
      },
    ],
    check(endings, { semaphore, log }) {
      values(endings);
      assertEquals(entries(log), [1, 2]);
      assertEquals(semaphore.balance, 0);
    },
  }),
  "P67 Semaphore.tryAcquire() gives nothing when there is no permit": define({
    make: () => ({ semaphore: new Semaphore(0) }),
    parties: [({ semaphore }) => semaphore.tryAcquire() === undefined],
    check(endings) {
      assertEquals(values(endings), [true]);
    },
  }),
  "P68 Semaphore.acquire() throws a Timeout when its time is over": define({
    make: () => ({ semaphore: new Semaphore(0) }),
    parties: [async ({ semaphore }) => {
      const start = performance.now();
      try {
        await semaphore.acquireAsync({ timeout: 100 });
      } catch (error) {
        return { thrown: (error as Error).name, hasWaited: performance.now() - start >= 99 };
      }
    }],
    check(endings, { semaphore }) {
      assertEquals(values(endings), [{ thrown: "Timeout", hasWaited: true }]);
      assertEquals(semaphore.balance, 0);
    },
  }),
  "Semaphore.acquire() serves those who wait in the order of their arrival": define({
    make: () => ({ semaphore: new Semaphore(0), log: newLog() }),
    parties: [0, 1, 2, 3].map((i) =>
    async (
      { semaphore, log }: { semaphore: Semaphore; log: Int32Array },
      { until }: { until(c: () => boolean): Promise<void> },
    ) => {
      await until(() => semaphore.waiting === i);
      await semaphore.acquireAsync();
      write(log, i);
      semaphore.release();
    }),
    async drive({ semaphore }, { until }) {
      await until(() => semaphore.waiting === 4);
      semaphore.release();
    },
    check(endings, { semaphore, log }) {
      values(endings);
      assertEquals(entries(log), [0, 1, 2, 3]);
      assertEquals(semaphore.balance, 1);
    },
  }),
  "Semaphore.acquire() of one who is stopped leaves the line, and the next one is served": define({
    make: () => ({ semaphore: new Semaphore(0) }),
    parties: [
      ({ semaphore }, { signal }) => semaphore.acquireAsync({ signal }).then(() => 0),
      async ({ semaphore }, { until, signal }) => {
        await until(() => semaphore.waiting === 1);
        return await semaphore.acquireAsync({ signal }).then(() => 1);
      },
    ],
    async drive({ semaphore }, { until, stop, ending }) {
      await until(() => semaphore.waiting === 2);
      stop(0);
      assertEquals(thrown(await ending(0)), "stopped");
      assertEquals(semaphore.waiting, 1);
      semaphore.release();
    },
    check([, second], { semaphore }) {
      assertEquals(values([second]), [1]);
      assertEquals(semaphore.balance, 0);
    },
  }),
  "P287 Semaphore.release() gives the permit to one who waits, so that tryAcquire() gets none":
    define({
      make: () => ({ semaphore: new Semaphore(0) }),
      parties: [
        async ({ semaphore }) => {
          await semaphore.acquireAsync();
        },
        async ({ semaphore }, { until }) => {
          await until(() => semaphore.waiting === 1);
          semaphore.release();
          return [semaphore.tryAcquire(), semaphore.value, semaphore.waiting];
        },
      ],
      check: (endings) => assertEquals(values(endings)[1], [undefined, 0, 0]),
    }),
  "P287 BoundedSemaphore.release() refuses one too many": define({
    make: () => ({ semaphore: new BoundedSemaphore(1) }),
    parties: [async ({ semaphore }) => {
      await semaphore.acquireAsync();
      semaphore.release();
      semaphore.release();
    }],
    check([ending]) {
      assertEquals(thrown(ending), "RangeError");
    },
  }),
  "Lock.acquire() lets one in at a time": define({
    make: () => ({ lock: new Lock(), counter: newLog() }),
    parties: [0, 1, 2, 3].map(
      () => async ({ lock, counter }: { lock: Lock; counter: Int32Array }) => {
        for (let i = 0; i < 200; i++) {
          using _permit = await lock.acquireAsync();
          const seen = counter[0];
          if (i % 50 === 0) await null;
          counter[0] = seen + 1;
        }
      },
    ),
    check(endings, { lock, counter }) {
      values(endings);
      assertEquals(counter[0], 800);
      assert(!lock.locked);
    },
  }),
  "Lock.acquire() of one who is stopped while it holds the lock frees it": define({
    make: () => ({ lock: new Lock(), never: new Semaphore(0) }),
    parties: [
      async ({ lock, never }, { signal }) => {
        using _permit = await lock.acquireAsync();
        await never.acquireAsync({ signal });
      },
      async ({ lock, never }, { until }) => {
        await until(() => never.waiting === 1);
        using _permit = await lock.acquireAsync();
        return "got it";
      },
    ],
    async drive({ lock, never }, { until, stop }) {
      await until(() => never.waiting === 1 && lock.waiting === 1);
      stop(0);
    },
    check([first, second], { lock }) {
      assertEquals(thrown(first), "stopped");
      assertEquals(values([second]), ["got it"]);
      assert(!lock.locked);
    },
  }),
  "Lock.release() of a lock that nobody holds is an error": define({
    make: () => ({ lock: new Lock({ name: "mine" }) }),
    parties: [({ lock }) => lock.release()],
    check([ending]) {
      assertEquals(thrown(ending), 'Cannot release lock "mine": the lock is not held');
    },
  }),
  "P285 Lock.acquire() in the green thread that holds it is a DeadlockError; in async code it waits":
    define({
      make: () => ({ lock: new Lock() }),
      parties: [async ({ lock }, { green }) => {
        using _permit = await lock.acquireAsync();
        try {
          await lock.acquireAsync(green ? undefined : { timeout: 5 });
        } catch (error) {
          return (error as Error).name === (green ? "DeadlockError" : "Timeout");
        }
      }],
      check(endings, { lock }) {
        assertEquals(values(endings), [true]);
        assert(!lock.locked);
      },
    }),
  "RLock.acquire() keeps others out until it was released as often": define({
    make: () => ({ lock: new RLock(), log: newLog() }),
    parties: [
      async ({ lock, log }, { green, until }) => {
        const outer = await lock.acquireAsync();
        const inner = green ? await lock.acquireAsync() : undefined;
        await until(() => lock.waiting === 1);
        inner?.release();
        write(log, lock.locked ? 1 : 0);
        outer.release();
      },
      async ({ lock, log }, { until }) => {
        await until(() => lock.locked);
        using _permit = await lock.acquireAsync();
        write(log, 2);
      },
    ],
    check(endings, { lock, log }) {
      values(endings);
      assertEquals(entries(log), [1, 2]);
      assert(!lock.locked);
    },
  }),
  "Condition.wait() gives the lock up and has it again": define({
    make: () => ({ condition: new Condition(), box: newLog() }),
    parties: [
      async ({ condition, box }) => {
        using _permit = await condition.acquireAsync();
        await condition.waitForAsync(() => box[0] === 1);
        return condition.lock.locked;
      },
      async ({ condition, box }, { until }) => {
        await until(() => condition.waiting === 1);
        using _permit = await condition.acquireAsync();
        box[0] = 1;
        condition.notify();
      },
    ],
    check(endings, { condition }) {
      assertEquals(values(endings)[0], true);
      assert(!condition.lock.locked);
    },
  }),
  "Condition.wait() of one who is stopped leaves with the lock, and loses no notification": define({
    make: () => ({ condition: new Condition() }),
    parties: [
      async ({ condition }, { signal }) => {
        using _permit = await condition.acquireAsync();
        await condition.waitAsync({ signal });
      },
      async ({ condition }, { until }) => {
        await until(() => condition.waiting === 1);
        using _permit = await condition.acquireAsync();
        await condition.waitAsync();
        return "notified";
      },
    ],
    async drive({ condition }, { until, stop, ending }) {
      await until(() => condition.waiting === 2);
      {
        using _permit = await condition.acquireAsync();
        condition.notify();
        stop(0);
      }
      // Stopped before it heard of its notification: then the next one has that. Or after.
      if ((await ending(0)).status === "rejected") return;
      using _permit = await condition.acquireAsync();
      condition.notify();
    },
    async check([_, second], { condition }) {
      assertEquals(values([second]), ["notified"]);
      (await condition.acquireAsync()).release();
    },
  }),
  "Condition.wait() throws a Timeout with the lock held": define({
    make: () => ({ condition: new Condition() }),
    parties: [async ({ condition }) => {
      using _permit = await condition.acquireAsync();
      try {
        await condition.waitAsync({ timeout: 5 });
      } catch (error) {
        return { thrown: (error as Error).name, locked: condition.lock.locked };
      }
    }],
    check(endings, { condition }) {
      assertEquals(values(endings), [{ thrown: "Timeout", locked: true }]);
      assert(!condition.lock.locked);
    },
  }),
  "Barrier.wait() lets all go when the last has come, round after round": define({
    make: () => ({ barrier: new Barrier(3), log: newLog() }),
    parties: [0, 1, 2].map(
      () => async ({ barrier, log }: { barrier: Barrier; log: Int32Array }) => {
        const numbers = [];
        for (let round = 0; round < 5; round++) {
          write(log, round);
          numbers.push(await barrier.waitAsync());
        }
        return numbers;
      },
    ),
    check(endings, { log }) {
      const numbers = values(endings) as number[][];
      for (let round = 0; round < 5; round++) {
        assertEquals(numbers.map((of) => of[round]).toSorted(), [0, 1, 2]);
      }
      assertEquals(entries(log), entries(log).toSorted((a, b) => a - b));
    },
  }),
  "Barrier.wait() of one who is stopped breaks the barrier": define({
    make: () => ({ barrier: new Barrier(3) }),
    parties: [
      ({ barrier }, { signal }) => barrier.waitAsync({ signal }),
      ({ barrier }) => barrier.waitAsync(),
    ],
    async drive({ barrier }, { until, stop }) {
      await until(() => barrier.waiting === 2);
      stop(0);
    },
    check([first, second], { barrier }) {
      assertEquals(thrown(first), "stopped");
      assertEquals(thrown(second), "BrokenBarrierError");
      assert(barrier.broken);
      barrier.reset();
      assert(!barrier.broken);
    },
  }),
};
