import type { Claim } from '../ipam/ports.ts';
import { compareAddresses, formatAddress } from '../net/address.ts';

const byOrder = (a: Claim, b: Claim) => a.order - b.order || compareAddresses(a.address, b.address);

/** Claims found by what they have in common: a pod, a container, a network on a node. */
export class ClaimIndex {
  readonly #keyOf: (claim: Claim) => string;
  readonly #claims = new Map<string, Map<string, Claim>>();

  constructor(keyOf: (claim: Claim) => string) {
    this.#keyOf = keyOf;
  }

  /** By order, then address. */
  find(key: string): Claim[] {
    return [...(this.#claims.get(key)?.values() ?? [])].sort(byOrder);
  }

  add(claim: Claim): void {
    const key = this.#keyOf(claim);
    const claims = this.#claims.get(key) ?? new Map<string, Claim>();
    claims.set(formatAddress(claim.address), claim);
    this.#claims.set(key, claims);
  }

  remove(claim: Claim): void {
    const key = this.#keyOf(claim);
    const claims = this.#claims.get(key);
    claims?.delete(formatAddress(claim.address));
    if (claims?.size === 0) {
      this.#claims.delete(key);
    }
  }
}
