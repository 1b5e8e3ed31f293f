import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { encode, type Ref, type ReferenceKinds } from "../../../bridge/values/codec.ts";
import { RefKind } from "../../../bridge/protocol/messages.ts";
import { readViews } from "../../../hub/references/views.ts";

class Home {}

/** References of a Worker that sends back one object of the hub. */
function kindsOf(home: Home): ReferenceKinds {
  return {
    toRef: (value: object): Ref | undefined =>
      value === home ? { kind: RefKind.HubObject, data: [1] } : undefined,
    resolve: () => home,
  };
}

Deno.test("readViews() gives each of two views buffers of its own", () => {
  const home = new Home();
  const kinds = kindsOf(home);
  const bytes = new Uint8Array(100_000).fill(7);
  const payload = encode([home, bytes], "arguments", kinds);
  const views = readViews(payload, kinds);
  const [here, passing] = [views.here, views.passing] as [object, Uint8Array][];
  assertEquals(here[0], home);
  assertNotStrictEquals(passing[0], home);
  here[1].fill(0);
  assert(passing[1].every((byte) => byte === 7));
});

Deno.test("readViews() gives one view if nothing comes home", () => {
  const kinds = kindsOf(new Home());
  const { here, passing } = readViews(encode([1, "two"], "arguments", kinds), kinds);
  assertEquals(here, [1, "two"]);
  assertEquals(passing, here);
});
