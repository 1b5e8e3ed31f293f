/** Options and times: a limit that somebody meant is one, or refused by name, in all calls and on both sides. */

import {
  Hub,
  joinAllAsync,
  Semaphore,
  spawn,
  spawnWith,
  Timeout,
  withTimeoutAsync,
} from "@aiohub/aiohub";
import { sleep } from "@aiohub/aiohub/green";
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { gathers, others, outcome, waits } from "../fixtures/edges/k5_waits.ts";
import { TestHub } from "../support/mod.ts";
import { hubCalls, hubWaits } from "../support/option_calls.ts";

// deno-lint-ignore no-explicit-any
type Wrong = any;

/** All calls on the hub. Whatever else `withTimeoutAsync()` is given is no options. */
const calls: typeof hubCalls = {
  ...hubWaits,
  ...hubCalls,
  withTimeoutAsync: (options) => withTimeoutAsync({ ms: 1, ...options }, () => 1),
};

const notKnown = /: option "timeOut" is not known: expected \w+/;

/** How a call on the hub ends, as `outcome()` tells of green code. */
async function outcomeOnHub(begin: () => unknown): Promise<string> {
  try {
    return `gives ${await begin()}`;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : `threw ${error}`;
  }
}

Deno.test("K5 an option that a call does not know is refused by name, in green code", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  const names = Object.keys({ ...waits, ...gathers, ...others });
  const found = names.map(async (name) => [name, await outcome(name, { timeOut: 5 })]);
  for (const [name, text] of await Promise.all(found)) {
    if (name === "withTimeout") assertMatch(text, /found an object without "ms"/);
    else assertMatch(`${name}: ${text}`, notKnown);
  }
});

for (const [name, begin] of Object.entries(calls)) {
  Deno.test(`K5 ${name}() refuses an option that it does not know by name`, async () => {
    await using _hub = new TestHub({ maxWorkers: 1 });
    assertMatch(await outcomeOnHub(() => begin({ timeOut: 5 })), notKnown);
  });
}

Deno.test("K5 new Hub() refuses a limit of resources that it does not know by name", () => {
  const options = { resourceLimits: { maxOldSpaceMb: 64 } } as Wrong;
  assertThrows(
    () => new Hub(options),
    TypeError,
    'option "maxOldSpaceMb" is not known: expected max',
  );
});

Deno.test("K5 options that are none are refused: a number, a signal, a list", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  const wanted = String.raw`expected an object of options, such as { timeout: \d+ }, found `;
  for (const name of Object.keys({ ...waits, ...gathers })) {
    const [ofNumber, ofSignal, ofList] = await Promise.all([
      outcome(name, 5),
      outcome(name, AbortSignal.timeout(60_000)),
      outcome(name, [5]),
    ]);
    assertMatch(`${name} ${ofNumber}`, RegExp(`TypeError.*${wanted}5$`));
    assertMatch(
      `${name} ${ofSignal}`,
      RegExp(`TypeError.*${wanted}an object of class AbortSignal$`),
    );
    assertMatch(`${name} ${ofList}`, RegExp(`TypeError.*${wanted}an object of class Array$`));
  }
  for (const [name, begin] of Object.entries(hubWaits)) {
    for (const options of [5, AbortSignal.timeout(60_000), [5]]) {
      assertMatch(`${name} ${await outcomeOnHub(() => begin(options))}`, RegExp(wanted));
    }
  }
});

Deno.test("K5 fetch() and urlopen() refuse options that are none, as all calls do", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const wanted = "expected an object of options, such as { timeout: \\d+ }, found ";
  for (const name of ["fetch", "urlopen"]) {
    assertMatch(await outcome(name, 5), RegExp(`^TypeError: .*${wanted}5$`));
    const signal = AbortSignal.timeout(60_000);
    assertMatch(await outcome(name, signal), RegExp(`${wanted}an object of class AbortSignal$`));
  }
});

Deno.test("K5 a signal that is none is refused by calls that turn out not to wait", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const wanted = /^TypeError: .*expected an AbortSignal for "signal", found 5$/;
  const options = { signal: 5 };
  for (const name of ["Condition.waitFor that holds", "fetch"]) {
    assertMatch(await outcome(name, options), wanted);
  }
  const begin = hubCalls["Condition.waitForAsync that holds"];
  assertMatch(await outcomeOnHub(() => begin(options)), wanted);
});

Deno.test("K5 options may be of a class, of no prototype or frozen, and what is on all objects is none", async () => {
  const options = new class {
    get timeout() {
      return 1;
    }
  }();
  await assertRejects(() => new Semaphore(0).acquireAsync(options), Timeout);
  const bare = Object.assign(Object.create(null), { timeout: 1 });
  await assertRejects(() => new Semaphore(0).acquireAsync(bare), Timeout);
  await assertRejects(() => new Semaphore(0).acquireAsync(Object.freeze({ timeout: 1 })), Timeout);
  const inherited = Object.create({ timeout: 1 });
  await assertRejects(() => new Semaphore(0).acquireAsync(inherited), Timeout);
  Reflect.set(Object.prototype, "forAll", 1);
  try {
    await assertRejects(() => new Semaphore(0).acquireAsync({ timeout: 1 }), Timeout);
  } finally {
    Reflect.deleteProperty(Object.prototype, "forAll");
  }
});

Deno.test("K5 a time is a number, and one below zero is now, in all calls with { timeout } and on both sides", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  const values: readonly [unknown, RegExp][] = [
    ["5", /expected a number of milliseconds for "timeout", found "5"$/],
    [5n, /expected a number of milliseconds for "timeout", found 5n$/],
    [{}, /expected a number of milliseconds for "timeout", found an object of class Object$/],
    [NaN, /expected a number of milliseconds for "timeout", found NaN$/],
    [null, /expected a number of milliseconds for "timeout", found null$/],
    [true, /expected a number of milliseconds for "timeout", found true$/],
  ];
  for (const [timeout, expected] of values) {
    const names = Object.keys({ ...waits, ...gathers });
    const found = names.map(async (name) => `${name} ${await outcome(name, { timeout })}`);
    for (const text of await Promise.all(found)) assertMatch(text, expected);
    for (const [name, begin] of Object.entries(hubWaits)) {
      assertMatch(`${name} ${await outcomeOnHub(() => begin({ timeout }))}`, expected);
    }
    for (const begin of [(o: Wrong) => spawnWith(o), (o: Wrong) => joinAllAsync([], o)]) {
      assertMatch(await outcomeOnHub(() => begin({ timeout })), expected);
    }
  }
  for (const timeout of [-1, -Infinity, 0]) {
    const names = Object.keys(waits);
    const found = names.map(async (name) => `${name} ${await outcome(name, { timeout })}`);
    for (const text of await Promise.all(found)) assertMatch(text, / (Timeout|Empty|Full): /);
    for (const name of Object.keys(gathers)) {
      assertEquals(await outcome(name, { timeout }), "gives 0");
    }
    for (const [name, begin] of Object.entries(hubWaits)) {
      const text = `${name} ${await outcomeOnHub(() => begin({ timeout }))}`;
      assertMatch(text, / (Timeout|Empty|Full): /);
    }
    const late = spawnWith({ timeout }).spawn(() => sleep(60_000));
    await assertRejects(async () => await late, Timeout);
    await assertRejects(() => withTimeoutAsync(timeout, () => new Promise(() => {})), Timeout);
  }
});

Deno.test("K5 other times follow the same rule: sleep(), new Timeout(), spawnAfter(), grace", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  for (const ms of ["5", 5n, {}, NaN, true] as Wrong[]) {
    const shown = typeof ms === "string" ? '"5"' : typeof ms === "bigint" ? "5n" : undefined;
    const texts = await Promise.all([
      outcomeOnHub(() => spawn((ms: Wrong) => sleep(ms), ms)),
      outcomeOnHub(() => new Timeout(ms)),
      outcomeOnHub(() => spawn((ms: Wrong) => void new Timeout(ms), ms)),
      outcomeOnHub(() => hub.spawnAfter(ms, () => 1)),
      outcomeOnHub(() => hub.close({ grace: ms })),
      outcomeOnHub(() => spawn(() => 1).kill(undefined, { grace: ms })),
      outcomeOnHub(() => withTimeoutAsync(ms?.constructor === Object ? { ms } : ms, () => 1)),
    ]);
    for (const text of texts) {
      assertMatch(text, /^TypeError: Cannot .*: expected a number of milliseconds.*, found /);
      if (shown) assertMatch(text, RegExp(`found ${shown}$`));
    }
  }
  assertMatch(
    await outcomeOnHub(() => new Timeout(Symbol("five") as Wrong)),
    /^TypeError: Cannot set a timeout: .* found Symbol\(five\)$/,
  );
  assertMatch(await outcomeOnHub(() => hub.close({ grace: null as Wrong })), /found null$/);
  assertEquals(hub.closed, false);
});

Deno.test("K5 a time that fails when it is looked at is refused in words", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const timeout of [proxy, { constructor: { name: Symbol() } }] as Wrong[]) {
    assertMatch(
      await outcomeOnHub(() => new Semaphore(0).acquireAsync({ timeout })),
      /: expected a number of milliseconds for "timeout", found an object that cannot be read$/,
    );
  }
});

Deno.test("K5 thread.wait(5) is refused as everywhere else, and says what to write", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  for (const name of ["thread.wait", "wait of .spawn()", "wait of futureToGreenlet()"]) {
    assertEquals(
      await outcome(name, 5),
      "TypeError: Cannot wait: expected an object of options, such as { timeout: 5 }, found 5",
    );
    assertMatch(await outcome(name, { timeout: 5 }), /^Timeout: Timed out after 5 ms$/);
  }
});

Deno.test("K5 thread.wait({ signal }) ends with the signal's reason, and the thread goes on", async () => {
  await using _hub = new TestHub({ maxWorkers: 2 });
  const controller = new AbortController();
  const waiting = spawn((signal: AbortSignal) => {
    const thread = spawn(() => sleep(60_000));
    try {
      thread.wait({ signal });
    } catch (error) {
      return [(error as Error).message, thread.dead];
    } finally {
      thread.kill();
    }
  }, controller.signal);
  controller.abort(new RangeError("enough"));
  assertEquals(await waiting, ["enough", false]);
});

Deno.test("K5 withTimeout() of a limit without a value throws the Timeout, and gives undefined if that is the value", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const never = () => new Promise<never>(() => {});
  assertEquals(await outcome("withTimeout", { ms: 5 }), "Timeout: Timed out after 5 ms");
  assertEquals(await outcome("withTimeout", { ms: 5, timeoutValue: undefined }), "gives undefined");
  assertEquals(await outcome("withTimeout", { ms: 5, timeoutValue: null }), "gives null");
  assertMatch(await outcome("withTimeout", { ms: 5, value: 1 }), /option "value" is not known/);
  await assertRejects(() => withTimeoutAsync({ ms: 5 } as Wrong, never), Timeout);
  const given = await withTimeoutAsync({ ms: 5, timeoutValue: undefined }, never);
  assertStrictEquals(given, undefined);
  await assertRejects(
    () => withTimeoutAsync({ ms: 5, timeoutvalue: 1 } as Wrong, never),
    TypeError,
    'option "timeoutvalue" is not known: expected ms, timeoutValue',
  );
});
