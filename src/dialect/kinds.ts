/**
 * The kinds of Kubernetes objects that the embedded store keeps, and every word that means one of them.
 * Anything else is refused by name: an object that would be kept and never acted on helps nobody.
 *
 * `ippool` in all its forms is Calico's kind; the older Spiderpool kind of the same name is `spl`, or
 * `ippools.spiderpool.spidernet.io` (DESIGN section 8).
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { quoted } from '../selector/field-error.ts';
import type { KubeObject } from './kube-object.ts';

/** A kind's name in here: unique, where `kind` alone is not. */
export type KindId =
  | 'Namespace'
  | 'Node'
  | 'Pod'
  | 'ConfigMap'
  | 'Deployment'
  | 'ReplicaSet'
  | 'StatefulSet'
  | 'DaemonSet'
  | 'Job'
  | 'SpiderIPPool'
  | 'SpiderSubnet'
  | 'SpiderReservedIP'
  | 'SpiderEndpoint'
  | 'SpiderpoolV1IPPool'
  | 'SpiderpoolV1WorkloadEndpoint'
  | 'CalicoIPPool'
  | 'CalicoIPReservation'
  | 'CalicoIPAMConfiguration';

export interface Kind {
  readonly id: KindId;
  /** Versions that manifests may state; the first is the one that objects are kept and shown in. */
  readonly apiVersions: readonly string[];
  /** Kind names that manifests may state; the first is the one kept and shown. */
  readonly kinds: readonly string[];
  readonly plural: string;
  readonly singular: string;
  /** Further words of the command line, kubectl's short names and calicoctl's aliases. */
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Written by Orbweaver from its claims, never by a manifest. */
  readonly projected: boolean;
}

const SPIDERPOOL = 'spiderpool.spidernet.io/v2beta1';
const SPIDERPOOL_V1 = 'spiderpool.spidernet.io/v1';
const CALICO = ['projectcalico.org/v3', 'crd.projectcalico.org/v1'];

function kind(
  id: KindId,
  apiVersions: readonly string[],
  shortNames: readonly string[],
  more: Partial<Kind> = {},
): Kind {
  const singular = more.singular ?? id.toLowerCase();
  return {
    id,
    apiVersions,
    kinds: [id],
    plural: `${singular}s`,
    singular,
    shortNames,
    namespaced: false,
    projected: false,
    ...more,
  };
}

const NAMESPACED = { namespaced: true };

/** Every kind that is kept, in the order that lists of kinds print. */
export const KINDS: readonly Kind[] = [
  kind('Namespace', ['v1'], ['ns']),
  kind('Node', ['v1'], ['no']),
  kind('Pod', ['v1'], ['po'], NAMESPACED),
  kind('ConfigMap', ['v1'], ['cm'], NAMESPACED),
  kind('Deployment', ['apps/v1'], ['deploy'], NAMESPACED),
  kind('ReplicaSet', ['apps/v1'], ['rs'], NAMESPACED),
  kind('StatefulSet', ['apps/v1'], ['sts'], NAMESPACED),
  kind('DaemonSet', ['apps/v1'], ['ds'], NAMESPACED),
  kind('Job', ['batch/v1'], [], NAMESPACED),
  kind('SpiderIPPool', [SPIDERPOOL], ['sp']),
  kind('SpiderSubnet', [SPIDERPOOL], ['ss']),
  kind('SpiderReservedIP', [SPIDERPOOL], ['sr']),
  kind('SpiderEndpoint', [SPIDERPOOL], ['se'], { namespaced: true, projected: true }),
  // Its plural and singular are Calico's words, so without the group only `spl` means it.
  kind('SpiderpoolV1IPPool', [SPIDERPOOL_V1], ['spl'], { kinds: ['IPPool'], singular: 'ippool' }),
  kind('SpiderpoolV1WorkloadEndpoint', [SPIDERPOOL_V1], ['swe'], {
    kinds: ['WorkloadEndpoint'],
    singular: 'workloadendpoint',
    namespaced: true,
    projected: true,
  }),
  kind('CalicoIPPool', CALICO, ['ipp', 'ipps', 'pool', 'pools'], {
    kinds: ['IPPool'],
    singular: 'ippool',
  }),
  kind('CalicoIPReservation', CALICO, [], { kinds: ['IPReservation'], singular: 'ipreservation' }),
  kind('CalicoIPAMConfiguration', CALICO, ['ipamconfig', 'ipamconfigs'], {
    kinds: ['IPAMConfiguration', 'IPAMConfig'],
    singular: 'ipamconfiguration',
  }),
];

const BY_ID: ReadonlyMap<KindId, Kind> = new Map(KINDS.map((row) => [row.id, row]));
const BY_WORD = wordIndex();
const BY_MANIFEST = manifestIndex();

function wordIndex(): Map<string, Kind> {
  const words = new Map<string, Kind>();
  for (const row of KINDS) {
    for (const name of [row.plural, row.singular, ...row.shortNames]) {
      // A later row takes a bare word from an earlier one: `ippool` is Calico's.
      words.set(name, row);
      for (const apiVersion of row.apiVersions) {
        const [version, group] = apiVersion.split('/').reverse() as [string, string | undefined];
        if (group === undefined) continue;
        words.set(`${name}.${group}`, row);
        words.set(`${name}.${version}.${group}`, row);
      }
    }
  }
  return words;
}

function manifestIndex(): Map<string, Kind> {
  const rows = new Map<string, Kind>();
  for (const row of KINDS) {
    for (const apiVersion of row.apiVersions) {
      for (const name of row.kinds) rows.set(`${apiVersion} ${name}`, row);
    }
  }
  return rows;
}

/** The row of a kind by its name in here. */
export function kindById(id: KindId): Kind {
  return BY_ID.get(id)!;
}

/**
 * `spiderippools.spiderpool.spidernet.io`, as the API server calls the resource: without its group, a plural may be
 * another kind's as well.
 */
export function resourceName({ plural, apiVersions }: Kind): string {
  const group = apiVersions[0]!.split('/').at(-2);
  return group === undefined ? plural : `${plural}.${group}`;
}

/**
 * The kind that a word of the command line means: plural, singular, short name, or a name with its group
 * (`deployments.apps`), in any case. Throws KIND_UNKNOWN.
 */
export function resolveKind(word: string): Kind {
  const row = BY_WORD.get(word.toLowerCase());
  if (row === undefined) {
    throw new OrbweaverError('KIND_UNKNOWN', `no kind of objects is called ${quoted(word)} here`);
  }
  return row;
}

/**
 * The kind of an object, by its apiVersion and kind. Throws KIND_UNKNOWN, naming both and the object; the
 * details say where the kind is kept in another version.
 */
export function kindOf(object: KubeObject): Kind {
  const row = BY_MANIFEST.get(`${object.apiVersion} ${object.kind}`);
  if (row !== undefined) return row;
  const versions = KINDS.filter((other) => other.kinds.includes(object.kind)).flatMap(
    (other) => other.apiVersions,
  );
  throw new OrbweaverError(
    'KIND_UNKNOWN',
    `no matches for kind ${quoted(object.kind)} in version ${quoted(object.apiVersion)} (object ${quoted(object.metadata.name)})`,
    versions.length === 0 ? '' : `${object.kind} is kept in ${versions.join(', ')}`,
  );
}
