/**
 * The ledger of a cluster: claims are lines of IPBlocks, written by JSON Patch (DESIGN section 4).
 *
 *     reads ──── copy of the blocks ◄── lists, answers to writes, rounds over the own blocks
 *     commit ─── commits ─── one lane per block ─── API server
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type {
  BlockState,
  Claim,
  CommitOutcome,
  Ledger,
  Line,
  Resting,
  SharedLedger,
  SlotWrite,
  Unit,
  UnitWrite,
} from '../ipam/ports.ts';
import { pause, type Timers } from '../ipam/timers.ts';
import { type Address, blockOf } from '../net/address.ts';
import { blockCidrText, type Cidr } from '../net/cidr.ts';
import type { BlockApi } from './api.ts';
import { backoffMs } from './backoff.ts';
import { BlockCache, type ChangeListener } from './block-cache.ts';
import { BlockLane } from './block-lane.ts';
import { writeLine, writeUnit } from './block-line.ts';
import { listBlocks } from './block-list.ts';
import { judge } from './block-patch.ts';
import type { Quarantined } from './cached-block.ts';
import { markDual, outcomeOf, partOf } from './commit-parts.ts';
import { Commits } from './commits.ts';
import { containerRef } from './container-ref.ts';
import { FreshRead } from './fresh-read.ts';
import type { Journal } from './journal.ts';
import type { Losses } from './kept-claims.ts';
import { OwnClaims, type Trouble } from './own-claims.ts';
import { RequestGate } from './request-gate.ts';

export interface KubernetesLedgerParts {
  readonly api: BlockApi;
  /**
   * The node whose agent this is. Its claims are kept whole and looked after; of blocks that hold none of them it
   * is only kept which addresses are free. Absent or empty where all claims are wanted, and none is looked after.
   */
  readonly node?: string;
  readonly journal: Journal;
  readonly timers: Timers;
  /** Uniform in [0, 1); spreads what met once. */
  readonly random: () => number;
  /** Told which addresses the agent sees changed, by whomever. */
  readonly onChange?: ChangeListener;
  /** Told why the blocks could not be listed, after each try: it goes on. */
  readonly onListFailed?: (reason: string) => void;
  /** Told what somebody did to the blocks by hand, as it is found (rule 13). */
  readonly onTrouble?: (trouble: Trouble) => void;
}

export class KubernetesLedger implements Ledger {
  readonly #parts: KubernetesLedgerParts;
  readonly #cache: BlockCache;
  readonly #own: OwnClaims;
  readonly #commits: Commits;
  readonly #gate = new RequestGate(LIMITS.apiRequestsMax);
  readonly #lanes = new Map<string, BlockLane>();
  readonly shared: SharedLedger;
  #closed = false;
  #callOffList: () => void = () => {};

  private constructor(parts: KubernetesLedgerParts) {
    this.#parts = parts;
    const { api, timers, random, node = '', onChange = () => {}, onTrouble = () => {} } = parts;
    const keeper = node !== '' && {
      node,
      usesWhole: (first: Address) => this.#lanes.has(blockCidrText(first)),
      onTrouble: (first: Address, { missing, taken }: Losses, faults: readonly Quarantined[]) => {
        // Given back by this agent: whoever has it now may.
        const lane = this.#lanes.get(blockCidrText(first));
        const lost = taken.filter(({ was }) => !lane?.releases(was.address));
        this.#own.heed(first, { missing, taken: lost }, faults);
      },
    };
    this.#cache = new BlockCache((change) => {
      this.#own.follow(change.addresses);
      onChange(change);
    }, keeper || undefined);
    this.#own = new OwnClaims({
      cache: this.#cache,
      timers,
      rewrite: (writes) => this.#commits.rewrite(writes),
      look: (first) => void this.#lane(first).look(),
      onTrouble,
    });
    this.#commits = new Commits({
      journal: parts.journal,
      timers,
      cache: this.#cache,
      submit: (part) => this.#lane(part.first).submit(part),
      look: (first) => this.#lane(first).look(),
      isClosed: () => this.#closed,
    });
    this.shared = new FreshRead({ api, cache: this.#cache, gate: this.#gate, timers, random });
  }

  /**
   * Reads all blocks and settles what an earlier life of this agent left open in its journal; resolves when
   * both are done, and tries for as long as the API server is away. Nothing may be answered before. Rejects with
   * NOT_READY when `signal` aborts, and with API_SERVER_AWAY where the server refuses what is to be settled; then
   * it sends nothing more, and what is open stays in the journal.
   */
  static async open(parts: KubernetesLedgerParts, signal?: AbortSignal): Promise<KubernetesLedger> {
    const ledger = new KubernetesLedger(parts);
    const giveUp = () => ledger.close();
    signal?.addEventListener('abort', giveUp);
    try {
      await ledger.#recover();
    } catch (error) {
      ledger.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
    return ledger;
  }

  async #recover(): Promise<void> {
    const { journal, node = '' } = this.#parts;
    const intents = journal.open();
    await this.refresh();
    this.#requireOpen();
    await Promise.all(intents.map((intent) => this.#commits.recover(intent)));
    this.#requireOpen();
    if (node !== '') {
      this.#own.start();
      this.#listAgain();
    }
  }

  #requireOpen(): void {
    if (this.#closed) {
      throw new OrbweaverError('NOT_READY', 'the agent is stopping');
    }
  }

  /** Reads all blocks anew, from etcd. Resolves when a whole list was read, or when the ledger closes. */
  async refresh(): Promise<void> {
    const { api, timers, random, onListFailed = () => {} } = this.#parts;
    for (let failures = 1; !this.#closed; failures += 1) {
      const outcome = await listBlocks(api, this.#cache);
      if (outcome.kind === 'ok') {
        return;
      }
      onListFailed('reason' in outcome ? outcome.reason : outcome.kind);
      const least = outcome.kind === 'busy' ? outcome.retryAfterMs : 0;
      await pause(timers, least + backoffMs(failures, random));
    }
  }

  async commit(
    wanted: readonly SlotWrite[],
    units: readonly UnitWrite[] = [],
  ): Promise<CommitOutcome> {
    this.#requireOpen();
    const writes = markDual(wanted);
    // Said here, because in a lane it would concern the others of the same patch too.
    for (const { now } of writes) {
      writeLine(now, {});
    }
    for (const { now } of units) {
      writeUnit(now, {});
    }
    const known = this.#lostAlready(writes, units);
    if (known !== undefined) {
      return known;
    }
    return this.#commits.run(writes, units);
  }

  /**
   * What was edited by hand in the blocks as last seen: lines that cannot be read, whose slots count as used, and
   * claims of this node that others have now (rule 13).
   */
  quarantined(): Quarantined[] {
    return [...this.#cache.quarantined(), ...this.#own.taken()];
  }

  /** Sends nothing more. What is on its way stays in the journal for the next start. */
  close(): void {
    this.#closed = true;
    this.#own.stop();
    this.#callOffList();
    for (const lane of this.#lanes.values()) {
      lane.close();
    }
  }

  line(address: Address): Line | undefined {
    return this.#cache.line(address);
  }

  containerRef(containerId: string): string {
    return containerRef(containerId);
  }

  claimsOfContainer(network: string, containerId: string): Claim[] {
    return this.#cache.claimsOfContainer(network, containerRef(containerId));
  }

  claimsOfPod(namespace: string, pod: string): Claim[] {
    return this.#cache.claimsOfPod(namespace, pod);
  }

  claimsOfNetwork(network: string, node: string): Iterable<Claim> {
    return this.#cache.claimsOfNetwork(network, node);
  }

  claimsOfPool(pool: string, limit?: number): Claim[] {
    return this.#cache.claimsOfPool(pool, limit);
  }

  claims(): Iterable<Claim> {
    return this.#cache.claims();
  }

  blocks(): Iterable<BlockState> {
    return this.#cache.blocks();
  }

  resting(): Iterable<Resting> {
    return this.#cache.resting();
  }

  unit(cidr: Cidr): Unit | undefined {
    return this.#cache.unit(cidr);
  }

  units(within: Cidr): Iterable<Unit> {
    return this.#cache.units(within);
  }

  /**
   * A request of an earlier life without a journal may land in a block that nobody here reads (rule 15). Spread
   * in time, so that the agents of many nodes do not list at once.
   */
  #listAgain(): void {
    const { timers, random } = this.#parts;
    this.#callOffList = timers.after(LIMITS.blocksRelistMs * (0.75 + random() / 2), () => {
      void this.refresh().then(() => this.#closed || this.#listAgain());
    });
  }

  /** What the copy says against a commit before anything is sent: it is newer than what the caller read. */
  #lostAlready(
    writes: readonly SlotWrite[],
    units: readonly UnitWrite[],
  ): CommitOutcome | undefined {
    const ends = [
      ...writes.map((write) => partOf(blockOf(write.now.address), [write], [])),
      ...units.map((unit) => partOf(blockOf(unit.now.cidr.first), [], [unit])),
    ]
      // Of a block in brief nothing can be said before it is read.
      .filter(({ first }) => !this.#cache.isBrief(first))
      .map((part) => judge(part, this.#cache.block(part.first)));
    const lost = ends.filter((end) => end.kind === 'lost');
    return lost.length === 0 ? undefined : outcomeOf(lost);
  }

  #lane(first: Address): BlockLane {
    const key = blockCidrText(first);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const { api, timers, random } = this.#parts;
      const parts = { api, cache: this.#cache, gate: this.#gate, timers, random };
      lane = new BlockLane(first, parts, () => this.#lanes.delete(key));
      this.#lanes.set(key, lane);
    }
    return lane;
  }
}
