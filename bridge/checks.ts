/**
 * Checks of options, and of times, and the words for what was found in place of what was expected: one rule for all calls, on
 * both sides.
 *
 * Options are an object with keys that the call knows: under a wrong key, a limit that somebody meant would be no limit. A time
 * is a number of milliseconds; zero or less is now, `Infinity` is never. Where nothing is given, the caller takes its default
 * before it asks here.
 *
 * @module
 */

/**
 * Shows what was found in place of what was expected, whatever it is: a string in quotes, so that `"5"` is told from `5`, and
 * `5n` from both; a function by its name, and not by all its source.
 */
export function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  const isFunction = typeof value === "function";
  if (!isFunction && (typeof value !== "object" || value === null)) return String(value);
  try {
    if (isFunction) return `the function "${value.name}"`;
    const name = value.constructor?.name;
    return name ? `an object of class ${name}` : "an object without a class";
  } catch {
    return `${isFunction ? "a function" : "an object"} that cannot be read`;
  }
}

/** Says in one line what was thrown, whatever it is. */
export function inOneLine(thrown: unknown): string {
  try {
    return String(thrown).split("\n", 1)[0];
  } catch {
    return show(thrown);
  }
}

/** The longest time of a timer, in milliseconds: the platform takes a longer one for 1. */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

/** The keys of whatever waits. */
export const WAITING_KEYS: readonly string[] = ["timeout", "signal"];

/**
 * Checks that options are an object, and that the call knows all of them.
 *
 * @param action What cannot be done then: `wait`.
 * @param options The options; `undefined` for none, which costs nothing.
 * @param example What is meant, as it is to be written.
 * @param known The keys that there are.
 * @throws {TypeError} If they are something else, or a key is not known.
 */
export function checkOptionsObject(
  action: string,
  options: unknown,
  example: string,
  known: readonly string[],
): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    refuse(action, options, example);
  }
  let found = false;
  for (const key in options) {
    if (known.includes(key)) found = true;
    // What a library has put on all objects is nobody's option.
    else if (Object.hasOwn(options, key)) {
      throw new TypeError(
        `Cannot ${action}: option "${key}" is not known: expected ${known.join(", ")}`,
      );
    }
  }
  // An AbortSignal has no keys to go by; a class of options may have them as accessors.
  if (!found && !isPlain(options) && !known.some((key) => key in options)) {
    refuse(action, options, example);
  }
}

function refuse(action: string, options: unknown, example: string): never {
  // Whoever gave a number is told what to write for it.
  const meant = Number.isFinite(options) ? example.replace(/\d+/, String(options)) : example;
  throw new TypeError(
    `Cannot ${action}: expected an object of options, such as ${meant}, found ${show(options)}`,
  );
}

/** Whether options are an object literal, of this realm or another one. */
function isPlain(options: object): boolean {
  const prototype = Object.getPrototypeOf(options);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * Checks a time.
 *
 * @param action What cannot be done then: `sleep`.
 * @param ms The time, in milliseconds.
 * @param name The option that it is, if it is one.
 * @returns It.
 * @throws {TypeError} If it is no number, or `NaN`.
 */
export function checkTime(action: string, ms: unknown, name?: string): number {
  if (typeof ms === "number" && !Number.isNaN(ms)) return ms;
  const which = name === undefined ? "" : ` for "${name}"`;
  throw new TypeError(
    `Cannot ${action}: expected a number of milliseconds${which}, found ${show(ms)}`,
  );
}

/**
 * Checks the option `signal`.
 *
 * @param action What cannot be done then: `wait`.
 * @param signal The signal, or `undefined` for none.
 * @throws {TypeError} If it is something else.
 */
export function checkSignal(
  action: string,
  signal: unknown,
): asserts signal is AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new TypeError(
    `Cannot ${action}: expected an AbortSignal for "signal", found ${show(signal)}`,
  );
}
