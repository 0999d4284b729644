/**
 * Affinity units of Calico's pools that nobody will use any more. Divergences that this file repairs:
 * - an empty unit of a node that is gone, which every other node would pass over for a minute before it takes it;
 * - an empty unit of no pool: its pool is gone, or is cut into units of another size.
 * Both keep their block from being deleted (src/kube/block-deletion.ts).
 *
 * Calico gives the affinities of a node up when the Node is gone and nothing of it is allocated, each only while it
 * is empty, and those of a pool with the pool (reference/calico.md 1.4 and section 6). Resting addresses count as
 * empty here: their rest is kept by their lines, whoever owns the unit. What is held in a unit keeps it.
 *
 * A unit decides what a node prefers and never who has an address, so one look is enough. It goes only from the
 * very version of its block that was seen; of a unit larger than a block the other blocks may be a moment behind.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { Log } from '../http/log.ts';
import type { Timers } from '../ipam/timers.ts';
import type { PatchOperation } from '../kube/api.ts';
import { formatCidr } from '../net/cidr.ts';
import type { ClusterAccess, Duty } from './access.ts';
import type { ClaimsView, OwnedUnit } from './claims-view.ts';
import type { GoneNodes } from './gone-nodes.ts';
import type { PoolsView } from './pools-view.ts';
import { RegularPasses } from './regular-passes.ts';

export interface UnitDutyParts {
  readonly access: ClusterAccess;
  readonly claims: Pick<ClaimsView, 'units' | 'isHeldIn'>;
  readonly pools: Pick<PoolsView, 'hasUnit'>;
  readonly nodes: Pick<GoneNodes, 'synced' | 'isAbsent' | 'isGone'>;
  /** Monotonic. */
  readonly timers: Timers;
  readonly log: Pick<Log, 'info'>;
}

export class UnitDuty implements Duty {
  readonly #parts: UnitDutyParts;
  readonly #passes: RegularPasses;

  constructor(parts: UnitDutyParts) {
    this.#parts = parts;
    this.#passes = new RegularPasses({
      timers: parts.timers,
      everyMs: LIMITS.deadNodePassMs,
      pass: () => this.#pass(),
    });
  }

  start(): void {
    this.#passes.start(this.#parts.nodes.synced);
  }

  stop(): Promise<void> {
    return this.#passes.stop();
  }

  async #pass(): Promise<void> {
    const { claims, nodes, pools } = this.#parts;
    const blocks = new Map<string, OwnedUnit[]>();
    const gone = new Map<string, boolean>();
    for (const unit of [...claims.units()]) {
      const { cidr, node, block } = unit;
      const isOfNoPool = !pools.hasUnit(cidr);
      if ((!isOfNoPool && !nodes.isAbsent(node)) || claims.isHeldIn(cidr)) {
        continue;
      }
      if (!isOfNoPool && !gone.has(node)) {
        gone.set(node, !this.#passes.isStopped && (await nodes.isGone(node)));
      }
      if (isOfNoPool || gone.get(node)) {
        blocks.set(block, [...(blocks.get(block) ?? []), unit]);
      }
    }
    for (const units of blocks.values()) {
      if (!this.#passes.isStopped) {
        await this.#release(units);
      }
    }
  }

  /** Of one block. What changed meanwhile is looked at again in the next pass. */
  async #release(units: readonly OwnedUnit[]): Promise<void> {
    const { access, log } = this.#parts;
    const [{ block, uid, resourceVersion }] = units as readonly [OwnedUnit];
    const outcome = await access.blocks.patch(block, [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      ...units.map(({ key }): PatchOperation => ({ op: 'remove', path: `/spec/units/${key}` })),
    ]);
    if (outcome.kind === 'ok') {
      for (const { cidr, node } of units) {
        log.info({ unit: formatCidr(cidr), node }, 'an empty affinity unit was given up');
      }
    }
  }
}
