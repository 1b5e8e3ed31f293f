import * as library from "@aiohub/aiohub";
import * as green from "@aiohub/aiohub/green";
import { assertEquals } from "@std/assert";
import { ROOT } from "./support/paths.ts";

/** The names of an entry's exports, the types included. */
async function namesOf(entry: string): Promise<{ types: string[]; values: string[] }> {
  const source = await Deno.readTextFile(new URL(entry, ROOT));
  const names = { types: [] as string[], values: [] as string[] };
  for (const [, all, list] of source.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const item of list.split(",").map((item) => item.trim()).filter(Boolean)) {
      const [, type, name] = /^(type )?(?:\w+ as )?(\w+)$/.exec(item)!;
      names[all || type ? "types" : "values"].push(name);
    }
  }
  return { types: names.types.sort(), values: names.values.sort() };
}

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

Deno.test("mod.ts exports these names and no others", async () => {
  const { types, values } = await namesOf("mod.ts");
  assertEquals(Object.keys(library).sort(), values);
  assertEquals(values, [
    "Barrier",
    "BlockingCallError",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "CappedSemaphore",
    "Collision",
    "Condition",
    "ConnectionPool",
    "Coordination",
    "CycleError",
    "DAGPool",
    "DagResults",
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
    "Spawner",
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
  ]);
  assertEquals(types, [
    "AnyClass",
    "Async",
    "AsyncArgument",
    "AsyncBinary",
    "AsyncIteration",
    "AsyncMembers",
    "AsyncResult",
    "AsyncToSync",
    "ClassWire",
    "CloseOptions",
    "ConnectionPoolOptions",
    "ContextStorage",
    "CrossesAsItself",
    "CrossingValue",
    "CurrentCall",
    "CycleErrorOptions",
    "DagKey",
    "Description",
    "FutureToGreenletOptions",
    "GreenModule",
    "GreenletToFutureOptions",
    "HubEventMap",
    "HubListener",
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
    "NotCloneableErrorOptions",
    "Outcome",
    "Passed",
    "PoolOptions",
    "PutOptions",
    "QueueCloseOptions",
    "ResourceLimits",
    "Result",
    "Returned",
    "Shared",
    "SpawnArguments",
    "SpawnOptions",
    "Spawnable",
    "SpawnableWith",
    "Sync",
    "SyncArgument",
    "SyncBinary",
    "SyncBlob",
    "SyncBlobMethods",
    "SyncByteStream",
    "SyncFile",
    "SyncFormData",
    "SyncFormDataMethods",
    "SyncFunction",
    "SyncMembers",
    "SyncResult",
    "SyncToAsync",
    "SyncWriter",
    "ThreadInfo",
    "ThreadState",
    "TimeoutOptions",
    "TimeoutValue",
    "WaitOptions",
    "WaitingOptions",
  ]);
});

Deno.test("green/mod.ts exports these names and no others", async () => {
  const { types, values } = await namesOf("green/mod.ts");
  assertEquals(Object.keys(green).sort(), values);
  assertEquals(values, ["checkpoint", "fetch", "getCurrent", "shield", "sleep", "urlopen"]);
  assertEquals(types, ["GreenFetchInit", "GreenResponse", "OpenedUrl"]);
});
