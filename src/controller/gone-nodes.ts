/**
 * Which nodes are gone for good (DESIGN section 4 rule 15): the Node object is gone, by a live read, and the Lease
 * of the node's agent was not renewed for its whole duration, by the time that this controller itself saw it
 * unchanged; the times in it are never compared with a clock.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Timers } from '../ipam/timers.ts';
import { agentLeaseName } from '../kube/node-lease.ts';
import { LEASES } from '../kube/resources.ts';
import type { ClusterAccess, Feed } from './access.ts';

export interface GoneNodesParts {
  readonly access: ClusterAccess;
  /** Where the Leases of agents are. */
  readonly namespace: string;
  /** Monotonic. */
  readonly timers: Timers;
}

/** A Lease as it was seen, and since when it is so. */
interface Observed {
  /** Undefined: there is none. */
  readonly version: string | undefined;
  readonly since: number;
}

export class GoneNodes {
  readonly #parts: GoneNodesParts;
  readonly #leases = new Map<string, Observed>();
  readonly #nodeFeed: Feed;
  readonly #leaseFeed: Feed;

  /** Begins to read. */
  constructor(parts: GoneNodesParts) {
    this.#parts = parts;
    const { access, namespace, timers } = parts;
    this.#nodeFeed = access.follow('Node', { keep: nameOnly });
    this.#leaseFeed = access.follow(LEASES, {
      namespace,
      onChange: ({ name }, object) =>
        this.#leases.set(name, {
          version: object?.metadata.resourceVersion,
          since: timers.now(),
        }),
    });
  }

  /** Resolves when Nodes and Leases were read once. */
  get synced(): Promise<unknown> {
    return Promise.all([this.#nodeFeed.synced, this.#leaseFeed.synced]);
  }

  close(): void {
    this.#nodeFeed.close();
    this.#leaseFeed.close();
  }

  /** Whether there is no Node object, as last seen. */
  isAbsent(node: string): boolean {
    return this.#nodeFeed.get('', node) === undefined;
  }

  /** Whether neither the Node nor a living agent of it is there, read now. */
  async isGone(node: string): Promise<boolean> {
    const { access, namespace, timers } = this.#parts;
    const name = agentLeaseName(node);
    const now = timers.now();
    const known = this.#leases.get(name);
    if (known === undefined) {
      // There was never one, as far as was seen: that it stays so is watched from here on.
      this.#leases.set(name, { version: undefined, since: now });
      return false;
    }
    const { leaseDurationSeconds = 0 } = (this.#leaseFeed.get(namespace, name)?.spec ?? {}) as {
      leaseDurationSeconds?: number;
    };
    if (now - known.since < Math.max(LIMITS.leaseMs, leaseDurationSeconds * 1000)) {
      return false;
    }
    const [found, lease] = await Promise.all([
      access.objects.get('Node', { name: node }),
      access.objects.get(LEASES, { namespace, name }),
    ]);
    const version = lease.kind === 'ok' ? lease.value.metadata.resourceVersion : undefined;
    const unchanged =
      (lease.kind === 'ok' || lease.kind === 'not-found') && version === known.version;
    return found.kind === 'not-found' && unchanged;
  }
}

function nameOnly({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
  };
}
