import { call, Hub, RLock, useHub } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { touch } from "../fixtures/local_module.ts";

Deno.test("P143 local() is gone with its thread: the next one in the same Worker has its own", async () => {
  await using hub = new Hub({ maxWorkers: 1 });
  const before = useHub(hub);
  try {
    for (let i = 1; i <= 100; i++) assertEquals(await touch(2), [i, 2]);
    assertEquals(hub.statistics().workers, 1);
  } finally {
    useHub(before);
  }
});

Deno.test("RLock.acquireAsync() in an async function goes again for the thread whose call it serves", async () => {
  await using hub = new Hub({ maxWorkers: 2 });
  const lock = new RLock();
  hub.expose({
    async again(lock: RLock) {
      using _permit = await lock.acquireAsync({ timeout: 1000 });
      return lock.locked;
    },
  });
  const thread = hub.spawn((lock: RLock) => {
    using _permit = lock.acquire();
    return call("again", lock);
  }, lock);
  assertEquals(await thread, true);
  assert(!lock.locked);
});
