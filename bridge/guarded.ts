/**
 * Looking at what people's code has returned or thrown.
 *
 * Such a value may run code whenever it is looked at, even when it is only asked for its class: a proxy has traps, a getter may
 * throw, and a proxy that was revoked throws at everything. So between the end of people's code and the message that says how it
 * ended there are two ways to look: `encodeThrown()`, which never throws, and {@linkcode isA}.
 *
 * @module
 */

/**
 * As `instanceof`, for a value of which nobody knows what it does: one that cannot be asked is of no class.
 *
 * @param value The value.
 * @param Class The class: of the library or of the language.
 */
export function isA<T>(
  value: unknown,
  // deno-lint-ignore no-explicit-any -- an abstract class, and one with any parameters, fits too
  Class: abstract new (...args: any[]) => T,
): value is T {
  try {
    return value instanceof Class;
  } catch {
    return false;
  }
}
