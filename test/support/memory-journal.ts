/** A journal that outlives the simulated agent and not the test. */
import type { SlotWrite } from '../../src/ipam/ports.ts';
import type { Intent, Journal } from '../../src/kube/journal.ts';

export class MemoryJournal implements Journal {
  readonly #intents = new Map<number, readonly SlotWrite[]>();
  /** Ended, but still on the disk. */
  readonly #ended = new Set<number>();
  #lastId = 0;

  async begin(writes: readonly SlotWrite[]): Promise<number> {
    this.#lastId += 1;
    for (const id of this.#ended) {
      this.#intents.delete(id);
    }
    this.#ended.clear();
    this.#intents.set(this.#lastId, structuredClone(writes));
    return this.#lastId;
  }

  end(id: number): void {
    this.#ended.add(id);
  }

  open(): Intent[] {
    return [...this.#intents]
      .filter(([id]) => !this.#ended.has(id))
      .map(([id, writes]) => ({ id, writes }));
  }

  /** The journal as the agent's next life finds it: ends that were not durable yet are forgotten. */
  reopened(): MemoryJournal {
    const journal = new MemoryJournal();
    for (const [id, writes] of this.#intents) {
      journal.#intents.set(id, writes);
    }
    journal.#lastId = this.#lastId;
    return journal;
  }
}
