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
    return { group, version, plural, namespaced };
  });
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
