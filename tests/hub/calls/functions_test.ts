import { assertEquals, assertRejects } from "@std/assert";
import { Functions } from "../../../hub/calls/functions.ts";
import { ImportPermission } from "../../../hub/references/permissions.ts";

Deno.test("Functions.load() of a shared object that its module does not have says how to make it", async () => {
  const functions = new Functions(new ImportPermission(true, "hub"));
  const url = "data:text/javascript,export const other = 1;";
  const error = await assertRejects(
    () => functions.load({ kind: "shared", url, name: "cache" }),
    TypeError,
  );
  assertEquals(
    error.message,
    `Cannot find the shared object "cache" in "${url}" on the hub: call shared() at the top level of the module: ` +
      "const cache = shared(import.meta, function cache() { … })",
  );
});
