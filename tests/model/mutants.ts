/**
 * A model that has never found anything shows nothing: each scenario comes with ways to break the library, and has to find each.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Explored } from "./explorer.ts";
import { type Library, library, type Mutation, withMutant } from "./library.ts";

/** What is tried. */
export interface Trial {
  /** Explores a scenario with a library. */
  explore(library: Library): Promise<Explored>;
  /** Ways to break the library, by what they do, and what is found then. */
  readonly mutants?: Readonly<Record<string, readonly [mutation: Mutation, found: RegExp]>>;
  /** Ways to break what the scenario itself does, and what is found then. */
  readonly variants?: Readonly<
    Record<string, readonly [(library: Library) => Promise<Explored>, RegExp]>
  >;
}

/** Makes the tests of a scenario. */
export function tryOut(name: string, { explore, mutants = {}, variants = {} }: Trial): void {
  Deno.test(`model: ${name}`, async () => {
    const { wrong, ends, states } = await explore(await library());
    assertEquals(wrong, undefined, wrong);
    assert(ends > 0 && states > ends);
    if (Deno.env.has("AIOHUB_MODEL")) console.log(`${states} states, ${ends} ends`);
  });
  for (const [what, [mutation, found]] of Object.entries(mutants)) {
    Deno.test(`model: ${name}: finds that ${what}`, async () => {
      const { wrong, states } = await withMutant(mutation, explore);
      if (Deno.env.has("AIOHUB_MODEL")) console.log(`${wrong} (${states} states)`);
      assertMatch(wrong ?? "nothing is wrong", found);
    });
  }
  for (const [what, [explore, found]] of Object.entries(variants)) {
    Deno.test(`model: ${name}: finds that ${what}`, async () => {
      const { wrong } = await explore(await library());
      assertMatch(wrong ?? "nothing is wrong", found);
    });
  }
}
