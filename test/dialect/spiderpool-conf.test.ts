import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { parseManifests } from '../../src/dialect/manifest.ts';
import {
  isSpiderpoolConf,
  readSpiderpoolConf,
  SPIDERPOOL_CONF_DEFAULTS,
} from '../../src/dialect/spiderpool-conf.ts';
import { errorOf } from '../support/error-of.ts';

function confMap(data: unknown): KubeObject {
  const metadata = { name: 'spiderpool-conf', namespace: 'kube-system' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
}

const SEED = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: spiderpool-conf
  namespace: kube-system
data:
  enableIPv4: true
  enableIPv6: false
  clusterDefaultIPv4IPPool: [default-v4-ippool]
  clusterDefaultIPv6IPPool: []
`;

const CURRENT = `
ipamUnixSocketPath: /var/run/spidernet/spiderpool.sock
enableIPv4: true
enableIPv6: false
enableStatefulSet: true
enableSpiderSubnet: false
enableValidatingResourcesDeletedWebhook: true
clusterDefaultIPv4IPPool: [default-v4-ippool]
podResourceInject: {enabled: false}
`;

describe('readSpiderpoolConf', () => {
  test.each([
    ['no ConfigMap', undefined, {}],
    ['no data', confMap(undefined), {}],
    [
      'the form of the priorities seed',
      parseManifests(SEED, 'seed')[0],
      { enableIPv6: false, clusterDefaultIPv4IPPool: ['default-v4-ippool'] },
    ],
    [
      'the same as texts, as an API server keeps it',
      confMap({
        enableIPv4: 'true',
        enableIPv6: 'false',
        clusterDefaultIPv4IPPool: '[default-v4-ippool]',
        clusterDefaultIPv6IPPool: '[]',
      }),
      { enableIPv6: false, clusterDefaultIPv4IPPool: ['default-v4-ippool'] },
    ],
    [
      'a list as JSON text',
      confMap({ clusterDefaultIPv4IPPool: '["a", "b"]' }),
      { clusterDefaultIPv4IPPool: ['a', 'b'] },
    ],
    [
      'a list as a YAML block',
      confMap({ clusterDefaultIPv6IPPool: '- a\n- b\n' }),
      { clusterDefaultIPv6IPPool: ['a', 'b'] },
    ],
    ['a list as an empty text', confMap({ clusterDefaultIPv6IPPool: '' }), {}],
    [
      'the present form',
      confMap({ 'conf.yml': CURRENT }),
      {
        enableIPv6: false,
        enableSpiderSubnet: false,
        enableValidatingResourcesDeletedWebhook: true,
        clusterDefaultIPv4IPPool: ['default-v4-ippool'],
      },
    ],
    [
      'both forms, where conf.yml wins',
      confMap({ 'conf.yml': 'enableIPv6: true', enableIPv6: 'false', enableIPv4: 'false' }),
      { enableIPv4: false },
    ],
    ['an empty conf.yml', confMap({ 'conf.yml': '' }), {}],
    ['keys of no use here', confMap({ clusterNetwork: 'kube-system/macvlan' }), {}],
    [
      'YAML 1.1 booleans in conf.yml',
      confMap({ 'conf.yml': 'enableIPv4: no' }),
      { enableIPv4: false },
    ],
  ])('reads %s', (_name, object, expected) => {
    expect(readSpiderpoolConf(object)).toEqual({ ...SPIDERPOOL_CONF_DEFAULTS, ...expected });
  });

  test('has both families on where nothing is said', () => {
    expect(SPIDERPOOL_CONF_DEFAULTS).toMatchObject({ enableIPv4: true, enableIPv6: true });
  });

  test.each([
    [
      'a switch that is no boolean',
      { enableIPv4: 'perhaps' },
      'data[enableIPv4]: Invalid value: "perhaps": must be true or false',
    ],
    [
      'a switch that is a number',
      { 'conf.yml': 'enableIPv6: 1' },
      'data[conf.yml].enableIPv6: Invalid value: 1: must be true or false',
    ],
    [
      'a list that is a word',
      { clusterDefaultIPv4IPPool: 'default-v4-ippool' },
      'data[clusterDefaultIPv4IPPool]: Invalid value: "default-v4-ippool": must be a list of pool names',
    ],
    [
      'a name that is a number',
      { clusterDefaultIPv4IPPool: [4] },
      'data[clusterDefaultIPv4IPPool][0]: Invalid value: 4: must be the name of a pool',
    ],
    [
      'an empty name',
      { clusterDefaultIPv4IPPool: ['a', ''] },
      'data[clusterDefaultIPv4IPPool][1]: Invalid value: "": must be the name of a pool',
    ],
    [
      'a conf.yml that is a list',
      { 'conf.yml': '- a' },
      'data[conf.yml]: Invalid value: "- a": must be a YAML map of settings',
    ],
    [
      'data that is a text',
      'enableIPv4',
      'data: Invalid value: "enableIPv4": must be a map of texts',
    ],
  ])('refuses %s', (_name, data, fault) => {
    const error = errorOf(() => readSpiderpoolConf(confMap(data)));
    expect(error.code).toBe('OBJECT_INVALID');
    expect(error.message).toBe(`ConfigMap "spiderpool-conf" is invalid: ${fault}`);
  });

  test.each([
    ['broken YAML', 'enableIPv4: [true'],
    [
      'an alias bomb',
      `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [${Array(50).fill('*a')}]\nc: [${Array(50).fill('*b')}]`,
    ],
    ['a nesting of brackets without end', '['.repeat(100_000)],
  ])('refuses %s in conf.yml', (_name, text) => {
    const { message } = errorOf(() => readSpiderpoolConf(confMap({ 'conf.yml': text })));
    expect(message).toContain(
      'ConfigMap "spiderpool-conf" is invalid: data[conf.yml]: Invalid value: ',
    );
    expect(message).toContain('is not usable YAML');
    expect(message.length).toBeLessThan(600);
  });
});

test.each([
  ['in any namespace', confMap({}), true],
  ['of another name: no', { ...confMap({}), metadata: { name: 'other' } }, false],
  ['of another kind: no', { ...confMap({}), kind: 'Secret' }, false],
])('isSpiderpoolConf knows the ConfigMap %s', (_name, object, expected) => {
  expect(isSpiderpoolConf(object)).toBe(expected);
});
