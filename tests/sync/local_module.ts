import { local, syncToAsync } from "@aiohub/aiohub";

const made = new Int32Array(1);
const value = local(() => ({ number: ++made[0], touched: 0 }));

/** Touches its value; says which one it is, and how often it was touched. */
export const touch = syncToAsync(import.meta, function touch(times: number) {
  for (let i = 0; i < times; i++) value.get().touched++;
  return [value.get().number, value.get().touched];
});

const owner = local(() => "none");

export const look = syncToAsync(import.meta, function look() {
  return owner.get();
});

/** What it has set, what a thread of its own sees, what it has after that, and what is left when it is cleared. */
export const bequeath = syncToAsync(import.meta, function bequeath() {
  owner.set("mine");
  const mine = owner.get();
  const child = look().wait();
  const after = owner.get();
  owner.clear();
  return [mine, child, after, owner.get()];
});
