import { assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { exportOf, moduleSpecifier, spawnTarget } from "../../../bridge/protocol/targets.ts";
import { double, echo } from "../../fixtures/both_ways.ts";
import { fixture } from "../../support/mod.ts";

Deno.test("spawnTarget() is the same for the same function, source or export", () => {
  const fn = (n: number) => n + 1;
  assertStrictEquals(spawnTarget(fn), spawnTarget(fn));
  const [a, b] = [1, 2].map(() => () => "same text");
  assertStrictEquals(spawnTarget(a), spawnTarget(b));
  assertEquals(spawnTarget(fn), { kind: "source", source: "(n)=>n + 1", name: "fn" });
  const expected = { kind: "export", url: fixture("both_ways.ts"), name: "double" } as const;
  assertEquals(spawnTarget(double), expected);
  assertEquals(spawnTarget(echo), { ...expected, name: "echo" });
});

Deno.test("K7 exportOf() names the module and the function, by the function's name or a given one", () => {
  const fn = function f() {};
  const target = { kind: "export", url: import.meta.url, name: "f" } as const;
  assertEquals(exportOf("syncToAsync()", import.meta, [fn]), { target, fn, named: false });
  const given = exportOf("syncToAsync()", import.meta, ["g", fn]);
  assertEquals(given, { target: { ...target, name: "g" }, fn, named: true });
});

Deno.test("moduleSpecifier() takes what is absolute or bare", () => {
  for (const text of ["npm:x@1", "node:fs", "@std/assert", "https://x.test/m.ts", "file:///a.ts"]) {
    assertEquals(moduleSpecifier("hubImport", text), text);
  }
  assertEquals(moduleSpecifier("hubImport", new URL("file:///a.ts")), "file:///a.ts");
  for (const text of ["./a.ts", "../a.ts", "/a.ts"]) {
    assertMatch(
      assertThrows(() => moduleSpecifier("hubImport", text), TypeError).message,
      /^Cannot hubImport\("[./]*a\.ts"\): the library does not know which module the path is relative to: use hubImport\(/,
    );
  }
});
