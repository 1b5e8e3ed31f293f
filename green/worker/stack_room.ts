/**
 * The room that is left on the stack: a call that overflowed in the middle of the library's work would leave that half
 * done, so the library looks before. Arguments take room at the least cost.
 *
 * @module
 */

/** The most threads and callbacks on one stack for which the room is not looked at. */
export const SHALLOW = 64;

/**
 * Arguments that take so many KiB of a stack that is close to 1 MiB. 16 are enough for the library, and looked for in 2 µs; 128
 * are enough for a green function too.
 */
const ARGUMENTS = {
  16: new Array<unknown>(1 << 11).fill(0),
  128: new Array<unknown>(1 << 14).fill(0),
};

/** Whether so many KiB are left on the stack. */
export function hasStack(kib: keyof typeof ARGUMENTS): boolean {
  try {
    takeRoom.apply(undefined, ARGUMENTS[kib] as []);
    return true;
  } catch {
    return false;
  }
}

function takeRoom(): void {}
