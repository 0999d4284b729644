/**
 * The refusals of pods, as the events that a kubelet writes of them. They are kept in memory: a
 * refused ADD is tried again within seconds, so a new agent soon knows them again.
 */
import { LIMITS } from '../catalogue/limits.ts';
import type { EventRow } from './protocol.ts';

/** One ADD that was refused. */
export interface Refusal {
  readonly namespace: string;
  readonly pod: string;
  readonly containerId: string;
  readonly network: string;
  /** `msg` of the CNI error. */
  readonly message: string;
}

export class PodEvents {
  /** By pod and message, least recently repeated first. */
  readonly #events = new Map<string, { pod: string; row: EventRow }>();
  readonly #now: () => number;

  /** `now`: milliseconds since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Counts a repeated refusal under its last sandbox; makes room for a new one by dropping the
   * oldest.
   */
  refused(refusal: Refusal): void {
    const pod = podKey(refusal.namespace, refusal.pod);
    const key = `${pod} ${refusal.network} ${refusal.message}`;
    const at = new Date(this.#now()).toISOString();
    const before = this.#events.get(key)?.row;
    this.#events.delete(key);
    this.#events.set(key, {
      pod,
      row: {
        type: 'Warning',
        reason: 'FailedCreatePodSandBox',
        from: 'kubelet',
        message: kubeletText(refusal),
        at,
        count: (before?.count ?? 0) + 1,
        firstAt: before?.firstAt ?? at,
      },
    });
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= LIMITS.eventsMax) {
        break;
      }
      this.#events.delete(oldest);
    }
  }

  /** Events of a pod, the last repeated one last. */
  of(namespace: string, pod: string): EventRow[] {
    const key = podKey(namespace, pod);
    return [...this.#events.values()].filter((event) => event.pod === key).map(({ row }) => row);
  }

  /** The pod was deleted: a later one of its name starts clean. */
  forget(namespace: string, pod: string): void {
    const key = podKey(namespace, pod);
    for (const [id, event] of this.#events) {
      if (event.pod === key) {
        this.#events.delete(id);
      }
    }
  }
}

function podKey(namespace: string, pod: string): string {
  return `${namespace}/${pod}`;
}

/** The first two seeds, "Events" of the refused pods. */
function kubeletText({ namespace, pod, containerId, network, message }: Refusal): string {
  return (
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox ' +
    `"${containerId}": [${namespace}/${pod}:${network}]: ` +
    `error adding container to network "${network}": ${message}`
  );
}
