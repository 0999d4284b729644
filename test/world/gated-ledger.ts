/**
 * A ledger whose commits wait until the world lets them through, in an order and with faults that the seed
 * decides. Reads go straight to the ledger behind it.
 */
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import type { CommitOutcome, Ledger, SlotWrite, UnitWrite } from '../../src/ipam/ports.ts';

interface Waiting {
  readonly writes: readonly SlotWrite[];
  readonly units: readonly UnitWrite[];
  readonly settle: (outcome: Promise<CommitOutcome>) => void;
}

export class GatedLedger implements Ledger {
  readonly shared = undefined;
  readonly #behind: Ledger;
  readonly #waiting: Waiting[] = [];
  /** Sees every commit before it waits. */
  onCommit: (writes: readonly SlotWrite[], units: readonly UnitWrite[]) => void = () => {};

  constructor(behind: Ledger) {
    this.#behind = behind;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Changes of owners in commits that wait, but for those that can land no more. */
  unitsOnTheirWay(): UnitWrite[] {
    return this.#waiting
      .flatMap(({ units }) => units)
      .filter(({ was, now }) => this.#behind.unit(now.cidr)?.nonce === was?.nonce);
  }

  commit(writes: readonly SlotWrite[], units: readonly UnitWrite[] = []): Promise<CommitOutcome> {
    this.onCommit(writes, units);
    return new Promise((resolve) => {
      this.#waiting.push({ writes, units, settle: resolve });
    });
  }

  /** Lets the commit at `index` through, or fails it with nothing kept. */
  async pass(index: number, fault: 'none' | 'store failure'): Promise<void> {
    const [commit] = this.#waiting.splice(index, 1);
    if (commit === undefined) {
      return;
    }
    if (fault === 'store failure') {
      commit.settle(Promise.reject(new OrbweaverError('STORE_FAILURE', 'injected: disk full')));
    } else {
      commit.settle(this.#behind.commit(commit.writes, commit.units));
    }
    await turn();
  }

  /** The agent dies: what waits lands or not, as `lands` says, and nobody hears of it. */
  async abandon(lands: () => boolean): Promise<void> {
    for (const commit of this.#waiting.splice(0)) {
      if (lands()) {
        await this.#behind.commit(commit.writes, commit.units);
      }
    }
  }

  line: Ledger['line'] = (address) => this.#behind.line(address);
  containerRef: Ledger['containerRef'] = (id) => this.#behind.containerRef(id);
  claimsOfContainer: Ledger['claimsOfContainer'] = (network, id) =>
    this.#behind.claimsOfContainer(network, id);
  claimsOfPod: Ledger['claimsOfPod'] = (namespace, pod) => this.#behind.claimsOfPod(namespace, pod);
  claimsOfNetwork: Ledger['claimsOfNetwork'] = (network, node) =>
    this.#behind.claimsOfNetwork(network, node);
  claimsOfPool: Ledger['claimsOfPool'] = (pool, limit) => this.#behind.claimsOfPool(pool, limit);
  claims: Ledger['claims'] = () => this.#behind.claims();
  blocks: Ledger['blocks'] = () => this.#behind.blocks();
  resting: Ledger['resting'] = () => this.#behind.resting();
  unit: Ledger['unit'] = (cidr) => this.#behind.unit(cidr);
  units: Ledger['units'] = (within) => this.#behind.units(within);
}

/** One turn of the event loop: everything that can run without the gate has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
