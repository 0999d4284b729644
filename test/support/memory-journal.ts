/** A journal that outlives the simulated agent and not the test. */
import type { SlotWrite } from '../../src/ipam/ports.ts';
import type { Ending, Intent, Journal } from '../../src/kube/journal.ts';

export class MemoryJournal implements Journal {
  readonly #intents = new Map<number, Intent>();
  /** Ended, but still on the disk. */
  readonly #ended = new Set<number>();
  #lastId = 0;

  async begin(writes: readonly SlotWrite[], ending: Ending): Promise<number> {
    this.#lastId += 1;
    for (const id of this.#ended) {
      this.#intents.delete(id);
    }
    this.#ended.clear();
    this.#intents.set(this.#lastId, structuredClone({ id: this.#lastId, writes, ending }));
    return this.#lastId;
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
    journal.#lastId = this.#lastId;
    return journal;
  }
}
