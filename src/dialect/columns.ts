/**
 * The table columns of every kind: kubectl's for its own kinds, the printer columns of Spiderpool's CRDs
 * (reference/spiderpool.md 1.1–1.4), and calicoctl's (reference/calico.md 7.6). Data only; drawing a table
 * is the command line's work.
 */

import { readLabelSelector } from '../selector/label-selector.ts';
import { type Labels, labelOf } from '../selector/labels.ts';
import { endpointDuration, humanDuration } from './age.ts';
import type { KindId } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';

/** calicoctl's tables: as in Calico 3.23, or as in the newest version. */
export type Era = 'classic' | 'current';

export interface Column {
  readonly header: string;
  /** The cell of one object; `now` in milliseconds since the epoch. Control characters are not removed. */
  readonly value: (object: KubeObject, now: number) => string;
  /** Printed only with `-o wide`. */
  readonly wide: boolean;
}

type Value = Column['value'];
type Fields = Readonly<Record<string, unknown>>;

/** The columns of a kind's table, left to right; NAMESPACE is not among them. */
export function columnsFor(kind: KindId, wide: boolean, era: Era = 'classic'): Column[] {
  if (kind === 'CalicoIPPool') return wide ? calicoPoolWide(era) : CALICO_POOL;
  return COLUMNS[kind].filter((column) => wide || !column.wide);
}

const NONE = '<none>';
const UNKNOWN = '<unknown>';
/** calicoctl cuts the list of reserved networks here. */
const CIDRS_CHARS_MAX = 80;

function column(header: string, value: Value): Column {
  return { header, value, wide: false };
}

function wideColumn(header: string, value: Value): Column {
  return { header, value, wide: true };
}

/** The value at a path of plain keys and list indexes; undefined where anything is missing. */
function at(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Fields)[key];
  }
  return value;
}

/** As the API server prints a JSONPath: nothing for what is missing, JSON for lists and maps. */
function print(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function path(keys: string, missing = ''): Value {
  return (object) => print(at(object, keys)) || missing;
}

function listAt(object: unknown, keys: string): readonly unknown[] {
  const value = at(object, keys);
  return Array.isArray(value) ? value : [];
}

function labelsOf(object: KubeObject): Labels {
  return object.metadata.labels ?? {};
}

function secondsSince(object: KubeObject, now: number): number | undefined {
  const created = Date.parse(object.metadata.creationTimestamp ?? '');
  return Number.isNaN(created) ? undefined : (now - created) / 1000;
}

const age: Value = (object, now) => {
  const seconds = secondsSince(object, now);
  return seconds === undefined ? UNKNOWN : humanDuration(seconds);
};

const endpointAge: Value = (object, now) => {
  const seconds = secondsSince(object, now);
  return seconds === undefined ? UNKNOWN : endpointDuration(seconds);
};

const NAME = column('NAME', (object) => object.metadata.name);
const AGE = column('AGE', age);

// Kubernetes' own kinds

const namespaceStatus: Value = (object) =>
  object.metadata.deletionTimestamp === undefined
    ? print(at(object, 'status.phase')) || 'Active'
    : 'Terminating';

function conditionStatus(object: KubeObject, type: string): string | undefined {
  const found = listAt(object, 'status.conditions').find((one) => at(one, 'type') === type);
  return found === undefined ? undefined : print(at(found, 'status'));
}

const nodeStatus: Value = (object) => {
  const ready = conditionStatus(object, 'Ready');
  const status = ready === undefined ? 'Unknown' : ready === 'True' ? 'Ready' : 'NotReady';
  return at(object, 'spec.unschedulable') === true ? `${status},SchedulingDisabled` : status;
};

const ROLE_PREFIX = 'node-role.kubernetes.io/';

const nodeRoles: Value = (object) => {
  const labels = labelsOf(object);
  const roles = Object.keys(labels)
    .filter((key) => key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
    .map((key) => key.slice(ROLE_PREFIX.length));
  const older = labelOf(labels, 'kubernetes.io/role');
  if (older) roles.push(older);
  return [...new Set(roles)].sort().join(',') || NONE;
};

function nodeAddress(type: string): Value {
  return (object) => {
    const found = listAt(object, 'status.addresses').find((one) => at(one, 'type') === type);
    return print(at(found, 'address')) || NONE;
  };
}

const podReady: Value = (object) => {
  const statuses = listAt(object, 'status.containerStatuses');
  const ready = statuses.filter((one) => at(one, 'ready') === true).length;
  return `${ready}/${Math.max(listAt(object, 'spec.containers').length, statuses.length)}`;
};

const podStatusText: Value = (object) => {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  for (const status of listAt(object, 'status.containerStatuses')) {
    const reason = at(status, 'state.waiting.reason') ?? at(status, 'state.terminated.reason');
    if (reason !== undefined) return print(reason);
  }
  return print(at(object, 'status.reason')) || print(at(object, 'status.phase')) || 'Unknown';
};

const podRestarts: Value = (object) => {
  const counts = listAt(object, 'status.containerStatuses').map((one) => at(one, 'restartCount'));
  return String(counts.reduce<number>((sum, count) => sum + (Number(count) || 0), 0));
};

function count(keys: string): Value {
  return path(keys, '0');
}

/** `ready/wanted`; a workload that does not say how many it wants wants one. */
const readyOfWanted: Value = (object) =>
  `${count('status.readyReplicas')(object, 0)}/${path('spec.replicas', '1')(object, 0)}`;

function containers(field: 'name' | 'image'): Value {
  return (object) =>
    listAt(object, 'spec.template.spec.containers')
      .map((one) => print(at(one, field)))
      .join(',');
}

const selectorText: Value = (object) => {
  const selector = at(object, 'spec.selector');
  return selector === undefined ? NONE : readLabelSelector(selector, 'spec.selector').text || NONE;
};

const CONTAINERS = [
  wideColumn('CONTAINERS', containers('name')),
  wideColumn('IMAGES', containers('image')),
];
const SELECTOR = wideColumn('SELECTOR', selectorText);

const jobStatus: Value = (object) => {
  if (conditionStatus(object, 'Complete') === 'True') return 'Complete';
  if (conditionStatus(object, 'Failed') === 'True') return 'Failed';
  return at(object, 'spec.suspend') === true ? 'Suspended' : 'Running';
};

const jobCompletions: Value = (object) => {
  const wanted = path('spec.completions')(object, 0);
  const succeeded = count('status.succeeded')(object, 0);
  if (wanted !== '') return `${succeeded}/${wanted}`;
  const parallelism = path('spec.parallelism', '1')(object, 0);
  return parallelism === '1' ? `${succeeded}/1` : `${succeeded}/1 of ${parallelism}`;
};

// Spiderpool

/** Of an automatically made pool: the namespace of its application. */
const appNamespace: Value = (object) => {
  const labels = at(object, 'spec.podAffinity.matchLabels') as Fields | undefined;
  return print(labels?.['ipam.spidernet.io/app-namespace']);
};

const POOL_COUNTS = [
  column('SUBNET', path('spec.subnet')),
  column('ALLOCATED-IP-COUNT', path('status.allocatedIPCount')),
  column('TOTAL-IP-COUNT', path('status.totalIPCount')),
];
const VERSION = column('VERSION', path('spec.ipVersion'));

/** The first interface of an endpoint, as the printer columns show it; the header is spelt as there. */
const ENDPOINT = [
  NAME,
  column('INTERFACE', path('status.current.ips.0.interface')),
  column('IPV4POOL', path('status.current.ips.0.ipv4Pool')),
  column('IPV4', path('status.current.ips.0.ipv4')),
  column('IPV6POOL', path('status.current.ips.0.ipv6Pool')),
  column('IPV6', path('status.current.ips.0.ipv6')),
  column('NODE', path('status.current.node')),
  column('CREATETION TIME', endpointAge),
];

// Calico

const nodeSelector = column('SELECTOR', path('spec.nodeSelector', 'all()'));
const CALICO_POOL = [NAME, column('CIDR', path('spec.cidr')), nodeSelector];

function calicoPoolWide(era: Era): Column[] {
  const columns = [
    NAME,
    column('CIDR', path('spec.cidr')),
    column('NAT', path('spec.natOutgoing', 'false')),
    column('IPIPMODE', path('spec.ipipMode', 'Never')),
    column('VXLANMODE', path('spec.vxlanMode', 'Never')),
    column('DISABLED', path('spec.disabled', 'false')),
    column('DISABLEBGPEXPORT', path('spec.disableBGPExport', 'false')),
    nodeSelector,
  ];
  if (era === 'classic') return columns;
  return [...columns, column('ASSIGNMENTMODE', path('spec.assignmentMode', 'Automatic'))];
}

const reservedCidrs: Value = (object) =>
  listAt(object, 'spec.reservedCIDRs').map(print).join(',').slice(0, CIDRS_CHARS_MAX);

const COLUMNS: Readonly<Record<Exclude<KindId, 'CalicoIPPool'>, readonly Column[]>> = {
  Namespace: [NAME, column('STATUS', namespaceStatus), AGE],
  Node: [
    NAME,
    column('STATUS', nodeStatus),
    column('ROLES', nodeRoles),
    AGE,
    column('VERSION', path('status.nodeInfo.kubeletVersion')),
    wideColumn('INTERNAL-IP', nodeAddress('InternalIP')),
    wideColumn('EXTERNAL-IP', nodeAddress('ExternalIP')),
    wideColumn('OS-IMAGE', path('status.nodeInfo.osImage', UNKNOWN)),
    wideColumn('KERNEL-VERSION', path('status.nodeInfo.kernelVersion', UNKNOWN)),
    wideColumn('CONTAINER-RUNTIME', path('status.nodeInfo.containerRuntimeVersion', UNKNOWN)),
  ],
  Pod: [
    NAME,
    column('READY', podReady),
    column('STATUS', podStatusText),
    column('RESTARTS', podRestarts),
    AGE,
    wideColumn('IP', path('status.podIP', NONE)),
    wideColumn('NODE', path('spec.nodeName', NONE)),
    wideColumn('NOMINATED NODE', path('status.nominatedNodeName', NONE)),
    wideColumn('READINESS GATES', () => NONE),
  ],
  ConfigMap: [
    NAME,
    column('DATA', (object) => String(Object.keys((object.data ?? {}) as object).length)),
    AGE,
  ],
  Deployment: [
    NAME,
    column('READY', readyOfWanted),
    column('UP-TO-DATE', count('status.updatedReplicas')),
    column('AVAILABLE', count('status.availableReplicas')),
    AGE,
    ...CONTAINERS,
    SELECTOR,
  ],
  ReplicaSet: [
    NAME,
    column('DESIRED', path('spec.replicas', '1')),
    column('CURRENT', count('status.replicas')),
    column('READY', count('status.readyReplicas')),
    AGE,
    ...CONTAINERS,
    SELECTOR,
  ],
  StatefulSet: [NAME, column('READY', readyOfWanted), AGE, ...CONTAINERS],
  DaemonSet: [
    NAME,
    column('DESIRED', count('status.desiredNumberScheduled')),
    column('CURRENT', count('status.currentNumberScheduled')),
    column('READY', count('status.numberReady')),
    column('UP-TO-DATE', count('status.updatedNumberScheduled')),
    column('AVAILABLE', count('status.numberAvailable')),
    column('NODE SELECTOR', nodeSelectorText),
    AGE,
    ...CONTAINERS,
    SELECTOR,
  ],
  Job: [
    NAME,
    column('STATUS', jobStatus),
    column('COMPLETIONS', jobCompletions),
    column('DURATION', () => ''),
    AGE,
    ...CONTAINERS,
    SELECTOR,
  ],
  SpiderIPPool: [
    NAME,
    VERSION,
    ...POOL_COUNTS,
    column('DEFAULT', path('spec.default')),
    wideColumn('DISABLE', path('spec.disable')),
    wideColumn('NODENAME', path('spec.nodeName')),
    wideColumn('MULTUSNAME', path('spec.multusName')),
    wideColumn('APP-NAMESPACE', appNamespace),
  ],
  SpiderSubnet: [NAME, VERSION, ...POOL_COUNTS],
  SpiderReservedIP: [NAME, VERSION],
  SpiderEndpoint: ENDPOINT,
  SpiderpoolV1IPPool: [
    NAME,
    VERSION,
    ...POOL_COUNTS,
    column('DISABLE', path('spec.disable', 'false')),
  ],
  SpiderpoolV1WorkloadEndpoint: ENDPOINT,
  CalicoIPReservation: [NAME, wideColumn('CIDRS', reservedCidrs)],
  CalicoIPAMConfiguration: [
    NAME,
    column('STRICTAFFINITY', path('spec.strictAffinity', 'false')),
    column('AUTOALLOCATEBLOCKS', path('spec.autoAllocateBlocks', 'true')),
    wideColumn('MAXBLOCKSPERHOST', count('spec.maxBlocksPerHost')),
  ],
};

function nodeSelectorText(object: KubeObject): string {
  const selector = (at(object, 'spec.template.spec.nodeSelector') ?? {}) as Fields;
  const pairs = Object.entries(selector).map(([key, value]) => `${key}=${print(value)}`);
  return pairs.sort().join(',') || NONE;
}
