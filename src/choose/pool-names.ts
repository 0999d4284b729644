/**
 * From the names in a source to pools: wildcards are replaced in place by their matches, a name
 * that no pool has ends the request, and so does a pool that stands in the list twice
 * (reference/spiderpool.md 3.4).
 */
import type { ErrorCode } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Family } from '../net/address.ts';
import type { Catalog } from './catalog.ts';
import type { SourceName } from './choice.ts';
import { isPattern } from './glob.ts';
import { nameInText, spiderpoolError } from './messages.ts';

export interface NamedPools {
  /** In the order written; the matches of one wildcard by specificity. */
  readonly pools: readonly Pool[];
  /** Wildcards that matched nothing, the first LIMITS.reasonsMax of them. */
  readonly notes: readonly string[];
}

/**
 * Finds the pools that a Spiderpool source names for one family. Throws POOL_UNKNOWN, and
 * ANNOTATION_INVALID or CONFIG_INVALID (where no annotation is the source) for a bad pattern or a
 * duplicate.
 */
export function findPools(
  catalog: Catalog,
  source: SourceName,
  names: readonly string[],
  family: Family,
  nic: string,
): NamedPools {
  const pools: Pool[] = [];
  const notes: string[] = [];
  for (const name of names) {
    const found = isPattern(name) ? matchesOf(catalog, source, name, family) : [];
    if (isPattern(name)) {
      if (found.length === 0 && notes.length < LIMITS.reasonsMax) {
        notes.push(`${source}: wildcard '${nameInText(name)}' matches no IPv${family} IPPool`);
      }
      pools.push(...found);
      continue;
    }
    const pool = catalog.find('spiderpool', name);
    if (pool === undefined) {
      throw spiderpoolError(
        'POOL_UNKNOWN',
        `failed to get original IPPool ${nameInText(name)}: ` +
          `SpiderIPPool.spiderpool.spidernet.io "${nameInText(name)}" not found`,
        `IPv${family} of ${nic}: the pool is named by ${source}`,
      );
    }
    pools.push(pool);
  }
  refuseDuplicates(pools, source, nic);
  return { pools, notes };
}

function matchesOf(
  catalog: Catalog,
  source: SourceName,
  pattern: string,
  family: Family,
): readonly Pool[] {
  const found = catalog.matching('spiderpool', family, pattern);
  if (found !== undefined) {
    return found;
  }
  const [first] = catalog.matching('spiderpool', family, '*') ?? [];
  throw spiderpoolError(
    faultCode(source),
    `failed to match wildcard: IPv${family} PoolName pattern '${nameInText(pattern)}', ` +
      `character '${first?.name ?? ''}', error: syntax error in pattern`,
    `the pattern is named by ${source}`,
  );
}

function refuseDuplicates(pools: readonly Pool[], source: SourceName, nic: string): void {
  const seen = new Set<Pool>();
  for (const pool of pools) {
    if (seen.has(pool)) {
      throw spiderpoolError(
        faultCode(source),
        `wrong input, duplicate IPPool ${pool.name} specified for NIC ${nic}`,
        `the pool is named by ${source}`,
      );
    }
    seen.add(pool);
  }
}

function faultCode(source: SourceName): ErrorCode {
  return source === 'CNI config' || source === 'cluster default'
    ? 'CONFIG_INVALID'
    : 'ANNOTATION_INVALID';
}
