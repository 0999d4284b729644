/**
 * What ADDs have chosen and the ledger does not show yet: slots, and the affinity units that come with them.
 */
import type { InterfaceChoice } from '../choose/choice.ts';
import type { Pool } from '../dialect/pool.ts';
import { type Address, formatAddress } from '../net/address.ts';
import { type HeldUnit, PendingUnits } from './pending-units.ts';
import type { Resting, UnitWrite } from './ports.ts';

/** A slot chosen for one interface and family, marked used in the engine and not yet in the ledger. */
export interface HeldSlot {
  readonly address: Address;
  readonly pool: Pool;
  readonly interface: InterfaceChoice;
  /** What the ledger says of the slot now: absent or at rest. */
  readonly was: Resting | undefined;
}

/** All slots of one ADD: every interface and family, or none (I5). */
export interface Hold {
  readonly slots: readonly HeldSlot[];
  /** Affinity units that the node becomes the owner of with these slots. */
  readonly units: readonly HeldUnit[];
  /** Units of the node that must still be its own when the slots are written: where affinity is strict. */
  readonly conditions: readonly UnitWrite[];
}

/** The holds that have not ended. */
export class Holds {
  readonly #addresses = new Map<string, Address>();
  /** Units whose new owner is not durable yet. */
  readonly pending = new PendingUnits();

  begin({ slots, units }: Hold): void {
    for (const { address } of slots) {
      this.#addresses.set(formatAddress(address), address);
    }
    this.pending.begin(units);
  }

  /** The slots of the hold are held no longer. Its units end one by one, by what the ledger says of them. */
  endSlots({ slots }: Hold): void {
    for (const { address } of slots) {
      this.#addresses.delete(formatAddress(address));
    }
  }

  has(address: Address): boolean {
    return this.#addresses.has(formatAddress(address));
  }

  addresses(): Iterable<Address> {
    return this.#addresses.values();
  }
}
