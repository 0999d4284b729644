import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { AdmissionWorld } from '../support/admission-world.ts';
import { errorOf } from '../support/error-of.ts';

const P = 'ipam.spidernet.io/';

function pod(annotations: Record<string, string>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x', namespace: 'default', annotations },
  };
}

function deployment(annotations: Record<string, unknown>): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'x', namespace: 'default' },
    spec: { template: { metadata: { annotations } } },
  };
}

function namespace(annotations: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x', annotations } };
}

describe('admit warns about', () => {
  test.each([
    [
      'a misspelt annotation key',
      pod({ [`${P}ippol`]: '{}' }),
      `annotation ${P}ippol is read by nothing here, did you mean ${P}ippool?`,
    ],
    [
      'an unknown one of the prefix',
      pod({ [`${P}bandwidth`]: '1' }),
      `annotation ${P}bandwidth is read by nothing here`,
    ],
    [
      'an annotation that is not JSON',
      pod({ [`${P}ippool`]: 'pool' }),
      `pods with this annotation get no address: wrong input, invalid format of Pod annotation '${P}ippool': invalid character 'p' looking for beginning of value`,
    ],
    [
      'a SpiderSubnet annotation, in a template',
      deployment({ [`${P}subnet`]: '{}' }),
      `annotation ${P}subnet is accepted, but pools are not made from SpiderSubnets automatically yet`,
    ],
    [
      'ippool beside ippools',
      deployment({ [`${P}ippool`]: '{}', [`${P}ippools`]: '[{}]' }),
      `annotation ${P}ippool has no effect beside ${P}ippools`,
    ],
    [
      'an unknown field in an annotation',
      pod({ [`${P}ippool`]: '{"ipv4pool": ["a"]}' }),
      `annotation ${P}ippool: unknown field "ipv4pool" is ignored; did you mean 'ipv4pools'?`,
    ],
    [
      'old and new keys of a namespace',
      namespace({ [`${P}default-ipv4-ippool`]: '["a"]', [`${P}defaultv4ippool`]: '["b"]' }),
      `annotation ${P}default-ipv4-ippool is used, the older ${P}defaultv4ippool is not`,
    ],
    [
      'routes that are none',
      pod({ [`${P}routes`]: '[{"dst": "x", "gw": "y"}]' }),
      `pods with this annotation get no address: wrong input, invalid format of Pod annotation '${P}routes': invalid route format 'dst: x, gw: y'`,
    ],
    [
      'a misspelt key of Calico',
      namespace({ 'cni.projectcalico.org/ipv4pool': '["a"]' }),
      'annotation cni.projectcalico.org/ipv4pool is read by nothing here, did you mean cni.projectcalico.org/ipv4pools?',
    ],
    [
      "a list of Calico's that is none",
      pod({ 'cni.projectcalico.org/ipFamilies': '["IPv5"]' }),
      'pods with this annotation get no address: error parsing ipFamilies: ["IPv5"]',
    ],
  ])('%s', (_name, object, warning) => {
    const admission = new AdmissionWorld().apply(object);
    expect(admission.warnings).toEqual([warning]);
    expect(admission.object).toEqual(object);
  });

  test.each([
    [
      'annotations as they should be',
      pod({ [`${P}ippool`]: '{"ipv4": ["a"]}', 'example.com/owner': 'me' }),
    ],
    ['a template annotation that is no text', deployment({ [`${P}ippool`]: 5 })],
    ['a workload without a template', { ...deployment({}), spec: {} }],
  ])('nothing in %s', (_name, object) => {
    expect(new AdmissionWorld().apply(object).warnings).toEqual([]);
  });
});

describe('admit', () => {
  test('refuses a spiderpool-conf that nobody can read', () => {
    const conf: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'spiderpool-conf', namespace: 'kube-system' },
      data: { enableIPv4: 'maybe' },
    };
    expect(errorOf(() => new AdmissionWorld().apply(conf)).message).toBe(
      'ConfigMap "spiderpool-conf" is invalid: data[enableIPv4]: Invalid value: "maybe": must be true or false',
    );
    const other = { ...conf, metadata: { name: 'other', namespace: 'default' } };
    expect(() => new AdmissionWorld().apply(other)).not.toThrow();
  });

  test('refuses a kind that is not kept', () => {
    const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } };
    expect(errorOf(() => new AdmissionWorld().apply(secret)).code).toBe('KIND_UNKNOWN');
  });

  test("refuses a Calico pool over a Spiderpool pool's addresses, and lets it around them", () => {
    const world = new AdmissionWorld();
    const calico = (cidr: string): KubeObject => ({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: 'c' },
      spec: { cidr },
    });
    world.apply({
      apiVersion: 'spiderpool.spidernet.io/v2beta1',
      kind: 'SpiderIPPool',
      metadata: { name: 'p' },
      spec: { subnet: '10.64.0.0/16', ips: ['10.64.0.1'] },
    });
    expect(errorOf(() => world.apply(calico('10.64.0.0/20'))).message).toContain(
      'overlaps with SpiderIPPool(p)',
    );
    expect(() => world.apply(calico('10.64.16.0/20'))).not.toThrow();
  });
});

describe('an automatically made pool', () => {
  const keys = ['api-group', 'api-version', 'kind', 'namespace', 'name'];
  const matchLabels = Object.fromEntries(keys.map((key) => [`${P}app-${key}`, 'x']));
  const auto = (podAffinity: object): KubeObject => ({
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name: 'auto', labels: { [`${P}owner-application-name`]: 'web' } },
    spec: { subnet: '10.6.0.0/16', ips: ['10.6.0.1'], podAffinity },
  });

  test.each([
    ['more matchLabels', { matchLabels: { ...matchLabels, more: 'x' } }, 'matchLabels'],
    [
      'matchExpressions',
      { matchLabels, matchExpressions: [{ key: 'a', operator: 'Exists' }] },
      'matchExpressions',
    ],
  ])('may not be given %s (row 18)', (_name, affinity, what) => {
    expect(errorOf(() => new AdmissionWorld().apply(auto(affinity))).message).toContain(
      `it's invalid to add additional podAffinity ${what} for auto-created SpiderIPPool`,
    );
  });

  test('is accepted as Spiderpool makes it', () => {
    expect(() => new AdmissionWorld().apply(auto({ matchLabels }))).not.toThrow();
  });
});
