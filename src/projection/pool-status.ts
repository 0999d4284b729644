/** `status` of Spiderpool's pools, computed from the claims (reference/spiderpool.md 1.1). */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Claim } from '../ipam/ports.ts';
import { formatAddress } from '../net/address.ts';

/** What is held from one pool, resting addresses left out. */
export interface HeldAddresses {
  readonly count: number;
  /** In address order, `limit` at most. */
  claims(limit: number): Iterable<Claim>;
}

/** A pool of IPv6 may have more addresses than a JSON number can tell apart; it says this many then. */
const COUNT_MAX = BigInt(Number.MAX_SAFE_INTEGER);

const TOO_MANY = {
  type: 'AllocatedIPsShown',
  status: 'False',
  reason: 'TooMany',
  message: `only the counts are shown: more than ${LIMITS.statusRecordsMax} addresses are held, or their records are longer than ${LIMITS.statusRecordsBytesMax} bytes`,
};

/**
 * The object with its status. `records` adds `allocatedIPs`, a JSON text with one record for each
 * address; it is left out above LIMITS.statusRecordsMax and statusRecordsBytesMax, and a condition says so.
 */
export function withPoolStatus(
  object: KubeObject,
  pool: Pool,
  held: HeldAddresses,
  records: boolean,
): KubeObject {
  const { count } = held;
  const size = pool.ranges.size();
  const status: Record<string, unknown> = {
    allocatedIPCount: count,
    totalIPCount: Number(size < COUNT_MAX ? size : COUNT_MAX),
  };
  if (records && count > 0) {
    const text = recordsText(held);
    if (text === undefined) {
      status.conditions = [TOO_MANY];
    } else {
      status.allocatedIPs = text;
    }
  }
  return { ...object, status };
}

/** Undefined where there are more than an object should hold. */
function recordsText(held: HeldAddresses): string | undefined {
  if (held.count > LIMITS.statusRecordsMax) {
    return undefined;
  }
  const text = JSON.stringify(allocatedRecords(held));
  return text.length > LIMITS.statusRecordsBytesMax ? undefined : text;
}

function allocatedRecords(held: HeldAddresses): Record<string, object> {
  const records: Record<string, object> = {};
  for (const { address, owner } of held.claims(LIMITS.statusRecordsMax)) {
    const pod = `${owner.namespace}/${owner.pod}`;
    records[formatAddress(address)] = { pod, podUid: owner.uid };
  }
  return records;
}
