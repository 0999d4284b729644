/** A journal that outlives the simulated agent and not the test. */
import type { SlotWrite } from '../../src/ipam/ports.ts';
import type { Deletion, DeletionJournal } from '../../src/ipam/promised-dels.ts';
import type { Ending, Intent, Journal } from '../../src/kube/journal.ts';

export class MemoryJournal implements Journal, DeletionJournal {
  readonly #intents = new Map<number, Intent>();
  readonly #deletions = new Map<number, Deletion>();
  /** Ended, but still on the disk. */
  readonly #ended = new Set<number>();
  #lastId = 0;

  async begin(writes: readonly SlotWrite[], ending: Ending): Promise<number> {
    const id = this.#next();
    this.#intents.set(id, structuredClone({ id, writes, ending }));
    return id;
  }

  async beginDeletion(deletion: Deletion): Promise<number> {
    const id = this.#next();
    this.#deletions.set(id, structuredClone(deletion));
    return id;
  }

  endDeletion(id: number): void {
    this.end(id);
  }

  openDeletions(): { id: number; deletion: Deletion }[] {
    return [...this.#deletions]
      .filter(([id]) => !this.#ended.has(id))
      .map(([id, deletion]) => ({ id, deletion }));
  }

  end(id: number): void {
    this.#ended.add(id);
  }

  open(): Intent[] {
    return [...this.#intents.values()].filter(({ id }) => !this.#ended.has(id));
  }

  /** The journal as the agent's next life finds it: ends that were not durable yet are forgotten. */
  reopened(): MemoryJournal {
    const journal = new MemoryJournal();
    for (const [id, intent] of this.#intents) {
      journal.#intents.set(id, intent);
    }
    for (const [id, deletion] of this.#deletions) {
      journal.#deletions.set(id, deletion);
    }
    journal.#lastId = this.#lastId;
    return journal;
  }

  /** A further entry takes along what has ended. */
  #next(): number {
    for (const id of this.#ended) {
      this.#intents.delete(id);
      this.#deletions.delete(id);
    }
    this.#ended.clear();
    this.#lastId += 1;
    return this.#lastId;
  }
}
