import { asyncToSync, greenImport, syncToAsync } from "@aiohub/aiohub";
import { assertMatch, assertThrows } from "@std/assert";
import { fixture, rejection, TestHub } from "../../support/mod.ts";

const meta = { url: "app:names" } as ImportMeta;

Deno.test("syncToAsync() refuses another function of the same name in the same module", () => {
  syncToAsync(meta, function run(n: number) {
    return n;
  });
  const { message } = assertThrows(
    () =>
      syncToAsync(meta, function run(n: number) {
        return n + 1;
      }),
    TypeError,
  );
  assertMatch(message, /^Cannot call syncToAsync\(\): "app:names" wraps another .* "run"/);
  assertMatch(
    message,
    /rename this function, .*: export const other = syncToAsync\(import\.meta, func/,
  );
  // In another module it is another name.
  syncToAsync({ url: "app:others" } as ImportMeta, function run(n: number) {
    return n + 1;
  });
});

Deno.test("asyncToSync() refuses another function of the same name in the same module", () => {
  asyncToSync(meta, async function save(n: number) {
    return await Promise.resolve(n);
  });
  const again = () =>
    asyncToSync(meta, async function save(n: number) {
      return await Promise.resolve(n + 1);
    });
  assertMatch(assertThrows(again, TypeError).message, /^Cannot call asyncToSync\(\): "app:names"/);
  const otherKind = () =>
    syncToAsync(meta, function save(n: number) {
      return n + 1;
    });
  assertMatch(assertThrows(otherKind, TypeError).message, /another function with the name "save"/);
});

Deno.test("syncToAsync() and asyncToSync() may be called twice with the same function", () => {
  const make = () => [
    syncToAsync(meta, function made() {}),
    asyncToSync(meta, async function madeOnHub() {}),
  ];
  make();
  make();
});

Deno.test("a module with two functions of one name is refused in a Worker too", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const twice = greenImport<{ run(n: number): number }>(fixture("same_name_twice.ts"));
  const { message } = await rejection(twice.run(1), TypeError);
  assertMatch(message, /^Cannot call syncToAsync\(\): "file:.*same_name_twice\.ts" wraps/);
});
