/**
 * Has the allocator keep the memory of large buffers that were freed.
 *
 * Each large value that arrives takes a new buffer, and the collector frees many of them at a time. glibc's `malloc` then gives
 * their pages back to the system, as soon as twice the size of the largest block that it has ever unmapped lies free: so the
 * next buffers take page faults again, a megabyte some 250 of them, which cost more than to copy it (measured: 1.2 ms in place
 * of 0.55 for a call with a megabyte there and back, in some processes and not in others). Its limits go up when a larger
 * block is freed, up to 32 MB; so one of that size is allocated once and freed, without ever being touched. From then on
 * up to 64 MB that are free stay with the process, in each of the allocator's arenas. Other allocators do not mind.
 *
 * @module
 */

/** The largest block that counts, with its header. */
const BLOCK = (32 << 20) - (8 << 10);

let done = false;

/** Call it before a large buffer is made; only the first call of a thread does anything. */
export function keepFreedMemory(): void {
  if (done) return;
  done = true;
  try {
    // The block is freed at once, and not when the collector comes.
    new ArrayBuffer(BLOCK).transfer(0);
  } catch {
    // There is not so much address space: then it stays as it is.
  }
}
