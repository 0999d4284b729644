/** STATUS: could an ADD be served now? (reference/cni.md section 3, X04) */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { PoolCounts } from '../choose/messages.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Family } from '../net/address.ts';
import type { Parts } from './parts.ts';
import type { Call } from './request.ts';

/**
 * Returns when at least one pool that pods of this network may be given has an address left in every family
 * that such pools exist for and the settings have on. Throws STATUS_UNAVAILABLE with the counts. It reads only the engine's copy, as
 * runtimes poll it.
 */
export function status(parts: Parts, call: Call): void {
  try {
    requireAddresses(parts, call);
  } catch (error) {
    if (error instanceof OrbweaverError && error.code.startsWith('STORE_')) {
      throw new OrbweaverError('STATUS_UNAVAILABLE', 'the store cannot be read', error.message);
    }
    throw error;
  }
}

function requireAddresses(parts: Parts, call: Call): void {
  const pools = poolsOfNetwork(parts, call);
  if (pools.length === 0) {
    throw new OrbweaverError('STATUS_UNAVAILABLE', 'no IPPool could serve an ADD: there is none');
  }
  for (const family of [4, 6] as const) {
    const counts = countsOf(parts, pools, family);
    if (counts.length > 0 && counts.every((count) => count.free + count.resting === 0)) {
      throw new OrbweaverError(
        'STATUS_UNAVAILABLE',
        `no IPv${family} address is free in the IPPools [${counts.map((count) => count.pool).join(' ')}]`,
        counts.map((count) => `${count.pool}: ${count.used} of ${count.total} used`).join('; '),
      );
    }
  }
}

/** The config's own lists, else the default pools, else all pools: a pod annotation may name any. */
function poolsOfNetwork(parts: Parts, call: Call): readonly Pool[] {
  const usable = parts.cluster
    .pools()
    .filter((pool) => !pool.disabled && !pool.terminating && isForCaller(parts, call, pool));
  const named = [...(call.wishes.ipv4Pools ?? []), ...(call.wishes.ipv6Pools ?? [])];
  const listed = usable.filter((pool) => named.includes(pool.name));
  if (listed.length > 0) {
    return listed;
  }
  const defaults = usable.filter((pool) => pool.isDefault);
  return defaults.length > 0 ? defaults : usable;
}

/** Under a dialect's name only its own pools serve; Spiderpool's settings may have a family off. */
function isForCaller(parts: Parts, call: Call, pool: Pool): boolean {
  if (pool.dialect === 'calico') {
    return call.calledAs !== 'spiderpool';
  }
  const { enableIPv4, enableIPv6 } = parts.cluster.conf();
  return call.calledAs !== 'calico-ipam' && (pool.family === 4 ? enableIPv4 : enableIPv6);
}

function countsOf(parts: Parts, pools: readonly Pool[], family: Family): PoolCounts[] {
  return pools
    .filter((pool) => pool.family === family)
    .map((pool) => parts.allocator.counts(pool))
    .filter((counts) => counts !== undefined);
}
