/**
 * Noticing that a caller has hung up before its request is begun (DESIGN section 4, rule 3).
 *
 * After a pause of the process, the kernel holds requests of callers that are long dead: request
 * and hang-up arrive together, but the request is read first. The hang-up is read in the next poll
 * of the event loop, so a request that must not run for the dead waits for that poll. All requests
 * of one poll share the wait.
 */

let next: Promise<void> | undefined;

/**
 * Resolves after the event loop has polled all sockets once more; some microseconds where it is
 * idle.
 */
export function afterNextPoll(): Promise<void> {
  next ??= new Promise((resolve) => {
    // The first callback runs in the present turn, before the poll; the second one after it.
    setImmediate(() => {
      next = undefined;
      setImmediate(resolve);
    });
  });
  return next;
}
