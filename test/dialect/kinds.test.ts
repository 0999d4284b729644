import { describe, expect, test } from 'vitest';
import { canonicalObject } from '../../src/dialect/canonical-object.ts';
import { KINDS, type KindId, kindOf, resolveKind } from '../../src/dialect/kinds.ts';
import { platformOf, withKnownLabels } from '../../src/dialect/known-labels.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { errorOf } from '../support/error-of.ts';

function object(apiVersion: string, kind: string, metadata: object = {}): KubeObject {
  return { apiVersion, kind, metadata: { name: 'x', ...metadata } };
}

describe('resolveKind understands', () => {
  const words: [string, KindId][] = [
    ['ns', 'Namespace'],
    ['namespaces', 'Namespace'],
    ['no', 'Node'],
    ['po', 'Pod'],
    ['Pod', 'Pod'],
    ['cm', 'ConfigMap'],
    ['deploy', 'Deployment'],
    ['deployments.apps', 'Deployment'],
    ['deployments.v1.apps', 'Deployment'],
    ['rs', 'ReplicaSet'],
    ['sts', 'StatefulSet'],
    ['ds', 'DaemonSet'],
    ['job', 'Job'],
    ['sp', 'SpiderIPPool'],
    ['spiderippool', 'SpiderIPPool'],
    ['spiderippools.spiderpool.spidernet.io', 'SpiderIPPool'],
    ['ss', 'SpiderSubnet'],
    ['sr', 'SpiderReservedIP'],
    ['se', 'SpiderEndpoint'],
    ['spl', 'SpiderpoolV1IPPool'],
    ['ippools.spiderpool.spidernet.io', 'SpiderpoolV1IPPool'],
    ['swe', 'SpiderpoolV1WorkloadEndpoint'],
    ['ippool', 'CalicoIPPool'],
    ['ippools', 'CalicoIPPool'],
    ['IPPool', 'CalicoIPPool'],
    ['ipp', 'CalicoIPPool'],
    ['ipps', 'CalicoIPPool'],
    ['pool', 'CalicoIPPool'],
    ['pools', 'CalicoIPPool'],
    ['ippools.projectcalico.org', 'CalicoIPPool'],
    ['ippools.crd.projectcalico.org', 'CalicoIPPool'],
    ['ipreservation', 'CalicoIPReservation'],
    ['ipamconfig', 'CalicoIPAMConfiguration'],
    ['ipamconfigurations', 'CalicoIPAMConfiguration'],
  ];
  test.each(words)('%s as %s', (word, id) => {
    expect(resolveKind(word).id).toBe(id);
  });

  test('no other word', () => {
    expect(errorOf(() => resolveKind('svc'))).toMatchObject({
      code: 'KIND_UNKNOWN',
      message: 'no kind of objects is called "svc" here',
    });
  });
});

describe('kindOf finds', () => {
  const cases: [string, string, KindId][] = [
    ['spiderpool.spidernet.io/v2beta1', 'SpiderIPPool', 'SpiderIPPool'],
    ['spiderpool.spidernet.io/v1', 'IPPool', 'SpiderpoolV1IPPool'],
    ['projectcalico.org/v3', 'IPPool', 'CalicoIPPool'],
    ['crd.projectcalico.org/v1', 'IPPool', 'CalicoIPPool'],
    ['projectcalico.org/v3', 'IPAMConfiguration', 'CalicoIPAMConfiguration'],
    ['crd.projectcalico.org/v1', 'IPAMConfig', 'CalicoIPAMConfiguration'],
  ];
  test.each(cases)('%s %s as %s', (apiVersion, kind, id) => {
    expect(kindOf(object(apiVersion, kind)).id).toBe(id);
  });

  test('its own kind for every row', () => {
    for (const kind of KINDS) {
      expect(kindOf(object(kind.apiVersions[0]!, kind.kinds[0]!))).toBe(kind);
    }
  });

  test('nothing for a kind that is not kept', () => {
    expect(errorOf(() => kindOf(object('v1', 'Service', { name: 'web' })))).toMatchObject({
      code: 'KIND_UNKNOWN',
      message: 'no matches for kind "Service" in version "v1" (object "web")',
      details: '',
    });
  });

  test('the right version for a kind in a wrong one', () => {
    const error = errorOf(() => kindOf(object('extensions/v1beta1', 'Deployment')));
    expect(error.details).toBe('Deployment is kept in apps/v1');
  });
});

describe('canonicalObject', () => {
  test('keeps Calico objects in their v3 form', () => {
    expect(canonicalObject(object('crd.projectcalico.org/v1', 'IPAMConfig'))).toEqual(
      object('projectcalico.org/v3', 'IPAMConfiguration'),
    );
  });

  test('puts a pod without a namespace into the given one', () => {
    expect(canonicalObject(object('v1', 'Pod')).metadata.namespace).toBe('default');
    expect(canonicalObject(object('v1', 'Pod'), 'blue').metadata.namespace).toBe('blue');
  });

  test('drops the namespace of a cluster-scoped object and empty maps', () => {
    const given = object('v1', 'Node', { namespace: 'blue', labels: null, annotations: null });
    expect(canonicalObject(given).metadata).toEqual({ name: 'x' });
  });

  const refused: { name: string; object: KubeObject; error: string }[] = [
    {
      name: 'a name in upper case',
      object: object('v1', 'Pod', { name: 'Web' }),
      error:
        'Pod "Web" is invalid: metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of',
    },
    {
      name: 'a namespace name with a dot',
      object: object('v1', 'Namespace', { name: 'a.b' }),
      error:
        'Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label must consist of',
    },
    {
      name: 'a label value that is a number',
      object: object('v1', 'Pod', { labels: { app: 1 } }),
      error:
        'Pod "x" is invalid: metadata.labels.app: Invalid value: "integer": metadata.labels.app in body must be of type string',
    },
    {
      name: 'a label key with a blank',
      object: object('apps/v1', 'Deployment', { labels: { 'a b': '' } }),
      error:
        'Deployment.apps "x" is invalid: metadata.labels: Invalid value: "a b": name part must',
    },
    {
      name: 'an annotation that is a list',
      object: object('v1', 'Namespace', { annotations: { pools: ['a'] } }),
      error: 'Namespace "x" is invalid: metadata.annotations.pools: Invalid value: "array":',
    },
    {
      name: 'annotations beyond 256 KiB',
      object: object('v1', 'Pod', { annotations: { a: 'b'.repeat(256 * 1024) } }),
      error:
        'Pod "x" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes',
    },
  ];
  test.each(refused)('refuses $name', ({ object: given, error }) => {
    const thrown = errorOf(() => canonicalObject(given));
    expect(thrown.code).toBe('OBJECT_INVALID');
    expect(thrown.message).toContain(error);
  });
});

describe('withKnownLabels', () => {
  const platform = platformOf('linux', 'x64');

  test("gives a namespace its name, whatever the manifest's label says", () => {
    const given = object('v1', 'Namespace', {
      name: 'test-ns',
      labels: { foo: 'bar', 'kubernetes.io/metadata.name': 'other' },
    });
    expect(withKnownLabels(given, platform).metadata.labels).toEqual({
      foo: 'bar',
      'kubernetes.io/metadata.name': 'test-ns',
    });
  });

  test('fills in what a node does not say', () => {
    const given = object('v1', 'Node', { name: 'n1', labels: { 'kubernetes.io/arch': 'arm64' } });
    expect(withKnownLabels(given, platform).metadata.labels).toEqual({
      'kubernetes.io/arch': 'arm64',
      'kubernetes.io/hostname': 'n1',
      'kubernetes.io/os': 'linux',
    });
  });

  test('leaves other kinds alone', () => {
    const pod = object('v1', 'Pod');
    expect(withKnownLabels(pod, platform)).toBe(pod);
  });
});
