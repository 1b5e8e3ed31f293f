/**
 * Buffers and the views on them in the structured form: the particulars of memory, kept out of the
 * walks.
 *
 * @module
 */

/** A class of views, as a constructor. */
type ViewClass = new (
  buffer: ArrayBufferLike,
  byteOffset: number,
  length?: number,
) => ArrayBufferView;

/** The views that cross, by name. `Float16Array` only where the platform has it. */
const VIEW_CLASSES: ReadonlyMap<string, ViewClass> = new Map(
  [
    "DataView",
    "Int8Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "Int16Array",
    "Uint16Array",
    "Int32Array",
    "Uint32Array",
    "Float16Array",
    "Float32Array",
    "Float64Array",
    "BigInt64Array",
    "BigUint64Array",
  ].flatMap((name) => {
    const Class = (globalThis as unknown as Record<string, ViewClass | undefined>)[name];
    return Class === undefined ? [] : [[name, Class]];
  }),
);

/** The names of the views by their prototypes. Node's `Buffer` crosses as a `Uint8Array`. */
export const viewNames: ReadonlyMap<unknown, string> = new Map(
  [
    ...[...VIEW_CLASSES].map(([name, Class]): [unknown, string] => [Class.prototype, name]),
    ...bufferClass(),
  ],
);

/** Node's `Buffer`, where it is present as a global. */
function bufferClass(): [unknown, string][] {
  const { Buffer } = globalThis as { Buffer?: { prototype: unknown } };
  return Buffer === undefined ? [] : [[Buffer.prototype, "Uint8Array"]];
}

/** A view taken apart. */
export interface ViewParts {
  /** Its offset in its buffer, in bytes. */
  readonly byteOffset: number;
  /** Its length in items, for a DataView in bytes; null when the view's length follows its buffer's. */
  readonly length: number | null;
}

/**
 * Takes a view apart, without its buffer.
 *
 * @returns Its parts, or `undefined` when the view lies outside of its buffer, which has shrunk.
 */
export function takeView(view: ArrayBufferView): ViewParts | undefined {
  if (isOutOfBounds(view)) return undefined;
  const { byteOffset } = view;
  if (tracksLength(view)) return { byteOffset, length: null };
  const length = view instanceof DataView ? view.byteLength : (view as Uint8Array).length;
  return { byteOffset, length };
}

/**
 * Makes a view again.
 *
 * @returns The view, or `undefined` when there is no such class of views.
 * @throws {RangeError} If the view does not fit its buffer.
 */
export function makeView(
  name: string,
  buffer: ArrayBufferLike,
  { byteOffset, length }: ViewParts,
): ArrayBufferView | undefined {
  const Class = VIEW_CLASSES.get(name);
  if (Class === undefined) return undefined;
  return length === null ? new Class(buffer, byteOffset) : new Class(buffer, byteOffset, length);
}

/** Whether a buffer can change its size. */
function isResizable(buffer: ArrayBufferLike): boolean {
  return buffer instanceof ArrayBuffer ? buffer.resizable : buffer.growable;
}

/** Whether a view's buffer has shrunk below it. Only the methods of a view tell, by throwing. */
function isOutOfBounds(view: ArrayBufferView): boolean {
  if (!isResizable(view.buffer)) return false;
  try {
    if (view instanceof DataView) view.byteLength;
    else (view as Uint8Array).keys();
    return false;
  } catch {
    return true;
  }
}

/**
 * Whether a view's length follows its buffer's. The language does not tell: a view that does not reach
 * the end of its buffer surely does not follow, and for the others it takes a change of size to know.
 */
function tracksLength(view: ArrayBufferView): boolean {
  const { buffer } = view;
  if (!isResizable(buffer)) return false;
  const bytesPerItem = (view as Partial<Uint8Array>).BYTES_PER_ELEMENT ?? 1;
  const behind = buffer.byteLength - view.byteOffset - view.byteLength;
  if (behind >= bytesPerItem) return false;
  // Shared memory cannot shrink again, so the change is not tried: almost all such views were made
  // without a length.
  if (!(buffer instanceof ArrayBuffer)) return true;
  const missing = bytesPerItem - behind;
  return buffer.byteLength + missing <= buffer.maxByteLength
    ? growsWith(view, buffer, missing)
    : shrinksWith(view, buffer);
}

/** Whether the view grows with its buffer: tries it, and takes it back. */
function growsWith(view: ArrayBufferView, buffer: ArrayBuffer, bytes: number): boolean {
  const before = view.byteLength;
  const size = buffer.byteLength;
  buffer.resize(size + bytes);
  const grows = view.byteLength !== before;
  buffer.resize(size);
  return grows;
}

/** Whether the view shrinks with its buffer: tries it, and takes it back. */
function shrinksWith(view: ArrayBufferView, buffer: ArrayBuffer): boolean {
  // An empty view at the end stays empty, whether it follows or not, as there is no room to grow.
  if (view.byteLength === 0) return true;
  const size = buffer.byteLength;
  const cut = view.byteOffset + view.byteLength - 1;
  const tail = new Uint8Array(buffer).slice(cut);
  buffer.resize(cut);
  const shrinks = !isOutOfBounds(view);
  buffer.resize(size);
  new Uint8Array(buffer).set(tail, cut);
  return shrinks;
}
