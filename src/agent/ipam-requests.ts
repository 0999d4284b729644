/** What `orbweaver ipam …` asks: the usage of pools, one address, a release, a check. */
import { OrbweaverError } from '../catalogue/errors.ts';
import { shown } from '../catalogue/shown.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Parts } from '../ipam/parts.ts';
import { poolOfClaim } from '../ipam/pool-of-claim.ts';
import type { Claim, Line } from '../ipam/ports.ts';
import { release } from '../ipam/release.ts';
import { podKey } from '../ipam/subject-of-call.ts';
import { type Address, familyOf, formatAddress, parseAddress } from '../net/address.ts';
import { cidrContains, parseCidr } from '../net/cidr.ts';
import { poolRows } from './pool-usage.ts';
import type { AddressResponse, CheckProblem, CheckResponse, PoolsResponse } from './protocol.ts';

/** Problems listed in one answer. */
const PROBLEMS_MAX = 1_000;

/** GET /v1/ipam/pools. */
export function showPools(parts: Parts, withBlocks: boolean): PoolsResponse {
  return poolRows(parts, withBlocks);
}

/** GET /v1/ipam/address. Throws USAGE for text that is no address. */
export function showAddress(parts: Parts, text: string | undefined): AddressResponse {
  const address = readAddress(text);
  const line = parts.ledger.line(address);
  const ip = formatAddress(address);
  const pools = parts.cluster
    .pools()
    .filter((pool) => pool.ranges.has(address))
    .map((pool) => pool.name);
  if (line?.state === 'claimed') {
    const { network, containerId } = line.attachment;
    const handle = `${network}.${containerId}`;
    return { ip, pools, state: 'used', attributes: claimAttributes(line), handle };
  }
  if (line?.state === 'resting' && line.until > parts.clock.now()) {
    return { ip, pools, state: 'resting', attributes: restAttributes(line) };
  }
  const reserved = parts.cluster.reserved(familyOf(address)).has(address);
  return { ip, pools, state: reserved ? 'reserved' : 'free', attributes: {} };
}

/** Whether the ledger of these parts itself knows who holds the address. Throws USAGE. */
export function isClaimedIn({ ledger }: Parts, text: string | undefined): boolean {
  return ledger.line(readAddress(text))?.state === 'claimed';
}

/**
 * POST /v1/ipam/release: frees one address in the queue of its pod. Throws USAGE, OBJECT_NOT_FOUND where nobody
 * holds it, or OBJECT_CONFLICT where somebody else got it meanwhile: it is freed of the holder that was asked
 * for, or not at all.
 */
export async function releaseAddress(parts: Parts, text: string | undefined): Promise<void> {
  const address = readAddress(text);
  const asked = claimOf(parts, address);
  for (;;) {
    const claim = claimOf(parts, address);
    if (!isSameHolder(claim, asked)) {
      throw new OrbweaverError(
        'OBJECT_CONFLICT',
        `IP address ${formatAddress(address)} was held by ${holder(asked)} and was given to ${holder(claim)} meanwhile`,
      );
    }
    const { owner, attachment } = claim;
    const container = `container ${attachment.network}/${attachment.containerId}`;
    const keys = owner.pod === '' ? [container] : [podKey(owner.namespace, owner.pod), container];
    const released = await parts.queue.run(keys, async () => {
      const now = claimOf(parts, address);
      // Its line may have changed by the time this is at the head of the queue.
      return now.nonce === claim.nonce && (await release(parts, [now]));
    });
    if (released) {
      return;
    }
  }
}

/** The same pod, whatever its container is by now; without a pod the same container. */
function isSameHolder(claim: Claim, asked: Claim): boolean {
  const { owner, attachment } = claim;
  return owner.pod === ''
    ? asked.owner.pod === '' && attachment.containerId === asked.attachment.containerId
    : owner.namespace === asked.owner.namespace &&
        owner.pod === asked.owner.pod &&
        owner.uid === asked.owner.uid;
}

/**
 * GET /v1/ipam/check: reads the whole ledger and walks the whole engine. `known` is what is wrong already where
 * the ledger and the objects are kept.
 */
export function checkAll(parts: Parts, known: readonly CheckProblem[] = []): CheckResponse {
  const problems: CheckProblem[] = known.slice(0, PROBLEMS_MAX);
  const fault = parts.allocator.verify();
  if (fault !== undefined) {
    problems.push({ ip: 'engine', what: `is inconsistent: ${fault}` });
  }
  let claims = 0;
  for (const claim of parts.ledger.claims()) {
    claims += 1;
    const what = claimProblem(parts, claim);
    if (what !== undefined && problems.length < PROBLEMS_MAX) {
      problems.push({ ip: formatAddress(claim.address), what });
    }
  }
  let blocks = 0;
  for (const _ of parts.ledger.blocks()) {
    blocks += 1;
  }
  const pools = parts.cluster.pools().filter((pool) => !pool.disabled).length;
  return { blocks, claims, pools, problems };
}

function claimProblem(parts: Parts, claim: Claim): string | undefined {
  const pool = poolOfClaim(parts.allocator, claim);
  if (pool === undefined) {
    return `is held by ${holder(claim)} from pool ${claim.pool}, which does not exist`;
  }
  return isOutside(pool, claim.address)
    ? `is held by ${holder(claim)} from pool ${claim.pool}, but not in its ranges any more`
    : undefined;
}

function isOutside(pool: Pool, address: Address): boolean {
  return !pool.ranges.has(address) || !cidrContains(pool.subnet, address);
}

function holder({ owner, attachment }: Claim): string {
  return owner.pod === ''
    ? `container ${attachment.containerId}`
    : `pod ${owner.namespace}/${owner.pod}`;
}

function claimOf(parts: Parts, address: Address): Claim {
  const line = parts.ledger.line(address);
  if (line?.state !== 'claimed') {
    throw new OrbweaverError(
      'OBJECT_NOT_FOUND',
      `IP address ${formatAddress(address)} is not assigned`,
    );
  }
  return line;
}

function readAddress(text: string | undefined): Address {
  const address = text === undefined ? undefined : (parseAddress(text) ?? parseCidr(text)?.address);
  if (address === undefined) {
    throw new OrbweaverError('USAGE', `invalid IP address ${shown(text)}`);
  }
  return address;
}

/** The names that Calico uses for what it has, ours for the rest (reference/calico.md 7.1). */
function claimAttributes(claim: Claim): Record<string, string> {
  const { owner, attachment } = claim;
  return {
    ...ownerAttributes(claim),
    'container-id': attachment.containerId,
    interface: attachment.interfaceName,
    network: attachment.network,
    node: claim.node,
    timestamp: new Date(claim.claimedAt).toISOString(),
    ...(owner.uid === '' ? {} : { uid: owner.uid }),
    ...(claim.ahead ? { ahead: 'true' } : {}),
  };
}

function restAttributes(line: Extract<Line, { state: 'resting' }>): Record<string, string> {
  return {
    ...ownerAttributes(line),
    released: new Date(line.releasedAt).toISOString(),
    'rests-until': new Date(line.until).toISOString(),
  };
}

function ownerAttributes({ owner, pool }: Line): Record<string, string> {
  return {
    pool,
    ...(owner.pod === '' ? {} : { namespace: owner.namespace, pod: owner.pod }),
  };
}
