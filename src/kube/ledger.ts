/**
 * The ledger of a cluster: claims are lines of IPBlocks, written by JSON Patch (DESIGN section 4).
 *
 *     commit ─ journal (fsync) ─┬─ lane of block A ─┬─ all landed ─────────────────► durable
 *                               └─ lane of block B ─┴─ one lost: take the others back ► lost
 *     no outcome in time: the caller hears so, the lanes go on until it stands (rule 2), what landed is taken back
 *
 * A commit over several blocks is several patches, so for a moment a part of it may stand alone; its caller is
 * answered only when all stand, or none does. After a crash in between, `open` finishes that from the journal.
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
import { UnsettledError } from '../ipam/unsettled.ts';
import { type Address, blockOf, equalAddresses } from '../net/address.ts';
import { blockCidrText, type Cidr, cidrContains } from '../net/cidr.ts';
import type { BlockApi } from './api.ts';
import { backoffMs } from './backoff.ts';
import { BlockCache, type ChangeListener } from './block-cache.ts';
import { BlockLane, type Ticket } from './block-lane.ts';
import { writeLine, writeUnit } from './block-line.ts';
import { listBlocks } from './block-list.ts';
import { judge, type Part } from './block-patch.ts';
import type { Quarantined } from './cached-block.ts';
import { isRest, type Lost, markDual, outcomeOf, partOf, partsOf } from './commit-parts.ts';
import { containerRef } from './container-ref.ts';
import { FreshRead } from './fresh-read.ts';
import type { Intent, Journal } from './journal.ts';
import type { Losses } from './kept-claims.ts';
import { OwnClaims, type Trouble } from './own-claims.ts';
import { RequestGate } from './request-gate.ts';
import { fateOf, fenceOf, revertOf } from './settle.ts';

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
  /** Told what somebody did to the blocks by hand, as it is found (rule 13). */
  readonly onTrouble?: (trouble: Trouble) => void;
}

/** A commit on its way. */
interface Attempt {
  readonly writes: readonly SlotWrite[];
  readonly units: readonly UnitWrite[];
  /** What is called off when the commit is given up. */
  readonly tickets: Ticket[];
  /** Nobody waits for it any more. */
  abandoned: boolean;
  /** Its outcome stands. */
  over: boolean;
}

export class KubernetesLedger implements Ledger {
  readonly #parts: KubernetesLedgerParts;
  readonly #cache: BlockCache;
  readonly #own: OwnClaims;
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
      rewrite: (writes) => this.#rewrite(writes),
      look: (first) => void this.#lane(first).look(),
      onTrouble,
    });
    this.shared = new FreshRead({ api, cache: this.#cache, gate: this.#gate, timers, random });
  }

  /**
   * Reads all blocks and settles what an earlier life of this agent left open in its journal; resolves when
   * both are done, and tries for as long as the API server is away. Nothing may be answered before.
   */
  static async open(parts: KubernetesLedgerParts): Promise<KubernetesLedger> {
    const ledger = new KubernetesLedger(parts);
    const intents = parts.journal.open();
    await ledger.refresh();
    await Promise.all(intents.map((intent) => ledger.#recover(intent)));
    if ((parts.node ?? '') !== '') {
      ledger.#own.start();
      ledger.#listAgain();
    }
    return ledger;
  }

  /** Reads all blocks anew, from etcd. Resolves when a whole list was read; tries until then. */
  async refresh(): Promise<void> {
    const { api, timers, random } = this.#parts;
    for (let failures = 1; !this.#closed; failures += 1) {
      const { kind } = await listBlocks(api, this.#cache);
      if (kind === 'ok') {
        return;
      }
      await pause(timers, backoffMs(failures, random));
    }
  }

  async commit(
    wanted: readonly SlotWrite[],
    units: readonly UnitWrite[] = [],
  ): Promise<CommitOutcome> {
    if (this.#closed) {
      throw new OrbweaverError('NOT_READY', 'the agent is stopping');
    }
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
    const attempt: Attempt = { writes, units, tickets: [], abandoned: false, over: false };
    return this.#waitFor(attempt, this.#land(attempt));
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

  /** Answers in time, with an UnsettledError where the outcome does not stand by then. */
  #waitFor(attempt: Attempt, landing: Promise<CommitOutcome>): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      const callOff = this.#parts.timers.after(LIMITS.apiCommitMs, () => {
        if (attempt.over) {
          return;
        }
        attempt.abandoned = true;
        const settled = landing.then(
          () => {},
          () => {},
        );
        reject(
          new UnsettledError(
            `the API server did not answer within ${LIMITS.apiCommitMs} ms`,
            settled,
          ),
        );
        for (const ticket of attempt.tickets) {
          ticket.cancel();
        }
      });
      landing.then(resolve, reject).finally(callOff);
    });
  }

  async #land(attempt: Attempt): Promise<CommitOutcome> {
    const ending = attempt.writes.every(isRest) ? 'finish' : 'undo';
    const id = await this.#parts.journal.begin(attempt.writes, ending);
    let lost: Lost[];
    try {
      lost = await this.#sendAll(attempt);
    } catch (error) {
      if (!this.#closed) {
        await this.#takeBack(attempt.writes);
        this.#parts.journal.end(id);
      }
      attempt.over = true;
      throw error;
    }
    if (lost.length > 0 || attempt.abandoned) {
      await this.#takeBack(attempt.writes);
    }
    attempt.over = true;
    this.#parts.journal.end(id);
    return outcomeOf(lost);
  }

  /** Units whose slots lie in other blocks than their own go first, so that no slot lands without its owner. */
  async #sendAll(attempt: Attempt): Promise<Lost[]> {
    const { writes, units } = attempt;
    const ahead = units.filter(({ now }) =>
      writes.some(
        ({ now: { address } }) =>
          cidrContains(now.cidr, address) &&
          !equalAddresses(blockOf(address), blockOf(now.cidr.first)),
      ),
    );
    const lost = await this.#sendParts(attempt, partsOf([], ahead));
    if (lost.length > 0 || attempt.abandoned) {
      return lost;
    }
    const others = units.filter((unit) => !ahead.includes(unit));
    return this.#sendParts(attempt, partsOf(writes, others));
  }

  async #sendParts(attempt: Attempt, parts: readonly Part[]): Promise<Lost[]> {
    if (attempt.abandoned) {
      return [];
    }
    const tickets = parts.map((part) => this.#submit(part));
    // A release goes on to its end: given up half-way it would leave half a claim for the pod's next container.
    attempt.tickets.push(...tickets.filter((_, at) => !parts[at]!.writes.every(isRest)));
    // All ends are awaited, also when one is a refusal: what is to be taken back must be known.
    const ends = await Promise.allSettled(tickets.map(({ end }) => end));
    const refusal = ends.find((end) => end.status === 'rejected');
    if (refusal !== undefined) {
      throw refusal.reason;
    }
    return ends.flatMap((end) =>
      end.status === 'fulfilled' && end.value.kind === 'lost' ? [end.value] : [],
    );
  }

  /** Claims of a commit that landed although the commit does not stand (I5); resolves when none is left. */
  async #takeBack(writes: readonly SlotWrite[]): Promise<void> {
    const back = writes
      .filter((write) => this.#fate(write) === 'landed')
      .flatMap((write) => revertOf(write, this.#parts.timers.now()) ?? []);
    if (back.length === 0) {
      return;
    }
    const { journal } = this.#parts;
    // The claims may look answered to the agent's next life, so that this was begun is kept for it. Without a
    // disk it is done all the same: the other fault, a crash, would have to come too.
    const id = await journal.begin(back, 'finish').catch(() => undefined);
    const tickets = partsOf(back, []).map((part) => this.#submit(part));
    await Promise.allSettled(tickets.map(({ end }) => end));
    if (id !== undefined && !this.#closed) {
      journal.end(id);
    }
  }

  /**
   * Rule 2 for an intent of an earlier life, whose requests may still be on their way. What is to be finished is;
   * of anything else, what has not landed is kept out, and then what has is taken back: not all of it stands, so
   * it was not answered. (An intent leaves the journal soon after its answer, and no later than the agent writes
   * again: nobody else frees a claim so soon.)
   */
  async #recover({ id, writes, ending }: Intent): Promise<void> {
    const blocks = partsOf(writes, []).map(({ first }) => first);
    const brief = blocks.filter((first) => this.#cache.isBrief(first));
    await Promise.all(brief.map((first) => this.#lane(first).look()));
    for (;;) {
      const open = writes.filter((write) => this.#fate(write) === 'open');
      if (open.length === 0) {
        break;
      }
      const { timers } = this.#parts;
      const fences = open.map((write) =>
        ending === 'finish' ? write : fenceOf(write, this.line(write.now.address), timers.now()),
      );
      await Promise.all(partsOf(fences, []).map((part) => this.#submit(part).end));
    }
    if (ending === 'undo' && writes.some((write) => this.#fate(write) !== 'landed')) {
      await this.#takeBack(writes);
    }
    this.#parts.journal.end(id);
  }

  #fate(write: SlotWrite): ReturnType<typeof fateOf> {
    return fateOf(write, this.line(write.now.address));
  }

  /** Writes over own claims that their block lost. */
  async #rewrite(writes: readonly SlotWrite[]): Promise<boolean> {
    const { journal } = this.#parts;
    // To the agent's next life these slots are empty.
    const id = await journal.begin(
      writes.map(({ now }) => ({ was: undefined, now })),
      'finish',
    );
    const tickets = partsOf(writes, []).map((part) => this.#submit(part));
    const ends = await Promise.all(tickets.map(({ end }) => end));
    journal.end(id);
    return ends.every(({ kind }) => kind === 'landed');
  }

  #submit(part: Part): Ticket {
    return this.#lane(part.first).submit(part);
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
