import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { mostBytes, readAscii, readText, writeText } from "../../../bridge/wire/text.ts";

const BOM = "\ufeff";
const FACE = "\u{1F600}";

/** Texts that are easily got wrong. */
const TEXTS = [
  "",
  "a",
  "plain ASCII",
  "\0\x01\x7f",
  "\x80",
  "grüße",
  "日本語",
  FACE,
  `a${FACE}b${FACE}${FACE}`,
  BOM,
  `${BOM}text`,
  `${BOM}${BOM}`,
  `mid${BOM}dle`,
  "\u2028\u2029",
  "\uffff\ufffe",
  "e\u0301",
];

/** Bytes in shared memory, as in a ring, with something around them. */
function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length)).fill(0xaa);
}

Deno.test("writeText() and readText() carry texts of all lengths around the limits of their ways", () => {
  for (const unit of ["x", "ü", "語", FACE, BOM]) {
    for (
      const length of [0, 1, 2, 15, 16, 17, 18, 159, 160, 161, 162, 1000, 4095, 4096, 4097, 9000]
    ) {
      for (
        const text of [unit.repeat(length), "x".repeat(length) + unit, unit + "x".repeat(length)]
      ) {
        const bytes = sharedBytes(mostBytes(text) + 16);
        const written = writeText(text, bytes, 8);
        assertEquals(written, new TextEncoder().encode(text).length);
        assertEquals(readText(bytes, 8, written), text);
        assertEquals([bytes[7], bytes[8 + mostBytes(text)]], [0xaa, 0xaa]);
      }
    }
  }
});

Deno.test("writeText() and readText() carry texts that are easily got wrong", () => {
  for (const text of TEXTS) {
    const bytes = sharedBytes(mostBytes(text) + 16);
    assertEquals(readText(bytes, 3, writeText(text, bytes, 3)), text);
  }
});

Deno.test("writeText() makes U+FFFD of a lone surrogate", () => {
  for (
    const [text, expected] of [["\ud83d", "\ufffd"], ["a\ude00b", "a\ufffdb"], [
      "\ude00\ud83d",
      "\ufffd\ufffd",
    ]]
  ) {
    const bytes = sharedBytes(mostBytes(text) + 8);
    assertEquals(readText(bytes, 0, writeText(text, bytes, 0)), expected);
  }
});

Deno.test("readAscii() reads ASCII of all lengths from shared memory", () => {
  const all = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i)).join("");
  for (const text of ["", "a", "\0", "sixsix", "seven 7", all, all.repeat(100)]) {
    const bytes = sharedBytes(text.length + 8);
    assertEquals(writeText(text, bytes, 5), text.length);
    assertEquals(readAscii(Buffer.from(bytes.buffer), 5, text.length), text);
  }
});

Deno.test("readAscii() takes other bytes for Latin-1, and does not fail", () => {
  const bytes = sharedBytes(4);
  bytes.set([0x41, 0xe9, 0xff, 0x80]);
  assertEquals(readAscii(Buffer.from(bytes.buffer), 0, 4), "Aé\xff\x80");
});
