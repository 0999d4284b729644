/**
 * The ledger as plainly as it can be said: a map in memory, walked from end to end for every question. The
 * suite of ledger behaviour runs on it too, so it may stand in for a real ledger in tests.
 */
import type {
  BlockState,
  Claim,
  CommitOutcome,
  Ledger,
  Line,
  Resting,
  SlotConflict,
  SlotWrite,
  Unit,
  UnitConflict,
  UnitWrite,
} from '../../src/ipam/ports.ts';
import {
  type Address,
  blockOf,
  compareAddresses,
  formatAddress,
  slotOf,
} from '../../src/net/address.ts';
import { type Cidr, cidrContains, formatCidr } from '../../src/net/cidr.ts';

const byAddress = (a: Line, b: Line) => compareAddresses(a.address, b.address);
const byOrder = (a: Claim, b: Claim) => a.order - b.order || byAddress(a, b);

export class ModelLedger implements Ledger {
  readonly shared = undefined;
  readonly #lines = new Map<string, Line>();
  readonly #units = new Map<string, Unit>();

  async commit(
    writes: readonly SlotWrite[],
    unitWrites: readonly UnitWrite[] = [],
  ): Promise<CommitOutcome> {
    const conflicts: SlotConflict[] = [];
    const units: UnitConflict[] = [];
    for (const { was, now } of writes) {
      const found = this.line(now.address);
      if (found?.nonce !== now.nonce && found?.nonce !== was?.nonce) {
        conflicts.push({ address: now.address, now: found });
      }
    }
    for (const { was, now } of unitWrites) {
      const found = this.unit(now.cidr);
      if (found?.nonce !== now.nonce && found?.nonce !== was?.nonce) {
        units.push({ cidr: now.cidr, now: found });
      }
    }
    if (conflicts.length + units.length > 0) {
      return { kind: 'lost', conflicts, units };
    }
    for (const { now } of writes) {
      this.#lines.set(formatAddress(now.address), now);
    }
    for (const { now } of unitWrites) {
      this.#units.set(formatCidr(now.cidr), now);
    }
    return { kind: 'durable' };
  }

  unit(cidr: Cidr): Unit | undefined {
    return this.#units.get(formatCidr(cidr));
  }

  units(within: Cidr): Unit[] {
    return [...this.#units.values()]
      .filter(({ cidr }) => cidrContains(within, cidr.first))
      .sort(
        (a, b) => compareAddresses(a.cidr.first, b.cidr.first) || a.cidr.prefix - b.cidr.prefix,
      );
  }

  line(address: Address): Line | undefined {
    return this.#lines.get(formatAddress(address));
  }

  containerRef(containerId: string): string {
    return containerId;
  }

  claimsOfContainer(network: string, containerId: string): Claim[] {
    return [...this.claims()]
      .filter(({ attachment }) => attachment.network === network)
      .filter(({ attachment }) => attachment.containerId === containerId)
      .sort(byOrder);
  }

  claimsOfPod(namespace: string, pod: string): Claim[] {
    return [...this.claims()]
      .filter(({ owner }) => owner.namespace === namespace && owner.pod === pod)
      .sort(byOrder);
  }

  claimsOfNetwork(network: string, node: string): Claim[] {
    return [...this.claims()].filter(
      (claim) => claim.attachment.network === network && claim.node === node,
    );
  }

  claimsOfPool(pool: string, limit = Number.POSITIVE_INFINITY): Claim[] {
    return [...this.claims()].filter((claim) => claim.pool === pool).slice(0, limit);
  }

  claims(): Claim[] {
    return this.#sorted().filter((line) => line.state === 'claimed');
  }

  resting(): Resting[] {
    return this.#sorted().filter((line) => line.state === 'resting');
  }

  blocks(): BlockState[] {
    const blocks = new Map<string, BlockState & { resting: { slot: number; until: number }[] }>();
    for (const line of this.#sorted()) {
      const first = blockOf(line.address);
      const key = formatAddress(first);
      const block = blocks.get(key) ?? { first, usedLow: 0, usedHigh: 0, resting: [] };
      blocks.set(key, withLine(block, line));
    }
    return [...blocks.values()];
  }

  #sorted(): Line[] {
    return [...this.#lines.values()].sort(byAddress);
  }
}

function withLine<Block extends BlockState>(block: Block, line: Line): Block {
  const slot = slotOf(line.address);
  if (line.state === 'resting') {
    return { ...block, resting: [...block.resting, { slot, until: line.until }] };
  }
  return slot < 32
    ? { ...block, usedLow: (block.usedLow | (1 << slot)) >>> 0 }
    : { ...block, usedHigh: (block.usedHigh | (1 << (slot - 32))) >>> 0 };
}
