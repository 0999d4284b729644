/** What the faults of one run did, as rows of the table in docs/faults.md. */
import type { Counts } from './fault-check.ts';

export interface FaultRow extends Counts {
  readonly fault: string;
  /** Writes of IPBlocks that the API server refused, because another one was there first. */
  readonly conflicts: number;
  /** Starts of what was killed. */
  readonly restarts: number;
}

const HEAD = ['fault', 'ADDs', 'refused', 'DELs', 'conflicts', 'restarts'];

export class FaultTable {
  readonly #rows: FaultRow[] = [];

  add(row: FaultRow): void {
    this.#rows.push(row);
  }

  /** As Markdown. */
  get text(): string {
    const rows = this.#rows.map(({ fault, adds, refused, dels, conflicts, restarts }) =>
      [fault, adds, refused, dels, conflicts, restarts].join(' | '),
    );
    return [HEAD.join(' | '), HEAD.map(() => '---').join('|'), ...rows]
      .map((row) => `| ${row} |`)
      .join('\n');
  }
}
