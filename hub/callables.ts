/**
 * What green code may call on the hub: from a target to a function.
 *
 * @module
 */

import type { Target } from "../bridge/protocol.ts";
import { bodyOf, notExported, targetOf } from "../bridge/wrapped.ts";
import type { Callable } from "../bridge/loader.ts";

/** The functions that one hub lets green code call. */
export class Callables {
  readonly #exposed = new Map<string, Callable>();
  readonly #loaded = new Map<Target, Callable>();

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
      if (taken && taken !== fn) {
        throw new TypeError(`Cannot expose "${name}": another function has that name`);
      }
    }
    for (const [name, fn] of entries) this.#exposed.set(name, fn as Callable);
  }

  /** The function, if it can be had at once. */
  find(target: Target): Callable | undefined {
    return target.kind === "exposed" ? this.#exposed.get(target.name) : this.#loaded.get(target);
  }

  /**
   * Loads the module that has the function.
   *
   * @throws What the module threw, or what is wrong with the target.
   */
  async load(target: Target): Promise<Callable> {
    const fn = await this.#load(target);
    this.#loaded.set(target, fn);
    return fn;
  }

  async #load(target: Target): Promise<Callable> {
    switch (target.kind) {
      case "exposed":
        throw this.#notExposed(target.name);
      case "export":
        return await loadWrapped(target.url, target.name);
      case "hub":
        return await loadExport(target.specifier, target.name);
      case "exports": {
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
        names ? `, only ${names}` : ""
      }`,
    );
  }
}

/** A function behind `asyncToSync()`: green code can only call what was wrapped so, and is exported. */
async function loadWrapped(url: string, name: string): Promise<Callable> {
  const module = await import(url);
  const value = Object.hasOwn(module, name) ? module[name] : undefined;
  const target = targetOf(value);
  if (target?.kind !== "export" || target.url !== url || target.name !== name) {
    throw notExported(url, name, module);
  }
  return bodyOf(value) as Callable;
}

async function loadExport(specifier: string, name: string): Promise<Callable> {
  const module = await importHere(specifier);
  const value = Object.hasOwn(module, name) ? module[name] : undefined;
  if (typeof value === "function") return value.bind(undefined);
  throw new TypeError(
    `Cannot call "${name}" of "${specifier}": ${
      value === undefined
        ? "the module does not export it"
        : `it is no function but ${typeof value}`
    }`,
  );
}

async function importHere(specifier: string): Promise<Record<string, unknown>> {
  return await import(specifier);
}

/** What `hubImport()` has to know about a module. */
export interface ModuleDescription {
  /** The names of the functions. */
  readonly functions: readonly string[];
  /** The other exports, as far as they can cross. */
  readonly values: Readonly<Record<string, unknown>>;
}

function describeExports(module: Record<string, unknown>): ModuleDescription {
  const functions: string[] = [];
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(module)) {
    if (typeof value === "function") functions.push(name);
    else if (isPlain(value)) values[name] = value;
  }
  return { functions, values: { ...values } };
}

/** Values that cross as they are, without a look inside: what else a module exports needs a function to get it. */
function isPlain(value: unknown): boolean {
  return value === null ||
    ["string", "number", "boolean", "bigint", "undefined"].includes(typeof value);
}
