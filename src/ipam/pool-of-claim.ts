import { LIMITS } from '../catalogue/limits.ts';
import type { Catalog } from '../choose/catalog.ts';
import type { DialectName, Pool } from '../dialect/pool.ts';
import { cidrContains } from '../net/cidr.ts';
import type { Line } from './ports.ts';

const DIALECTS: readonly DialectName[] = ['spiderpool', 'spiderpool-v1', 'calico'];

/**
 * The pool that gave a line's address, or undefined where it was deleted. A name may stand for one pool in
 * each dialect; the address tells which.
 */
export function poolOfClaim(
  pools: { withCatalog<T>(read: (catalog: Catalog) => T): T },
  line: Line,
): Pool | undefined {
  return pools.withCatalog((catalog) => {
    for (const dialect of DIALECTS) {
      const pool = catalog.byName(dialect, line.pool);
      if (pool !== undefined && cidrContains(pool.subnet, line.address)) {
        return pool;
      }
    }
    return undefined;
  });
}

/** Rest of an address that a pool gave, in milliseconds. */
export function restMsOf(pool: Pool | undefined): number {
  return pool?.restMs ?? LIMITS.restMs;
}
