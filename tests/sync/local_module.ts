import { local, syncToAsync } from "@aiohub/aiohub";

const made = new Int32Array(1);
const value = local(() => ({ number: ++made[0], touched: 0 }));

/** Touches its value; says which one it is, and how often it was touched. */
export const touch = syncToAsync(import.meta, function touch(times: number) {
  for (let i = 0; i < times; i++) value.get().touched++;
  return [value.get().number, value.get().touched];
});
