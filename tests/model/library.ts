/**
 * The library's own code, or a copy of it with something broken.
 *
 * A copy lies in a temporary folder, and has one text replaced. If the text is not there (any more) that is an error: then the
 * mutation has to follow the code.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import type { Blocking } from "../../green/worker/blocking.ts";
import { state } from "../../bridge/state.ts";
import { ROOT } from "../support/paths.ts";
import type { Board } from "../../bridge/wire/board.ts";
import type { Frame, FrameStack } from "../../green/worker/frame_stack.ts";
import type { Mailbox } from "../../green/worker/mailbox.ts";
import type { Parallel } from "../../green/worker/parallel.ts";
import type { RingReader, RingWriter } from "../../bridge/wire/ring.ts";
import type { HereInWorker, HereOnHub } from "../../bridge/memory/process_side.ts";
import type { Coordination } from "../../bridge/memory/objects.ts";
import type { Doorbell } from "../../hub/pool/doorbell.ts";
import type { WorkerObjects } from "../../hub/references/worker_objects.ts";
import type { joinPool, takeSlot } from "../../hub/threads/launches.ts";
import type { GreenEvent, GreenPool, LightQueue, Lock, Queue, Semaphore } from "../../sync/mod.ts";

/** What the model uses of the library. */
export interface Library {
  readonly Blocking: typeof Blocking;
  readonly Board: typeof Board;
  readonly Frame: typeof Frame;
  readonly FrameStack: typeof FrameStack;
  readonly Mailbox: typeof Mailbox;
  readonly Parallel: typeof Parallel;
  readonly RingReader: typeof RingReader;
  readonly RingWriter: typeof RingWriter;
  readonly HereOnHub: typeof HereOnHub;
  readonly HereInWorker: typeof HereInWorker;
  readonly Doorbell: typeof Doorbell;
  readonly WorkerObjects: typeof WorkerObjects;
  readonly GreenEvent: typeof GreenEvent;
  readonly Semaphore: typeof Semaphore;
  readonly Lock: typeof Lock;
  readonly Queue: typeof Queue;
  readonly LightQueue: typeof LightQueue;
  readonly GreenPool: typeof GreenPool;
  readonly joinPool: typeof joinPool;
  readonly takeSlot: typeof takeSlot;
  /** Makes the object for memory that has arrived. */
  revive(kind: string, buffer: unknown): Coordination;
  /** Forgets what Workers are held to have. */
  releaseObject(id: number, count: number): void;
}

/** Something that is broken: a text of a file, and what stands there instead. */
export interface Mutation {
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

const MODULES = [
  "green/worker/blocking.ts",
  "bridge/wire/board.ts",
  "green/worker/frame_stack.ts",
  "green/worker/mailbox.ts",
  "green/worker/parallel.ts",
  "bridge/wire/ring.ts",
  "bridge/memory/process_side.ts",
  "hub/pool/doorbell.ts",
  "hub/threads/launches.ts",
  "hub/references/worker_objects.ts",
  "sync/event.ts",
  "sync/green_pool.ts",
  "sync/lock.ts",
  "sync/queue.ts",
  "sync/semaphore.ts",
];
const FOLDERS = ["bridge", "green", "hub", "sync"];

let original: Promise<Library> | undefined;

/** The library as it is. */
export function library(): Promise<Library> {
  return original ??= load(() => ROOT.href);
}

/** A copy of the library with something broken. */
export interface Copy extends AsyncDisposable {
  /** Its root. */
  readonly url: URL;
}

/**
 * Makes a copy of the library with something broken.
 *
 * @param mutation What is broken.
 * @param folders What else to copy.
 */
export async function copyWith(
  { file, text, instead }: Mutation,
  folders: readonly string[] = [],
): Promise<Copy> {
  const folder = await Deno.makeTempDir({ prefix: "aiohub_model_" });
  const copy = {
    url: new URL(`file://${folder}/`),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
  try {
    for (const name of [...FOLDERS, ...folders]) await copyFolder(name, folder);
    const path = `${folder}/${file}`;
    await Deno.writeTextFile(path, broken(file, await Deno.readTextFile(path), text, instead));
    return copy;
  } catch (error) {
    await copy[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Has a function use the library with something broken.
 *
 * Only the broken file and the files above it, which import it, are copied: those below are the same for all.
 */
export async function withMutant<T>(
  { file, text, instead }: Mutation,
  use: (library: Library) => Promise<T>,
): Promise<T> {
  // The original's ways come first.
  await library();
  const folder = await Deno.makeTempDir({ prefix: "aiohub_model_" });
  try {
    const above = filesAbove(file);
    const root = (path: string) => above.has(path) ? `file://${folder}/` : ROOT.href;
    for (const path of above) {
      const source = sources().get(path)!.code;
      const code = path === file ? broken(file, source, text, instead) : source;
      const to = `${folder}/${path}`;
      await Deno.mkdir(dirname(to), { recursive: true });
      await Deno.writeTextFile(
        to,
        code.replace(IMPORTS, (whole, before, specifier) => {
          const imported = join(dirname(path), specifier);
          return above.has(imported) ? whole : `${before}"${ROOT.href}${imported}"`;
        }),
      );
    }
    return await use(await load(root));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The code of a file with something broken. */
function broken(file: string, code: string, text: string, instead: string): string {
  if (code.split(text).length === 2) return code.replace(text, () => instead);
  throw new Error(`Cannot break ${file}: expected once in it "${text}"`);
}

/** What a file imports when it runs; types are left out. */
const IMPORTS =
  /((?:^import (?!type\b)[^;]*?|^export [^;]*?\bfrom |\bimport\()\s*)"(\.{1,2}\/[^"]+)"/gm;

/** A file of the library. */
interface Source {
  readonly code: string;
  /** The paths of the files that it imports. */
  readonly imports: readonly string[];
}

let read: Map<string, Source> | undefined;

/** The library's files, each by its path. */
function sources(): Map<string, Source> {
  return read ??= new Map(
    FOLDERS.flatMap(filesIn).map((path) => {
      const code = Deno.readTextFileSync(new URL(path, ROOT));
      const imports = [...code.matchAll(IMPORTS)].map(([, , to]) => join(dirname(path), to));
      return [path, { code, imports }];
    }),
  );
}

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`${folder}/`, ROOT))].flatMap(({ name, isFile }) =>
    isFile ? [`${folder}/${name}`] : filesIn(`${folder}/${name}`)
  );
}

/** A file, and all files that import it, or import one that does, and so on. */
function filesAbove(file: string): Set<string> {
  const above = new Set([file]);
  for (const path of above) {
    for (const [importer, { imports }] of sources()) {
      if (imports.includes(path)) above.add(importer);
    }
  }
  return above;
}

async function copyFolder(name: string, to: string): Promise<void> {
  const from = new URL(`${name}/`, ROOT);
  await Deno.mkdir(`${to}/${name}`, { recursive: true });
  for await (const { name: file, isFile } of Deno.readDir(from)) {
    if (!isFile) await copyFolder(`${name}/${file}`, to);
    else await Deno.copyFile(new URL(file, from), `${to}/${name}/${file}`);
  }
}

/** How objects are revived: each copy of the library puts its own ways there. */
interface Kinds {
  readonly kinds: Map<string, { revive(buffer: unknown, name?: string): Coordination }>;
}

/** The ways of the original. */
let originals: Kinds["kinds"] | undefined;

/** @param rootOf The root under which a file of the library is. */
async function load(rootOf: (path: string) => string): Promise<Library> {
  const { kinds } = state("objects", (): Kinds => ({ kinds: new Map() }));
  // A copy puts only the ways of the files that it has; those of the copy before it are gone.
  for (const [kind, way] of originals ?? []) kinds.set(kind, way);
  const modules = await Promise.all(MODULES.map((path) => import(rootOf(path) + path)));
  const ways = new Map(kinds);
  originals ??= ways;
  return Object.assign({}, ...modules, {
    revive: (kind: string, buffer: unknown) => ways.get(kind)!.revive(buffer),
  });
}
