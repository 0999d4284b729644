/**
 * What the API server does to every object before its kind's own rules: the version it is kept in, its
 * namespace, and the rules of names, labels and annotations.
 */
import { invalid, required, wrongType } from '../selector/field-error.ts';
import { labelKeyFaults, labelValueFaults, subdomainFaults } from '../selector/label-syntax.ts';
import { invalidObject } from './invalid-object.ts';
import { type Kind, kindOf } from './kinds.ts';
import type { KubeObject, ObjectMeta } from './kube-object.ts';

/** All annotations of one object, keys and values, in bytes (k8s.io/apimachinery TotalAnnotationSizeLimitB). */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_LABEL_CHARS_MAX = 63;

/**
 * The object in the version and under the kind name that it is kept in. A namespaced one without a
 * namespace is put into `namespace`; a cluster-scoped one loses the namespace it states, as with kubectl.
 *
 * Throws KIND_UNKNOWN, or OBJECT_INVALID with every fault of `metadata`.
 */
export function canonicalObject(object: KubeObject, namespace = 'default'): KubeObject {
  const kind = kindOf(object);
  const metadata: ObjectMeta = { ...object.metadata };
  if (kind.namespaced) metadata.namespace ??= namespace;
  else delete metadata.namespace;
  // `labels:` with nothing behind it is null in YAML.
  if (metadata.labels === null) delete metadata.labels;
  if (metadata.annotations === null) delete metadata.annotations;
  const canonical: KubeObject = {
    ...object,
    apiVersion: kind.apiVersions[0]!,
    kind: kind.kinds[0]!,
    metadata,
  };
  const faults = metadataFaults(kind, metadata);
  if (faults.length > 0) throw invalidObject(canonical, faults);
  return canonical;
}

function metadataFaults(kind: Kind, metadata: ObjectMeta): string[] {
  const faults = nameFaults('metadata.name', metadata.name, kind.id === 'Namespace');
  if (metadata.namespace !== undefined) {
    faults.push(...nameFaults('metadata.namespace', metadata.namespace, true));
  }
  faults.push(...labelFaults('metadata.labels', metadata.labels));
  faults.push(...annotationFaults('metadata.annotations', metadata.annotations));
  return faults;
}

function nameFaults(path: string, name: unknown, label: boolean): string[] {
  if (typeof name !== 'string') return [wrongType(path, name, 'string')];
  if (name === '') return [required(path, 'name or generateName is required')];
  const faults = label ? dnsLabelFaults(name) : subdomainFaults(name);
  return faults.map((fault) => invalid(path, name, fault));
}

function dnsLabelFaults(name: string): string[] {
  const faults: string[] = [];
  if (name.length > DNS_LABEL_CHARS_MAX) {
    faults.push(`must be no more than ${DNS_LABEL_CHARS_MAX} characters`);
  }
  if (!DNS_LABEL.test(name)) {
    faults.push(
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    );
  }
  return faults;
}

/** What is wrong with a map of labels, as field errors under `path`; undefined is no fault. */
export function labelFaults(path: string, labels: unknown): string[] {
  return mapFaults(path, labels, (key, value) => [
    ...labelKeyFaults(key).map((fault) => invalid(path, key, fault)),
    ...labelValueFaults(value).map((fault) => invalid(path, value, fault)),
  ]);
}

/** What is wrong with a map of annotations, as field errors under `path`; undefined is no fault. */
export function annotationFaults(path: string, annotations: unknown): string[] {
  let bytes = 0;
  const faults = mapFaults(path, annotations, (key, value) => {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
    // Only the key has a syntax, that of a label key in lower case.
    return labelKeyFaults(key.toLowerCase()).map((fault) => invalid(path, key, fault));
  });
  if (bytes > ANNOTATIONS_BYTES_MAX) {
    faults.push(`${path}: Too long: may not be more than ${ANNOTATIONS_BYTES_MAX} bytes`);
  }
  return faults;
}

function mapFaults(
  path: string,
  map: unknown,
  faultsOf: (key: string, value: string) => string[],
): string[] {
  if (map === undefined || map === null) return [];
  if (typeof map !== 'object' || Array.isArray(map)) return [wrongType(path, map, 'object')];
  return Object.entries(map).flatMap(([key, value]) =>
    typeof value === 'string'
      ? faultsOf(key, value)
      : [wrongType(`${path}.${key}`, value, 'string')],
  );
}
