/**
 * Keeps Workers from holding up imports of the hub.
 *
 * Seen in Deno 2.9: an import of npm packages also reads the metadata of each (`registry.json` in the cache, or from the
 * registry). A task of the importing thread reads, and the import may settle before that task ends. The process has one list of
 * these tasks, and each resolution of a new package waits for all of them. A parked Worker runs no task. So an `import()` on the
 * hub would wait until the Worker with such a task goes back to its event loop, perhaps for ever.
 *
 * Each resolution empties the list when it ends, also one that fails; and one that fails early does not wait for the tasks. So
 * the hub begins one that fails: when a Worker has loaded modules of the app, and before each import for green code.
 * Resolutions come one after another, in all threads, and the hub's loop runs: an import that begins later finds the list empty.
 *
 * The Worker does its part by some turns of its event loop (`settleLoading()` in `green/worker/loop_turns.ts`): the tasks
 * that it has begun are in the list before it says that it has loaded. A Worker must not begin a failing resolution itself: if it
 * parked meanwhile, as its thread was killed, say, all later resolutions would wait for that one.
 *
 * @module
 */

/**
 * A package that cannot exist: its name is too long for a file (255 bytes on most systems), and Deno looks for a file first. So
 * an import of it fails at once, and asks no registry; with `--reload` it asks once in a process.
 */
const NO_PACKAGE = `npm:aiohub-lets-go-of-what-was-read-${"-".repeat(256)}`;

/**
 * The most failures of one process: Deno remembers each one, and all later ones take longer for it (1 ms after 200, 5 ms after
 * 1,000). After that the loop turns of the Workers have to do, with which one process in fifty still hangs.
 */
const MOST_FAILURES = 200;

let failures = 0;

/** The failing import that has not begun to resolve: all callers that ask meanwhile share it. */
let next: Promise<void> | undefined;

/** Empties the list of the process. The promise never rejects. */
export function forgetPackageReads(): Promise<void> {
  if (next) return next;
  if (failures === MOST_FAILURES) return Promise.resolve();
  // Deno remembers a failed import, so each has another version.
  const version = `0.0.${++failures}`;
  const failure = Promise.resolve().then(() => {
    next = undefined;
    return import(`${NO_PACKAGE}@${version}`);
  }).then(() => {}, () => {});
  return next = failure;
}
