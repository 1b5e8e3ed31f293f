/**
 * Which function of a module has which name: the other side finds functions by that, so no two may have one.
 *
 * @module
 */

import { state } from "../state.ts";
import type { Export } from "./targets.ts";

/** The source texts of the functions that were wrapped on this side, by name and URL. */
const texts = state("wrapped texts", () => new Map<string, string>());

/**
 * Registers the name of a function that is wrapped. The same text again is the same function: a factory was called twice.
 *
 * @param action What is about to be done with it: `"syncToAsync()"`.
 * @param given What it is to be known by.
 * @throws {TypeError} If another function of the module was wrapped under that name.
 */
export function registerName(action: string, given: Export<(...args: never[]) => unknown>): void {
  const { target: { url, name }, fn, named } = given;
  const key = `${name} ${url}`;
  const text = Function.prototype.toString.call(fn);
  const other = texts.get(key) ?? text;
  if (other !== text) {
    const wrapper = action.replace("()", "");
    if (named) {
      throw new TypeError(
        `Cannot call ${action}: "${url}" has wrapped two functions under the name "${name}": ${
          begin(other)
        } and ${
          begin(text)
        }. A name is there once in a file, and a bundle is one file: give one of them another name: ` +
          `${wrapper}(import.meta, "other", …)`,
      );
    }
    throw new TypeError(
      `Cannot call ${action}: "${url}" has wrapped another function named "${name}", and by that name the wrong one ` +
        "would be found: rename this one, and export it under its new name: " +
        `export const other = ${wrapper}(import.meta, function other() { … })`,
    );
  }
  texts.set(key, text);
}

/** The beginning of a function's text: in a bundle many functions have the same name, or none. */
function begin(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `\`${line.slice(0, 60)} …\`` : `\`${line}\``;
}
