/**
 * A look at all claims of the cluster, for one command on an agent's socket. The agent itself keeps the blocks in
 * which its node has nothing only in brief, so for a table of everything they are read anew, whole, into a ledger
 * and an engine that go when the command is answered.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { Allocator } from '../ipam/allocator.ts';
import type { Parts } from '../ipam/parts.ts';
import type { Timers } from '../ipam/timers.ts';
import { BlockServer } from '../kube/block-server.ts';
import type { KubernetesCluster } from '../kube/cluster.ts';
import { KubernetesLedger } from '../kube/ledger.ts';
import { MemoryJournal } from '../kube/memory-journal.ts';
import type { KubeObjects } from '../kube/objects.ts';
import type { Look } from './backend.ts';
import { clusterCommands } from './kubernetes-commands.ts';
import { PodDirectory } from './pod-directory.ts';

/** How long a command waits for the API server, in milliseconds. */
const PATIENCE_MS = 2 * LIMITS.apiRequestMs;

export interface WholeLookParts {
  readonly objects: KubeObjects;
  readonly cluster: KubernetesCluster;
  readonly timers: Timers;
}

export class WholeLook {
  readonly #parts: WholeLookParts;
  #reading: Promise<{ ledger: KubernetesLedger; allocator: Allocator }> | undefined;
  /** Why the last try of the read under way came to nothing. */
  #failure: string | undefined;

  constructor(parts: WholeLookParts) {
    this.#parts = parts;
  }

  /**
   * Reads everything; commands that ask while one read is under way share it. Rejects with API_SERVER_AWAY where
   * that takes too long.
   */
  async take(own: Parts): Promise<Look> {
    const { objects, cluster, timers } = this.#parts;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    const { ledger, allocator } = await this.#inTime(this.#reading);
    const commands = clusterCommands({ cluster, ledger, allocator });
    const pods = new PodDirectory(objects, timers);
    return {
      ipam: { ...own, ledger, allocator },
      projection: {
        ...commands.projection,
        cluster: {
          ...commands.projection.cluster,
          pod: (namespace, name) => pods.pod(namespace, name),
        },
      },
    };
  }

  async #read(): Promise<{ ledger: KubernetesLedger; allocator: Allocator }> {
    const { objects, cluster, timers } = this.#parts;
    this.#failure = undefined;
    let allocator: Allocator | undefined;
    const patience = new AbortController();
    const callOff = timers.after(PATIENCE_MS, () => patience.abort());
    const ledger = await KubernetesLedger.open(
      {
        api: new BlockServer(objects.api),
        journal: new MemoryJournal(),
        timers,
        random: Math.random,
        onChange: ({ addresses, units }) => allocator?.learn(addresses, units),
        onListFailed: (reason) => {
          this.#failure = reason;
        },
      },
      patience.signal,
    )
      .catch((error: unknown) => {
        throw patience.signal.aborted ? this.#tooLong() : error;
      })
      .finally(callOff);
    allocator = new Allocator({ ledger, cluster, clock: timers });
    return { ledger, allocator };
  }

  #inTime<T>(reading: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const callOff = this.#parts.timers.after(PATIENCE_MS, () => reject(this.#tooLong()));
      reading.then(resolve, reject).finally(callOff);
    });
  }

  #tooLong(): OrbweaverError {
    const what = `the IPBlocks could not be read within ${PATIENCE_MS / 1_000} s`;
    return new OrbweaverError('API_SERVER_AWAY', what, this.#failure);
  }
}
