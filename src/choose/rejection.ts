/**
 * Why a pool does not take a pod: Spiderpool's words (reference/spiderpool.md 4.2), and ours on
 * which label is missing or different.
 */
import type { Affinity, Pool } from '../dialect/pool.ts';
import type { Family } from '../net/address.ts';
import { formatAddress } from '../net/address.ts';
import { firstUnmet } from '../selector/selector.ts';
import type { ClassName, Question, Verdicts } from './catalog.ts';
import type { Rejection, RejectionCause } from './choice.ts';
import { goList } from './messages.ts';
import type { NetworkAttachment } from './network-attachment.ts';
import type { RequestedAddress } from './requested-address.ts';
import type { Subject } from './subject.ts';

/** One interface of one pod, as the classes of affinity see it. */
export interface Case {
  readonly subject: Subject;
  /** The interface's name in texts. */
  readonly nic: string;
  readonly network: NetworkAttachment;
  readonly verdicts: Verdicts;
}

/** What the classes are asked for a subject. What is not known has no name and no labels. */
export function questionOf(subject: Subject, network: NetworkAttachment): Question {
  return {
    node: subject.node,
    namespace: subject.namespace ?? { name: '', labels: {} },
    pod: { name: subject.pod?.name ?? '', labels: subject.pod?.labels ?? {} },
    network: { name: network.kind === 'known' ? network.network : '', labels: {} },
  };
}

/**
 * Why a pool of a Spiderpool source is no candidate for a family; undefined: it is one. The first
 * failing check is the reason, in the order of reference/spiderpool.md 4.2.
 */
export function spiderpoolRejection(
  pool: Pool,
  family: Family,
  of: Case,
  requested: RequestedAddress | undefined,
): Rejection | undefined {
  const { name } = pool;
  if (pool.terminating) {
    return reject(pool, 'terminating', `terminating IPPool ${name}`);
  }
  if (pool.disabled) {
    return reject(pool, 'disabled', `disabled IPPool ${name}`);
  }
  if (pool.family !== family) {
    const text =
      `expect an IPv${family} IPPool, but the version of the IPPool ${name} ` +
      `is IPv${pool.family}`;
    return reject(pool, 'family', text);
  }
  const refusing = of.verdicts.refusing(pool);
  if (refusing !== undefined) {
    return reject(pool, refusing, classText(pool, refusing, of), because(pool, refusing, of));
  }
  return requested === undefined ? undefined : addressRejection(pool, requested);
}

/** Why a pool cannot give the address asked for; undefined: it can. */
export function addressRejection(pool: Pool, requested: RequestedAddress): Rejection | undefined {
  if (pool.ranges.has(requested.address)) {
    return undefined;
  }
  const address = formatAddress(requested.address);
  return reject(
    pool,
    'address',
    `unmatched address of IPPool ${pool.name}`,
    `${requested.road} asks for ${address}, which is not among its addresses`,
  );
}

/** The rejection of a pool, with nothing more to say where `because` is left out. */
export function reject(pool: Pool, cause: RejectionCause, text: string, because = ''): Rejection {
  return { pool: pool.name, cause, text, because };
}

function classText(pool: Pool, refusing: ClassName, of: Case): string {
  if (refusing === 'network') {
    return networkText(pool, of);
  }
  const label = { node: 'Node', namespace: 'Namespace', pod: 'Pod' }[refusing];
  const what = pool[refusing].kind === 'names' ? 'name' : 'affinity';
  return `unmatched ${label} ${what} of IPPool ${pool.name}`;
}

function networkText(pool: Pool, of: Case): string {
  if (of.network.kind === 'unknown') {
    return of.network.reason(pool);
  }
  return (
    `the spec.multusName ${goList(pool.multusNames)} in the IPPool ${pool.name} used by the ` +
    `Pod interface ${of.nic} is not matched with the multusCR ${of.network.network} ` +
    'specified by the Pod'
  );
}

/** Which requirement of a pool's class an object misses, in one clause. */
export function because(pool: Pool, refusing: ClassName, of: Case): string {
  const { subject } = of;
  switch (refusing) {
    case 'node':
      return unmet(`node ${subject.node.name}`, subject.node, pool.node);
    case 'namespace':
      return subject.namespace === undefined
        ? unmet('the call names no known pod', NOTHING, pool.namespace)
        : unmet(`namespace ${subject.namespace.name}`, subject.namespace, pool.namespace);
    case 'pod':
      return subject.pod === undefined
        ? unmet('the call names no known pod', NOTHING, pool.pod)
        : unmet(`pod ${subject.pod.namespace}/${subject.pod.name}`, subject.pod, pool.pod);
    case 'network':
      return '';
  }
}

const NOTHING = { name: '', labels: {} };

function unmet(
  who: string,
  object: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  affinity: Affinity,
): string {
  switch (affinity.kind) {
    case 'any':
      return who;
    case 'names':
      return `${who}: wanted one of ${goList(affinity.names)}`;
    case 'selector':
      return `${who}: ${firstUnmet(affinity.selector, object.labels) ?? 'not selected'}`;
  }
}
