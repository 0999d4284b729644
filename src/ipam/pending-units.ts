/**
 * Units whose new owner is not durable yet. Claims of the same node may use such a unit at once:
 * each of them carries the write of its owner, so that whichever lands first brings it along.
 */
import type { Pool } from '../dialect/pool.ts';
import { type Cidr, formatCidr } from '../net/cidr.ts';
import type { Unit, UnitWrite } from './ports.ts';

/** A change of a unit's owner that a hold depends on. */
export interface HeldUnit {
  readonly pool: Pool;
  readonly write: UnitWrite;
}

export class PendingUnits {
  readonly #pending = new Map<string, { readonly unit: HeldUnit; holds: number }>();

  /** The change of this unit that some hold waits for. */
  of(cidr: Cidr): HeldUnit | undefined {
    return this.#pending.get(formatCidr(cidr))?.unit;
  }

  /** All changes that are waited for. */
  *all(): Iterable<HeldUnit> {
    for (const { unit } of this.#pending.values()) {
      yield unit;
    }
  }

  /** One more hold depends on each of these. */
  begin(units: readonly HeldUnit[]): void {
    for (const unit of units) {
      const key = formatCidr(unit.write.now.cidr);
      const pending = this.#pending.get(key);
      if (pending?.unit.write === unit.write) {
        pending.holds += 1;
      } else {
        this.#pending.set(key, { unit, holds: 1 });
      }
    }
  }

  /**
   * One hold that depended on the change has ended; `found` is what the ledger says of the unit
   * now. The change is waited for no longer when no hold is left, and also when it has landed or
   * can never land: else calls that lost against another owner would choose the unit again.
   */
  end({ write }: HeldUnit, found: Unit | undefined): void {
    const key = formatCidr(write.now.cidr);
    const pending = this.#pending.get(key);
    if (pending?.unit.write !== write) {
      return;
    }
    pending.holds -= 1;
    if (pending.holds === 0 || found?.nonce !== write.was?.nonce) {
      this.#pending.delete(key);
    }
  }
}
