import { asyncToSync, DAGPool, type DagResults, Hub, hubImport, spawn } from "@aiohub/aiohub";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fixture, moduleOf, serve, TestHub } from "../../support/mod.ts";

type Driver = typeof import("../../fixtures/driver.ts");
const driver = fixture("driver.ts");

export const known = asyncToSync(import.meta, async function known() {
  return await Promise.resolve("known");
});

Deno.test("hubImport() gives classes, objects and what cannot cross as handles", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const result = await spawn((url: string) => {
    const driver = hubImport<Driver>(url);
    const client = driver.open("opened");
    const made = new driver.Client("made");
    const connected = driver.default.Client.connect("connected");
    return {
      names: [client.name, made.name, connected.name, driver.default.nested.open("n").name],
      asked: [client.ask(1), made.ask(2)],
      values: [driver.version, driver.limits.rows, driver.registry.get("a")],
      each: driver.each(2, (client, i) => `${client.name} ${client.ask(i)}`),
      rows: [...driver.rows(3)].map(({ id, at }) => [id, at.getTime()]),
      tag: [driver.tag`a${1}b\n${2}c`, driver.tag.unsafe("x")],
    };
  }, driver);
  assertEquals(result, {
    names: ["opened", "made", "connected", "n"],
    asked: [2, 4],
    values: ["1.2", 10, 1],
    each: ["c0 0", "c1 2"],
    rows: [[0, 0], [1, 1], [2, 2]],
    tag: ["a|b\\n|c1,2", "unsafe x"],
  });
});

Deno.test("J108 Hub({ hubImport: false }) lets green code import nothing, and keeps the rest", async () => {
  await using hub = new TestHub({ maxWorkers: 1, hubImport: false });
  hub.expose({ exposed: () => "exposed" });
  const evil = moduleOf("globalThis.evil = true; export const f = 1;");
  const results = await spawn(
    (driver: string, evil: string, fn: () => string) => {
      const { runtime: green } = (globalThis as never)[Symbol.for("aiohub.1.green")] as {
        runtime: {
          call(target: unknown, args: unknown[]): unknown;
        };
      };
      const attempts = [
        () => hubImport(driver),
        () => green.call({ kind: "hub", specifier: driver, name: "open" }, ["x"]),
        () => green.call({ kind: "export", url: evil, name: "f" }, []),
        () => green.call({ kind: "shared", url: evil, name: "f" }, []),
        () => green.call({ kind: "exposed", name: "exposed" }, []),
        () => green.call({ kind: "exposed", name: "toString" }, []),
        () => fn(),
      ];
      return attempts.map((attempt) => {
        try {
          return attempt();
        } catch (error) {
          return (error as Error).message.replace(/^.*: /, "");
        }
      });
    },
    driver,
    evil,
    () => "passed",
  );
  const refused = 'the option "hubImport" of hub "hub" does not allow it';
  assertEquals(results.slice(0, 5), [refused, refused, refused, refused, "exposed"]);
  assertEquals(results[6], "passed");
  assertEquals((globalThis as { evil?: unknown }).evil, undefined);
});

Deno.test("Hub({ hubImport: [...] }) allows what is listed, and functions that the hub has itself", async () => {
  await using _hub = new TestHub({ maxWorkers: 1, hubImport: [new URL(".", driver).href] });
  const results = await spawn(
    (driver: string, self: string) => {
      const { runtime: green } = (globalThis as never)[Symbol.for("aiohub.1.green")] as {
        runtime: {
          call(target: unknown, args: unknown[]): unknown;
        };
      };
      const attempts = [
        () => hubImport<Driver>(driver).version,
        () => hubImport("node:os"),
        () => hubImport(driver.replace("driver.ts", "..%2fsupport.ts")),
        () => hubImport(driver.replace("driver.ts", "../support/mod.ts")),
        () => green.call({ kind: "export", url: self, name: "known" }, []),
      ];
      return attempts.map((attempt) => {
        try {
          return attempt();
        } catch (error) {
          return (error as Error).name;
        }
      });
    },
    driver,
    import.meta.url,
  );
  assertEquals(results, ["1.2", "TypeError", "TypeError", "TypeError", "known"]);
  assertThrows(() => new Hub({ hubImport: "npm:x" as never }), TypeError, '"hubImport"');
});

Deno.test("fetch(), killing and queues of ./green work where hubImport is off", async () => {
  await using _hub = new TestHub({ maxWorkers: 1, hubImport: false });
  await using server = serve(() => new Response("hello"));
  const { fetch } = await import("@aiohub/aiohub/green");
  assertEquals(typeof fetch, "function");
  const text = await spawn(
    (url: string) => (fetch(url) as unknown as { text(): string }).text(),
    server.url,
  );
  assertEquals(text, "hello");
  await assertRejects(async () => {
    await spawn((url: string) => fetch(url), "http://127.0.0.1:1/");
  });
});

Deno.test("Hub({ hubImport: false }) lets green code use a DAGPool", async () => {
  await using _hub = new TestHub({ maxWorkers: 2, hubImport: false });
  const thread = spawn((pool: DAGPool<number>) => {
    pool.spawn("b", ["a"], (_key, results: DagResults<number>) => results.toObject().a + 1);
    return pool.at("b");
  }, new DAGPool({ a: 1 }));
  assertEquals(await thread, 2);
});
