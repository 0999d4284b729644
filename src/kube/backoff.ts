/** Milliseconds before the second try, and at most, before jitter. */
const FIRST_MS = 20;
const LONGEST_MS = 5_000;

/**
 * How long to wait before the next try after `failures` in a row (1 or more): doubling from 20 ms to 5 s, with
 * "full jitter", so that writers that met once do not meet again. `random`: uniform in [0, 1).
 */
export function backoffMs(failures: number, random: () => number): number {
  const doubled = FIRST_MS * 2 ** Math.min(failures - 1, 16);
  return Math.ceil(random() * Math.min(LONGEST_MS, doubled));
}
