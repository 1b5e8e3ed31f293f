/**
 * Finds the function of a target, in a Worker.
 *
 * Modules are imported once and stay; inline functions are compiled once for each source text.
 *
 * Of an inline function the Worker has only the text, and so none of the names around it: the loader makes a function from the
 * text, explains errors that come of that, and advises about a missing name.
 *
 * @module
 */

import {
  bodyOf,
  type Callable,
  namedFunction,
  namesOf,
  notExported,
} from "../../bridge/protocol/targets.ts";
import { isA } from "../../bridge/primordials.ts";
import { bundledScope, bundleUrl } from "../../bridge/memory/in_bundle.ts";
import { learnModule, lookAtModules } from "../../bridge/values/known_modules.ts";
import type { ExportTarget, Target } from "../../bridge/protocol/messages.ts";
import { addLine } from "../../bridge/values/stacks.ts";

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
    // A name counts once its module has been run to its end: the function may use variables that are declared further down.
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
    if (target.kind !== "export") {
      throw new TypeError(`Cannot run a function of kind "${target.kind}"`);
    }
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
      `    --- while a Worker imported "${url}": put the code that must run only once under \`if (import.meta.main)\` ---`,
    );
    throw error;
  }
}

/** The function to call for an export. Only the module's own exports count: no `toString` of an object's prototype. */
function functionIn(module: Record<string, unknown>, name: string): Callable | undefined {
  const value = Object.hasOwn(module, name) ? module[name] : undefined;
  return typeof value === "function" ? bodyOf(value) as Callable ?? value : undefined;
}

/** Advice for messages: the ways to bring along a value that an inline function is missing. */
const EXPORT_IT = "export the function from a module that imports what the function needs: " +
  "export const f = syncToAsync(import.meta, function f() { … })";

/**
 * Compiles an inline function.
 *
 * @param source The source text of the function.
 * @param name The name of the function.
 * @param scope The names in scope: those of the library.
 * @returns The function. If the text does not compile, a function that throws a `TypeError` with the cause, so that the failure
 * is that of a thread.
 */
export function compile(source: string, name: string, scope: Record<string, unknown>): Callable {
  // A name of the library that the function itself declares is shadowed as usual.
  const make = (text: string) =>
    new Function(...Object.keys(scope), `"use strict"; return (${text}\n);`)(
      ...Object.values(scope),
    );
  const errors: SyntaxError[] = [];
  for (const read of [plain, method, namedStatic]) {
    try {
      return read(source, name, make);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      errors.push(error);
    }
  }
  // A text that was read as the wrong kind of function has an unexpected token somewhere.
  const cause = errors.find(({ message }) => !message.startsWith("Unexpected")) ?? errors[0];
  return () => {
    throw new TypeError(
      `Cannot compile "${
        name || "anonymous"
      }" in an inline green thread: ${cause.message}: the function was sent to a ` +
        "Worker as source text, where import.meta, super and #private names do not exist. Pass the value as an argument: " +
        `spawn((url) => …, import.meta.url). Or ${EXPORT_IT}`,
      { cause },
    );
  };
}

type Reader = (source: string, name: string, make: (text: string) => unknown) => Callable;

const plain: Reader = (source, _, make) => make(source) as Callable;

/** A method in short form, `{ work() {} }`, is a function only inside of an object. */
const method: Reader = (source, name, make) => {
  const methods = make(`{${source}}`) as Record<string, Callable>;
  return methods[name] ?? Object.values(methods)[0];
};

/** V8 leaves the name out of the text of a method named `static`. */
const namedStatic: Reader = (source, _, make) => make(`function ${source}`) as Callable;

/**
 * Explains an error that an inline function threw because its surroundings did not come along. Any value that people's code
 * throws comes here, so the message is read once, and only if it is text of the error's own.
 */
export function explainFailure(source: string, error: unknown): unknown {
  const isMissing = isA(error, ReferenceError);
  if (!isMissing && !isA(error, TypeError)) return error;
  const message = ownMessage(error);
  if (message === undefined) return error;
  if (isMissing) return explainMissing(source, error, message);
  return explainSuper(source, error, message) ?? explainImport(source, error, message) ?? error;
}

/** The message of an error as the engine makes it. */
function ownMessage(error: Error): string | undefined {
  try {
    const message: unknown = Object.getOwnPropertyDescriptor(error, "message")?.value;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined; // The error is a proxy.
  }
}

/** Explains a call of `super` that failed: the prototype above a method without its class is that of all objects. */
function explainSuper(source: string, cause: TypeError, message: string): TypeError | undefined {
  const name = /^\(intermediate value\)\.(\S+) is not a function$/.exec(message)?.[1];
  if (!name || !source.includes(`super.${name}`)) return undefined;
  return new TypeError(
    `Cannot call "super.${name}" in an inline green thread: the method was sent to a Worker as source text, without its ` +
      `class. Write the function without super, or ${EXPORT_IT}`,
    { cause },
  );
}

function explainImport(source: string, cause: TypeError, message: string): TypeError | undefined {
  for (const [, specifier] of source.matchAll(/\bimport\(\s*["'`](\.{1,2}\/[^"'`]*)["'`]/g)) {
    // The runtime takes the specifier as relative to the module that compiled the text, which is this one.
    if (!message.includes(`"${new URL(specifier, import.meta.url)}"`)) continue;
    return new TypeError(
      `Cannot import("${specifier}") in an inline green thread: a Worker does not know which module the path is relative to: pass ` +
        `import.meta.resolve("${specifier}") as an argument`,
      { cause },
    );
  }
  return undefined;
}

const WRAP = "export const f = asyncToSync(import.meta, function f() { … })";

/**
 * Globals that a Worker lacks (Deno 2.9), with advice about each. Globals of browsers are here too, as ported code asks for
 * them.
 */
const NOT_IN_WORKERS: ReadonlyMap<string, string> = new Map([
  ...["self", "window"].map((name) => [name, "use globalThis"] as const),
  ["document", "Deno has no document"],
  ...["alert", "closed", "confirm", "localStorage", "prompt", "sessionStorage"].map((name) =>
    [name, `only the main thread has it: use it in a function of the hub: ${WRAP}`] as const
  ),
]);

/**
 * The library's names that inline functions have as members of `green` only, as `green.iterate`. A name in their scope by itself
 * could be one that a program has for something of its own, so no more of those are added.
 */
const LATER: readonly string[] = ["iterate"];

/**
 * Adds advice to an error that an inline function threw because a name is not there.
 *
 * @param source The source of the function.
 * @param error The error that it threw.
 * @param message The error's message: the caller has read it, as that may run people's code.
 * @returns An error with the advice; the same error if its name is not in the source.
 */
function explainMissing(
  source: string,
  error: ReferenceError,
  message: string,
): ReferenceError {
  const name = /^(\S+) is not defined$/.exec(message)?.[1];
  if (!name || !new RegExp(`(?<![\\w$])${RegExp.escape(name)}(?![\\w$])`).test(source)) {
    return error;
  }
  return new ReferenceError(describeMissing(name), { cause: error });
}

function describeMissing(name: string): string {
  const asArgument = `as an argument: spawn((${name}) => …, ${name})`;
  const advice = NOT_IN_WORKERS.get(name);
  if (advice) {
    return `Cannot find "${name}" in an inline green thread: a Worker has no global of that name: ${advice}. ` +
      `If "${name}" is a variable of your own, pass it ${asArgument}`;
  }
  return `Cannot find "${name}" in an inline green thread: the function was sent to a Worker as source text, without ` +
    `the variables around it. Pass "${name}" ${asArgument}. Or export the function from a module that imports what ` +
    "the function needs: export const f = syncToAsync(import.meta, function f() { … }). The exports of this library are in " +
    `scope, but only under their own names${
      LATER.includes(name) ? `, and ${name}() only as green.${name}()` : ""
    }`;
}
