/**
 * The endpoints of pods: SpiderEndpoint, and WorkloadEndpoint for pods on pools of the older form
 * (reference/spiderpool.md 1.3; DESIGN section 4, "projections").
 *
 * They follow from the claims and are read by people only. Divergences that this file repairs, each as soon as
 * the watch tells of it, and all of them in a full pass:
 * - claims without endpoint (nobody wrote it yet, or somebody deleted it): it is made;
 * - an endpoint without claims: it is deleted;
 * - an endpoint that says something else than the claims, because the controller was away or somebody edited it:
 *   it is written again;
 * - an endpoint of a former pod of the same name: it is written again, for the pod that there is;
 * - an endpoint in the form of another pool: it is deleted, and made in the right form;
 * - an endpoint with Spiderpool's finalizer whose pod has claims here: it is taken over, and the finalizer goes.
 *   Without claims here it belongs to a Spiderpool that still runs, or that was removed, and is left alone.
 *
 * Endpoints have no finalizer, and belong to their pod: with the controller away the garbage collector of
 * Kubernetes removes them. Not here yet: an owner with a fixed address, whose endpoint outlives the pod and is
 * written by the agent, before the claim.
 */
import { isDeepStrictEqual } from 'node:util';
import { LIMITS } from '../catalogue/limits.ts';
import { SPIDER_FINALIZER } from '../dialect/admission-rules.ts';
import { kindById } from '../dialect/kinds.ts';
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Log } from '../http/log.ts';
import type { Claim } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import { endpointOf } from '../projection/endpoint.ts';
import type { ClusterAccess, Duty, Feed } from './access.ts';
import { type ClaimsView, type PodName, podKey } from './claims-view.ts';
import type { PodOwner, PodOwners } from './pod-owners.ts';
import type { PoolsView } from './pools-view.ts';
import { type WorkEnd, WorkQueue } from './work-queue.ts';
import { endOf, Refusals } from './write-end.ts';

export interface EndpointDutyParts {
  readonly access: ClusterAccess;
  readonly claims: ClaimsView;
  readonly pools: PoolsView;
  readonly owners: PodOwners;
  /** Monotonic. */
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Pick<Log, 'error' | 'warn' | 'info'>;
}

const FORMS = ['SpiderEndpoint', 'SpiderpoolV1WorkloadEndpoint'] as const;
type Form = (typeof FORMS)[number];

const MANAGED_LABEL = 'app.kubernetes.io/managed-by';
const MANAGED_BY = 'orbweaver';

interface Wanted {
  readonly form: Form;
  readonly object: KubeObject;
}

/** What the server made of a write, where that is not what was written: a field that its schema does not have. */
interface Settled {
  readonly wanted: Matter;
  readonly stored: Matter;
}

export class EndpointDuty implements Duty {
  readonly #parts: EndpointDutyParts;
  readonly #queue: WorkQueue;
  readonly #refusals: Refusals;
  readonly #feeds = new Map<Form, Feed>();
  readonly #settled = new Map<string, Settled>();
  #ready = false;
  #stopped = false;

  constructor(parts: EndpointDutyParts) {
    this.#parts = parts;
    this.#refusals = new Refusals(parts.log);
    this.#queue = new WorkQueue({
      timers: parts.timers,
      random: parts.random,
      delayMs: LIMITS.endpointDelayMs,
      workers: LIMITS.projectionWorkers,
      onFault: (key, error) =>
        parts.log.error({ key, error: String(error) }, 'could not be brought in line'),
      work: (key) => this.#work(key),
    });
  }

  /** Pods that wait for their endpoint. */
  get depth(): number {
    return this.#queue.depth;
  }

  start(): void {
    const { access, claims, owners } = this.#parts;
    for (const form of FORMS) {
      const feed = access.follow(form, {
        keep: keptPart,
        onChange: (name) => this.podsChanged([name]),
      });
      this.#feeds.set(form, feed);
    }
    const holders = new Set(claims.pods().map(podKey));
    const lists = Array.from(this.#feeds.values(), (feed) => feed.synced);
    void Promise.all([...lists, owners.readAll((pod) => holders.has(podKey(pod)))]).then(() => {
      this.#ready = !this.#stopped;
      this.pass();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ready = false;
    for (const feed of this.#feeds.values()) {
      feed.close();
    }
    await this.#queue.close();
  }

  /** Before the first whole pass nothing is done: what is there is not known yet. */
  podsChanged(pods: readonly PodName[]): void {
    if (this.#ready) {
      for (const pod of pods) {
        this.#queue.add(podKey(pod));
      }
    }
  }

  /** Compares all claims with all endpoints. */
  pass(): void {
    this.#refusals.forget();
    this.podsChanged(this.#parts.claims.pods());
    for (const feed of this.#feeds.values()) {
      this.podsChanged(
        feed.list().map(({ metadata }) => ({
          namespace: metadata.namespace ?? '',
          name: metadata.name,
        })),
      );
    }
  }

  async #work(key: string): Promise<WorkEnd> {
    const pod = podOfKey(key);
    const { claims, owners } = this.#parts;
    if (claims.claimsOfPod(pod).length === 0) {
      owners.forget(pod);
    } else if (!this.#isInLine(pod, this.#wanted(pod, owners.known(pod)))) {
      // What is written rests on the pod as it is.
      if ((await owners.read(pod)) === 'away') {
        return 'away';
      }
    }
    const wanted = this.#wanted(pod, owners.known(pod));
    let end: WorkEnd = 'done';
    for (const form of FORMS) {
      const one = await this.#bring(form, pod, wanted?.form === form ? wanted.object : undefined);
      end = end === 'done' ? one : end;
    }
    return end;
  }

  /** The endpoint that follows from the claims; undefined where the pod should have none. */
  #wanted(pod: PodName, owner: PodOwner | 'gone' | undefined): Wanted | undefined {
    const { claims, pools } = this.#parts;
    const known = owner === 'gone' ? undefined : owner;
    const all = claims.claimsOfPod(pod);
    const own = known && all.filter(({ owner: { uid } }) => uid === '' || known.uids.includes(uid));
    const shown = own !== undefined && own.length > 0 ? own : ofLastHolder(all);
    if (shown.length === 0) {
      return undefined;
    }
    // Claims of a deleted pool are shown in the present form rather than nowhere.
    const dialect = pools.poolOf(shown[0]!)?.dialect ?? 'spiderpool';
    if (dialect === 'calico') {
      return undefined;
    }
    const form = dialect === 'spiderpool' ? 'SpiderEndpoint' : 'SpiderpoolV1WorkloadEndpoint';
    const { apiVersions, kinds } = kindById(form);
    const names = { apiVersion: apiVersions[0]!, kind: kinds[0]! };
    const endpoint = endpointOf(names, shown, shown === own ? known : undefined, (claim) =>
      pools.poolOf(claim),
    );
    const { creationTimestamp: _, ...metadata } = endpoint.metadata;
    const labels = { [MANAGED_LABEL]: MANAGED_BY };
    return { form, object: { ...endpoint, metadata: { ...metadata, labels } } };
  }

  #isInLine(pod: PodName, wanted: Wanted | undefined): boolean {
    return FORMS.every((form) => {
      const present = this.#present(form, pod);
      return wanted?.form === form
        ? present !== undefined && this.#says(present, wanted.object)
        : present === undefined;
    });
  }

  async #bring(form: Form, pod: PodName, wanted: KubeObject | undefined): Promise<WorkEnd> {
    const { objects } = this.#parts.access;
    const present = this.#present(form, pod);
    const place = `${form} ${podKey(pod)}`;
    if (present === undefined) {
      if (wanted === undefined) {
        return 'done';
      }
      const outcome = await objects.create(form, wanted);
      if (outcome.kind === 'ok') {
        this.#settle(wanted, outcome.value);
      }
      return endOf(outcome, this.#refusals, `to create a ${form}`, place);
    }
    const { uid, resourceVersion } = present.metadata;
    const version = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    if (wanted === undefined) {
      if (!isOwn(present)) {
        return 'done';
      }
      this.#settled.delete(uid ?? '');
      const outcome = await objects.delete(form, pod, { preconditions: version });
      return endOf(outcome, this.#refusals, `to delete a ${form}`, place);
    }
    if (this.#says(present, wanted)) {
      return 'done';
    }
    const { ownerReferences = null, labels } = wanted.metadata;
    const others = present.metadata.finalizers?.filter((name) => name !== SPIDER_FINALIZER);
    const outcome = await objects.mergePatch(form, pod, {
      metadata: { ...version, ownerReferences, labels, finalizers: others ?? null },
      status: wanted.status,
    });
    if (outcome.kind === 'ok') {
      this.#settle(wanted, outcome.value);
    }
    return endOf(outcome, this.#refusals, `to write a ${form}`, place);
  }

  #present(form: Form, { namespace, name }: PodName): KubeObject | undefined {
    return this.#feeds.get(form)?.get(namespace, name);
  }

  /** Whether the endpoint is as it should be, as far as its server keeps that. */
  #says(present: KubeObject, wanted: KubeObject): boolean {
    const matter = matterOf(present);
    if (isDeepStrictEqual(matter, matterOf(wanted))) {
      return true;
    }
    const settled = this.#settled.get(present.metadata.uid ?? '');
    return (
      settled !== undefined &&
      isDeepStrictEqual(settled.wanted, matterOf(wanted)) &&
      isDeepStrictEqual(settled.stored, matter)
    );
  }

  /** Written again and again it would never be otherwise. */
  #settle(wanted: KubeObject, stored: KubeObject): void {
    const uid = stored.metadata.uid ?? '';
    const settled = { wanted: matterOf(wanted), stored: matterOf(stored) };
    if (isDeepStrictEqual(settled.wanted, settled.stored)) {
      this.#settled.delete(uid);
    } else {
      this.#settled.set(uid, settled);
    }
  }
}

/** What makes two endpoints the same. */
type Matter = readonly unknown[];

function matterOf({ metadata, status }: KubeObject): Matter {
  return [
    status,
    metadata.ownerReferences ?? [],
    metadata.labels?.[MANAGED_LABEL],
    metadata.finalizers?.includes(SPIDER_FINALIZER) ?? false,
  ];
}

/** Whether an endpoint was made here; one of Spiderpool's own has its finalizer and not the label. */
function isOwn({ metadata }: KubeObject): boolean {
  return metadata.labels?.[MANAGED_LABEL] === MANAGED_BY;
}

/** There may be very many endpoints. */
function keptPart({ apiVersion, kind, metadata, status }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, labels, finalizers, ownerReferences } = metadata;
  const label = labels?.[MANAGED_LABEL];
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(label === undefined ? {} : { labels: { [MANAGED_LABEL]: label } }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
    status,
  };
}

/** Of pods of one name, the claims of that which was given an address last. */
function ofLastHolder(claims: readonly Claim[]): Claim[] {
  const last = claims.reduce<Claim | undefined>(
    (a, b) => (a === undefined || b.claimedAt > a.claimedAt ? b : a),
    undefined,
  );
  return claims.filter(({ owner }) => owner.uid === last?.owner.uid);
}

function podOfKey(key: string): PodName {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}
