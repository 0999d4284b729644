/**
 * What an agent stands on: one machine's store, or an API server. The agent around it (agent.ts) has the
 * socket, the use-cases, the figures and the log, and is the same for both.
 */
import type { Log } from '../http/log.ts';
import type { Metrics } from '../http/metrics.ts';
import type { Allocator } from '../ipam/allocator.ts';
import type { Parts } from '../ipam/parts.ts';
import type { Clock, Cluster, Ledger } from '../ipam/ports.ts';
import type { PromisedDels } from '../ipam/promised-dels.ts';
import type { CallRecord } from '../ipam/service.ts';
import type { Timers } from '../ipam/timers.ts';
import type { ProjectionParts } from '../projection/projected-objects.ts';
import type { BackupParts } from './backup-request.ts';
import type { ObjectKeeper } from './object-requests.ts';
import type { CheckProblem } from './protocol.ts';

/** What the use-cases work on, once all of it is read. */
export interface Opened {
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly allocator: Allocator;
  readonly timers?: Timers;
  readonly promised?: PromisedDels;
}

/** What a backend is given by the agent. */
export interface Host {
  readonly node: string;
  /** State folder; made if missing. */
  readonly state: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Makes the use-cases; called once, when everything is read. The result is what they work with. */
  serve(opened: Opened): Parts;
  /** A pod was deleted: what was told of it is forgotten. */
  podDeleted(namespace: string, name: string): void;
}

/** Everything there is, for one command that reads. */
export interface Look {
  readonly ipam: Parts;
  readonly projection: ProjectionParts;
}

/** What the commands on the socket read and write. */
export interface CommandParts {
  readonly keeper: ObjectKeeper;
  readonly projection: ProjectionParts;
  readonly backup: BackupParts;
  /** Resolves when a command that reads sees things as they are now. */
  upToDate(): Promise<void>;
  /** Where the agent does not know all claims: reads them. `own` is what the agent works with. */
  look?(own: Parts): Promise<Look>;
  /** Resolves when the labels of a node other than the own one can be asked for. */
  knowNode(name: string): Promise<void>;
  /** What is wrong with what is kept, for `ipam check`. */
  problems(): readonly CheckProblem[];
}

export interface Backend {
  readonly clock: Clock;
  /**
   * Takes the state folder and begins to read. What may take long goes on after it has resolved; `Host.serve`
   * is called when it is done. Rejects with what would make every further try vain.
   */
  open(host: Host): Promise<void>;
  /** Undefined until everything is read. */
  readonly commands: CommandParts | undefined;
  /** Why this verb is not served now, in a few words; undefined: it is. Asked once the use-cases are there. */
  refusal(verb: string): string | undefined | Promise<string | undefined>;
  /** Why the use-cases are not there yet, in a few words. */
  readonly waiting: string;
  /** Answers DELs until the use-cases are there; undefined: they are to be tried again. */
  readonly promised: PromisedDels | undefined;
  /** Told of every call that the use-cases answered. */
  observe(record: CallRecord): void;
  /** Told that addresses were freed. */
  freed(): void;
  /** Stops reading and writing. The use-cases are closed already. */
  close(): Promise<void>;
}
