/** `status` of Spiderpool's pools, computed when they are read (reference/spiderpool.md 1.1). */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Ledger } from '../ipam/ports.ts';
import { formatAddress } from '../net/address.ts';

export interface PoolStatusParts {
  readonly ledger: Ledger;
  /** Addresses held from a pool, resting ones left out. */
  allocatedCount(pool: string): number;
}

/**
 * The object with its status. `records` adds `allocatedIPs`, a JSON text with one record for each
 * address; it is left out above LIMITS.statusRecordsMax, and a condition says so.
 */
export function withPoolStatus(
  parts: PoolStatusParts,
  object: KubeObject,
  pool: Pool,
  records: boolean,
): KubeObject {
  const allocated = parts.allocatedCount(pool.name);
  const status: Record<string, unknown> = {
    allocatedIPCount: allocated,
    totalIPCount: Number(pool.ranges.size()),
  };
  if (records && allocated > LIMITS.statusRecordsMax) {
    status.conditions = [
      {
        type: 'AllocatedIPsShown',
        status: 'False',
        reason: 'TooMany',
        message: `only the counts are shown: more than ${LIMITS.statusRecordsMax} addresses are held`,
      },
    ];
  } else if (records && allocated > 0) {
    status.allocatedIPs = JSON.stringify(allocatedRecords(parts.ledger, pool.name));
  }
  return { ...object, status };
}

function allocatedRecords(ledger: Ledger, pool: string): Record<string, object> {
  const records: Record<string, object> = {};
  for (const { address, owner } of ledger.claimsOfPool(pool, LIMITS.statusRecordsMax)) {
    const pod = `${owner.namespace}/${owner.pod}`;
    records[formatAddress(address)] = { pod, podUid: owner.uid };
  }
  return records;
}
