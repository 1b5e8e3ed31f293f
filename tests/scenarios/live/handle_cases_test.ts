import {
  asyncToSync,
  handle,
  Lock,
  Semaphore,
  spawn,
  type Sync,
  syncToAsync,
} from "@aiohub/aiohub";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { heldObjects } from "../../../hub/references/worker_objects.ts";
import { meeting, TestHub, until } from "../../support/mod.ts";

class Token {
  readonly meet = meeting(4);
  async echo(token: string): Promise<string> {
    await null;
    return token;
  }
  async together(): Promise<number> {
    await this.meet();
    return this.meet.arrived;
  }
  async fail(n: number): Promise<never> {
    await null;
    throw Object.assign(new RangeError(`no ${n}`), { n });
  }
  async wait(): Promise<void> {
    await new Promise(() => {});
  }
}

export const echoes = syncToAsync(
  import.meta,
  function echoes(token: Sync<Token>, name: string, times: number) {
    for (let i = 0; i < times; i++) {
      const mine = `${name} ${i}`;
      if (token.echo(mine) !== mine) throw new Error("someone else's answer");
    }
    return times;
  },
);

Deno.test("P140 many calls of one handle from many threads: each gets its own answer", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  const token = handle(new Token());
  const done = await Promise.all(
    Array.from({ length: 10 }, (_, i) => echoes(token, `t${i}`, 100).then()),
  );
  assertEquals(done, Array(10).fill(100));
});

Deno.test("P133 threads that wait for one handle's methods wait at the same time", async () => {
  await using _hub = new TestHub({ maxWorkers: 4 });
  const token = handle(new Token());
  const together = () => spawn((token: Sync<Token>) => token.together(), token).then();
  assertEquals(await Promise.all([1, 2, 3, 4].map(together)), [4, 4, 4, 4]);
});

Deno.test("P134 P141 failing calls keep the error's class and fields, and hold nothing", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const seen = await spawn((token: Sync<Token>) => {
    const seen: unknown[] = [];
    for (let n = 0; n < 100; n++) {
      try {
        token.fail(n);
      } catch (error) {
        seen.push(error instanceof RangeError && (error as RangeError & { n: number }).n);
      }
    }
    return seen;
  }, handle(new Token()));
  assertEquals(seen, Array.from({ length: 100 }, (_, n) => n));
  const { calls, handles } = hub.statistics();
  assertEquals([calls, handles <= 1], [0, true]);
});

Deno.test("P136 GreenThread.kill() ends a method call in flight", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const thread = spawn((token: Sync<Token>) => token.wait(), handle(new Token()));
  await until(() => hub.statistics().calls === 1);
  thread.kill();
  await assertRejects(async () => await thread);
  await until(() => hub.statistics().calls === 0);
});

export const withProgress = syncToAsync(
  import.meta,
  function withProgress(report: (done: number) => void) {
    for (let i = 1; i <= 5; i++) report(i);
    return "result";
  },
);

Deno.test("J110 progress that a thread reports comes before its result", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const events: unknown[] = [];
  events.push(await withProgress((done) => void events.push(done)));
  assertEquals(events, [1, 2, 3, 4, 5, "result"]);
});

export const refusedResult = asyncToSync(import.meta, function refusedResult() {
  return { fn: () => 1, handle: handle({}), lock: new Lock(), bad: Symbol("x") };
});

Deno.test("a result that is refused leaves no functions, handles and locks behind", async () => {
  await using hub = new TestHub({ maxWorkers: 1 });
  const held = heldObjects();
  const message = await spawnRefused();
  assert(message.includes("result.bad"), message);
  assertEquals(heldObjects(), held);
  const { functions, handles } = hub.statistics();
  assertEquals([functions, handles], [0, 0]);
});

const spawnRefused = syncToAsync(import.meta, function tryRefused() {
  try {
    refusedResult();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
});
export { spawnRefused as tryRefused };

export const meeter = syncToAsync(import.meta, function meeter() {
  return (gate: Semaphore, arrives: boolean) => {
    if (arrives) gate.release();
    else gate.acquire({ timeout: 60_000 });
  };
});

Deno.test("calls of a green function are served one on top of the other while it blocks", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const meet = await meeter();
  const gate = new Semaphore(0);
  const order: string[] = [];
  await Promise.all([
    meet(gate, false).then(() => order.push("waits")),
    // The second runs in the first one's wait, on the one Worker.
    meet(gate, true).then(() => order.push("arrives")),
  ]);
  assertEquals(order, ["arrives", "waits"]);
});

Deno.test("a method of a handle may call back into the thread that calls it", async () => {
  await using _hub = new TestHub({ maxWorkers: 1 });
  const tree = {
    async walk(visit: (node: string) => unknown): Promise<string[]> {
      const seen: string[] = [];
      for (const node of ["a", "b"]) seen.push(String(await visit(node)));
      return seen;
    },
  };
  const seen = await spawn(
    (t: Sync<typeof tree>) => t.walk((node) => t.walk((inner) => node + inner).join()),
    handle(tree),
  );
  assertEquals(seen, ["aa,ab", "ba,bb"]);
});
