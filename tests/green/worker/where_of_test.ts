import { assertEquals } from "@std/assert";
import { whereOf } from "../../../green/worker/unhandled.ts";

Deno.test("whereOf() names the threads that may have left a failure behind, or the Worker's thread", () => {
  const suspects = ["a", "b", "c", "d", "e"].map((name, id) => ({ id, name, label: "" }));
  const where = (count: number, running?: string) =>
    whereOf({ error: undefined, suspects: suspects.slice(0, count) }, running);
  assertEquals({
    none: where(0),
    "none, and a thread runs": where(0, "main"),
    one: where(1),
    two: where(2),
    "more than are named": where(5),
  }, {
    none: "a timer or other late code in a Worker",
    "none, and a thread runs": 'a timer or other late code in a Worker that runs "main"',
    one: 'code left running by the green thread "a"',
    two: 'code left running by one of the green threads "a", "b"',
    "more than are named":
      'code left running by one of the green threads "a", "b", "c", "d" and others',
  });
});
