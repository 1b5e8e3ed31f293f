/**
 * The modules that this side has loaded, as far as this library knows of them: by their URLs, and by their exports.
 *
 * The library knows the modules that hold green functions, functions that green code calls, and shared objects; those that
 * `greenImport()` imports; and on the hub those that `hubImport()` imports. A module is *noted* first, by its URL, and *learned*
 * once its exports are known: when it was imported for another reason, or by a look that runs nothing (see `peek.ts`).
 *
 * Nothing is ever imported here because the other side has named it.
 *
 * @module
 */

import { type Exports, peek } from "./peek.ts";
import { ownKeys } from "../primordials.ts";
import { state } from "../state.ts";

/** An export: the URL of a module, and a name in it. */
export interface ExportName {
  readonly url: string;
  readonly name: string;
}

/** A module whose exports could not all be read, as it had not been evaluated so far. */
interface Unread {
  readonly url: string;
  readonly exports: Exports;
  readonly names: string[];
}

/** A module that is known by its URL only. */
interface Noted {
  /** Whether this side has certainly loaded the module. */
  readonly loaded: boolean;
  /** Whether the module is, or was, looked at. */
  begun: boolean;
}

const known = state("known modules", () => ({
  modules: new Map<string, Exports>(),
  /** The export names of functions. (The key is older: copies of the library share it.) */
  places: new WeakMap<object, ExportName[]>(),
  unread: new Set<Unread>(),
  /** The modules that are noted and not learned. */
  noted: new Map<string, Noted>(),
  /** Whether modules are looked at when they are noted, and not later. */
  looking: false,
  /** The look that is going on. */
  looked: undefined as Promise<unknown> | undefined,
}));
const { modules, places: exportNames, unread, noted } = known;

/**
 * Notes a module.
 *
 * @param url Its URL.
 * @param loaded Whether this side has certainly loaded it. A look at a module that it has not loaded costs reading its source, so
 * packages are not looked at then.
 */
export function noteModule(url: string, loaded: boolean): void {
  if (modules.has(url) || noted.has(url)) return;
  if (!loaded && !/^(file|https?|data|blob):/.test(url)) return;
  noted.set(url, { loaded, begun: false });
  if (known.looking) lookAtModules();
}

/** Learns the exports of a module. */
export function learnModule(url: string, exports: Exports): void {
  noted.delete(url);
  if (modules.has(url)) return;
  modules.set(url, exports);
  read({ url, exports, names: ownKeys(exports).filter((key) => typeof key === "string") });
}

/**
 * Looks at the modules that are noted, and from now on at each one as soon as it is noted.
 *
 * @returns A promise that settles when they are known; nothing if there is none to wait for.
 */
export function lookAtModules(): Promise<unknown> | undefined {
  known.looking = true;
  if (!known.looked && next().length === 0) return undefined;
  return known.looked ??= look();
}

/** The modules to look at next: those that this side has loaded together, each other one alone, as it may not exist. */
function next(): readonly string[] {
  const left = [...noted].filter(([, { begun }]) => !begun);
  const loaded = left.filter(([, { loaded }]) => loaded);
  return (loaded.length > 0 ? loaded : left.slice(0, 1)).map(([url]) => url);
}

async function look(): Promise<void> {
  // Together in the microtask that follows: the modules of a program are mostly evaluated one after another.
  await undefined;
  for (let urls = next(); urls.length > 0; urls = next()) {
    for (const url of urls) noted.get(url)!.begun = true;
    await lookAt(urls);
  }
  // At once after there was none left: a module that is noted from now on begins another look.
  known.looked = undefined;
}

async function lookAt(urls: readonly string[]): Promise<void> {
  const found = await peek(urls);
  if (found) return urls.forEach((url, i) => learnModule(url, found[i]));
  for (const url of urls) {
    // A module that awaits at its top level is known when it has been evaluated. Nobody waits for that; until then it stays noted.
    if (!noted.get(url)?.loaded) noted.delete(url);
    else import(url).then((exports) => learnModule(url, exports), () => noted.delete(url));
  }
}

function read(module: Unread): void {
  unread.delete(module);
  const { url, exports, names } = module;
  const rest: string[] = [];
  for (const name of names) {
    let value: unknown;
    try {
      value = exports[name];
    } catch {
      rest.push(name);
      continue;
    }
    if (typeof value !== "function") continue;
    const before = exportNames.get(value);
    if (before) before.push({ url, name });
    else exportNames.set(value, [{ url, name }]);
  }
  if (rest.length > 0) unread.add({ url, exports, names: rest });
}

/** The export names of a function. */
export function exportNamesOf(value: object): readonly ExportName[] {
  const found = exportNames.get(value);
  if (found || unread.size === 0) return found ?? [];
  for (const module of [...unread]) read(module);
  return exportNames.get(value) ?? [];
}

/** The modules that are noted, and not learned so far. */
export function unlearnedModules(): readonly string[] {
  return [...noted.keys()];
}

/** The value of an export; `undefined` if this side does not know the module, or it does not export the name, or not yet. */
export function exportAt({ url, name }: ExportName): unknown {
  const exports = modules.get(url);
  try {
    return exports && Object.hasOwn(exports, name) ? exports[name] : undefined;
  } catch {
    return undefined;
  }
}
