/**
 * Keeps Workers from holding up what the hub imports.
 *
 * Seen in Deno 2.9: an import of npm packages also reads what is known of each (`registry.json` in the cache, or from the
 * registry). A task of the importing thread reads, and the import may settle before that task ends. The process has one list of
 * these tasks, and each resolution of a new package waits for all of them. A parked Worker runs no task. So an `import()` on the
 * hub would wait until the Worker that was the last to import goes back to its event loop, perhaps for ever.
 *
 * Each resolution empties the list when it ends, also one that fails; and one that fails early does not wait for the tasks. So
 * the hub has one fail: when a Worker has said that it loaded something, and before green code has it import something.
 * Resolutions come one after another, in all threads, and the hub's loop runs: an import that begins later finds the list empty.
 *
 * The Worker does its part by some turns of its event loop (`settleLoading()` in `green/worker/event_loop_turns.ts`): what it
 * has begun is in the list before it says that it has loaded. A Worker must not have a resolution fail itself: one that parks
 * meanwhile, as its thread was killed, say, would keep its place in the line of resolutions.
 *
 * @module
 */

/**
 * A package that cannot be: its name is too long for a file (255 bytes on most systems), and Deno looks there first. So an
 * import of it fails at once, and asks no registry; with `--reload` it asks once in a process.
 */
const NO_PACKAGE = `npm:aiohub-lets-go-of-what-was-read-${"-".repeat(256)}`;

/**
 * The most failures of one process: Deno remembers each one, and all later ones take longer for it (1 ms after 200, 5 ms after
 * 1,000). After that the turns of the Workers have to do, with which one process in fifty still hangs.
 */
const MOST_FAILURES = 200;

let failures = 0;

/** The failure that has not begun to resolve, so that who comes meanwhile can share it. */
let next: Promise<void> | undefined;

/** Empties the list of the process. The promise never rejects. */
export function forgetPackageReads(): Promise<void> {
  if (next) return next;
  if (failures === MOST_FAILURES) return Promise.resolve();
  // A failed import is remembered: each has another version.
  const version = `0.0.${++failures}`;
  const failure = Promise.resolve().then(() => {
    next = undefined;
    return import(`${NO_PACKAGE}@${version}`);
  }).then(() => {}, () => {});
  return next = failure;
}
