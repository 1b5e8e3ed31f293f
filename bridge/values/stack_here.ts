/**
 * The stack of the code that runs now.
 *
 * @module
 */

/** The count of lines that the engine and the library put before the source of an inline function. */
export const LINES_BEFORE_SOURCE = 2;

const { captureStackTrace } = Error;

/** `Error`, with the hook by which people's code writes stacks in its own way: as any value, or not at all if it throws. */
const errors = Error as { prepareStackTrace?: unknown };

/** The stack of the caller, as the engine writes it. */
export function stackHere(): string {
  return errors.prepareStackTrace === undefined ? capture() : asEngineWrites(capture);
}

/** Reads a stack as the engine writes it. The engine writes a stack when it is read first. */
export function asEngineWrites<T>(read: () => T): T {
  const { prepareStackTrace } = errors;
  errors.prepareStackTrace = undefined;
  try {
    return read();
  } finally {
    errors.prepareStackTrace = prepareStackTrace;
  }
}

function capture(): string {
  const error = new Error();
  captureStackTrace(error, stackHere);
  return error.stack ?? "";
}
