/**
 * Limits on objects that cost far more to make than to ask for. The reader needs the limits, as it does
 * not trust the text; the writer keeps to them too, so that a sender gets an error with the path.
 *
 * @module
 */

/**
 * More headers than this are not made: `Headers` looks through all it has for each one that is
 * added, so a few megabytes of them would keep the event loop for minutes.
 */
const MAX_HEADERS = 4096;

/**
 * More classes of characters than this are not made in the Unicode patterns of one message: V8 takes
 * up to a millisecond for each `\w` in `/[\w\w]/iu`, 21 seconds for 40 KB of it.
 */
const MAX_CLASSES = 1000;

/** The most resizable buffers of one message: each takes a mapping, and a process has 65,530. */
const MAX_RESIZABLE = 1000;

/** The most memory that these buffers may reserve together. */
const MAX_RESERVED = 2 ** 36;

const CLASSES = /\\[wp]/gi;

/** Counts the limited objects of one message. Each method returns what is wrong, if anything is. */
export class Limits {
  #classes = 0;
  #resizable = 0;
  #reserved = 0;

  /** Counts the classes of characters in a pattern. */
  pattern(source: string, flags: string): string | undefined {
    if (!/[uv]/.test(flags)) return undefined;
    this.#classes += source.match(CLASSES)?.length ?? 0;
    if (this.#classes <= MAX_CLASSES) return undefined;
    return `the Unicode patterns of one message may have ${MAX_CLASSES} classes such as \\w`;
  }

  /** Counts a resizable buffer. */
  resizable(maxByteLength: number): string | undefined {
    this.#reserved += maxByteLength;
    this.#resizable += 1;
    if (this.#resizable <= MAX_RESIZABLE && this.#reserved <= MAX_RESERVED) return undefined;
    return `one message may have ${MAX_RESIZABLE} resizable buffers, of 64 GiB in all`;
  }

  /** Counts the entries of headers; these are limited one by one. */
  headers(entries: number): string | undefined {
    if (entries <= MAX_HEADERS) return undefined;
    return `headers may have ${MAX_HEADERS} entries`;
  }
}
