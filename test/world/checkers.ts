/** What must hold in every world, one function per promise. Each returns what is wrong, or undefined. */

import type { Pool } from '../../src/dialect/pool.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Allocator } from '../../src/ipam/allocator.ts';
import type { Claim, Ledger, Resting, SlotWrite, UnitWrite } from '../../src/ipam/ports.ts';
import {
  type Address,
  addToAddress,
  compareAddresses,
  formatAddress,
} from '../../src/net/address.ts';
import { type Cidr, cidrOf, formatCidr, lastOfCidr } from '../../src/net/cidr.ts';
import type { Runtime, Sandbox } from './runtime.ts';

/** I1: two sandboxes that are up never share an address. */
export function noAddressTwice(runtime: Pick<Runtime, 'in'>): string | undefined {
  const holders = new Map<string, string>();
  for (const sandbox of runtime.in('up')) {
    for (const address of sandbox.addresses) {
      const bare = address.slice(0, address.indexOf('/'));
      const other = holders.get(bare);
      if (other !== undefined) {
        return `${bare} is held by ${other} and by ${sandbox.container}`;
      }
      holders.set(bare, sandbox.container);
    }
  }
  return undefined;
}

/** Addresses that the ledger holds, by attachment. */
function heldBy(ledger: Ledger): Map<string, string[]> {
  const held = new Map<string, string[]>();
  for (const { attachment, address } of ledger.claims()) {
    const key = `${attachment.containerId}/${attachment.interfaceName}`;
    held.set(key, [...(held.get(key) ?? []), formatAddress(address)]);
  }
  return held;
}

const keyOf = (sandbox: Sandbox) => `${sandbox.container}/${sandbox.interfaceName}`;

/** I3 and I6: an answered ADD is in the ledger under its own attachment, an answered DEL is gone. */
export function answersAreDurable(
  runtime: Pick<Runtime, 'in'>,
  ledger: Ledger,
): string | undefined {
  const held = heldBy(ledger);
  for (const sandbox of runtime.in('up')) {
    const own = held.get(keyOf(sandbox)) ?? [];
    for (const address of sandbox.addresses) {
      if (!own.includes(address.slice(0, address.indexOf('/')))) {
        return `${address} was answered to ${sandbox.container}, the ledger holds [${own}]`;
      }
    }
  }
  for (const sandbox of runtime.in('gone')) {
    const own = held.get(keyOf(sandbox));
    if (own !== undefined) {
      return `${own[0]} is still held for ${sandbox.container}, whose DEL was answered`;
    }
  }
  return undefined;
}

/** I5: a dual-stack container holds both families or none. */
export function allOrNothing(ledger: Ledger): string | undefined {
  const families = new Map<string, number>();
  for (const claim of ledger.claims()) {
    const key = `${claim.attachment.containerId}/${claim.order}`;
    families.set(key, (families.get(key) ?? 0) + 1);
  }
  for (const [key, count] of families) {
    if (count !== 2) {
      return `${key} holds ${count} addresses, expected one per family`;
    }
  }
  return undefined;
}

/** When the agent that looks at a line may call its rest over at the earliest. */
export type RestEnd = (line: Resting) => number;

/** I8: an address is taken out of its rest only when its pool has nothing else. */
export function restYieldsOnlyWhenFull(
  writes: readonly SlotWrite[],
  now: number,
  allocator: Allocator,
  pools: readonly Pool[],
  restEnd: RestEnd,
): string | undefined {
  for (const { was, now: line } of writes) {
    if (was?.state !== 'resting' || restEnd(was) <= now || line.state !== 'claimed') {
      continue;
    }
    const pool = pools.find((candidate) => candidate.name === line.pool) as Pool;
    if (pool.calico !== undefined) {
      // What is free may lie in units that this node must not touch: the next checker looks at its own.
      continue;
    }
    const free = allocator.counts(pool)?.free ?? 0;
    if (free > 0) {
      return `${formatAddress(line.address)} was taken out of its rest while ${pool.name} has ${free} free`;
    }
  }
  return undefined;
}

/** I2: at rest, with nothing in flight, the engine shows what the ledger says. */
export function engineShowsLedger(
  allocator: Allocator,
  ledger: Ledger,
  pools: readonly Pool[],
): string | undefined {
  const fault = allocator.verify();
  if (fault !== undefined) {
    return `engine: ${fault}`;
  }
  for (const pool of pools) {
    const held = [...ledger.claims()].filter((claim) => pool.ranges.has(claim.address)).length;
    const counts = allocator.counts(pool);
    const shown = (counts?.used ?? 0) + hiddenByReservation(pool, allocator, ledger);
    if (shown !== held) {
      return `${pool.name}: the engine shows ${shown} used, the ledger holds ${held}`;
    }
  }
  return undefined;
}

/** Claims on addresses that were reserved later are held but no longer eligible. */
function hiddenByReservation(pool: Pool, allocator: Allocator, ledger: Ledger): number {
  const reserved = allocator.reservedOf(pool);
  return [...ledger.claims()].filter(
    (claim) => pool.ranges.has(claim.address) && reserved.has(claim.address),
  ).length;
}

/** What is known when a commit is sent. */
export interface Sent {
  readonly writes: readonly SlotWrite[];
  /** Changes of owners on their way, those of this commit last: every search reckons with them. */
  readonly units: readonly UnitWrite[];
  /** Those that no commit before carried. */
  readonly newUnits: readonly UnitWrite[];
  readonly ledger: Ledger;
  readonly engine: Engine;
  readonly allocator: Allocator;
  readonly pools: readonly Pool[];
  readonly now: number;
  readonly restEnd: RestEnd;
}

/**
 * A new claim lies in a unit of its node, or in one that becomes the node's with it. Another unit is used only
 * where the rules let the node borrow, and a rest is cut short only when none of its units has a free address.
 */
export function claimsLieInOwnUnits(sent: Sent): string | undefined {
  for (const { was, now: claim } of sent.writes) {
    const pool = sent.pools.find((candidate) => candidate.name === claim.pool);
    if (was?.state === 'claimed' || claim.state !== 'claimed' || pool?.calico === undefined) {
      continue;
    }
    const fault = unitFault(sent, claim, pool);
    if (fault !== undefined) {
      return `${formatAddress(claim.address)} for ${claim.node}: ${fault}`;
    }
    const borrowed = ownerAfter(sent, cidrOf(claim.address, pool.calico.blockSize)) !== claim.node;
    const rested = was !== undefined && sent.restEnd(was) > sent.now;
    if (borrowed || rested) {
      const own = ownUnits(sent, pool, claim.node).flatMap(addressesOf);
      const free = own.find((address) => isFree(sent, pool, address));
      if (free !== undefined) {
        return `${formatAddress(claim.address)} for ${claim.node}, whose ${formatAddress(free)} is free`;
      }
    }
  }
  return undefined;
}

function unitFault(sent: Sent, claim: Claim, pool: Pool): string | undefined {
  const { blockSize, unitRules } = pool.calico!;
  const cidr = cidrOf(claim.address, blockSize);
  if (ownerAfter(sent, cidr) === claim.node) {
    const taken = writeOf(sent.newUnits, cidr)?.was;
    const inUse = taken === undefined ? [] : addressesOf(cidr).filter(isTaken(sent));
    if (inUse.length > 0) {
      return `its unit was taken from ${taken?.node} with ${inUse.map(formatAddress)} in it`;
    }
    return taken !== undefined && taken.claimedAt + 60_000 > sent.now
      ? `its unit was taken from ${taken.node} too early`
      : undefined;
  }
  const count = ownUnits(sent, pool, claim.node).length;
  if (unitRules.strictAffinity || count >= unitRules.maxBlocksPerHost) {
    return `borrowed of ${ownerAfter(sent, cidr)}, with ${count} units of its own`;
  }
  return undefined;
}

/** Whether an address is used or rests, and not by this commit. */
function isTaken({ engine, writes }: Sent): (address: Address) => boolean {
  const own = new Set(writes.map(({ now }) => formatAddress(now.address)));
  return (address) =>
    !own.has(formatAddress(address)) && (engine.isUsed(address) || engine.isResting(address));
}

function writeOf(units: readonly UnitWrite[], cidr: Cidr): UnitWrite | undefined {
  return units.findLast(({ now }) => formatCidr(now.cidr) === formatCidr(cidr));
}

function ownerAfter({ units, ledger }: Sent, cidr: Cidr): string | undefined {
  return (writeOf(units, cidr)?.now ?? ledger.unit(cidr))?.node;
}

/** Durable units of a node, with the changes that are on their way. */
function ownUnits({ ledger, units }: Sent, pool: Pool, node: string): Cidr[] {
  const written = units.map(({ now }) => now).filter(({ cidr }) => pool.ranges.has(cidr.first));
  const owners = new Map(
    [...ledger.units(pool.subnet), ...written].map((unit) => [formatCidr(unit.cidr), unit]),
  );
  return [...owners.values()].filter((unit) => unit.node === node).map(({ cidr }) => cidr);
}

function addressesOf(cidr: Cidr): Address[] {
  const addresses: Address[] = [];
  const last = lastOfCidr(cidr);
  for (let at = cidr.first; compareAddresses(at, last) <= 0; at = addToAddress(at, 1)) {
    addresses.push(at);
  }
  return addresses;
}

function isFree({ engine, allocator }: Sent, pool: Pool, address: Address): boolean {
  return (
    !engine.isUsed(address) &&
    !engine.isResting(address) &&
    !allocator.reservedOf(pool).has(address)
  );
}

/** I2 for units: at rest, the allocator's copy of their owners is what the ledger says. */
export function unitsShowLedger(
  allocator: Allocator,
  ledger: Ledger,
  pools: readonly Pool[],
): string | undefined {
  for (const pool of pools) {
    if (pool.calico !== undefined) {
      const shown = JSON.stringify(allocator.unitsOf(pool));
      const kept = JSON.stringify([...ledger.units(pool.subnet)]);
      if (shown !== kept) {
        return `${pool.name}: the allocator knows ${shown}, the ledger ${kept}`;
      }
    }
  }
  return undefined;
}
