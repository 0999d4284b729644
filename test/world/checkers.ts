/** What must hold in every world, one function per promise. Each returns what is wrong, or undefined. */

import type { Pool } from '../../src/dialect/pool.ts';
import type { Allocator } from '../../src/ipam/allocator.ts';
import type { Ledger, SlotWrite } from '../../src/ipam/ports.ts';
import { formatAddress } from '../../src/net/address.ts';
import type { Runtime, Sandbox } from './runtime.ts';

/** I1: two sandboxes that are up never share an address. */
export function noAddressTwice(runtime: Runtime): string | undefined {
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
export function answersAreDurable(runtime: Runtime, ledger: Ledger): string | undefined {
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

/** I8: an address is taken out of its rest only when its pool has nothing else. */
export function restYieldsOnlyWhenFull(
  writes: readonly SlotWrite[],
  now: number,
  allocator: Allocator,
  pools: readonly Pool[],
): string | undefined {
  for (const { was, now: line } of writes) {
    if (was?.state !== 'resting' || was.until <= now || line.state !== 'claimed') {
      continue;
    }
    const pool = pools.find((candidate) => candidate.name === line.pool) as Pool;
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
