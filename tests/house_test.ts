/**
 * The order of the house: which room may use which. The lists below are the house; docs/architecture.md says what each room is
 * for.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { dirname, join } from "node:path/posix";
import { ROOT } from "./support/paths.ts";

/** The floors, from the ground up. Rooms on one floor do not know each other. */
const FLOORS: readonly (readonly string[])[] = [
  ["bridge"],
  ["bridge/wire"],
  ["bridge/values"],
  ["bridge/protocol", "bridge/context"],
  ["bridge/references"],
  ["bridge/side"],
  ["bridge/memory"],
  ["sync"],
  ["green/worker"],
  ["green"],
  ["hub/base"],
  ["hub/references"],
  ["hub/records"],
  ["hub/pool"],
  ["hub/threads"],
  ["hub/calls"],
  ["hub/connections"],
  ["hub"],
  ["."],
];

/** Rooms that use only some of those below them. */
const NARROW: Readonly<Record<string, readonly string[]>> = {
  "hub/connections": ["hub/base", "sync", "bridge"],
};

/** Entries that promise to load little, each with the rooms whose files it may reach, types included. */
const SMALL_ENTRIES: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [".", "bridge"],
  "sync/mod.ts": ["sync", "bridge"],
};

/** Where `Atomics` may stand: each behind a class with verbs. */
const ATOMICS: readonly string[] = [
  "bridge/wire/board.ts",
  "bridge/wire/ring.ts",
  "bridge/wire/run_lock.ts",
  "bridge/wire/spin_lock.ts",
  "bridge/memory/arena.ts",
  "bridge/memory/core.ts",
  "bridge/memory/waiters.ts",
  "bridge/memory/process_side.ts",
  "sync/queue_core.ts",
  "sync/rlock.ts",
  "sync/permits.ts",
  "sync/event.ts",
  "sync/barrier.ts",
  "sync/condition.ts",
];

/** Where a key of the process may stand: states, and the brands that hold for all versions. */
const KEYS: readonly string[] = ["bridge/state.ts", "bridge/brand.ts"];

/** Where a source file may be named by a URL. */
const URLS: readonly string[] = ["hub/records/thread_worker.ts", "hub/hub.ts"];

interface Import {
  readonly from: string;
  readonly line: number;
  readonly to: string;
}

function* sourcesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(`${folder}/`, ROOT))) {
    const path = join(folder, name);
    if (isDirectory) yield* sourcesIn(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

const files = [
  ...["mod.ts", "errors.ts", "types.ts"],
  ...["hub", "bridge", "green", "sync"].flatMap((room) => [...sourcesIn(room)]),
];
const texts = new Map(files.map((file) => [file, Deno.readTextFileSync(new URL(file, ROOT))]));

/** The lines of a file with their numbers, without comments. */
function codeOf(file: string): [line: number, code: string][] {
  const code = texts.get(file)!.replace(
    /\/\*[\s\S]*?\*\//g,
    (comment) => comment.replace(/[^\n]/g, " "),
  );
  return code.split("\n").map((line, i) => [i + 1, line.replace(/(^|\s)\/\/.*/, "")]);
}

const imports: Import[] = files.flatMap((from) =>
  codeOf(from).flatMap(([line, code]) =>
    [...code.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*"(\.{1,2}\/[^"]+)"/g)].map((
      [, specifier],
    ) => ({ from, line, to: join(dirname(from), specifier) }))
  )
);

function floorOf(file: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(dirname(file)));
}

/** The places of code that a pattern finds, outside of some files. */
function placesOf(pattern: RegExp, allowed: readonly string[]): string[] {
  return files.filter((file) => !allowed.includes(file)).flatMap((file) =>
    codeOf(file).filter(([, code]) => pattern.test(code)).map(([line, code]) =>
      `${file}:${line} ${code.trim()}`
    )
  );
}

function check(rule: string, offenders: readonly string[]): void {
  assertEquals(offenders, [], `${rule}:\n  ${offenders.join("\n  ")}\n`);
}

Deno.test("house: each file is in a room, and each room has files", () => {
  check("not in a room", files.filter((file) => floorOf(file) < 0));
  const rooms = new Set(files.map(dirname));
  check("an empty room", FLOORS.flat().filter((room) => !rooms.has(room)));
});

Deno.test("house: a file imports only what is in its room or on a floor below", () => {
  const upward = imports.filter(({ from, to }) => {
    const [here, there] = [floorOf(from), floorOf(to)];
    return dirname(from) !== dirname(to) && there >= here;
  });
  check("imports upwards or from beside", upward.map(place));
});

Deno.test("house: hub/ and green/ do not import each other", () => {
  const side = (file: string) => file.split("/")[0];
  const across = imports.filter(({ from, to }) =>
    ["hub,green", "green,hub"].includes(`${side(from)},${side(to)}`)
  );
  check("imports the other side", across.map(place));
});

Deno.test("house: a room that stands on few others imports only those", () => {
  const wide = imports.filter(({ from, to }) => {
    const narrow = NARROW[dirname(from)];
    return narrow && dirname(from) !== dirname(to) &&
      !narrow.some((room) => dirname(to) === room || room === "bridge" && to.startsWith("bridge/"));
  });
  check("imports more than the room stands on", wide.map(place));
});

Deno.test("house: the entries that promise to load little reach no other rooms", () => {
  for (const [entry, rooms] of Object.entries(SMALL_ENTRIES)) {
    const reached = new Set([entry]);
    for (const file of reached) {
      for (const { from, to } of imports) if (from === file) reached.add(to);
    }
    const strays = [...reached].filter((file) => !rooms.includes(roomOf(file)));
    check(`${entry} reaches more than ${rooms}`, strays);
  }
});

Deno.test("house: the entry of types has nothing that is loaded", () => {
  const loading = codeOf("types.ts").filter(([, code]) =>
    /^(import|export)\b(?! type )/.test(code)
  );
  check("types.ts loads something", loading.map(([line, code]) => `types.ts:${line} ${code}`));
});

Deno.test("house: no file imports itself through others, types included", () => {
  // `mod.ts` names itself for bundles: what is in scope of inline functions.
  const next = Map.groupBy(imports.filter(({ from, to }) => from !== to), ({ from }) => from);
  const circles = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) return void circles.add([...path.slice(at), file].join(" → "));
    if (done.has(file)) return;
    for (const { to } of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  check("a circle of imports", [...circles]);
});

Deno.test("house: Atomics, keys of the process and URLs of sources stand where the lists say", () => {
  check("Atomics outside of the classes that hide it", placesOf(/\bAtomics\./, ATOMICS));
  check("a key of the process", placesOf(/Symbol\.for\("aiohub\./, KEYS));
  check("a source file by its URL", placesOf(/new URL\("\.[^"]*\.ts"/, URLS));
});

/** The room at the top in which a file is: `bridge` for `bridge/wire/ring.ts`. */
function roomOf(file: string): string {
  return file.includes("/") ? file.split("/")[0] : ".";
}

function place({ from, line, to }: Import): string {
  return `${from}:${line} imports ${to}`;
}
