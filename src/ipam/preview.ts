/** What ADD would find in the pools, for `explain`: the same searches, and nothing stays claimed. */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Choice, FamilyChoice, InterfaceChoice } from '../choose/choice.ts';
import type { PoolUsage } from '../choose/explain.ts';
import type { PoolCounts } from '../choose/messages.ts';
import type { Subject } from '../choose/subject.ts';
import type { Pool } from '../dialect/pool.ts';
import type { Address } from '../net/address.ts';
import type { RangeSet } from '../net/range-set.ts';
import { doubtful } from './doubtful.ts';
import type { EngineCopy } from './engine-copy.ts';
import type { Clock, Ledger, Sight } from './ports.ts';
import type { Found } from './slot-search.ts';
import { takenError } from './taken-error.ts';

export interface PreviewParts {
  readonly copy: EngineCopy;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Of what others write to the ledger. */
  readonly sight: Sight;
}

export class Preview implements PoolUsage {
  readonly #copy: EngineCopy;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #sight: Sight;
  /**
   * Addresses of which something was said that may have changed since the ledger was read. Where there are any, ADD
   * would look anew (rule 11).
   */
  readonly unsure: RangeSet[] = [];

  constructor(parts: PreviewParts) {
    this.#copy = parts.copy;
    this.#ledger = parts.ledger;
    this.#clock = parts.clock;
    this.#sight = parts.ledger.shared === undefined ? 'new' : parts.sight;
  }

  counts(pool: Pool): PoolCounts | undefined {
    return this.#copy.counts(pool);
  }

  /**
   * The address that a claim from `node` would get from this candidate after `given` others, 0 for the very
   * next; undefined where it would have none, or only addresses at rest.
   */
  peek(pool: Pool, given: number, family: FamilyChoice, node: string): Address | undefined {
    return this.#copy.use(() => {
      const search = this.#copy.search(node, this.#sight);
      const taken: Found[] = [];
      while (taken.length <= given) {
        const found = search.free(pool, family);
        if (found === 'unsure') {
          this.#doubt(family);
        }
        if (found === undefined || found === 'unsure') {
          break;
        }
        taken.push(found);
        if (found.claims !== undefined) {
          const { cidr } = found.claims;
          const now = { cidr, node, claimedAt: this.#clock.now(), nonce: '' };
          found.entry.units?.show(cidr, now);
        }
      }
      for (const { entry, address, claims } of taken.toReversed()) {
        this.#copy.engine.unclaim(address);
        if (claims !== undefined) {
          entry.units?.show(claims.cidr, claims.was);
        }
      }
      return taken[given]?.address;
    });
  }

  /**
   * What keeps a node from another unit of a family's candidates, in Calico's words; undefined: nothing. Asked where no
   * candidate has a next address.
   */
  obstacle(family: FamilyChoice, node: string): string | undefined {
    this.#doubt(family);
    return this.#copy.use(() => this.#copy.search(node, this.#sight).obstacle(family));
  }

  /**
   * ADDRESS_TAKEN in the words of ADD where the address that the family asks for by number is
   * another's or out of the node's reach; undefined where the subject's pod would get it or has it.
   * Nothing is claimed, and no rest ends. The family has a candidate.
   */
  requestRefusal(
    choice: Choice,
    item: InterfaceChoice,
    family: FamilyChoice,
    { node, pod }: Subject,
  ): OrbweaverError | undefined {
    const { requested } = family;
    if (requested === undefined) {
      return undefined;
    }
    const line = this.#ledger.line(requested);
    const holder = line?.state === 'claimed' ? line.owner : undefined;
    if (holder && holder.namespace === pod?.namespace && holder.pod === pod.name) {
      return undefined;
    }
    const refusal = this.#copy.use(() => {
      try {
        this.#copy.search(node.name, this.#sight).unitOfRequested(family, requested);
      } catch (error) {
        if (error instanceof OrbweaverError) {
          return error;
        }
        throw error;
      }
      const used = holder !== undefined || this.#copy.engine.isUsed(requested);
      return used ? takenError(this.#ledger, choice, item, family) : undefined;
    });
    if (refusal !== undefined) {
      this.#doubt(family);
    }
    return refusal;
  }

  #doubt(family: FamilyChoice): void {
    if (this.#sight !== 'new') {
      this.unsure.push(...doubtful(family));
    }
  }
}
