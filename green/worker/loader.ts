/**
 * Finds the function of a target, in a Worker.
 *
 * Modules are imported once and stay; inline functions are compiled once for each source text.
 *
 * @module
 */

import type { Callable } from "../../bridge/protocol/targets.ts";
import { isA } from "../../bridge/guarded.ts";
import { bundledScope, bundleUrl } from "../../bridge/memory/in_bundle.ts";
import { compile, explainFailure } from "./inline_functions.ts";
import { learnModule, lookAtModules } from "../../bridge/values/known_modules.ts";
import { LATER } from "./missing_names.ts";
import type { ExportTarget, Target } from "../../bridge/protocol/messages.ts";
import { addLine } from "../../bridge/values/stacks.ts";
import { bodyOf, namedFunction, namesOf, notExported } from "../../bridge/protocol/wrapped.ts";

const AsyncFunction = async function () {}.constructor as typeof Function;
const AsyncGeneratorFunction = async function* () {}.constructor as typeof Function;

/** Finds the functions that a Worker is to run. */
export class Loader {
  readonly #scopeUrls: readonly string[];
  #scope: Record<string, unknown> | undefined;
  readonly #functions = new Map<Target, Callable>();
  readonly #modules = new Map<string, Record<string, unknown>>();
  readonly #imports = new Map<Target, boolean>();

  /** @param scopeUrls The modules whose exports are in scope of inline functions. */
  constructor(scopeUrls: readonly string[]) {
    this.#scopeUrls = scopeUrls;
  }

  /** The function of a target, if it can be had without the event loop. Targets are interned. */
  find(target: Target): Callable | undefined {
    const known = this.#functions.get(target);
    if (known) return known;
    const fn = this.#make(target);
    if (fn) this.#functions.set(target, fn);
    return fn;
  }

  #make(target: Target): Callable | undefined {
    if (target.kind === "source") {
      return this.#scope && compile(target.source, target.name, this.#scope);
    }
    const module = target.kind === "export" ? this.#modules.get(target.url) : undefined;
    // A name counts once its module has been run to its end: what the function uses may stand further down.
    return module && this.#functionOf(module, target as ExportTarget);
  }

  #functionOf(module: Record<string, unknown>, { url, name }: ExportTarget): Callable | undefined {
    return bodyOf(namedFunction(url, name)) ?? functionIn(module, name);
  }

  /**
   * Loads the modules that a target needs. Afterwards {@linkcode Loader.find} finds its function.
   *
   * @throws The error that the module threw, or a `TypeError` if the module has no such function.
   */
  async load(target: Target): Promise<void> {
    if (target.kind === "source") return await this.#loadScope();
    if (target.kind !== "export") throw new TypeError(`Cannot run a target of kind ${target.kind}`);
    const { url, name } = target;
    const module = await importNamed(url);
    learnModule(url, module);
    this.#modules.set(url, module);
    // The modules that this one imports may hold green functions too, and classes.
    await lookAtModules();
    if (this.#functionOf(module, target)) return;
    const value = Object.hasOwn(module, name) ? module[name] : undefined;
    if (value === undefined) throw notExported(url, name, module, "syncToAsync");
    throw new TypeError(
      `Cannot run "${name}" of "${url}": expected a function, found ${typeof value}`,
    );
  }

  /** The names of a loaded module's functions that need no event loop: those that are not `async`. */
  synchronousNames(url: string): string[] {
    const module = this.#modules.get(url) ?? {};
    return [...Object.keys(module), ...namesOf(url)].filter((name) => {
      const fn = this.#functionOf(module, { kind: "export", url, name });
      return fn !== undefined && !isAsync(fn);
    });
  }

  /** Whether a function imports modules itself, as far as its text says. */
  imports(target: Target): boolean {
    let imports = this.#imports.get(target);
    if (imports === undefined) {
      imports = /\bimport\s*\(/.test(Function.prototype.toString.call(this.find(target)));
      this.#imports.set(target, imports);
    }
    return imports;
  }

  /** Explains an error that an inline function threw because its surroundings did not come along. */
  explainFailure(target: Target, error: unknown): unknown {
    return target.kind === "source" ? explainFailure(target.source, error) : error;
  }

  /** Whether a target needs no modules except the library's. A bundle may hold more. */
  loadsOwnOnly(target: Target): boolean {
    return target.kind === "source" && bundleUrl() === undefined;
  }

  async #loadScope(): Promise<void> {
    const modules = await (bundledScope() ??
      Promise.all(this.#scopeUrls.map((url) => import(url))));
    const all = Object.assign(Object.create(null), ...modules);
    const scope: Record<string, unknown> = { ...all, green: all };
    for (const name of LATER) delete scope[name];
    this.#scope = scope;
  }
}

/** Whether calling a function always needs the event loop. */
function isAsync(fn: Callable): boolean {
  return isA(fn, AsyncFunction) || isA(fn, AsyncGeneratorFunction);
}

/** Imports a module. The stack of an error from it tells that, as it would read as if the green function had thrown the error. */
async function importNamed(url: string): Promise<Record<string, unknown>> {
  try {
    return await import(url);
  } catch (error) {
    addLine(
      error,
      `    --- while a Worker imported "${url}": what is to run only once stands under \`if (import.meta.main)\` ---`,
    );
    throw error;
  }
}

/** The function to call for an export. Only the module's own exports count: no `toString` of an object's prototype. */
function functionIn(module: Record<string, unknown>, name: string): Callable | undefined {
  const value = Object.hasOwn(module, name) ? module[name] : undefined;
  return typeof value === "function" ? bodyOf(value) as Callable ?? value : undefined;
}
