/**
 * Values in messages.
 *
 * @module
 */

/**
 * Shows what was found in place of what was expected: a string in quotes, so that `"5"` is told from `5`, and `5n` from both; a
 * function by its name, and not by all its source.
 */
export function show(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `the function "${value.name}"`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return `an object of class ${value.constructor?.name ?? "null"}`;
  } catch {
    return "an object that cannot be looked at";
  }
}
