/**
 * Kubernetes Events of the controller, on objects without a namespace: `kubectl describe` shows them there, and
 * the API server forgets them after an hour.
 *
 * One Event per object and reason, under a name that follows from both: said again it is counted, also by the next
 * leader. They keep to a rate. Events are news, not truth: one that cannot be written is dropped.
 */
import { hash } from 'node:crypto';
import { LIMITS } from '../catalogue/limits.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Clock } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import { EVENTS } from '../kube/resources.ts';
import type { ObjectApi } from './access.ts';
import { WakingRest } from './waking-rest.ts';

export interface News {
  /** What it is about. */
  readonly object: KubeObject;
  readonly type: 'Normal' | 'Warning';
  /** One word, CamelCase. */
  readonly reason: string;
  /** Cut at LIMITS.eventCharsMax. */
  readonly message: string;
}

/** Where `kubectl describe` looks for the Events of objects without a namespace. */
const DEFAULT_NAMESPACE = 'default';

/** News that wait to be written; beyond that they are dropped. */
const WAITING_MAX = 1_000;

export interface HeraldParts {
  readonly objects: Pick<ObjectApi, 'get' | 'create' | 'mergePatch'>;
  /** For the times in Events. */
  readonly clock: Clock;
  readonly timers: Timers;
  /** Names this controller among several. */
  readonly identity: string;
}

export class Herald {
  readonly #parts: HeraldParts;
  readonly #waiting: News[] = [];
  readonly #pause: WakingRest;
  #writing: Promise<void> | undefined;

  constructor(parts: HeraldParts) {
    this.#parts = parts;
    this.#pause = new WakingRest(parts.timers);
  }

  /** Writes an Event in its turn. */
  say(news: News): void {
    if (this.#waiting.length < WAITING_MAX) {
      this.#waiting.push(news);
      this.#writing ??= this.#writeAll().finally(() => {
        this.#writing = undefined;
      });
    }
  }

  /** Drops what waits; resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    this.#pause.wake();
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let news = this.#waiting.shift(); news !== undefined; news = this.#waiting.shift()) {
      await this.#write(news);
      if (this.#waiting.length > 0) {
        await this.#pause.rest(1_000 / LIMITS.eventsPerSecondMax);
      }
    }
  }

  async #write({ object, type, reason, message }: News): Promise<void> {
    const { objects, clock, identity } = this.#parts;
    const { name, uid = '', namespace = DEFAULT_NAMESPACE } = object.metadata;
    const digest = hash('sha256', `${object.kind} ${uid} ${reason}`, 'hex').slice(0, 16);
    const place = { namespace, name: `${name}.${digest}` };
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const text = message.slice(0, LIMITS.eventCharsMax);
    const created = await objects.create(EVENTS, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: place,
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        uid,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
      },
      type,
      reason,
      message: text,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      source: { component: 'orbweaver-controller' },
      reportingComponent: 'orbweaver-controller',
      reportingInstance: identity,
    });
    if (created.kind === 'conflict') {
      const found = await objects.get(EVENTS, place);
      const count = found.kind === 'ok' ? Number((found.value as { count?: unknown }).count) : 0;
      await objects.mergePatch(EVENTS, place, {
        count: (Number.isSafeInteger(count) ? count : 0) + 1,
        lastTimestamp: now,
        type,
        message: text,
      });
    }
  }
}
