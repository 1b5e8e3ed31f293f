/**
 * The functions of the hub that green code may call, found by their targets.
 *
 * @module
 */

import type { Target } from "../../bridge/protocol/messages.ts";
import {
  bodyOf,
  type Callable,
  namedFunction,
  notExported,
  servedAs,
  targetOf,
} from "../../bridge/protocol/targets.ts";
import { handle } from "../../bridge/references/handle.ts";
import { isClass } from "../../bridge/references/live.ts";
import { isPlain } from "../../bridge/values/plain.ts";
import { servedBy } from "../../bridge/protocol/served.ts";
import { isPromise } from "../../bridge/references/thenables.ts";
import { type ImportPermission, isRegistered } from "../references/permissions.ts";
import { sharedHandle } from "../references/shared_objects.ts";
import { forgetPackageReads } from "./package_reads.ts";
import { learnModule } from "../../bridge/values/known_modules.ts";

/** The functions that one hub lets green code call. */
export class Functions {
  readonly #exposed = new Map<string, Callable>();
  readonly #loaded = new Map<Target, Callable>();
  readonly #permission: ImportPermission;

  /** @param permission Says which modules green code may import. */
  constructor(permission: ImportPermission) {
    this.#permission = permission;
  }

  /**
   * Lets green code call functions by name.
   *
   * @throws {TypeError} If one of them is not a function, or its name is taken.
   */
  expose(functions: Readonly<Record<string, unknown>>): void {
    const entries = Object.entries(functions);
    for (const [name, fn] of entries) {
      if (typeof fn !== "function") {
        throw new TypeError(`Cannot expose "${name}": expected a function, found ${typeof fn}`);
      }
      const taken = this.#exposed.get(name);
      if (taken && taken !== servedAs(fn as Callable)) {
        throw new TypeError(
          `Cannot expose "${name}": another function is exposed under that name already`,
        );
      }
    }
    for (const [name, fn] of entries) this.#exposed.set(name, servedAs(fn as Callable));
  }

  /** Gives a target's function, if it need not be loaded. */
  find(target: Target): Callable | undefined {
    if (target.kind === "library") return servedBy(target.name);
    return target.kind === "exposed" ? this.#exposed.get(target.name) : this.#loaded.get(target);
  }

  /**
   * Loads the module that has a target's function.
   *
   * @throws The error of the module, or a `TypeError` about the target.
   */
  async load(target: Target): Promise<Callable> {
    const fn = await this.#load(target);
    this.#loaded.set(target, fn);
    return fn;
  }

  async #load(target: Target): Promise<Callable> {
    switch (target.kind) {
      case "library":
        throw new TypeError(`Cannot call "${target.name}": the library serves no such function`);
      case "exposed":
        throw this.#notExposed(target.name);
      case "export":
        this.#permission.checkWrapped(target.url, isRegistered(target.url, target.name));
        return await loadWrapped(target.url, target.name);
      case "shared":
        this.#permission.checkWrapped(target.url, isRegistered(target.url, target.name));
        return await loadShared(target.url, target.name);
      case "hub":
        this.#permission.checkImport(target.specifier);
        return await loadExport(target.specifier, target.name);
      case "exports": {
        this.#permission.checkImport(target.specifier);
        const module = await importHere(target.specifier);
        return () => describeExports(module);
      }
      default:
        throw new TypeError(`Cannot call a target of kind ${target.kind} on the hub`);
    }
  }

  #notExposed(name: string): Error {
    const names = [...this.#exposed.keys()].map((name) => `"${name}"`).join(", ");
    return new TypeError(
      `Cannot call "${name}": no function with that name is exposed on the hub${
        names ? `: the hub exposes ${names}` : ""
      }`,
    );
  }
}

/**
 * Gives a function that `asyncToSync()` has wrapped. Green code can call only such a function, and only if the module exports it
 * or it has an explicit name.
 *
 * A function that the hub knows by its name already needs no import: a module that waits at its top level for green code, which
 * calls this function, would wait for itself.
 */
async function loadWrapped(url: string, name: string): Promise<Callable> {
  const known = namedFunction(url, name);
  if (known) return bodyOf(known) as Callable;
  const module = await importHere(url);
  const value = namedFunction(url, name) ??
    (Object.hasOwn(module, name) ? module[name] : undefined);
  const target = targetOf(value);
  if (target?.kind !== "export" || target.url !== url || target.name !== name) {
    throw notExported(url, name, module, "asyncToSync");
  }
  return bodyOf(value) as Callable;
}

async function loadShared(url: string, name: string): Promise<Callable> {
  // As above: the hub may know the object already.
  if (!isRegistered(url, name)) await importHere(url);
  if (!await sharedHandle(url, name)) {
    throw new TypeError(
      `Cannot find the shared object "${name}" in "${url}" on the hub: call shared() at the top level of the module: ` +
        `const ${name} = shared(import.meta, function ${name}() { … })`,
    );
  }
  return () => sharedHandle(url, name);
}

async function loadExport(specifier: string, name: string): Promise<Callable> {
  const module = await importHere(specifier);
  const value = Object.hasOwn(module, name) ? module[name] : undefined;
  if (typeof value === "function") return servedAs(value as Callable).bind(undefined);
  throw new TypeError(
    `Cannot call "${name}" of "${specifier}": ${
      value === undefined
        ? "the module does not export it"
        : `expected a function, found ${typeof value}`
    }`,
  );
}

async function importHere(specifier: string): Promise<Record<string, unknown>> {
  let module: Record<string, unknown>;
  try {
    await forgetPackageReads();
    module = await import(specifier);
  } catch (error) {
    throw notInImportMap(specifier, error) ?? error;
  }
  learnModule(specifier, module);
  return module;
}

/** The error for a bare name that is not in the import map. The runtime's own one names this file, as if it had to be changed. */
function notInImportMap(specifier: string, error: unknown): TypeError | undefined {
  if (!(error instanceof TypeError)) return undefined;
  if (!error.message.startsWith(`Import "${specifier}" not a dependency`)) return undefined;
  return new TypeError(
    `Cannot hubImport("${specifier}"): "${specifier}" is not in the import map: add it to "imports" in deno.json, or write "npm:${specifier}"`,
    { cause: error },
  );
}

/** The description of a module that `hubImport()` gets. */
export interface ModuleDescription {
  /** The names of the functions. */
  readonly functions: readonly string[];
  /** The names of the promises. Each is awaited only when it is read, as it may never settle. */
  readonly promises: readonly string[];
  /** The other exports: plain values as they are, handles for classes and objects. */
  readonly values: Readonly<Record<string, unknown>>;
}

function describeExports(module: Record<string, unknown>): ModuleDescription {
  const functions: string[] = [];
  const promises: string[] = [];
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(module)) {
    if (isPromise(value)) promises.push(name);
    if (isCallback(value)) functions.push(name);
    else if (isPrimitive(value) || isPlain(value as object)) values[name] = value;
    else if (typeof value !== "symbol") values[name] = handle(value as object);
  }
  return { functions, promises, values: { ...values } };
}

/** Whether a value is a mere function: no class, and without properties of its own. */
function isCallback(value: unknown): boolean {
  return typeof value === "function" && !isClass(value) && Object.keys(value).length === 0;
}

/** Whether a value crosses as it is, without a look inside. */
function isPrimitive(value: unknown): boolean {
  return value === null ||
    ["string", "number", "boolean", "bigint", "undefined"].includes(typeof value);
}
