/**
 * The times that the library waits before it takes a thread or a Worker for blocked, deaf or dead.
 *
 * Tests set shorter times, so as not to wait these out; nothing else does. A Worker has those that its hub had when it was started.
 *
 * @module
 */

/** The times, in milliseconds. */
export const PATIENCE = {
  /** The time for which all Workers, as many as there may be, have to be blocked before queued threads are refused. */
  saturated: 5000,
  /** The time for which all Workers have to be blocked before the first place is lent. */
  lending: 1000,
  /** The longest time before one more place is lent: six more come within 15 seconds. */
  mostLending: 2000,
  /** The default grace of `close()`. */
  closing: 5000,
  /** The time that threads killed by `close()` may take to clean up. */
  cleanUp: 1000,
  /** The time that a stopped Worker may take to hear of it. */
  stopping: 1000,
  /** The time that the Worker may then take to end by itself. */
  unwinding: 5000,
  /** The time for which a killed `async` function may go on awaiting, if the kill names none: time for its clean-up. */
  awaiting: 2000,
  /**
   * The time for which a Worker keeps the run lock while it loads the module of a thread that has begun. To import does not switch, so
   * that the order does not depend on which Worker has loaded what; but top-level code may await something that only another
   * green thread can bring about.
   */
  loading: 5000,
};
