/**
 * Which function of a module has which name: the other side finds functions by that, so no two may have one.
 *
 * @module
 */

import { state } from "../bridge/state.ts";

/** The source texts of the functions that were wrapped on this side, by name and URL. */
const texts = state("wrapped texts", () => new Map<string, string>());

/**
 * Notes a function that is wrapped. The same text again is the same function: a factory was called twice.
 *
 * @param action What is about to be done with it: `"syncToAsync()"`.
 * @param url The module.
 * @param fn The function.
 * @throws {TypeError} If another function of the module was wrapped under that name.
 */
export function noteName(action: string, url: string, fn: (...args: never[]) => unknown): void {
  const { name } = fn;
  const key = `${name} ${url}`;
  const text = Function.prototype.toString.call(fn);
  if ((texts.get(key) ?? text) !== text) {
    const wrapper = action.replace("()", "");
    throw new TypeError(
      `Cannot call ${action}: "${url}" has wrapped another function named "${name}", and by that name the wrong one ` +
        "would be found: rename this one, and export it under its new name: " +
        `export const other = ${wrapper}(import.meta, function other() { … })`,
    );
  }
  texts.set(key, text);
}
