/**
 * Prints the walk of one call through the library: which functions run, in how many files, and how often it goes from one file to
 * another. A tool to see whether the house has become easier to follow; no target to be met by gluing files together.
 *
 * ```sh
 * deno run -A tools/walk.ts            # the table
 * deno run -A tools/walk.ts --list     # and each step
 * ```
 *
 * It copies the library, has each function make a note when it begins, and runs `await titleOf(url)` with one
 * `fetchBody(url)` in it, warm. Each thread's notes are taken in order; where a thread checks again and again whether
 * a message has come, the rounds count once.
 *
 * @module
 */

import ts from "npm:typescript@^5.9";
import { dirname, join, relative } from "node:path/posix";

const ROOT = new URL("..", import.meta.url).pathname;
const FOLDERS = ["hub", "bridge", "green", "sync"];

/** The most notes that are taken. */
const ROOM = 1 << 16;

/** A function of the library. */
interface Place {
  readonly file: string;
  readonly name: string;
}

/** One note: the thread (0 is the hub's) and the function. */
type Step = readonly [thread: number, place: Place];

const places: Place[] = [];

/** Gives the source of a file whose functions make a note when they begin. */
function instrument(file: string, source: string): string {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const inserts: [at: number, text: string][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const body = (node as ts.FunctionLikeDeclaration).body;
      if (body) note(node as ts.FunctionLikeDeclaration, body);
    }
    ts.forEachChild(node, visit);
  };
  const note = (node: ts.FunctionLikeDeclaration, body: ts.Node) => {
    const call = `(globalThis as any).walk?.(${places.length})`;
    places.push({ file, name: nameOf(node) });
    if (!ts.isBlock(body)) {
      inserts.push([body.getStart(), `(${call}, (`], [body.end, "))"]);
    } else if (!body.statements.some((statement) => /^super\(/.test(statement.getText()))) {
      inserts.push([body.getStart() + 1, ` ${call};`]);
    }
  };
  visit(tree);
  // Of two at one place the inner one closes first.
  inserts.sort(([a], [b]) => b - a);
  return inserts.reduce((text, [at, more]) => text.slice(0, at) + more + text.slice(at), source);
}

function nameOf(node: ts.FunctionLikeDeclaration): string {
  const own = node.name?.getText();
  if (ts.isConstructorDeclaration(node)) return `new ${node.parent.name?.getText() ?? "class"}`;
  const owner = ts.isClassLike(node.parent) ? `${node.parent.name?.getText() ?? "class"}.` : "";
  if (own) return owner + own;
  const { line } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
  return `line ${line + 1}`;
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

const PROGRAM = `import { asyncToSync, syncToAsync } from "../mod.ts";

const memory = () => (globalThis as any).walkMemory as Int32Array | undefined;

export const watch = syncToAsync(import.meta, function watch(words: Int32Array) {
  begin(words, 1);
});

export function begin(words: Int32Array, thread: number) {
  (globalThis as any).walkMemory = words;
  (globalThis as any).walk = (place: number) => {
    const words = memory()!;
    if (Atomics.load(words, 0) === 1) words[2 + Atomics.add(words, 1, 1)] = place * 2 + thread;
  };
}

export const fetchBody = asyncToSync(import.meta, async function fetchBody(url: string) {
  await null;
  return "<title>" + url + "</title>";
});

export const titleOf = syncToAsync(import.meta, function titleOf(url: string) {
  return /<title>(.*?)</.exec(fetchBody(url))?.[1];
});
`;

const MAIN = `import { Hub, useHub } from "../mod.ts";
import { begin, titleOf, watch } from "./pages.ts";

await using hub = new Hub({ minWorkers: 1, maxWorkers: 1 });
useHub(hub);
const words = new Int32Array(new SharedArrayBuffer(${ROOM * 4}));
begin(words, 0);
await watch(words);
for (let i = 0; i < 300; i++) await titleOf("warm");
Atomics.store(words, 0, 1);
await titleOf("once");
Atomics.store(words, 0, 0);
console.log(JSON.stringify([...words.subarray(2, 2 + words[1])]));
`;

async function walk(): Promise<Step[]> {
  const copy = await Deno.makeTempDir({ prefix: "aiohub_walk_" });
  try {
    const files = [join(ROOT, "mod.ts")];
    for (const folder of FOLDERS) {
      for await (const path of sources(join(ROOT, folder))) files.push(path);
    }
    for (const path of files) {
      const file = relative(ROOT, path);
      const target = join(copy, file);
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.writeTextFile(target, instrument(file, await Deno.readTextFile(path)));
    }
    await Deno.mkdir(join(copy, "program"));
    await Deno.writeTextFile(join(copy, "program/pages.ts"), PROGRAM);
    await Deno.writeTextFile(join(copy, "program/main.ts"), MAIN);
    await Deno.copyFile(join(ROOT, "deno.json"), join(copy, "deno.json"));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", join(copy, "program/main.ts")],
      env: { NO_COLOR: "1" },
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    const notes = JSON.parse(new TextDecoder().decode(stdout)) as number[];
    return notes.map((note) => [note & 1, places[note >> 1]]);
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

/** The length of the longest round that is recognized, in notes. */
const LONGEST_ROUND = 40;

/** Takes out each round that repeats the one before. */
function withoutRounds(steps: readonly Place[]): Place[] {
  const kept: Place[] = [];
  for (const step of steps) {
    kept.push(step);
    for (let size = 1; size <= LONGEST_ROUND && size * 2 <= kept.length; size++) {
      const [one, two] = [kept.slice(-size), kept.slice(-2 * size, -size)];
      if (one.every((place, i) => place === two[i])) kept.length -= size;
    }
  }
  return kept;
}

const steps = await walk();
const rows = ["hub", "Worker"].map((side, thread) => {
  const taken = withoutRounds(steps.filter(([of]) => of === thread).map(([, place]) => place));
  const moves = taken.filter(({ file }, i) => i > 0 && file !== taken[i - 1].file).length;
  return { side, taken, moves };
});
const all = rows.flatMap(({ taken }) => taken);
if (Deno.args.includes("--list")) {
  for (const { side, taken } of rows) {
    console.log(`\n${side}:`);
    for (const { file, name } of taken) console.log(`  ${file}  ${name}`);
  }
}
console.log("\n`await titleOf(url)` with one `fetchBody(url)` in it:");
for (const { side, taken, moves } of rows) console.log(describe(side, taken, moves));
console.log(describe("both", all, rows.reduce((sum, { moves }) => sum + moves, 0)));

function describe(side: string, taken: readonly Place[], moves: number): string {
  const files = new Set(taken.map(({ file }) => file)).size;
  return `${side.padEnd(8)}${moves} moves, ${files} files, ${
    new Set(taken).size
  } functions, ${taken.length} calls`;
}
