/** A journal that outlives the simulated agent and not the test. */
import type { SlotWrite } from '../../src/ipam/ports.ts';
import type { Intent, Journal } from '../../src/kube/journal.ts';

export class MemoryJournal implements Journal {
  readonly #intents = new Map<number, readonly SlotWrite[]>();
  #lastId = 0;

  async begin(writes: readonly SlotWrite[]): Promise<number> {
    this.#lastId += 1;
    this.#intents.set(this.#lastId, structuredClone(writes));
    return this.#lastId;
  }

  end(id: number): void {
    this.#intents.delete(id);
  }

  open(): Intent[] {
    return [...this.#intents].map(([id, writes]) => ({ id, writes }));
  }
}
