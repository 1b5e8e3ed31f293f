import { local, spawn } from "@aiohub/aiohub";
import { assert, assertEquals } from "@std/assert";
import { bequeath, touch } from "../fixtures/local_module.ts";
import { define, type Table, values } from "./ways.ts";

/**
 * `local()` is for green threads: on the hub there is no thread whose value it could be, and it says so. So a party on the hub
 * shows that, and that the threads which it spawns have values of their own.
 */
export const locals: Table = {
  "P142 local() has a value for each thread, made when it is asked for; on the hub it is refused":
    define({
      make: () => ({}),
      parties: [0, 1].map(() => (_: unknown, { green }) => {
        const value = local(() => [0]);
        try {
          value.get()[0]++;
          value.get()[0]++;
          const before = value.get()[0];
          value.set([9]);
          return [green, before, value.get()[0]];
        } catch (error) {
          return [green, (error as Error).name, /AsyncLocalStorage/.test((error as Error).message)];
        }
      }),
      check(endings) {
        for (const [green, first, second] of values(endings) as [boolean, unknown, unknown][]) {
          assertEquals([first, second], green ? [2, 9] : ["BlockingCallError", true]);
        }
      },
    }),
  "P143 local() is gone with its thread: none of a hundred finds what one before it left": define({
    make: () => ({}),
    parties: [0, 1].map(() => async (_: unknown, { green }) => {
      const seen: number[][] = [];
      for (let i = 0; i < 50; i++) {
        const thread = spawn(touch, 2);
        seen.push(green ? thread.wait() : await thread);
      }
      return seen;
    }),
    check(endings) {
      const seen = values(endings).flat() as [number: number, touched: number][];
      for (const [, touched] of seen) assertEquals(touched, 2);
      // They were not all the first ones in their Workers.
      assert(seen.some(([number]) => number > 1));
    },
  }),
  "P267 local() is not inherited by a thread that is spawned, and clear() takes it away": define({
    make: () => ({}),
    parties: [async (_: unknown, { green }) => {
      const thread = spawn(bequeath);
      return green ? thread.wait() : await thread;
    }],
    check: (endings) => assertEquals(values(endings), [["mine", "none", "mine", "none"]]),
  }),
};
