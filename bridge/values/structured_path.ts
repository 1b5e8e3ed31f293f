/**
 * The path to the part of a value at which the walk is, for the message of a refusal. Kept as bare keys
 * while the walk goes well, and made text only when it does not.
 *
 * @module
 */

/** The kinds of the parts of a path: how a level is entered from the one above. */
export const PathPart = {
  Property: 0,
  MapKey: 1,
  MapValue: 2,
  SetItem: 3,
  /** From an object to its surrogate, which is sent in its place: it does not show in the path. */
  Surrogate: 4,
} as const;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** A path: the keys from the root to the level of the walk. */
export class Path {
  readonly #root: string;
  readonly #keys: unknown[] = [];
  readonly #parts: number[] = [];

  /** Begins a path with the name of the value as a whole, for example `arguments`. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Notes the key by which the walk goes from this level to the next. */
  enter(level: number, key: unknown, part: number = PathPart.Property): void {
    this.#keys[level] = key;
    this.#parts[level] = part;
  }

  /** The path to the value at this level, for example `arguments[0].user.onClick`. */
  at(level: number): string {
    let text = this.#root;
    for (let i = 0; i < level; i++) text += describePart(this.#keys[i], this.#parts[i]);
    return text;
  }
}

/** One part as text. */
function describePart(key: unknown, part: number): string {
  switch (part) {
    case PathPart.MapKey:
      return `.keys()[${key}]`;
    case PathPart.MapValue:
      return `.get(${describeKey(key)})`;
    case PathPart.SetItem:
      return `.values()[${key}]`;
    case PathPart.Surrogate:
      return "";
    default:
      if (typeof key === "number") return `[${key}]`;
      return IDENTIFIER.test(String(key)) ? `.${key}` : `[${JSON.stringify(key)}]`;
  }
}

/** The key of a Map as text. */
function describeKey(key: unknown): string {
  switch (typeof key) {
    case "string":
      return JSON.stringify(key);
    case "object":
      return key === null ? "null" : "{…}";
    case "function":
      return "function";
    default:
      return String(key);
  }
}
