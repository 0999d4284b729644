/** What every verb works with. */
import type { Allocator } from './allocator.ts';
import type { Attachments } from './attachments.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import type { Clock, Cluster, Ledger } from './ports.ts';

export interface Parts {
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly allocator: Allocator;
  readonly clock: Clock;
  readonly queue: KeyedQueue;
  readonly attachments: Attachments;
  /** The node this agent serves. */
  readonly node: string;
  /** Fresh for every write of a line (rule 1). */
  readonly nonce: () => string;
}
