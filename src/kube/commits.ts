/**
 * Commits on their way through the lanes of their blocks.
 *
 *     run ─ journal (fsync) ─┬─ lane of block A ─┬─ all landed ─────────────────► durable
 *                            └─ lane of block B ─┴─ one lost: take the others back ► lost
 *     no outcome in time: the caller hears so, the lanes go on until it stands (rule 2), what landed is taken back
 *
 * A commit over several blocks is several patches, so for a moment a part of it may stand alone; its caller is
 * answered only when all stand, or none does. After a crash in between, `recover` finishes that from the journal.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { CommitOutcome, SlotWrite, UnitWrite } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import { UnsettledError } from '../ipam/unsettled.ts';
import { type Address, blockOf, equalAddresses } from '../net/address.ts';
import { cidrContains } from '../net/cidr.ts';
import type { BlockCache } from './block-cache.ts';
import type { Ticket } from './block-lane.ts';
import type { Part } from './block-patch.ts';
import { isRest, type Lost, outcomeOf, partsOf } from './commit-parts.ts';
import type { Intent, Journal } from './journal.ts';
import { fateOf, fenceOf, revertOf } from './settle.ts';

export interface CommitsParts {
  readonly journal: Journal;
  readonly timers: Timers;
  readonly cache: BlockCache;
  /** Puts a part in line at its block. */
  readonly submit: (part: Part) => Ticket;
  /** Reads a block. */
  readonly look: (first: Address) => Promise<void>;
  /** Whether the ledger has closed: then what is open stays in the journal. */
  readonly isClosed: () => boolean;
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

export class Commits {
  readonly #parts: CommitsParts;

  constructor(parts: CommitsParts) {
    this.#parts = parts;
  }

  /** Resolves and rejects as `Ledger.commit` does. */
  run(writes: readonly SlotWrite[], units: readonly UnitWrite[]): Promise<CommitOutcome> {
    const attempt: Attempt = { writes, units, tickets: [], abandoned: false, over: false };
    return this.#waitFor(attempt, this.#land(attempt));
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
      if (!this.#parts.isClosed()) {
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
    const tickets = parts.map((part) => this.#parts.submit(part));
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
    const tickets = partsOf(back, []).map((part) => this.#parts.submit(part));
    await Promise.allSettled(tickets.map(({ end }) => end));
    if (id !== undefined && !this.#parts.isClosed()) {
      journal.end(id);
    }
  }

  /**
   * Rule 2 for an intent of an earlier life, whose requests may still be on their way. What is to be finished is;
   * of anything else, what has not landed is kept out, and then what has is taken back: not all of it stands, so
   * it was not answered. (An intent leaves the journal soon after its answer, and no later than the agent writes
   * again: nobody else frees a claim so soon.)
   */
  async recover({ id, writes, ending }: Intent): Promise<void> {
    const blocks = partsOf(writes, []).map(({ first }) => first);
    const brief = blocks.filter((first) => this.#parts.cache.isBrief(first));
    await Promise.all(brief.map((first) => this.#parts.look(first)));
    for (;;) {
      const open = writes.filter((write) => this.#fate(write) === 'open');
      if (open.length === 0) {
        break;
      }
      const { timers } = this.#parts;
      const fences = open.map((write) =>
        ending === 'finish'
          ? write
          : fenceOf(write, this.#parts.cache.line(write.now.address), timers.now()),
      );
      await Promise.all(partsOf(fences, []).map((part) => this.#parts.submit(part).end));
    }
    if (ending === 'undo' && writes.some((write) => this.#fate(write) !== 'landed')) {
      await this.#takeBack(writes);
    }
    this.#parts.journal.end(id);
  }

  #fate(write: SlotWrite): ReturnType<typeof fateOf> {
    return fateOf(write, this.#parts.cache.line(write.now.address));
  }

  /**
   * Writes over own claims that their block lost, all or none in each. Resolves to whether all landed; rejects where
   * the server refuses, or the ledger closes.
   */
  async rewrite(writes: readonly SlotWrite[]): Promise<boolean> {
    const { journal } = this.#parts;
    // To the agent's next life these slots are empty.
    const id = await journal.begin(
      writes.map(({ now }) => ({ was: undefined, now })),
      'finish',
    );
    const tickets = partsOf(writes, []).map((part) => this.#parts.submit(part));
    const ends = await Promise.allSettled(tickets.map(({ end }) => end));
    if (!this.#parts.isClosed()) {
      journal.end(id);
    }
    const refusal = ends.find((end) => end.status === 'rejected');
    if (refusal !== undefined) {
      throw refusal.reason;
    }
    return ends.every((end) => end.status === 'fulfilled' && end.value.kind === 'landed');
  }
}
