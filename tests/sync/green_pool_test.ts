import { GreenPool, joinAllAsync, NotCloneableError, Semaphore, spawn } from "@aiohub/aiohub";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { turn, until } from "../support/mod.ts";

const odd = (n: number) => {
  if (n === 0) throw new RangeError("zero");
  return 1 / n;
};
const enter = (gate: Semaphore, n: number) => {
  gate.acquire();
  return n;
};

Deno.test("GreenPool gives the slot of a thread that was killed back, started or not", async () => {
  const pool = new GreenPool(1);
  const gate = new Semaphore(0);
  const running = pool.spawnAsync(enter, gate, 1);
  const waiting = pool.spawnAsync(enter, gate, 2);
  await until(() => gate.waiting === 1);
  assertEquals(pool.waiting, 1);
  waiting.kill();
  await assertRejects(() => waiting.then());
  assertEquals([pool.waiting, pool.running], [0, 1]);
  running.kill();
  await assertRejects(() => running.then());
  await pool.waitAllAsync();
  assertEquals(pool.free, 1);
});

Deno.test("GreenPool.spawnN() and spawnNAsync() give a handle to watch and to kill, as spawnN() does", async () => {
  const pool = new GreenPool(1);
  const gate = new Semaphore(0);
  const running = pool.spawnNAsync(enter, gate, 1);
  const waiting = pool.spawnNAsync(enter, gate, 2);
  await until(() => gate.waiting === 1);
  assertEquals([running.state, waiting.state], ["running", "pending"]);
  waiting.kill();
  gate.release();
  assertEquals(await running, 1);
  assertEquals([waiting.state, pool.free], ["killed", 1]);
  const inGreenCode = spawn(
    (pool: GreenPool, gate: Semaphore) => {
      const thread = pool.spawnN((gate: Semaphore) => gate.acquire(), gate);
      const before = thread.dead;
      thread.kill(undefined, { wait: true });
      // Now the pool has a slot, so this one gets a thread that starts.
      return [before, thread.state, pool.spawnN(() => 3).wait()];
    },
    pool,
    gate,
  );
  assertEquals(await inGreenCode, [false, "killed", 3]);
  await pool.waitAllAsync();
});

Deno.test("GreenPool.imap() is lazy and bounded, and an early end kills what runs", async () => {
  const pool = new GreenPool(2);
  const gate = new Semaphore(0);
  let taken = 0;
  const calls: [Semaphore, number][] = Array.from({ length: 10 }, (_, i) => [gate, i]);
  const counted = function* () {
    for (const call of calls) {
      taken++;
      yield call;
    }
  };
  const iterator = pool.starmapAsync(enter, counted());
  assertEquals([taken, pool.running], [0, 0]);
  gate.release();
  gate.release();
  await iterator.next();
  assert(taken <= 3, `${taken} taken`);
  await iterator.return!();
  await pool.waitAllAsync();
  assertEquals(pool.free, 2);
});

Deno.test("GreenPool.imapUnordered() gives results as calls end (both sides)", async () => {
  const pool = new GreenPool(2);
  const gate = new Semaphore(0);
  const calls = [[gate, 1] as const, [undefined, 2] as const];
  const call = ([gate, n]: readonly [Semaphore | undefined, number]) => {
    gate?.acquire();
    return n;
  };
  const seen: number[] = [];
  for await (const n of pool.imapUnorderedAsync(call, calls)) {
    seen.push(n);
    gate.release();
  }
  assertEquals(seen, [2, 1]);
  gate.tryAcquire();
  const green = await spawn(
    (pool: GreenPool, gate: Semaphore) => {
      const seen: number[] = [];
      const call = ([gate, n]: readonly [Semaphore | undefined, number]) => {
        gate?.acquire();
        return n;
      };
      for (const n of pool.imapUnordered(call, [[gate, 1], [undefined, 2]])) {
        seen.push(n);
        gate.release();
      }
      return seen;
    },
    pool,
    gate,
  );
  assertEquals(green, [2, 1]);
});

Deno.test("GreenPool.waitAll() on the hub names its twin", () => {
  assertThrows(() => new GreenPool().waitAll(), Error, "waitAllAsync");
});

Deno.test("joinAll() with throwOnError throws what the first thread that failed threw", async () => {
  const failing = spawn(odd, 0);
  await assertRejects(() => joinAllAsync([failing], { throwOnError: true }), RangeError, "zero");
});

Deno.test("GreenPool.imapAsync() has the error of arguments that cannot cross in their place", async () => {
  const pool = new GreenPool(2);
  const results = pool.imapAsync((n: unknown) => n, [1, Symbol("two"), 3]);
  assertEquals(await results.next(), { done: false, value: 1 });
  await assertRejects(() => results.next(), NotCloneableError);
  assertEquals(await results.next(), { done: false, value: 3 });
  assertEquals(await results.next(), { done: true, value: undefined });
  assertEquals(pool.running, 0);
});

Deno.test("GreenPool.imap() has the error of arguments that cannot cross in their place", async () => {
  const steps = await spawn((pool: GreenPool) => {
    const results = pool.imap((n: unknown) => n, [1, Symbol("two"), 3]);
    return [1, 2, 3, 4].map(() => {
      try {
        const { done, value } = results.next();
        return done ? "done" : value;
      } catch (error) {
        return (error as Error).name;
      }
    });
  }, new GreenPool(2));
  assertEquals(steps, [1, "NotCloneableError", 3, "done"]);
});

Deno.test("GreenPool.imapAsync() begins no call once it was left", async () => {
  const pool = new GreenPool(2);
  const { promise, resolve } = Promise.withResolvers<IteratorResult<number>>();
  const source = { [Symbol.asyncIterator]: () => ({ next: () => promise }) };
  const results = pool.imapAsync((n: number) => n, source);
  const first = results.next();
  await turn();
  const left = results.return!();
  resolve({ done: false, value: 1 });
  assertEquals(await first, { done: true, value: undefined });
  await left;
  assertEquals(pool.running, 0);
});

Deno.test("GreenPool.imap() and starmap() say in words which arguments they cannot take", async () => {
  // deno-lint-ignore no-explicit-any
  type Wrong = any;
  const text = (found: string) => `Cannot map: expected an iterable of arguments, found ${found}`;
  const noArray = "Cannot map: expected an array of arguments, found 5";
  const inGreenCode = await spawn(() => {
    const pool = new GreenPool(1);
    const fn = (n: number) => n;
    const begins: (() => unknown)[] = [
      () => pool.imap(fn, null as Wrong),
      () => pool.starmap(fn, 5 as Wrong),
      () => pool.starmap(fn, [5] as Wrong).toArray(),
    ];
    return begins.map((begin) => {
      try {
        return begin();
      } catch (error) {
        return (error as Error).message;
      }
    });
  });
  assertEquals(inGreenCode, [text("null"), text("5"), noArray]);
  const pool = new GreenPool(1);
  const fn = (n: number) => n;
  await assertRejects(() => pool.imapAsync(fn, null as Wrong).next(), TypeError, text("null"));
  assertThrows(() => pool.starmapAsync(fn, null as Wrong), TypeError, text("null"));
  await assertRejects(() => pool.starmapAsync(fn, [5] as Wrong).next(), TypeError, noArray);
  assertEquals(pool.running, 0);
});
