/**
 * Which modules of the hub green code may reach.
 *
 * What the app exposed or passed may always be called, and what the library itself serves (`served.ts`). The rest is a matter
 * of the hub's option `hubImport`, as importing a module runs it: with all the permissions of the process.
 *
 * @module
 */

import { state } from "../../bridge/state.ts";

/** Says what green code may import on the hub. */
export class ImportPermission {
  readonly #allowed: boolean | readonly string[];
  readonly #hub: string;

  /**
   * @param allowed Everything, nothing, or what a list has: specifiers as they are, and, if one ends in `/`, all below.
   * @param hub The hub's name.
   */
  constructor(allowed: boolean | readonly string[], hub: string) {
    this.#allowed = allowed;
    this.#hub = hub;
  }

  /**
   * Checks a module whose functions green code wants.
   *
   * @throws {TypeError} If the hub does not allow it.
   */
  checkImport(specifier: string): void {
    if (this.#allows(specifier)) return;
    throw this.#refusal("hubImport()", specifier);
  }

  /**
   * Checks a function or shared object that green code wants, made by this library's functions. One that the hub itself
   * has made already may be had: its module runs on the hub anyway.
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
      `Cannot import "${specifier}" on the hub for ${what}: the option "hubImport" of "${this.#hub}" does not allow it`,
    );
  }
}

/** Whether a URL is below another one, without a way back up. */
function isBelow(specifier: string, base: string): boolean {
  const href = URL.canParse(specifier) ? new URL(specifier).href : specifier;
  return href.startsWith(base) && !/%2f|%5c|%2e/i.test(href.slice(base.length));
}

/** The functions that `asyncToSync()` has wrapped on this thread, by export and URL. */
const wrapped = state("wrapped", () => new Set<string>());

/** Registers a wrapped function, or a shared object, that the hub has. */
export function registerFunction(url: string, name: string): void {
  wrapped.add(`${name} ${url}`);
}

/** Whether the hub has a function or shared object of that name. */
export function isRegistered(url: string, name: string): boolean {
  return wrapped.has(`${name} ${url}`);
}
