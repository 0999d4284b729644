/** Giving addresses back: a claim becomes a resting line (rule 9). */
import type { Parts } from './parts.ts';
import { poolOfClaim, restMsOf } from './pool-of-claim.ts';
import type { Claim, Resting } from './ports.ts';

/**
 * Releases the claims as they were read, and marks those of `kept` with them, all or none. Resolves to false
 * when one of them changed meanwhile; what is then left is to be read again. Rejects with STORE_FAILURE.
 */
export async function release(
  parts: Parts,
  claims: readonly Claim[],
  kept: readonly Claim[] = [],
): Promise<boolean> {
  if (claims.length + kept.length === 0) {
    return true;
  }
  const now = parts.clock.now();
  const resting = claims.map(
    (claim): Resting => ({
      state: 'resting',
      address: claim.address,
      pool: claim.pool,
      owner: claim.owner,
      releasedAt: now,
      until: now + restMsOf(poolOfClaim(parts.allocator, claim)),
      nonce: parts.nonce(),
    }),
  );
  const outcome = await parts.ledger.commit([
    ...resting.map((line, at) => ({ was: claims[at] as Claim, now: line })),
    ...kept.map((claim) => ({
      was: claim,
      now: { ...claim, kept: true as const, nonce: parts.nonce() },
    })),
  ]);
  parts.allocator.learn(claims.map((claim) => claim.address));
  return outcome.kind === 'durable';
}
