/**
 * The blocks themselves (DESIGN section 4 rule 13). Divergences, and what this file does about each:
 * - a slot, name or unit that was edited by hand, or an object that stands for no block: it counts as used, and is
 *   named by an Event on the IPBlock and in the log, at once and again from time to time. It is not guessed at;
 *   `orbweaver ipam release --ip` frees it;
 * - addresses that no pool has any more (its object was removed by force): named, once per block. Their pods keep
 *   them;
 * - a block in which everything has long finished resting: deleted, as the rule says;
 * - a block whose deletion somebody began: ended as soon as nothing in it is needed.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Log } from '../http/log.ts';
import { deleteSpent } from '../kube/block-deletion.ts';
import type { Quarantined } from '../kube/cached-block.ts';
import { blockName, IP_BLOCK, type IpBlock } from '../kube/ip-block.ts';
import { blockOf, formatAddress } from '../net/address.ts';
import type { ClusterAccess, Duty, Feed } from './access.ts';
import type { ClaimsView } from './claims-view.ts';
import type { Herald } from './herald.ts';
import type { PoolsView } from './pools-view.ts';

export interface BlockDutyParts {
  readonly access: ClusterAccess;
  readonly claims: ClaimsView;
  readonly pools: PoolsView;
  readonly blocks: Pick<Feed, 'list' | 'get'>;
  readonly herald: Pick<Herald, 'say'>;
  readonly log: Pick<Log, 'warn' | 'info'>;
}

/** Addresses named in one Event. */
const NAMED_MAX = 10;

export class BlockDuty implements Duty {
  readonly #parts: BlockDutyParts;
  readonly #named = new Set<string>();
  #stopped = false;
  #passing: Promise<void> | undefined;

  constructor(parts: BlockDutyParts) {
    this.#parts = parts;
  }

  start(): void {
    this.pass();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#passing;
  }

  /** A block changed: what is wrong with it now is named, what was named before is not. */
  blockChanged(name: string): void {
    const faults = this.#parts.claims.quarantined().filter(({ block }) => block === name);
    const present = new Set(faults.map(keyOf));
    for (const key of this.#named) {
      if (key.startsWith(`${name} `) && !present.has(key)) {
        this.#named.delete(key);
      }
    }
    const fresh = faults.filter((fault) => !this.#named.has(keyOf(fault)));
    for (const fault of fresh) {
      this.#named.add(keyOf(fault));
      this.#parts.log.warn({ ...fault }, 'edited by hand, and left alone');
    }
    if (fresh.length > 0) {
      this.#sayFaults(name, faults);
    }
  }

  /** Looks at all blocks; a pass that is still on its way is enough. */
  pass(): void {
    this.#passing ??= this.#pass().finally(() => {
      this.#passing = undefined;
    });
  }

  async #pass(): Promise<void> {
    const { claims } = this.#parts;
    // The Events of before may have been forgotten by the server.
    this.#named.clear();
    for (const name of new Set(claims.quarantined().map(({ block }) => block))) {
      this.blockChanged(name);
    }
    this.#nameOrphans();
    for (const object of this.#parts.blocks.list()) {
      if (this.#stopped) {
        return;
      }
      await this.#deleteIfSpent(object as unknown as IpBlock);
    }
  }

  async #deleteIfSpent(block: IpBlock): Promise<void> {
    const { access, claims, log } = this.#parts;
    if (claims.holdsIn(block)) {
      return;
    }
    if (await deleteSpent(access.blocks, block, access.clock.now())) {
      log.info({ block: block.metadata.name }, 'a block that nobody needs was deleted');
    }
  }

  #nameOrphans(): void {
    const { claims, pools, log, herald } = this.#parts;
    const orphans = new Map<string, string[]>();
    for (const { address } of claims.claims()) {
      if (!pools.covers(address)) {
        const name = blockName(blockOf(address));
        orphans.set(name, [...(orphans.get(name) ?? []), formatAddress(address)]);
      }
    }
    for (const [block, addresses] of orphans) {
      const shown = addresses.slice(0, NAMED_MAX).join(', ');
      const more = addresses.length > NAMED_MAX ? ` and ${addresses.length - NAMED_MAX} more` : '';
      const message = `no pool that can be read has these addresses, which pods hold: ${shown}${more}`;
      log.warn({ block, count: addresses.length }, message);
      const object = this.#parts.blocks.get('', block);
      if (object !== undefined) {
        herald.say({
          object: asBlock(object),
          type: 'Warning',
          reason: 'AddressesWithoutPool',
          message,
        });
      }
    }
  }

  #sayFaults(name: string, faults: readonly Quarantined[]): void {
    const object = this.#parts.blocks.get('', name);
    if (object === undefined) {
      return;
    }
    const list = faults.slice(0, NAMED_MAX).map(({ place, fault }) => `${place}: ${fault}`);
    const message = `edited by hand, and left alone until it is freed or mended: ${list.join('; ')}`;
    this.#parts.herald.say({
      object: asBlock(object),
      type: 'Warning',
      reason: 'EditedByHand',
      message: message.slice(0, LIMITS.eventCharsMax),
    });
  }
}

/** Blocks come from lists, which leave the kind out. */
function asBlock(object: KubeObject): KubeObject {
  const { group, version, kind } = IP_BLOCK;
  return { ...object, apiVersion: `${group}/${version}`, kind };
}

function keyOf({ block, place, text }: Quarantined): string {
  return `${block} ${place} ${text}`;
}
