/**
 * Five philosophers and five forks: each philosopher is a green thread, each fork a lock. First all of them take their forks in
 * one order, and all eat. Then each takes the left fork first and waits for the right one: nobody could ever eat again, so one of
 * them gets an error.
 *
 * Run: `deno run --allow-read examples/dining_philosophers.ts`
 *
 * @module
 */

import { Barrier, Lock, spawn } from "@aiohub/aiohub";

const names = ["Aspasia", "Hypatia", "Plato", "Socrates", "Thales"];

/** Eats some meals. Takes the fork with the lower number first. */
function dine(left: Lock, right: Lock, meals: number): number {
  for (let meal = 0; meal < meals; meal++) {
    using _first = left.acquire();
    using _second = right.acquire();
  }
  return meals;
}

/** Takes the left fork, waits until everybody has a fork, and then wants the right one. */
function dineBadly(left: Lock, right: Lock, table: Barrier): string {
  using _first = left.acquire();
  table.wait();
  using _second = right.acquire();
  return "ate";
}

function forksOf(i: number, forks: Lock[]): [Lock, Lock] {
  return [forks[i], forks[(i + 1) % forks.length]];
}

if (import.meta.main) {
  const forks = names.map((_, i) => new Lock({ name: `fork ${i + 1}` }));

  const meals = names.map((_, i) => {
    const [left, right] = forksOf(i, forks);
    const inOrder: [Lock, Lock] = i < forks.length - 1 ? [left, right] : [right, left];
    return spawn(dine, ...inOrder, 1000);
  });
  console.log(`Meals in good order: ${(await Promise.all(meals)).join(", ")}.`);

  const table = new Barrier(names.length);
  const threads = names.map((_, i) => spawn(dineBadly, ...forksOf(i, forks), table));
  const outcomes = await Promise.allSettled(threads);
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  console.log(`Left fork first: ${outcomes.length - failed.length} ate, and ${failed.length} got`);
  console.log(`${failed[0].reason.name} (a circle of ${failed[0].reason.cycle.length}).`);
  console.log(`Forks that are still taken: ${forks.filter(({ locked }) => locked).length}.`);
}
