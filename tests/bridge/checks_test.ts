import { assertEquals } from "@std/assert";
import { inOneLine, show } from "../../bridge/checks.ts";

Deno.test("show() shows a value as messages want it", () => {
  const values = [null, "text", {}, Object.create(null), function f() {}, 5, undefined, true, 5n];
  assertEquals(values.map(show), [
    "null",
    '"text"',
    "an object of class Object",
    "an object without a class",
    'the function "f"',
    "5",
    "undefined",
    "true",
    "5n",
  ]);
});

Deno.test("show() and inOneLine() show what cannot be looked at", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  const call = Proxy.revocable(() => {}, {});
  revoke();
  call.revoke();
  assertEquals(show(proxy), "an object that cannot be read");
  assertEquals(show(call.proxy), "a function that cannot be read");
  assertEquals(inOneLine(proxy), "an object that cannot be read");
  assertEquals(inOneLine(new Error("one\ntwo")), "Error: one");
});
