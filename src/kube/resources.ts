/**
 * Where on an API server the objects of a kind are.
 */
import { type KindId, kindById } from '../dialect/kinds.ts';

/** A kind of objects as paths name it. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** A kind of src/dialect, or any other by its path names. */
export type Resource = KindId | ResourceType;

export interface ResourcePlace {
  /** Absent: all namespaces, or a kind without. */
  readonly namespace?: string;
  /** Absent: the whole list. */
  readonly name?: string;
  readonly subresource?: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
}

export const LEASES: ResourceType = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  namespaced: true,
};

export const EVENTS: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'events',
  namespaced: true,
};

export const SECRETS: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  namespaced: true,
};

export const CUSTOM_RESOURCE_DEFINITIONS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

export const VALIDATING_WEBHOOKS: ResourceType = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  namespaced: false,
};

/** Calico's first version has another name for one of its kinds. */
const OLDER_NAMES: Readonly<Record<string, { readonly plural: string; readonly kind: string }>> = {
  'ipamconfigurations.crd.projectcalico.org': { plural: 'ipamconfigs', kind: 'IPAMConfig' },
};
const NEWER_KINDS: ReadonlyMap<string, string> = new Map([['IPAMConfig', 'IPAMConfiguration']]);

/**
 * The types under which a server may have the objects of a kind, the preferred first: Calico's are
 * `projectcalico.org/v3` where its own API server runs, and `crd.projectcalico.org/v1` elsewhere.
 */
export function resourceTypes(resource: Resource): readonly ResourceType[] {
  if (typeof resource !== 'string') {
    return [resource];
  }
  const { apiVersions, plural, namespaced } = kindById(resource);
  return apiVersions.map((apiVersion) => {
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const older = OLDER_NAMES[`${plural}.${group}`];
    return { group, version, plural: older?.plural ?? plural, namespaced };
  });
}

/** `apiVersion` and `kind` of an object where it is kept as this type. */
export function versionOf(
  object: { readonly kind: string },
  { group, version, plural }: ResourceType,
): { readonly apiVersion: string; readonly kind: string } {
  const older = Object.values(OLDER_NAMES).find((names) => names.plural === plural);
  return {
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind: older?.kind ?? NEWER_KINDS.get(object.kind) ?? object.kind,
  };
}

/** The path of a list, an object or a subresource, with its query. Of several types of a kind, the preferred. */
export function resourcePath(resource: Resource, place: ResourcePlace = {}): string {
  const { group, version, plural, namespaced } = resourceTypes(resource)[0]!;
  const { namespace, name, subresource, query = {} } = place;
  const parts = [
    ...(group === '' ? ['api'] : ['apis', group]),
    version,
    ...(namespaced && namespace !== undefined ? ['namespaces', namespace] : []),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return withQuery(`/${parts.map(encodeURIComponent).join('/')}`, query);
}

/** A path with more behind its `?`; undefined values are left out. */
export function withQuery(path: string, query: NonNullable<ResourcePlace['query']>): string {
  const given = Object.entries(query).filter((entry) => entry[1] !== undefined);
  if (given.length === 0) {
    return path;
  }
  const text = new URLSearchParams(
    given.map(([key, value]): [string, string] => [key, String(value)]),
  ).toString();
  return `${path}${path.includes('?') ? '&' : '?'}${text}`;
}
