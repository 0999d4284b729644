/**
 * A journal that ends with its process: for who writes one line and waits for its outcome, and has no node to come
 * back to.
 */
import type { SlotWrite } from '../ipam/ports.ts';
import type { Intent, Journal } from './journal.ts';

export class MemoryJournal implements Journal {
  #lastId = 0;

  async begin(_writes: readonly SlotWrite[]): Promise<number> {
    this.#lastId += 1;
    return this.#lastId;
  }

  end(): void {}

  open(): Intent[] {
    return [];
  }
}
