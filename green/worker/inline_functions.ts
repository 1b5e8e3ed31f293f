/**
 * Inline functions in a Worker: makes a function from its source text, and explains errors that come of having only the text.
 *
 * @module
 */

import { isA } from "../../bridge/guarded.ts";
import type { Callable } from "../../bridge/protocol/targets.ts";
import { explainMissing } from "./missing_names.ts";

/** Advice for messages: the ways to bring along a value that an inline function is missing. */
const EXPORT_IT = "export the function from a module, which may import what it needs: " +
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
      `class. Call what needs no super, or ${EXPORT_IT}`,
    { cause },
  );
}

function explainImport(source: string, cause: TypeError, message: string): TypeError | undefined {
  for (const [, specifier] of source.matchAll(/\bimport\(\s*["'`](\.{1,2}\/[^"'`]*)["'`]/g)) {
    // The runtime takes the specifier as relative to the module that compiled the text, which is this one.
    if (!message.includes(`"${new URL(specifier, import.meta.url)}"`)) continue;
    return new TypeError(
      `Cannot import("${specifier}") in an inline green thread: a relative specifier says nothing there: pass ` +
        `import.meta.resolve("${specifier}") as an argument`,
      { cause },
    );
  }
  return undefined;
}
