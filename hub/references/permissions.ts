/**
 * Permissions of green code: which modules it may import on the hub.
 *
 * Functions that the app has exposed or passed may always be called, and those that the library itself serves (`served.ts`). The
 * hub's option `hubImport` decides about all others, as to import a module is to run it: with all the permissions of the process.
 *
 * @module
 */

import { state } from "../../bridge/state.ts";

/** The permission to import on one hub. */
export class ImportPermission {
  readonly #allowed: boolean | readonly string[];
  readonly #hub: string;

  /**
   * @param allowed The option `hubImport`: all, nothing, or a list of specifiers. One that ends in `/` has all URLs below it.
   * @param hub The hub's name.
   */
  constructor(allowed: boolean | readonly string[], hub: string) {
    this.#allowed = allowed;
    this.#hub = hub;
  }

  /**
   * Checks a module that green code wants to import.
   *
   * @throws {TypeError} If the hub does not allow it.
   */
  checkImport(specifier: string): void {
    if (this.#allows(specifier)) return;
    throw this.#refusal("hubImport()", specifier);
  }

  /**
   * Checks a function of `asyncToSync()`, or an object of `shared()`, that green code wants. It is allowed if the hub has it
   * already: its module runs on the hub anyway.
   *
   * @throws {TypeError} If the hub does not allow it.
   */
  checkWrapped(url: string, isKnown: boolean): void {
    if (isKnown || this.#allows(url)) return;
    throw this.#refusal("a function or shared object", url);
  }

  #allows(specifier: string): boolean {
    const allowed = this.#allowed;
    if (typeof allowed === "boolean") return allowed;
    return allowed.some((entry) =>
      entry === specifier ||
      (entry.endsWith("/") && isBelow(specifier, entry))
    );
  }

  #refusal(what: string, specifier: string): TypeError {
    return new TypeError(
      `Cannot import "${specifier}" on the hub for ${what}: the option "hubImport" of hub "${this.#hub}" does not allow it`,
    );
  }
}

/** Whether a URL is below another one, without a way back up. */
function isBelow(specifier: string, base: string): boolean {
  const href = URL.canParse(specifier) ? new URL(specifier).href : specifier;
  return href.startsWith(base) && !/%2f|%5c|%2e/i.test(href.slice(base.length));
}

/** The functions that `asyncToSync()` has wrapped on the hub, and the shared objects, by export and URL. */
const wrapped = state("wrapped", () => new Set<string>());

/** Registers a wrapped function, or a shared object, of the hub. */
export function registerFunction(url: string, name: string): void {
  wrapped.add(`${name} ${url}`);
}

/** Whether the hub has a wrapped function or shared object of that name. */
export function isRegistered(url: string, name: string): boolean {
  return wrapped.has(`${name} ${url}`);
}
