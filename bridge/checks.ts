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

/**
 * Options for calls that wait.
 *
 * @category Threads
 */
export interface WaitOptions {
  /**
   * The longest time to wait, in milliseconds; zero or less only looks. When the time is over, a `Timeout` is thrown (by queues
   * `Empty` or `Full`), and the thing that was waited for goes on.
   *
   * @default {Infinity}
   */
  timeout?: number;
  /** Ends the wait with the signal's reason when it is aborted. The thing that was waited for goes on. */
  signal?: AbortSignal;
}

/** The keys of {@linkcode WaitOptions}. */
export const WAIT_KEYS: readonly string[] = ["timeout", "signal"];

/**
 * Checks the options of a wait, also of one that may turn out not to wait.
 *
 * @param options The options.
 * @param known The keys that they may have.
 * @throws {TypeError} If they are of the wrong kind.
 * @throws The reason of the signal, if it is aborted.
 */
export function checkWaiting(
  options: WaitOptions | undefined,
  known: readonly string[] = WAIT_KEYS,
): void {
  if (options !== undefined) checkGiven(options, known);
}

/** Apart, so that a call without options stays small. */
function checkGiven(options: WaitOptions, known: readonly string[]): void {
  checkOptionsObject("wait", options, "{ timeout: 1000 }", known);
  timeLimit(options);
  const { signal } = options;
  if (signal === undefined) return;
  checkSignal("wait", signal);
  signal.throwIfAborted();
}

/**
 * The time limit of a wait whose options were checked: see {@linkcode checkWaiting}.
 *
 * @throws {TypeError} If it is not a number.
 */
export function timeLimit(options: WaitOptions | undefined): number {
  const timeout = options?.timeout;
  return timeout === undefined ? Infinity : checkTime("wait", timeout, "timeout");
}

/** Names of options, each with the name that the option has had since durations have no unit in their names. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ["graceMs", "grace"],
  ["blockedWarningMs", "blockedWarning"],
]);

/**
 * Reads a duration that may have its old name, which is taken until 1.0: `grace`, once `graceMs`.
 *
 * @param action What cannot be done if both are there: `close the hub`.
 * @param options The options, which were checked by {@linkcode checkOptionsObject}.
 * @param name The option's name.
 * @returns Its value, whatever that is; `undefined` if it is not there.
 * @throws {TypeError} If it is there under both names.
 */
export function durationOf(action: string, options: object | undefined, name: string): unknown {
  if (options === undefined) return undefined;
  const given = options as Readonly<Record<string, unknown>>;
  const value = given[name];
  const old = given[`${name}Ms`];
  if (old === undefined) return value;
  if (value === undefined) return old;
  throw new TypeError(
    `Cannot ${action}: expected "${name}" or its old name "${name}Ms", found both`,
  );
}

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
    if (isKnown(known, key)) found = true;
    // What a library has put on all objects is nobody's option.
    else if (Object.hasOwn(options, key)) {
      throw new TypeError(
        `Cannot ${action}: option "${key}" is not known: expected ${known.join(", ")}`,
      );
    }
  }
  // An AbortSignal has no keys to go by; a class of options may have them as accessors.
  const here = (key: string) => key in options && isKnown(known, key);
  if (!found && !isPlain(options) && ![...known, ...RENAMED.keys()].some(here)) {
    refuse(action, options, example);
  }
}

/** Whether a key is one of those, by its name of today or its old one. */
function isKnown(known: readonly string[], key: string): boolean {
  return known.includes(key) || known.includes(RENAMED.get(key)!);
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
