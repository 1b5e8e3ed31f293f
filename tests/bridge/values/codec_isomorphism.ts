/**
 * Tells whether two values are the same all through: the same kinds, contents, order of keys, and the
 * same topology, so that what is one object here is one object there.
 *
 * @module
 */

type Fields = Record<PropertyKey, unknown>;

/**
 * Finds where two values differ. Resizable buffers in both are grown at the end, to see which views
 * follow them: both must be copies that nobody uses any more.
 *
 * @returns The path to the first difference and what it is, or undefined when there is none.
 */
export function difference(left: unknown, right: unknown): string | undefined {
  return new Comparison().compare(left, right);
}

class Comparison {
  readonly #rightOf = new Map<object, object>();
  readonly #leftOf = new Map<object, object>();

  compare(left: unknown, right: unknown): string | undefined {
    return this.#value(left, right, "") ?? this.#growth();
  }

  #value(left: unknown, right: unknown, path: string): string | undefined {
    if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) {
      return Object.is(left, right) ? undefined : `${path}: ${show(left)} is not ${show(right)}`;
    }
    if (this.#rightOf.has(left) || this.#leftOf.has(right)) {
      const same = this.#rightOf.get(left) === right && this.#leftOf.get(right) === left;
      return same ? undefined : `${path}: an object is shared on one side only`;
    }
    this.#rightOf.set(left, right);
    this.#leftOf.set(right, left);
    if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) {
      return `${path}: ${show(left)} is of another class than ${show(right)}`;
    }
    return this.#contents(left, right, path) ?? this.#properties(left, right, path);
  }

  /** Compares what is not in properties. */
  #contents(left: object, right: object, path: string): string | undefined {
    if (left instanceof Map) {
      return this.#list([...left].flat(), [...right as typeof left].flat(), `${path}.map`);
    }
    if (left instanceof Set) return this.#list([...left], [...right as typeof left], `${path}.set`);
    if (left instanceof ArrayBuffer) return this.#buffer(left, right as ArrayBuffer, path);
    if (ArrayBuffer.isView(left)) return this.#view(left, right as ArrayBufferView, path);
    if (left instanceof DOMException) {
      return this.#value(left.code, (right as DOMException).code, `${path}.code`) ??
        this.#error(left, right as DOMException, path);
    }
    if (left instanceof Error) return this.#error(left, right as Error, path);
    if (left instanceof RegExp) {
      return this.#value(left.lastIndex, (right as RegExp).lastIndex, `${path}.lastIndex`) ??
        this.#value(String(left), String(right), `${path}.regexp`);
    }
    if (left instanceof Date) return this.#value(left.getTime(), +right, `${path}.time`);
    if (isBox(left)) return this.#value(left.valueOf(), right.valueOf(), `${path}.box`);
    if (Array.isArray(left)) {
      return this.#value(left.length, (right as unknown[]).length, `${path}.length`);
    }
    return undefined;
  }

  #list(left: unknown[], right: unknown[], path: string): string | undefined {
    if (left.length !== right.length) return `${path}: ${left.length} and ${right.length} items`;
    for (let i = 0; i < left.length; i++) {
      const found = this.#value(left[i], right[i], `${path}[${i}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #properties(left: object, right: object, path: string): string | undefined {
    if (ArrayBuffer.isView(left)) return undefined;
    const keys = Object.keys(left);
    const others = Object.keys(right);
    if (keys.join() !== others.join()) return `${path}: keys ${keys} and ${others}`;
    for (const key of keys) {
      const found = this.#value((left as Fields)[key], (right as Fields)[key], `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #buffer(left: ArrayBuffer, right: ArrayBuffer, path: string): string | undefined {
    return this.#value(left.resizable, right.resizable, `${path}.resizable`) ??
      this.#value(left.maxByteLength, right.maxByteLength, `${path}.maxByteLength`) ??
      this.#value(new Uint8Array(left).join(), new Uint8Array(right).join(), `${path}.bytes`);
  }

  #view(left: ArrayBufferView, right: ArrayBufferView, path: string): string | undefined {
    return this.#value(left.byteOffset, right.byteOffset, `${path}.byteOffset`) ??
      this.#value(left.byteLength, right.byteLength, `${path}.byteLength`) ??
      this.#value(left.buffer, right.buffer, `${path}.buffer`);
  }

  #error(left: Error, right: Error, path: string): string | undefined {
    for (const key of ["name", "message", "stack", "cause"] as const) {
      const found =
        this.#value(Object.hasOwn(left, key), Object.hasOwn(right, key), `${path}.has`) ??
          this.#value(left[key], right[key], `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Grows what can grow on both sides, and compares the views again. */
  #growth(): string | undefined {
    const pairs = [...this.#rightOf];
    for (const object of pairs.flat()) {
      if (object instanceof ArrayBuffer && object.resizable) object.resize(object.maxByteLength);
    }
    for (const [left, right] of pairs) {
      if (!ArrayBuffer.isView(left)) continue;
      const there = (right as ArrayBufferView).byteLength;
      if (left.byteLength !== there) return `a view follows its buffer on one side only`;
    }
    return undefined;
  }
}

function isBox(value: object): boolean {
  return value instanceof Number || value instanceof String || value instanceof Boolean ||
    value instanceof BigInt;
}

function show(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  return typeof value === "string"
    ? JSON.stringify(value).slice(0, 80)
    : Deno.inspect(value).slice(0, 80);
}
