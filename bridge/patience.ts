/**
 * How long the library waits before it takes something for blocked, deaf or dead.
 *
 * Tests set shorter times, so as not to wait these out; nothing else does. A Worker has those that its hub had when it was started.
 *
 * @module
 */

/** The times, in milliseconds. */
export const PATIENCE = {
  /** For how long all Workers that there may be have to have been blocked before threads of the queue are refused. */
  saturated: 5000,
  /** For how long all Workers have to have been blocked before the first place is lent. */
  lending: 1000,
  /** The longest time before one more place is lent: six more come within 15 seconds. */
  mostLending: 2000,
  /** For how long `close()` lets threads go on by default. */
  closing: 5000,
  /** For how long it then lets those clean up that it has killed. */
  cleanUp: 1000,
  /** How long a Worker that was stopped may take to hear of it. */
  stopping: 1000,
  /** How long it may then take to end by itself. */
  unwinding: 5000,
  /** For how long an `async` function that was killed may go on awaiting, if the kill does not say: time for its clean-up. */
  awaiting: 2000,
  /**
   * For how long a Worker keeps the run lock while it loads the module of a thread that has begun. To import does not switch, so
   * that the order does not depend on which Worker has loaded what; but top-level code may await something that only another
   * green thread can bring about.
   */
  loading: 5000,
};
