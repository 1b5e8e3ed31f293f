import {
  type ContextValues,
  currentValues,
  difference,
  merge,
  outsideContext,
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

Deno.test("within() gives the values that it is given, and none of the flow around it", () => {
  withValue("outer", 1, () => {
    within(values({ a: 1 }), () => assertEquals(current(), { a: 1 }));
    within(undefined, () => assertEquals(currentValues(), undefined));
    assertEquals(outsideContext(current), {});
    assertEquals(current(), { outer: 1 });
  });
});

Deno.test("within() keeps what is set inside from the flow around it", () => {
  withValue("outer", 1, () => {
    within(values({ a: 1 }), () => {
      setValue("a", 2);
      setValue("b", 2);
      assertEquals(current(), { a: 2, b: 2 });
    });
    within(undefined, () => setValue("outer", 2));
    assertEquals(current(), { outer: 1 });
  });
});

Deno.test("setValue() and withValue() set a value and leave the others, over an await", async () => {
  const given = values({ a: 1, b: 1 });
  await within(given, async () => {
    await null;
    setValue("a", 2);
    await withValue("a", 3, async () => {
      await null;
      setValue("c", 3);
      assertEquals(current(), { a: 3, b: 1, c: 3 });
    });
    setValue("b", undefined);
    assertEquals([current(), valueOf("a"), valueOf("b")], [{ a: 2 }, 2, undefined]);
    setValue("a", undefined);
    assertEquals(currentValues(), undefined);
  });
  assertEquals(given, values({ a: 1, b: 1 }));
});

Deno.test("difference() and merge() are each other's inverse", () => {
  const chance = new Chance(20260704);
  const some = (): ContextValues | undefined => {
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

Deno.test("currentValues() of an unchanged context is the very map that was given", () => {
  const given = values({ a: 1 });
  within(given, () => assertStrictEquals(currentValues(), given));
});
