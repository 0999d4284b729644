/**
 * The order of pools that nobody put in order: default pools and the matches of a wildcard
 * (reference/spiderpool.md 4.3). Pools of equal rank go by name, so that the order is the same
 * every time.
 */
import type { Pool } from '../dialect/pool.ts';

/** The highest number that specificityOf gives. */
export const SPECIFICITY_MAX = 63;

/**
 * How narrowly a pool says whom it is for: a number from 0 to SPECIFICITY_MAX, higher first. One
 * bit per property, in the order in which the first difference decides.
 */
export function specificityOf(pool: Pool): number {
  const properties = [
    pool.pod.kind !== 'any',
    pool.node.kind === 'names',
    pool.node.kind === 'selector',
    pool.namespace.kind === 'names',
    pool.namespace.kind === 'selector',
    pool.multusNames.length > 0,
  ];
  return properties.reduce((rank, has) => rank * 2 + (has ? 1 : 0), 0);
}

/** Sorts names as the API server lists them. */
export function compareNames(a: string, b: string): number {
  if (a === b) {
    return 0;
  }
  return a < b ? -1 : 1;
}
