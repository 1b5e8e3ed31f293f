/**
 * A log that green threads write, in the order in which it was written.
 *
 * @module
 */

const SIZE = 1 << 16;

/** Words that all threads write. The first says how many bytes there are. */
export type Trace = Int32Array<SharedArrayBuffer>;

/** An empty log. */
export function newTrace(): Trace {
  return new Int32Array(new SharedArrayBuffer(SIZE));
}

/** Writes into a log. Not atomic: two that write at once would spoil it. */
export function note(trace: Trace, text: string): void {
  const bytes = new Uint8Array(trace.buffer, 4);
  let at = trace[0];
  for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
  bytes[at++] = 10;
  trace[0] = at;
}

/** What was written. */
export function notes(trace: Trace): string[] {
  return new TextDecoder().decode(new Uint8Array(trace.buffer, 4, trace[0]).slice())
    .split("\n").slice(0, -1);
}
