/**
 * Text to and from shared memory, by the quickest way for its length.
 *
 * Measured on Deno 2.9.6: for 43 characters a loop that writes char codes takes 23 ns and `encodeInto` 87 ns; reading
 * by `TextDecoder` from shared memory takes 450 ns, from a copy on the heap 140 ns, and for a handful of characters a
 * loop is quicker than both. Where all is known to be ASCII `Buffer` reads it in 60 ns, and a megabyte in 34 µs in place
 * of 80.
 *
 * @module
 */

import type { Buffer } from "node:buffer";

const encoder = new TextEncoder();
/** Without `ignoreBOM` a text that begins with U+FEFF would lose it. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const SHORT_WRITE = 160;
const SHORT_READ = 16;
/** From here on `Buffer` is faster than a loop. */
const SHORT_ASCII = 6;

let scratch = new Uint8Array(1 << 12);

/** The most bytes that a text of so many UTF-16 units takes. */
export function mostBytes(text: string): number {
  return text.length * 3;
}

/**
 * Writes a text as UTF-8. There must be room for {@linkcode mostBytes}.
 *
 * @param text The text; lone surrogates become U+FFFD.
 * @param bytes Where to write.
 * @param at Where to begin.
 * @returns How many bytes were written.
 */
export function writeText(text: string, bytes: Uint8Array, at: number): number {
  const length = text.length;
  if (length <= SHORT_WRITE) {
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      bytes[at + i] = code;
    }
    if (i === length) return length;
  }
  return encoder.encodeInto(text, bytes.subarray(at, at + length * 3)).written;
}

/** Reads a text of `length` bytes. */
export function readText(bytes: Uint8Array, at: number, length: number): string {
  if (length <= SHORT_READ) {
    let text = "";
    let i = 0;
    for (; i < length; i++) {
      const code = bytes[at + i];
      if (code > 127) break;
      text += String.fromCharCode(code);
    }
    if (i === length) return text;
  }
  if (length > scratch.length) scratch = new Uint8Array(1 << Math.ceil(Math.log2(length)));
  scratch.set(bytes.subarray(at, at + length));
  return decoder.decode(scratch.subarray(0, length));
}

/** Reads a text of `length` bytes that are all ASCII; others are taken for Latin-1. */
export function readAscii(chars: Buffer, at: number, length: number): string {
  if (length > SHORT_ASCII) return chars.toString("latin1", at, at + length);
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(chars[at + i]);
  return text;
}
