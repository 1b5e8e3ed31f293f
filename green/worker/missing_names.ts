/**
 * Advice about a name that an inline function has not got in its Worker.
 *
 * @module
 */

const WRAP = "export const f = asyncToSync(import.meta, function f() { … })";

/**
 * Globals that a Worker lacks (Deno 2.9), with advice about each. Globals of browsers are here too, as ported code asks for
 * them.
 */
const NOT_IN_WORKERS: ReadonlyMap<string, string> = new Map([
  ...["self", "window"].map((name) => [name, "use globalThis"] as const),
  ["document", "Deno has none"],
  ...["alert", "closed", "confirm", "localStorage", "prompt", "sessionStorage"].map((name) =>
    [name, `only the main thread has it: use it in a function of the hub: ${WRAP}`] as const
  ),
]);

/**
 * The library's names that inline functions have as members of `green` only, as `green.iterate`. A name in their scope by itself
 * could be one that a program has for something of its own, so no more of those are added.
 */
export const LATER: readonly string[] = ["iterate"];

/**
 * Adds advice to an error that an inline function threw because a name is not there.
 *
 * @param source The source of the function.
 * @param error The error that it threw.
 * @param message The error's message: the caller has read it, as that may run people's code.
 * @returns An error with the advice; the same error if its name is not in the source.
 */
export function explainMissing(
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
    return `Cannot find "${name}" in an inline green thread: it is no global of a Worker: ${advice}. ` +
      `If it is a variable of your own, pass it ${asArgument}`;
  }
  return `Cannot find "${name}" in an inline green thread: the function was sent to a Worker as source text, without ` +
    `what surrounds it. Pass "${name}" ${asArgument}. Or export the function from a module, which may import what it ` +
    "needs: export const f = syncToAsync(import.meta, function f() { … }). What this library exports is in scope, under its " +
    `own names only${LATER.includes(name) ? `, and its ${name}() as green.${name}()` : ""}`;
}
