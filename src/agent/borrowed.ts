/**
 * Addresses that nodes hold outside of their own affinity units, for `ipam show --show-borrowed`.
 */
import type { Pool } from '../dialect/pool.ts';
import type { Claim, Cluster, Ledger } from '../ipam/ports.ts';
import { formatAddress } from '../net/address.ts';
import { cidrOf, formatCidr } from '../net/cidr.ts';
import type { BorrowedResponse, BorrowedRow } from './protocol.ts';

/**
 * The answer to GET /v1/ipam/borrowed: claims of Calico's pools in a unit of another node or of
 * nobody, pools in the cluster's order, addresses ascending (reference/calico.md 7.1). Reads every
 * claim of those pools.
 */
export function borrowedRows(parts: {
  readonly ledger: Ledger;
  readonly cluster: Cluster;
}): BorrowedResponse {
  const rows = parts.cluster.pools().flatMap((pool) => borrowedOf(pool, parts.ledger));
  return { rows };
}

function borrowedOf(pool: Pool, ledger: Ledger): BorrowedRow[] {
  const { calico } = pool;
  if (calico === undefined) {
    return [];
  }
  return ledger.claimsOfPool(pool.name).flatMap((claim) => {
    // A pool of another dialect may have the same name.
    if (!pool.ranges.has(claim.address)) {
      return [];
    }
    const block = cidrOf(claim.address, calico.blockSize);
    const owner = ledger.unit(block)?.node ?? '';
    return owner === claim.node ? [] : [rowOf(claim, formatCidr(block), owner)];
  });
}

function rowOf(claim: Claim, block: string, owner: string): BorrowedRow {
  const { namespace, pod } = claim.owner;
  return {
    ip: formatAddress(claim.address),
    node: claim.node,
    block,
    owner,
    type: pod === '' ? '' : 'pod',
    allocatedTo: pod === '' ? claim.attachment.containerId : `${namespace}/${pod}`,
  };
}
