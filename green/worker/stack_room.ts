/**
 * How much room is left on the stack: a call that overflowed in the middle of what the library does would leave that half
 * done, so it looks before. Arguments are what takes room at the least cost.
 *
 * @module
 */

/** 16 KiB of a stack that is close to 1 MiB: enough for the library, and looked for in 2 µs. */
export const SOME_ROOM: readonly unknown[] = new Array(1 << 11).fill(0);

/** 128 KiB: enough for a green function too. */
export const MUCH_ROOM: readonly unknown[] = new Array(1 << 14).fill(0);

/** The most threads and callbacks on one stack for which the room is not looked at. */
export const SHALLOW = 64;

/** Whether there is so much room left. */
export function hasRoom(room: readonly unknown[]): boolean {
  try {
    takeRoom.apply(undefined, room as []);
    return true;
  } catch {
    return false;
  }
}

function takeRoom(): void {}
