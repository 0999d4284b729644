/**
 * What an agent refused, as Kubernetes Events of the pod: `kubectl describe pod` shows them beside the kubelet's.
 *
 * A runtime tries a refused pod again every few seconds, so a refusal is written once and then counted in the
 * Event it has, not more often than every few seconds; and all Events together keep to a rate. Nothing waits for
 * an Event: what cannot be written is counted until it can, and forgotten in the end, like Events themselves.
 */
import { createHash } from 'node:crypto';
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import { pause, type Timers } from '../ipam/timers.ts';
import type { ApiOutcome } from './api.ts';
import { backoffMs } from './backoff.ts';
import type { KubeObjects } from './objects.ts';
import { EVENTS } from './resources.ts';

export const EVENT_COMPONENT = 'orbweaver-agent';
export const EVENT_REASON = 'FailedIPAllocation';

/** A repeated refusal is counted in its Event no more often than this, in milliseconds. */
const REPEAT_MS = 10_000;
const CUT = ' …';
/** Kubernetes' bound of a name. */
const NAME_CHARS_MAX = 253;

/** One refused ADD. */
export interface PodRefusal {
  readonly namespace: string;
  readonly pod: string;
  /** As the runtime says it; empty where it does not. */
  readonly uid: string;
  /** What the pod's operator is to read: the error's text, then the reasons. */
  readonly message: string;
}

export interface PodEventWriterParts {
  readonly objects: Pick<KubeObjects, 'create' | 'mergePatch'>;
  readonly node: string;
  /** Sets this process's Events apart from those of its earlier lives. */
  readonly run: string;
  readonly timers: Timers;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told once for as long as Events are refused. */
  readonly onRefused?: (reason: string) => void;
}

interface Entry {
  readonly refusal: PodRefusal;
  readonly name: string;
  readonly firstAt: number;
  lastAt: number;
  count: number;
  /** How many times the Event on the API server counts; 0: there is none yet. */
  written: number;
  /** Not before this time. */
  notBefore: number;
}

export class PodEventWriter {
  readonly #parts: PodEventWriterParts;
  /** By pod and message, least recently repeated first. */
  readonly #entries = new Map<string, Entry>();
  #running = false;
  #failures = 0;
  #told = false;
  #closed = false;
  #made = 0;

  constructor(parts: PodEventWriterParts) {
    this.#parts = parts;
  }

  /** Takes a refusal in; returns at once. */
  refused(refusal: PodRefusal): void {
    const now = this.#parts.timers.now();
    const message = bounded(refusal.message);
    const key = `${refusal.namespace}/${refusal.pod}/${refusal.uid} ${message}`;
    const before = this.#entries.get(key);
    this.#entries.delete(key);
    const entry = before ?? this.#newEntry({ ...refusal, message }, now);
    entry.count += before === undefined ? 0 : 1;
    entry.lastAt = now;
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= LIMITS.eventsMax) {
        break;
      }
      this.#entries.delete(oldest);
    }
    this.#wake();
  }

  /** The pod was deleted: nothing more is written about it. */
  forget(namespace: string, pod: string): void {
    for (const [key, { refusal }] of this.#entries) {
      if (refusal.namespace === namespace && refusal.pod === pod) {
        this.#entries.delete(key);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#entries.clear();
  }

  #wake(): void {
    if (!this.#running) {
      this.#running = true;
      void this.#drain().finally(() => {
        this.#running = false;
      });
    }
  }

  /** Writes one Event after the other until nothing is due. */
  async #drain(): Promise<void> {
    const { timers, random } = this.#parts;
    for (;;) {
      const entry = this.#next();
      if (this.#closed || entry === undefined) {
        return;
      }
      const early = entry.notBefore - timers.now();
      if (early > 0) {
        await pause(timers, Math.min(early, 1_000));
        continue;
      }
      const fine = await this.#write(entry);
      this.#failures = fine ? 0 : this.#failures + 1;
      const gap = 1_000 / LIMITS.eventsPerSecondMax;
      await pause(timers, fine ? gap : Math.max(gap, backoffMs(this.#failures, random)));
    }
  }

  /** What is due first, of those with something to write. */
  #next(): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries.values()) {
      const open = entry.count > entry.written;
      if (open && (first === undefined || entry.notBefore < first.notBefore)) {
        first = entry;
      }
    }
    return first;
  }

  /** False where the API server could not take it now. */
  async #write(entry: Entry): Promise<boolean> {
    const { objects } = this.#parts;
    const { count, refusal } = entry;
    const { namespace } = refusal;
    const outcome: ApiOutcome<KubeObject> =
      entry.written === 0
        ? await objects.create(EVENTS, this.#eventOf(entry))
        : await objects.mergePatch(
            EVENTS,
            { namespace, name: entry.name },
            { count, lastTimestamp: seconds(entry.lastAt) },
          );
    entry.notBefore = this.#parts.timers.now() + REPEAT_MS;
    switch (outcome.kind) {
      case 'ok':
      case 'conflict': // An earlier try has made it after all.
        entry.written = count;
        this.#told = false;
        return true;
      case 'not-found': // The Event is too old to be kept, or the namespace is gone.
        this.#drop(entry);
        return true;
      case 'refused':
        this.#drop(entry);
        if (!this.#told) {
          this.#told = true;
          this.#parts.onRefused?.(outcome.reason);
        }
        return true;
      default:
        return false;
    }
  }

  #drop(entry: Entry): void {
    for (const [key, other] of this.#entries) {
      if (other === entry) {
        this.#entries.delete(key);
      }
    }
  }

  #newEntry(refusal: PodRefusal, now: number): Entry {
    this.#made += 1;
    const digest = createHash('sha256')
      .update(`${this.#parts.run} ${this.#made}`)
      .digest('hex')
      .slice(0, 16);
    const name = `${refusal.pod.slice(0, NAME_CHARS_MAX - digest.length - 1)}.${digest}`;
    return { refusal, name, firstAt: now, lastAt: now, count: 1, written: 0, notBefore: now };
  }

  /** In the older form, whose count and times `kubectl describe` shows. */
  #eventOf({ refusal, name, firstAt, lastAt, count }: Entry): KubeObject {
    const { namespace, pod, uid, message } = refusal;
    const { node } = this.#parts;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name: pod, uid },
      type: 'Warning',
      reason: EVENT_REASON,
      message,
      source: { component: EVENT_COMPONENT, host: node },
      firstTimestamp: seconds(firstAt),
      lastTimestamp: seconds(lastAt),
      count,
      reportingComponent: EVENT_COMPONENT,
      reportingInstance: node,
    };
  }
}

/** The message, cut to what an Event may hold. */
function bounded(message: string): string {
  return message.length <= LIMITS.eventCharsMax
    ? message
    : `${message.slice(0, LIMITS.eventCharsMax - CUT.length)}${CUT}`;
}

/** RFC 3339 in whole seconds, as Kubernetes' Time. */
function seconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
