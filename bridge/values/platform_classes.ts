/**
 * Classes of the platform that cross as if the application had registered them.
 *
 * A class is looked up when an instance is about to cross, and not when this module is imported: to touch some of them loads a
 * part of the runtime.
 *
 * @module
 */

import type { RegisteredClass } from "./classes.ts";

/** The way in which instances of such a class cross. */
interface Way {
  readonly toWire: (instance: never) => unknown;
  readonly fromWire: (Class: never, wire: never) => unknown;
}

/** The part of `ImageData` that is used here: not every runtime has the class. */
interface Image {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly colorSpace: string;
  readonly pixelFormat?: string;
}

const image: Way = {
  toWire: ({ data, width, height, colorSpace, pixelFormat }: Image) => [
    data,
    width,
    height,
    pixelFormat === undefined ? { colorSpace } : { colorSpace, pixelFormat },
  ],
  fromWire: (
    ImageData: new (...parts: readonly unknown[]) => Image,
    parts: readonly unknown[],
  ) => new ImageData(...parts),
};

/** Dates, times and durations of `Temporal` say all about themselves in their text. */
const temporal: Way = {
  toWire: (instance: object) => String(instance),
  fromWire: (Class: { from(text: string): object }, text: string) => Class.from(text),
};

const WAYS: ReadonlyMap<string, Way> = new Map([
  ["ImageData", image],
  ...[
    "Instant",
    "Duration",
    "PlainDate",
    "PlainDateTime",
    "PlainMonthDay",
    "PlainTime",
    "PlainYearMonth",
    "ZonedDateTime",
  ].map((name): [string, Way] => [`Temporal.${name}`, temporal]),
]);

/** The beginning of the names of such classes on the wire. */
const PREFIX = "platform.";

/** The class of an instance of the platform's; none if the class does not cross in this way. */
export function platformClassOf(value: object): RegisteredClass | undefined {
  const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  const found = typeof tag === "string" ? find(tag) : undefined;
  return found && Object.getPrototypeOf(value) === found.Class.prototype ? found : undefined;
}

/** The class of the platform that has a name on the wire. */
export function platformClassNamed(name: string): RegisteredClass | undefined {
  return name.startsWith(PREFIX) ? find(name.slice(PREFIX.length)) : undefined;
}

function find(tag: string): RegisteredClass | undefined {
  const way = WAYS.get(tag);
  let Class: unknown = way && globalThis;
  for (const part of tag.split(".")) Class = (Class as Record<string, unknown> | undefined)?.[part];
  if (!way || typeof Class !== "function") return undefined;
  return {
    name: PREFIX + tag,
    Class: Class as RegisteredClass["Class"],
    toWire: way.toWire as RegisteredClass["toWire"],
    fromWire: (wire) => way.fromWire(Class as never, wire as never),
  };
}
