/**
 * Options that are none.
 *
 * @module
 */

import { show } from "./show.ts";

/**
 * Checks that options are an object: in a number, a limit that somebody meant would not be found, and be no limit.
 *
 * @param action What cannot be done then: `wait`.
 * @param options The options; `undefined` for none.
 * @param example What is meant, as it is to be written.
 * @throws {TypeError} If they are something else.
 */
export function checkOptionsObject(action: string, options: unknown, example: string): void {
  if (options === undefined || typeof options === "object" && options !== null) return;
  throw new TypeError(
    `Cannot ${action}: expected an object of options, such as ${example}, found ${show(options)}`,
  );
}
