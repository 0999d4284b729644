/**
 * Workloads become pods once, when they are applied: there are no controllers here (DESIGN section 8). What
 * comes out has the names, labels, owners and nodes that Kubernetes' controllers and scheduler would give,
 * except that the same manifest always gives the same names.
 */
import { invalid } from '../selector/field-error.ts';
import { invalidObject } from './invalid-object.ts';
import { type KindId, kindOf } from './kinds.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from './kube-object.ts';
import { nodesFor, Spreader } from './placement.ts';
import { controllerOf } from './pod-owner.ts';
import { type Fields, inObject, specOf } from './spec-fields.ts';
import { readWorkload, WORKLOAD_KINDS, type WorkloadForm } from './workload-form.ts';
import { PodNames, templateHash } from './workload-names.ts';

/** The objects that a workload comes to. */
export interface Expansion {
  /** A Deployment's ReplicaSet, which owns its pods; undefined for other kinds. */
  readonly replicaSet: KubeObject | undefined;
  /** Pods that shall be, in order. One that was there already is the very object that was given. */
  readonly pods: readonly KubeObject[];
  /** Names of pods that were there and shall not be any more. */
  readonly removed: readonly string[];
  /** Names of ReplicaSets of earlier templates. */
  readonly removedReplicaSets: readonly string[];
}

/** One pod that shall be, before it is known whether it is there. */
interface Draft {
  readonly name: string;
  readonly owner: OwnerReference;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Fields;
  /** Undefined: wherever there is most room. */
  readonly node: string | undefined;
  /** A pod of this name with another value of this label is of an earlier template and makes way. */
  readonly revisionLabel: string | undefined;
}

/** The nodes that take the pods, in name order, and how many there are in all. */
interface Nodes {
  readonly fitting: readonly KubeObject[];
  readonly total: number;
}

const UNSCHEDULABLE = 'Unschedulable';
const HASH_LABEL = 'pod-template-hash';
const REVISION_LABEL = 'controller-revision-hash';

/** Whether expandWorkload makes pods of this kind; a Pod is its own. */
export function isWorkload(id: KindId): boolean {
  return id === 'Pod' || (WORKLOAD_KINDS as readonly KindId[]).includes(id);
}

/**
 * The pods of a Deployment, ReplicaSet, StatefulSet, DaemonSet or Job, or the Pod itself, spread over
 * `nodes`. The workload has its uid already. `existing` holds the pods and ReplicaSets of its namespace;
 * others' are left alone. More replicas keep the pods that are there and add to them, fewer take the highest
 * away, and another template replaces all. `newUid` makes a uid for each object that is new.
 *
 * Throws OBJECT_INVALID naming the object and the field. Nothing given is changed.
 */
export function expandWorkload(
  workload: KubeObject,
  nodes: readonly KubeObject[],
  existing: readonly KubeObject[],
  newUid: () => string,
): Expansion {
  if (kindOf(workload).id === 'Pod') return placePod(workload, nodes, existing, newUid);
  const form = readWorkload(workload);
  const family = familyOf(workload, existing);
  const fitting = inObject(workload, () =>
    nodesFor(form.template.spec, nodes, 'spec.template.spec'),
  );
  const place = { fitting, total: nodes.length };
  const replicaSet =
    form.kind === 'Deployment' ? replicaSetOf(workload, form, family, newUid) : undefined;
  const drafts = draftsOf(workload, form, replicaSet, fitting);
  const pods = settle(workload, drafts, family.pods, place, newUid);
  const kept = new Set(pods.map((pod) => pod.metadata.name));
  return {
    replicaSet,
    pods,
    removed: namesOf(family.pods).filter((name) => !kept.has(name)),
    removedReplicaSets: namesOf(family.replicaSets).filter(
      (name) => name !== replicaSet?.metadata.name,
    ),
  };
}

function namesOf(objects: readonly KubeObject[]): string[] {
  return objects.map((object) => object.metadata.name);
}

/** A bare pod. One that is there keeps its uid and its node; the rest is as written. */
function placePod(
  pod: KubeObject,
  nodes: readonly KubeObject[],
  existing: readonly KubeObject[],
  newUid: () => string,
): Expansion {
  const { name, namespace } = pod.metadata;
  const before = existing.find(
    ({ kind, metadata }) =>
      kind === 'Pod' && metadata.name === name && metadata.namespace === namespace,
  );
  const given = inObject(pod, () => specOf(pod));
  const fitting = inObject(pod, () => nodesFor(given, nodes, 'spec'));
  const bound = nodeOf(before) ?? nodeOf(pod) ?? new Spreader(fitting).next();
  if (nodeOf(pod) !== undefined && nodeOf(pod) !== bound) {
    const detail = `a pod stays on its node, which is ${bound}; delete the pod first`;
    throw invalidObject(pod, [invalid('spec.nodeName', nodeOf(pod), detail)]);
  }
  const status = pod.status ?? before?.status;
  const stale = status === undefined || (bound !== undefined && isUnscheduled({ ...pod, status }));
  const placed: KubeObject = {
    ...pod,
    metadata: { ...pod.metadata, uid: before?.metadata.uid ?? pod.metadata.uid ?? newUid() },
    spec: bound === undefined ? given : { ...given, nodeName: bound },
    status: stale ? pendingStatus(bound, nodes.length) : status,
  };
  return { replicaSet: undefined, pods: [placed], removed: [], removedReplicaSets: [] };
}

/** What of a workload is there already. */
interface Family {
  readonly pods: readonly KubeObject[];
  readonly replicaSets: readonly KubeObject[];
}

/** The workload's own among the objects of its namespace, by the controller that they name. */
function familyOf(workload: KubeObject, existing: readonly KubeObject[]): Family {
  const { name, namespace } = workload.metadata;
  const isDeployment = workload.kind === 'Deployment';
  const pods: KubeObject[] = [];
  const replicaSets: KubeObject[] = [];
  for (const object of existing) {
    const owner = controllerOf(object);
    if (owner === undefined || object.metadata.namespace !== namespace) continue;
    if (object.kind === 'ReplicaSet') {
      if (isDeployment && owner.kind === 'Deployment' && owner.name === name) {
        replicaSets.push(object);
      }
    } else if (object.kind === 'Pod') {
      // A Deployment's pods name its ReplicaSet, whose name ends with the hash that they carry.
      const hash = object.metadata.labels?.[HASH_LABEL];
      const [kind, owning] = isDeployment
        ? ['ReplicaSet', `${name}-${hash}`]
        : [workload.kind, name];
      if (owner.kind === kind && owner.name === owning) pods.push(object);
    }
  }
  return { pods, replicaSets };
}

function referenceTo(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  const { name, uid = '' } = metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

function replicaSetOf(
  deployment: KubeObject,
  form: WorkloadForm,
  family: Family,
  newUid: () => string,
): KubeObject {
  const spec = specOf(deployment);
  const hash = templateHash(spec.template);
  const name = `${deployment.metadata.name}-${hash}`;
  const before = family.replicaSets.find((one) => one.metadata.name === name);
  const owned = family.pods.map(controllerOf).find((owner) => owner?.name === name);
  const labels = { ...form.template.labels, [HASH_LABEL]: hash };
  const selector = spec.selector as Fields;
  const template = spec.template as { metadata?: Fields };
  const metadata: ObjectMeta = {
    ...before?.metadata,
    ...namespaceOf(deployment),
    name,
    labels,
    uid: before?.metadata.uid ?? owned?.uid ?? newUid(),
    ownerReferences: [referenceTo(deployment)],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata,
    spec: {
      replicas: form.count,
      selector: {
        ...selector,
        matchLabels: { ...(selector.matchLabels as Fields), [HASH_LABEL]: hash },
      },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

function draftsOf(
  workload: KubeObject,
  form: WorkloadForm,
  replicaSet: KubeObject | undefined,
  nodes: readonly KubeObject[],
): Draft[] {
  switch (form.kind) {
    case 'StatefulSet':
      return statefulSetDrafts(workload, form);
    case 'DaemonSet':
      return daemonSetDrafts(workload, form, nodes);
    case 'Job':
      return jobDrafts(workload, form);
    default:
      return replicaSetDrafts(replicaSet ?? workload, form);
  }
}

function draft(form: WorkloadForm, name: string, owner: KubeObject, more: Partial<Draft>): Draft {
  const { labels, annotations, spec } = form.template;
  const base = { name, owner: referenceTo(owner), labels, annotations, spec };
  return { ...base, node: undefined, revisionLabel: undefined, ...more };
}

function count<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}

function replicaSetDrafts(owner: KubeObject, form: WorkloadForm): Draft[] {
  const names = new PodNames();
  const hash = owner.metadata.labels?.[HASH_LABEL];
  const labels =
    hash === undefined ? form.template.labels : { ...form.template.labels, [HASH_LABEL]: hash };
  return count(form.count, (index) =>
    draft(form, names.make(`${owner.metadata.name}-`, String(index)), owner, { labels }),
  );
}

function statefulSetDrafts(owner: KubeObject, form: WorkloadForm): Draft[] {
  const revision = `${owner.metadata.name}-${templateHash(specOf(owner).template)}`;
  return count(form.count, (index) => {
    const ordinal = form.firstOrdinal + index;
    const name = `${owner.metadata.name}-${ordinal}`;
    return draft(form, name, owner, {
      revisionLabel: REVISION_LABEL,
      labels: {
        ...form.template.labels,
        'apps.kubernetes.io/pod-index': String(ordinal),
        [REVISION_LABEL]: revision,
        'statefulset.kubernetes.io/pod-name': name,
      },
      spec: {
        ...form.template.spec,
        hostname: name,
        ...(form.serviceName !== '' && { subdomain: form.serviceName }),
      },
    });
  });
}

/** One pod for each node; the node is in the name's hash, so that other nodes coming and going change none. */
function daemonSetDrafts(
  owner: KubeObject,
  form: WorkloadForm,
  nodes: readonly KubeObject[],
): Draft[] {
  const names = new PodNames();
  const hash = templateHash(specOf(owner).template);
  const labels = { ...form.template.labels, [REVISION_LABEL]: hash };
  return nodes.map(({ metadata }) => {
    const name = names.make(`${owner.metadata.name}-`, `${hash}/${metadata.name}`);
    return draft(form, name, owner, { labels, node: metadata.name });
  });
}

function jobDrafts(owner: KubeObject, form: WorkloadForm): Draft[] {
  const names = new PodNames();
  const { name, uid = '' } = owner.metadata;
  const common = {
    ...form.template.labels,
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
  const indexKey = 'batch.kubernetes.io/job-completion-index';
  return count(form.count, (index) => {
    const mark: Record<string, string> = form.indexed ? { [indexKey]: String(index) } : {};
    const base = form.indexed ? `${name}-${index}-` : `${name}-`;
    return draft(form, names.make(base, String(index)), owner, {
      labels: { ...common, ...mark },
      annotations: { ...form.template.annotations, ...mark },
    });
  });
}

/** Keeps the pods that are there and makes the others. */
function settle(
  workload: KubeObject,
  drafts: readonly Draft[],
  before: readonly KubeObject[],
  nodes: Nodes,
  newUid: () => string,
): KubeObject[] {
  const byName = new Map(before.map((pod) => [pod.metadata.name, pod]));
  const spreader = new Spreader(nodes.fitting);
  const kept = drafts.map((one) => {
    const pod = byName.get(one.name);
    return pod !== undefined && isOfRevision(pod, one) ? pod : undefined;
  });
  for (const pod of kept) spreader.count(nodeOf(pod));
  return drafts.map((one, index): KubeObject => {
    const pod = kept[index];
    if (pod !== undefined) return isUnscheduled(pod) ? scheduled(pod, spreader.next()) : pod;
    const node = (one.spec.nodeName as string | undefined) ?? one.node ?? spreader.next();
    const { name, labels, annotations, owner } = one;
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...namespaceOf(workload),
        name,
        labels: { ...labels },
        annotations: { ...annotations },
        uid: newUid(),
        ownerReferences: [owner],
      },
      spec: node === undefined ? one.spec : { ...one.spec, nodeName: node },
      status: pendingStatus(node, nodes.total),
    };
  });
}

function namespaceOf({ metadata }: KubeObject): { namespace?: string } {
  return metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
}

function isOfRevision(pod: KubeObject, { revisionLabel, labels }: Draft): boolean {
  if (revisionLabel === undefined) return true;
  return pod.metadata.labels?.[revisionLabel] === labels[revisionLabel];
}

function nodeOf(pod: KubeObject | undefined): string | undefined {
  const spec = pod?.spec as Fields | undefined;
  return typeof spec?.nodeName === 'string' ? spec.nodeName : undefined;
}

/**
 * Waiting for an address, or, where there are nodes and none of them takes the pod, for a node. Where no
 * node was applied the agent's own is meant.
 */
function pendingStatus(node: string | undefined, nodes: number): Fields {
  if (node !== undefined || nodes === 0) return { phase: 'Pending' };
  const message = `0/${nodes} nodes are available: none matches the Pod's node selector, affinity and tolerations.`;
  const condition = { type: 'PodScheduled', status: 'False', reason: UNSCHEDULABLE, message };
  return { phase: 'Pending', conditions: [condition] };
}

/** Whether the pod was made when no node took it. */
function isUnscheduled(pod: KubeObject): boolean {
  const { conditions } = (pod.status ?? {}) as { conditions?: unknown };
  return Array.isArray(conditions) && conditions.some((one) => one?.reason === UNSCHEDULABLE);
}

/** The waiting pod, on a node that takes it by now; the very same pod while there is none. */
function scheduled(pod: KubeObject, node: string | undefined): KubeObject {
  if (node === undefined) return pod;
  return {
    ...pod,
    spec: { ...(pod.spec as Fields), nodeName: node },
    status: { phase: 'Pending' },
  };
}
