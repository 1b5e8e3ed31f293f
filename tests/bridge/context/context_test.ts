import {
  Changes,
  changesIn,
  currentValues,
  difference,
  Join,
  merge,
  outsideContext,
  type Scope,
  setValue,
  useContext,
  valueOf,
  within,
  withValue,
} from "../../../bridge/context/context.ts";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { Chance } from "../../support/random.ts";

useContext();

const values = (entries: Record<string, unknown>) => new Map(Object.entries(entries));
const current = () => Object.fromEntries(currentValues() ?? []);

/** Runs in a scope of its own, and gives what was changed there. */
function changed(given: Record<string, unknown>, fn: () => void): Record<string, unknown> {
  const scope: Scope = { given: values(given) };
  within(scope, fn);
  return Object.fromEntries(changesIn(scope) ?? []);
}

Deno.test("within() gives what the scope was given, and nothing of the flow around it", () => {
  withValue("outer", 1, () => {
    within({ given: values({ a: 1 }) }, () => assertEquals(current(), { a: 1 }));
    within({}, () => assertEquals(currentValues(), undefined));
    assertEquals(outsideContext(current), {});
    assertEquals(current(), { outer: 1 });
  });
});

Deno.test("changesIn() has what was set and stayed, from any flow of the scope", () => {
  assertEquals(
    changed({ a: 1, b: 1, c: 1 }, () => {
      setValue("a", 2);
      setValue("b", 2);
      setValue("b", 1);
      setValue("c", undefined);
      withValue("d", 1, () => setValue("d", 2));
    }),
    { a: 2, c: undefined },
  );
});

Deno.test("changesIn() hears of what is set after an await", async () => {
  const scope: Scope = {};
  await within(scope, async () => {
    await null;
    setValue("a", 1);
    await withValue("a", 2, async () => {
      await null;
      setValue("a", 3);
    });
    assertEquals(current(), { a: 1 });
  });
  assertEquals(changesIn(scope), values({ a: 1 }));
});

Deno.test("Join.settle() is seen by the flow that joined, and by no other", async () => {
  let join!: Join;
  const other = withValue("a", 0, async () => {
    const early = (async () => {
      await ended;
      return current();
    })();
    join = new Join();
    const late = (async () => {
      await ended;
      return current();
    })();
    return [await early, await late];
  });
  join.settle(new Changes(values({ a: 1, b: 1 })));
  end();
  assertEquals(await other, [{ a: 0 }, { a: 1, b: 1 }]);
});
const { promise: ended, resolve: end } = Promise.withResolvers<void>();

Deno.test("Join.settle() of several: the last one counts, whichever was joined first", () => {
  outsideContext(() => {
    const [first, second, third] = [new Join(), new Join(), new Join()];
    second.settle(new Changes(values({ a: 2, b: 2 })));
    first.settle(new Changes(values({ a: 1 })));
    third.settle(undefined);
    third.settle(new Changes(values({ a: 3 })));
    assertEquals(current(), { a: 1, b: 2 });
  });
});

Deno.test("what a flow has set since it joined stays; in run() anyway", () => {
  outsideContext(() => {
    const join = new Join();
    withValue("b", "inside", () => {
      setValue("a", "own");
      join.settle(new Changes(values({ a: 1, b: 1, c: 1 })));
      assertEquals(current(), { a: "own", b: "inside", c: 1 });
    });
    assertEquals(current(), { a: 1, b: 1, c: 1 });
  });
});

Deno.test("Changes.takeOver() takes what is newer, once", () => {
  assertEquals(
    changed({}, () => {
      setValue("a", "older");
      const changes = new Changes(values({ a: 1, b: 1 }));
      setValue("b", "newer");
      changes.takeOver();
      assertEquals(current(), { a: 1, b: "newer" });
      setValue("a", "mine");
      changes.takeOver();
    }),
    { a: "mine", b: "newer" },
  );
});

Deno.test("a scope hears of what it has joined, and of what it took over", () => {
  assertEquals(
    changed({}, () => {
      const join = new Join();
      join.settle(new Changes(values({ a: 1 })));
      new Changes(values({ b: 1 })).takeOver();
      withValue("c", 1, () => new Changes(values({ c: 2 })).takeOver());
    }),
    { a: 1, b: 1 },
  );
});

Deno.test("difference() and merge() are each other's inverse", () => {
  const chance = new Chance(20260704);
  const some = () => {
    const made = new Map<string, unknown>();
    for (const name of ["a", "b", "c", "d"]) {
      if (chance.below(2)) made.set(name, chance.below(2));
    }
    return made.size === 0 ? undefined : made;
  };
  for (let i = 0; i < 500; i++) {
    const [then, now] = [some(), some()];
    assertEquals(merge(then, difference(then, now)), now);
    assertEquals(difference(now, now), undefined);
  }
});

Deno.test("currentValues() of an unchanged scope is the very map that was given", () => {
  const given = values({ a: 1 });
  within({ given }, () => assertStrictEquals(currentValues(), given));
});

Deno.test("a flow that awaits without end keeps a short chain, however it goes", () => {
  outsideContext(() => {
    const pending = new Join();
    for (let i = 0; i < 200_000; i++) {
      const join = new Join();
      join.settle(i % 2 ? new Changes(values({ a: i })) : undefined);
      if (i % 1000 === 999) assertEquals(valueOf("a"), i);
    }
    pending.settle(new Changes(values({ a: "last" })));
    assertEquals(valueOf("a"), "last");
  });
});
