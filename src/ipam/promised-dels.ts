/**
 * DELs that are answered before they are written, because the API server is away (rule 10): the deletion is on the
 * node's disk before its answer, and is carried out in the order of its pod's queue, if need be in the agent's
 * next life.
 *
 *     DEL ─ in its queue ─┬─ written soon ────────────────────────────► answered
 *                         └─ not soon ─ journal (fsync) ─ answered ···► written
 *     DEL before the ledger is read ─── journal (fsync) ─ answered ···► first in its queues ─► written
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { type CniAnswer, errorAnswer } from './cni-answer.ts';
import type { Attachment } from './ports.ts';
import { type CniRequest, readCall } from './request.ts';

/** What a DEL names. */
export interface Deletion {
  readonly attachment: Attachment;
  /** Each empty where the runtime did not say. */
  readonly args: { readonly namespace: string; readonly pod: string; readonly uid: string };
}

/** Deletions on the node's own disk. */
export interface DeletionJournal {
  /** Resolves to the entry's id when it is durable. Rejects with STORE_FAILURE. */
  beginDeletion(deletion: Deletion): Promise<number>;
  /**
   * The deletion was carried out. That need not be durable at once, but is no later than the next claim that
   * the journal takes: a deletion that turns up again is one of an attachment that was not added since.
   */
  endDeletion(id: number): void;
  /** The deletions that were not carried out, the oldest first. */
  openDeletions(): readonly { readonly id: number; readonly deletion: Deletion }[];
}

/** Enters a promised deletion into its queues, without fail and at once. */
export type CarryOut = (id: number, deletion: Deletion) => void;

export class PromisedDels {
  readonly #journal: DeletionJournal;
  #carryOut: CarryOut | undefined;
  /**
   * What is open or about to be, while nobody carries anything out: then no ADD comes between two DELs of one
   * attachment, so the first stands for both. The runtime repeats a DEL for as long as an agent waits for its Lease.
   */
  readonly #open: Map<string, Promise<number>>;

  constructor(journal: DeletionJournal) {
    this.#journal = journal;
    this.#open = new Map(
      journal.openDeletions().map(({ id, deletion }) => [keyOf(deletion), Promise.resolve(id)]),
    );
  }

  /** Resolves to the promise's id when it is durable; the caller carries it out and ends it. */
  begin(deletion: Deletion): Promise<number> {
    return this.#journal.beginDeletion(deletion);
  }

  end(id: number): void {
    this.#journal.endDeletion(id);
  }

  /**
   * Hands over the deletions that nobody carries out: those of an earlier life now, and those that `answer`
   * takes from here on as they come. Before anything else enters a queue.
   */
  takeOver(carryOut: CarryOut): void {
    this.#carryOut = carryOut;
    this.#open.clear();
    for (const { id, deletion } of this.#journal.openDeletions()) {
      carryOut(id, deletion);
    }
  }

  /**
   * Serves a DEL while there are no use-cases yet: resolves to success when it is durable that it will be carried
   * out. Never rejects: a malformed call and a disk that fails are answered as errors.
   */
  async answer(request: CniRequest): Promise<CniAnswer> {
    try {
      const { attachment, args } = readCall(request);
      await this.#promise(deletionOf({ attachment, args }));
      return { ok: true, result: undefined };
    } catch (error) {
      const known = error instanceof OrbweaverError;
      const told = known ? error : new OrbweaverError('INTERNAL', String(error));
      return errorAnswer(told, request, undefined);
    }
  }

  async #promise(deletion: Deletion): Promise<void> {
    const key = keyOf(deletion);
    const known = this.#open.get(key);
    if (known !== undefined) {
      await known;
      return;
    }
    const begun = this.#journal.beginDeletion(deletion);
    if (this.#carryOut === undefined) {
      this.#open.set(key, begun);
      // What is not on the disk stands for nothing.
      begun.catch(() => this.#open.delete(key));
    }
    const id = await begun;
    this.#carryOut?.(id, deletion);
  }
}

/** The same for deletions that say the same. */
function keyOf({ attachment, args }: Deletion): string {
  const { network, containerId, interfaceName } = attachment;
  return JSON.stringify([network, containerId, interfaceName, args.namespace, args.pod, args.uid]);
}

/** What is kept of a DEL. */
export function deletionOf({ attachment, args: { namespace, pod, uid } }: Deletion): Deletion {
  return { attachment, args: { namespace, pod, uid } };
}
