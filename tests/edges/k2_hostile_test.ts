/** Whatever is thrown, on either side and in whatever way: it is one rejected thread, and no Worker is lost. */
import { ConnectionPool, type GreenThread, spawn, WorkerCrashedError } from "@aiohub/aiohub";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { decode, encodeThrown } from "../../bridge/values/codec.ts";
import { noKinds } from "../bridge/values/codec_support.ts";
import {
  rejection,
  ROOT,
  runDeno,
  temporaryFolder,
  TestHub,
  thrownBy,
  until,
} from "../support/mod.ts";
import * as k2 from "../fixtures/edges/k2_hostile.ts";

TestHub.shared({ maxWorkers: 2 });

const LOOKED_AT = "NotCloneableError: Cannot send error: reading its properties failed: ";

/** What is caught on the other side of each thing that is thrown. */
const ARRIVES: Record<string, string | RegExp> = {
  "revoked proxy":
    /^NotCloneableError: Cannot send \w+: reading its properties failed: TypeError: .*revoked$/,
  "proxy whose traps throw": `${LOOKED_AT}Error: trap`,
  "proxy whose traps throw a revoked proxy": `${LOOKED_AT}an object that cannot be read`,
  "TypeError whose message is a symbol": "TypeError: Symbol(m)",
  "TypeError whose message throws": "TypeError: [getter failed: RangeError: hook]",
  "ReferenceError whose message throws": "ReferenceError: [getter failed: RangeError: hook]",
  "error whose name, stack and constructor throw": "Error: x",
  "error whose stack is an object that cannot be text": "Error: x",
  "error whose cause throws": "Error: x",
  "error whose field is a revoked proxy": "Error: x",
  "error whose field throws a revoked proxy": "Error: x",
  "AggregateError of revoked proxies": "AggregateError: x",
  "AggregateError whose errors are a revoked proxy": "AggregateError: x",
  "SuppressedError whose parts throw": "SuppressedError: ",
  "error that is its own cause": "Error: x",
  "error with a prototype that throws": `${LOOKED_AT}an object that cannot be read`,
  "object whose conversions throw": "object of toString,valueOf,toJSON",
  "object whose tag, constructor and then throw": "object of constructor,then",
  "array of a revoked proxy": "object of 0",
  "function whose name throws":
    "NotCloneableError: Cannot send error: object that cannot be read cannot be cloned: pass it as an argument or a result, where functions become callbacks",
  "symbol":
    "NotCloneableError: Cannot send error: symbol Symbol(s) cannot be cloned: send a string in its place",
};

function check(name: string, caught: string, what = "error"): void {
  const expected = ARRIVES[name];
  if (typeof expected !== "string") assertMatch(caught, expected);
  else assertEquals(caught, expected.replace("Cannot send error", `Cannot send ${what}`));
}

const names = Object.keys(k2.hostile);

Deno.test("K2 the list says of each hostile value what arrives", () => {
  assertEquals(Object.keys(ARRIVES), names);
});

const ways: Record<string, (name: string) => PromiseLike<unknown>> = {
  "a wrapped function": (name) => k2.wrapped(name),
  "an async green function": (name) => k2.wrappedAsync(name),
  "one that another thread waits for": (name) => k2.waitedWrapped(name),
  "a callback": (name) => k2.viaCallback(name),
  "a generator that the hub iterates over": (name) => iterate(name),
  "a generator that a hub function iterates over": (name) => k2.viaGenerator(name),
};

async function iterate(name: string): Promise<void> {
  for await (const _ of await k2.generated(name) as unknown as AsyncIterable<unknown>);
}

for (const [way, run] of Object.entries(ways)) {
  Deno.test(`K2 whatever green code throws is one rejected thread: ${way}`, async () => {
    for (const name of names) check(name, k2.caught(await thrownBy(run(name))));
  });
}

Deno.test("K2 whatever inline code throws is one rejected thread, on its parent's stack too", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const source = k2.hurlInline;
  const expected: Record<string, string | RegExp> = {
    "revoked": /^NotCloneableError: .*revoked$/,
    "TypeError symbol": /^TypeError: Symbol\(m\)$/,
    "ReferenceError symbol": /^ReferenceError: Symbol\(m\)$/,
    "TypeError": /^TypeError: \[getter failed: RangeError: hook\]$/,
    "ReferenceError": /^ReferenceError: \[getter failed: RangeError: hook\]$/,
  };
  for (const [name, message] of Object.entries(expected)) {
    assertMatch(k2.caught(await thrownBy(spawn(source, name))), message as RegExp);
    // With one Worker the child can only run on the stack of the one that waits for it.
    assertMatch(k2.caught(await thrownBy(k2.waited(name))), message as RegExp);
  }
});

Deno.test("K2 whatever a link callback throws is the hub's error event, on either side", async () => {
  await using hub = new TestHub({ maxWorkers: 2 });
  const seen: unknown[] = [];
  hub.addEventListener("error", (event) => {
    event.preventDefault();
    seen.push(event.error);
  });
  for (const name of names) {
    await k2.linked(name);
    await until(() => seen.length > 0);
    check(name, k2.caught(seen.pop()));
    const thread = spawn(() => 1);
    thread.link(() => k2.hurl(name));
    await thread;
    await until(() => seen.length > 0);
    // On the hub it is the very value: nothing has crossed.
    seen.pop();
  }
});

Deno.test("K2 whatever a thread is killed with ends it, from either side", async () => {
  for (const name of names) {
    check(name, k2.caught(await thrownBy(k2.killsWith(name))), "reason");
    const thread = k2.parked(name) as GreenThread<void>;
    const reason = k2.hostile[name]();
    thread.kill(reason);
    // Who killed it gets the very reason back.
    assert(await thread.then(() => false, (thrown: unknown) => thrown === reason), name);
  }
});

Deno.test("K2 whatever green code returns or queues crosses, or is refused to who gave it", async () => {
  for (const name of names) {
    for (const give of [k2.returned, puts]) {
      const outcome = await give(name).then(
        () => "crossed",
        (error: unknown) => k2.caught(error),
      );
      assert(!outcome.startsWith("WorkerCrashedError"), `${name}: ${outcome}`);
      assert(!outcome.startsWith("BridgeProtocolError"), `${name}: ${outcome}`);
    }
  }
});

async function puts(name: string): Promise<unknown> {
  await k2.puts(name);
  return await k2.queue.getAsync();
}

Deno.test("K2 whatever the hub throws is caught in green code, and harms neither side", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  hub.expose({ hurl: k2.hurl });
  for (const name of names) {
    const seen = await k2.asks(name);
    assertEquals(seen.length, 10);
    for (const line of seen) {
      const [way, ...rest] = line.split(": ");
      const caught = rest.join(": ");
      // A value that crosses is not thrown.
      if (way === "value" || way === "given") continue;
      check(name, caught, way === "signal" ? "reason" : "error");
    }
  }
});

Deno.test("K2 whatever opening a connection throws is for who asked, and its place is given back", async () => {
  const next = [...names];
  await using pool = new ConnectionPool({
    connect: () => next.length > 0 ? Promise.try(k2.hurl, next.shift()!) : Promise.resolve({}),
    maxSize: 1,
  });
  for (const _ of names) {
    assertEquals(
      await pool.getAsync({ timeout: 60_000 }).then(() => "got", () => "failed"),
      "failed",
    );
  }
  await pool.putAsync(await pool.getAsync({ timeout: 60_000 }));
});

Deno.test("K2 an exit while an ending is being written is a crash, and no thread hangs", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 }, { crashed: 1 });
  await rejection(k2.exitsWhileEncoded(), WorkerCrashedError);
  assertEquals(await spawn(() => "goes on"), "goes on");
});

Deno.test("K2 a promise with a constructor or a then of its own that fails is one rejected thread", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  for (const key of ["constructor", "then"] as const) {
    const outcome = await k2.givesOddPromise(key).then(String, k2.caught);
    assertMatch(outcome, /^RangeError: hook$|^1$/);
  }
});

Deno.test("K2 toJSON on all objects, a JSON.parse that freezes and a prepareStackTrace that throws change nothing", async (t) => {
  const seen = Deno.inspect(k2.samples(), { depth: 9 }).replace(/^ +at .*\n/gm, "");
  const same = (value: unknown) =>
    assertEquals(Deno.inspect(value, { depth: 9 }).replace(/^ +(at|---) .*\n/gm, ""), seen);
  await t.step("in green code", async () => {
    await using _hub = new TestHub({ maxWorkers: 1 });
    const { again, mine, inner } = await k2.echoPoisoned(k2.samples()) as Record<string, unknown[]>;
    assertEquals(again.pop(), "not frozen");
    same(again);
    same(mine);
    assertEquals(inner, ["RangeError: plainly"]);
    same(await k2.endsPoisoned(false));
    const thrown = await thrownBy(k2.endsPoisoned(true)) as { list: unknown; cause: unknown };
    assertInstanceOf(thrown, RangeError);
    assertEquals([thrown.list, thrown.cause], [[1, [2]], [{ deep: [1] }]]);
  });
  await t.step("on the hub", async () => {
    await using _hub = new TestHub({ maxWorkers: 1 });
    const samples = k2.samples();
    const restore = k2.poison();
    let echoed: unknown[];
    let thrown: unknown;
    try {
      echoed = await spawn((values: unknown[]) => values, samples);
      echoed.push("not frozen");
      thrown = await thrownBy(k2.wrapped("symbol"));
    } finally {
      restore();
    }
    assertEquals(echoed.pop(), "not frozen");
    same(echoed);
    check("symbol", k2.caught(thrown));
  });
});

Deno.test("K2 callbacks 2,000 deep are a RangeError, and every call of them is answered", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  assertEquals(await k2.recurses(100), 100);
  const error = await rejection(k2.recurses(2000), RangeError);
  assertMatch(
    error.message,
    /^Cannot call callsBack\(\): the stack is full: \d+ callbacks run on it, each inside a call of the callback before it/,
  );
  assertEquals(await k2.recurses(10), 10);
});

Deno.test("K2 what cannot be printed is named on stderr, and the process goes on", async () => {
  const source = `
    import { spawn } from "@aiohub/aiohub";
    import { hurl } from "${import.meta.resolve("../fixtures/edges/k2_hostile.ts")}";
    for (const name of ["revoked proxy", "symbol"]) {
      const thread = spawn(() => 1);
      thread.link(() => hurl(name));
      await thread;
    }
    await new Promise((resolve) => setTimeout(resolve));
    console.log("goes on");
  `;
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(`${folder.path}/main.ts`, source);
  const config = new URL("deno.json", ROOT).pathname;
  const { code, stdout, stderr } = await runDeno(
    ["run", "-A", "--config", config, `${folder.path}/main.ts`],
  );
  assertEquals([code, stdout], [0, "goes on\n"], stderr);
  assertMatch(stderr, /Uncaught \(in hub "\S*"\) an object that cannot be read\n/);
  assertMatch(stderr, /Uncaught \(in hub "\S*"\) Symbol\(s\)\n/);
});

Deno.test("K2 what an error holds that cannot cross costs no more for what crosses beside it", () => {
  const objects = Array.from({ length: 50_000 }, (_, i) => ({ i }));
  const functions = Array.from({ length: 1000 }, (_, i) => () => i);
  const time = (held: unknown[]) => {
    const once = () => {
      const begin = performance.now();
      const payload = encodeThrown(Object.assign(new Error("x"), { held }), "error", noKinds);
      assertEquals((decode(payload, noKinds) as { held?: unknown[] }).held?.length, held.length);
      return performance.now() - begin;
    };
    return Math.min(once(), once());
  };
  const apart = time(objects) + time(functions);
  const together = time([...objects, ...functions]);
  assert(together < 4 * apart, `${together} ms in place of about ${apart} ms`);
});
