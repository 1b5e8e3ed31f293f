/**
 * The names of each entry, so that none grows unseen; and that the entries have one copy of everything between them.
 *
 * @module
 */

import * as library from "@aiohub/aiohub";
import * as errors from "@aiohub/aiohub/errors";
import * as green from "@aiohub/aiohub/green";
import * as objects from "@aiohub/aiohub/sync";
import * as types from "@aiohub/aiohub/types";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ROOT, runDeno } from "./support/mod.ts";

/** The names that an entry exports. */
interface Names {
  readonly values: readonly string[];
  readonly types: readonly string[];
}

/** An entry as it is loaded. */
const loaded: Readonly<Record<string, object>> = {
  ".": library,
  "./green": green,
  "./sync": objects,
  "./errors": errors,
  "./types": types,
};

/** The names of each entry of deno.json. */
const expected: Readonly<Record<string, Names>> = {
  ".": {
    values: [
      "Barrier",
      "BlockingCallError",
      "BoundedSemaphore",
      "BrokenBarrierError",
      "CappedSemaphore",
      "Collision",
      "Condition",
      "ConnectionPool",
      "CycleError",
      "DAGPool",
      "DeadlockError",
      "Empty",
      "Full",
      "GreenEvent",
      "GreenPile",
      "GreenPool",
      "GreenThread",
      "GreenletExit",
      "Hub",
      "HubClosedError",
      "HubPromise",
      "HubSaturatedError",
      "LifoQueue",
      "LightQueue",
      "Lock",
      "NotCloneableError",
      "Permit",
      "Pool",
      "PriorityQueue",
      "PropagateError",
      "Queue",
      "QueueClosedError",
      "RLock",
      "Semaphore",
      "Timeout",
      "TokenPool",
      "UnhandledThreadEvent",
      "WorkerCrashedError",
      "asyncToSync",
      "call",
      "currentCall",
      "futureToGreenlet",
      "getHub",
      "greenImport",
      "greenletToFuture",
      "handle",
      "hubImport",
      "iterate",
      "iwait",
      "iwaitAsync",
      "joinAll",
      "joinAllAsync",
      "killAll",
      "killAllAsync",
      "local",
      "registerClass",
      "registerContext",
      "release",
      "shared",
      "spawn",
      "spawnAfter",
      "spawnAfterLocal",
      "spawnN",
      "spawnWith",
      "syncToAsync",
      "transfer",
      "update",
      "updateAsync",
      "useHub",
      "withTimeout",
      "withTimeoutAsync",
    ],
    types: [
      "Async",
      "AsyncToSync",
      "ClassWire",
      "CloseOptions",
      "ConnectionPoolOptions",
      "Coordination",
      "CurrentCall",
      "DagResults",
      "FutureToGreenletOptions",
      "GreenModule",
      "GreenletToFutureOptions",
      "HubModule",
      "HubOptions",
      "HubStatistics",
      "IterateOptions",
      "IwaitOptions",
      "JoinAllOptions",
      "KillAllOptions",
      "KillOptions",
      "Lease",
      "Local",
      "NameOptions",
      "Outcome",
      "PoolOptions",
      "PutOptions",
      "QueueCloseOptions",
      "ResourceLimits",
      "Shared",
      "SpawnOptions",
      "Spawner",
      "Sync",
      "SyncBlob",
      "SyncByteStream",
      "SyncFile",
      "SyncFormData",
      "SyncToAsync",
      "SyncWriter",
      "ThreadInfo",
      "ThreadState",
      "TimeoutOptions",
      "TimeoutValue",
      "WaitOptions",
    ],
  },
  "./green": {
    values: ["checkpoint", "fetch", "getCurrent", "shield", "sleep", "urlopen"],
    types: ["GreenFetchInit", "GreenResponse", "OpenedUrl", "SleepOptions"],
  },
  "./sync": {
    values: [
      "Barrier",
      "BoundedSemaphore",
      "CappedSemaphore",
      "Condition",
      "Coordination",
      "DAGPool",
      "DagResults",
      "GreenEvent",
      "GreenPile",
      "GreenPool",
      "LifoQueue",
      "LightQueue",
      "Lock",
      "Permit",
      "Pool",
      "PriorityQueue",
      "Queue",
      "RLock",
      "Semaphore",
      "TokenPool",
      "iwait",
      "iwaitAsync",
      "joinAll",
      "joinAllAsync",
      "killAll",
      "killAllAsync",
      "local",
    ],
    types: [
      "DagKey",
      "Description",
      "IwaitOptions",
      "JoinAllOptions",
      "KillAllOptions",
      "Lease",
      "Local",
      "NameOptions",
      "PoolOptions",
      "PutOptions",
      "QueueCloseOptions",
      "WaitOptions",
    ],
  },
  "./errors": {
    values: [
      "BlockingCallError",
      "BrokenBarrierError",
      "Collision",
      "CycleError",
      "DeadlockError",
      "Empty",
      "Full",
      "GreenletExit",
      "HubClosedError",
      "HubSaturatedError",
      "NotCloneableError",
      "PropagateError",
      "QueueClosedError",
      "Timeout",
      "WorkerCrashedError",
    ],
    types: ["CycleErrorOptions", "NotCloneableErrorOptions", "TimeoutOptions"],
  },
  "./types": {
    values: [],
    types: [
      "AnyClass",
      "AsyncArgument",
      "AsyncBinary",
      "AsyncIteration",
      "AsyncMembers",
      "AsyncResult",
      "ContextStorage",
      "CrossesAsItself",
      "CrossingValue",
      "CycleErrorOptions",
      "DagKey",
      "Description",
      "HubEventMap",
      "HubListener",
      "NotCloneableErrorOptions",
      "Passed",
      "Result",
      "Returned",
      "SpawnArguments",
      "Spawnable",
      "SpawnableWith",
      "SyncArgument",
      "SyncBinary",
      "SyncBlobMethods",
      "SyncFormDataMethods",
      "SyncFunction",
      "SyncMembers",
      "SyncResult",
    ],
  },
};

/**
 * The names that inline functions have as members of `green` only, and not by themselves. A name that an entry gains goes here,
 * as a program may have that name for something of its own.
 */
const IN_GREEN_ONLY: readonly string[] = ["iterate"];

/** The names of an entry's exports, the types included. */
async function namesOf(file: string): Promise<Names> {
  const source = await Deno.readTextFile(new URL(file, ROOT));
  const names = { types: [] as string[], values: [] as string[] };
  for (const [, all, list] of source.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const item of list.split(",").map((item) => item.trim()).filter(Boolean)) {
      const [, type, name] = /^(type )?(?:\w+ as )?(\w+)$/.exec(item)!;
      names[all || type ? "types" : "values"].push(name);
    }
  }
  return { values: names.values.sort(), types: names.types.sort() };
}

async function readExports(): Promise<Record<string, string>> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).exports;
}

Deno.test("the package has these entries and no others", async () => {
  assertEquals(Object.keys(await readExports()), Object.keys(expected));
});

for (const [entry, names] of Object.entries(expected)) {
  Deno.test(`the entry "${entry}" exports these names and no others`, async () => {
    assertEquals(await namesOf((await readExports())[entry]), names);
    assertEquals(Object.keys(loaded[entry]).sort(), names.values);
  });
}

Deno.test("the entries have one copy of everything", () => {
  const shared = { ...objects, ...errors } as Record<string, unknown>;
  const only = Object.keys(shared).filter((name) => !(name in library));
  assertEquals(only, ["Coordination", "DagResults"], "all others are in `.` too");
  for (const [name, value] of Object.entries(library)) {
    if (name in shared) assertStrictEquals(shared[name], value, name);
  }
});

Deno.test("types move to ./types only if they are in no other entry", () => {
  const others = ["values", "types"].flatMap((kind) =>
    [".", "./green"].flatMap((entry) => expected[entry][kind as keyof Names])
  );
  assertEquals(expected["./types"].types.filter((name) => others.includes(name)), []);
});

Deno.test("inline functions have the names of these entries in scope, and no others", async () => {
  const names = [".", "./green", "./sync"].flatMap((entry) => expected[entry].values);
  const all = [...new Set(names)].sort();
  const inScope = await library.spawn((names: string[]) => ({
    byThemselves: names.filter((name) => eval(`typeof ${name}`) !== "undefined"),
    inGreen: Object.keys(green).sort(),
  }), all);
  assertEquals(inScope, {
    byThemselves: all.filter((name) => !IN_GREEN_ONLY.includes(name)),
    inGreen: all,
  });
});

Deno.test("an entry of less than all works alone", async (t) => {
  const run = async (source: string) => {
    const { code, stdout, stderr } = await runDeno(["eval", source], { cwd: ROOT.pathname });
    return { code, stdout, stderr };
  };
  await t.step("./sync: objects meet on the hub", async () => {
    const ran = await run(`
      import { Lock, Queue } from "@aiohub/aiohub/sync";
      const lock = new Lock();
      const queue = new Queue(1);
      const permit = await lock.acquireAsync();
      const waits = lock.acquireAsync().then((permit) => permit[Symbol.dispose]());
      const got = Promise.all([queue.getAsync(), queue.getAsync()]);
      await queue.putAsync(1);
      await queue.putAsync(2);
      permit[Symbol.dispose]();
      await waits;
      console.log((await got).join(), lock.locked);
    `);
    assertEquals(ran, { code: 0, stdout: "1,2 false\n", stderr: "" });
  });
  await t.step("./sync: a spawn without a hub says what is missing", async () => {
    const ran = await run(`
      import { GreenPool } from "@aiohub/aiohub/sync";
      try {
        await new GreenPool(1).spawnAsync(() => 1);
      } catch (error) {
        console.log(String(error));
      }
    `);
    assertEquals(ran, {
      code: 0,
      stdout:
        'TypeError: Cannot spawn on the hub: expected a program that imports "@aiohub/aiohub", ' +
        'found only the entry "./sync"\n',
      stderr: "",
    });
  });
  await t.step("./sync with `.`: its pools spawn", async () => {
    const ran = await run(`
      import "@aiohub/aiohub";
      import { GreenPool } from "@aiohub/aiohub/sync";
      const thread = await new GreenPool(1).spawnAsync((n) => n + 1, 1);
      console.log(await thread);
    `);
    assertEquals(ran, { code: 0, stdout: "2\n", stderr: "" });
  });
  await t.step("./errors: loads no file of the hub", async () => {
    const ran = await runDeno(["info", "--json", "errors.ts"], { cwd: ROOT.pathname });
    const modules: { specifier: string }[] = JSON.parse(ran.stdout).modules;
    const paths = modules.map(({ specifier }) => specifier.slice(ROOT.href.length));
    assert(paths.includes("bridge/errors.ts"));
    assertEquals(paths.filter((path) => /^(hub|green|sync|mod)\b/.test(path)), []);
  });
});

/** The source files under a folder. */
function* sourcesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
    if (isDirectory) yield* sourcesIn(`${folder}${name}/`);
    else yield `${folder}${name}`;
  }
}

Deno.test("members of coordination objects and connections that are for the library are not in the rendered docs", () => {
  const files = [
    ...sourcesIn("sync/"),
    ...sourcesIn("hub/connections/"),
    "bridge/memory/objects.ts",
  ];
  const shown = files.flatMap((file) =>
    [...Deno.readTextFileSync(new URL(file, ROOT)).matchAll(/\/\*\*[\s\S]*?\*\//g)]
      .map(([comment]) => comment)
      .filter((comment) => /For the library|@internal/.test(comment))
      // `deno doc` leaves out what is to be ignored; what is internal it only marks.
      .filter((comment) => !comment.includes("@ignore"))
      .map((comment) => `${file}: ${comment}`)
  );
  assertEquals(shown, []);
});

/** A class in the output of `deno doc --json`. */
interface DocumentedClass {
  readonly constructors?: readonly unknown[];
  readonly methods?: readonly { readonly name: string }[];
  readonly properties?: readonly { readonly name: string }[];
}

Deno.test("the documentation of GreenThread, Spawner, Hub and HubPromise has no members for the library", async () => {
  const { code, stdout, stderr } = await runDeno(["doc", "--json", new URL("mod.ts", ROOT).href]);
  assertEquals(code, 0, stderr);
  const { nodes } = JSON.parse(stdout) as {
    nodes: Record<string, {
      symbols: { name: string; declarations: { kind: string; def: DocumentedClass }[] }[];
    }>;
  };
  const membersOf = (wanted: string) => {
    const symbols = Object.values(nodes).flatMap(({ symbols }) => symbols);
    const { declarations } = symbols.find(({ name }) => name === wanted)!;
    const { constructors = [], methods = [], properties = [] } = declarations[0].def;
    const names = [...methods, ...properties].map(({ name }) => name);
    return [...constructors.map(() => "constructor"), ...new Set(names)].sort();
  };
  const always = ['[Symbol.for("Deno.customInspect")]', "toString"];
  const promise = ["[Symbol.toStringTag]", "catch", "finally", "then"];
  assertEquals(
    membersOf("GreenThread"),
    [
      ...always,
      ...promise,
      "cancel",
      "dead",
      "id",
      "kill",
      "killAsync",
      "link",
      "name",
      "outcome",
      "state",
      "toJSON",
      "unlink",
      "wait",
    ].sort(),
  );
  assertEquals(membersOf("HubPromise"), [...promise, "thread"].sort());
  assertEquals(membersOf("Spawner"), ["spawn", "spawnAfter", "spawnN"]);
  assertEquals(
    membersOf("Hub"),
    [
      ...always,
      "[Symbol.asyncDispose]",
      "addEventListener",
      "close",
      "closed",
      "constructor",
      "dump",
      "expose",
      "greenImport",
      "name",
      "removeEventListener",
      "spawn",
      "spawnAfter",
      "spawnN",
      "statistics",
      "threads",
      "with",
    ].sort(),
  );
});
