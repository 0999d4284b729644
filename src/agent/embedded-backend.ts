/**
 * The backend of one machine: ledger and objects in a file of the state folder.
 *
 *     state folder ─ ledger, objects ─ manifests ─ engine
 *
 * All of it is read before the agent has a socket, so whoever is answered at all is answered by an agent that
 * has read everything.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { EmbeddedStore } from '../embedded/store.ts';
import type { Log } from '../http/log.ts';
import { Allocator } from '../ipam/allocator.ts';
import { MonotonicClock } from '../ipam/clock.ts';
import type { Backend, CommandParts, Host } from './backend.ts';
import { readManifestFiles } from './manifest-files.ts';

export interface EmbeddedBackendOptions {
  /** Files and folders of manifests to apply before anything is served. */
  readonly manifests: { readonly names: readonly string[]; readonly folder: string };
}

export class EmbeddedBackend implements Backend {
  readonly clock: MonotonicClock;
  readonly waiting = 'it reads the state folder';
  readonly promised = undefined;
  readonly #options: EmbeddedBackendOptions;
  readonly #log: Log;
  #store: EmbeddedStore | undefined;
  #commands: CommandParts | undefined;
  /** Resolves when pools that lost their last claim are gone. */
  #swept: Promise<void> = Promise.resolve();

  constructor(options: EmbeddedBackendOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.clock = new MonotonicClock((ms) => log.warn({ ms }, 'the clock was set back'));
  }

  get commands(): CommandParts | undefined {
    return this.#commands;
  }

  /** Throws STORE_LOCKED, STORE_DAMAGED, STORE_TOO_NEW, USAGE, or what is wrong with a manifest. */
  async open({ node, state, metrics, serve, podDeleted }: Host): Promise<void> {
    const { clock } = this;
    const store = await EmbeddedStore.open(state, {
      clock,
      node,
      onCommit: ({ writes, durationMs }) => metrics.committed(writes, durationMs),
      onFailure: (error) => {
        metrics.commitFailed();
        this.#log.error({ error: String(error) }, 'a commit failed');
      },
    });
    this.#store = store;
    await this.#applyManifests(store);
    store.objects.onChange((ref) => {
      if (ref?.kind === 'Pod' && store.objects.get(ref) === undefined) {
        podDeleted(ref.namespace, ref.name);
      }
    });
    for (const problem of store.objects.problems) {
      this.#log.error({ problem }, 'a stored object cannot be read');
    }
    const { ledger, cluster } = store;
    const allocator = new Allocator({ ledger, cluster, clock });
    serve({ ledger, cluster, allocator });
    this.#commands = this.#commandsOn(store, allocator);
    // The last claim of a pool may have gone just before the agent was killed.
    this.freed();
  }

  refusal(): undefined {
    return undefined;
  }

  observe(): void {}

  /** A pool that is being deleted goes with its last claim. */
  freed(): void {
    this.#swept = this.#store!.objects.sweepTerminating().then(
      (names) => {
        if (names.length > 0) {
          this.#log.info({ pools: names }, 'pools deleted with their last address');
        }
      },
      (error) => this.#log.error({ error: String(error) }, 'pools could not be deleted'),
    );
  }

  async close(): Promise<void> {
    this.#store?.close();
  }

  #commandsOn(store: EmbeddedStore, allocator: Allocator): CommandParts {
    const { objects, ledger, cluster } = store;
    return {
      keeper: objects,
      projection: {
        objects,
        ledger,
        cluster,
        allocator,
        allocatedCounts: () => ledger.claimedCounts(),
      },
      backup: store,
      upToDate: () => this.#swept,
      knowNode: async () => {},
      problems: () => objects.problems.map((what) => ({ ip: 'object', what })),
    };
  }

  /**
   * An object that is refused stops the start: an agent with half of its pools would hand out wrong
   * ones.
   */
  async #applyManifests(store: EmbeddedStore): Promise<void> {
    const { names, folder } = this.#options.manifests;
    const sourced = readManifestFiles(names, { folder });
    // All at once: they are admitted in this order and share the flushes to disk.
    const edits = sourced.map(({ object }) => store.objects.apply(object));
    await Promise.allSettled(edits);
    for (const [at, { object, source }] of sourced.entries()) {
      try {
        const { action, warnings } = await edits[at]!;
        for (const warning of warnings) {
          this.#log.warn({ source, object: object.metadata.name, warning }, 'manifest');
        }
        this.#log.info(
          { source, kind: object.kind, object: object.metadata.name, action },
          'manifest',
        );
      } catch (error) {
        if (!(error instanceof OrbweaverError)) {
          throw error;
        }
        throw new OrbweaverError(error.code, `${source}: ${error.message}`, error.details, {
          cause: error,
        });
      }
    }
  }
}
