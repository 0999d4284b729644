import { describe, expect, test } from 'vitest';
import { readCniArgs } from '../../src/ipam/cni-args.ts';

const NONE = { namespace: '', pod: '', uid: '', ip: '' };

describe('readCniArgs reads', () => {
  test.each([
    ['nothing', '', NONE],
    [
      'the five keys of containerd in any order',
      'K8S_POD_UID=u;IgnoreUnknown=1;K8S_POD_NAME=p;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_NAMESPACE=n',
      { namespace: 'n', pod: 'p', uid: 'u', ip: '' },
    ],
    [
      'an empty item between and after pairs',
      'K8S_POD_NAME=p;;IP=10.0.0.1;',
      { ...NONE, pod: 'p', ip: '10.0.0.1' },
    ],
    ['a value that holds "="', 'IP=a=b', { ...NONE, ip: 'a=b' }],
    [
      'IgnoreUnknown that comes last',
      'X=1;K8S_POD_NAME=p;IgnoreUnknown=true',
      { ...NONE, pod: 'p' },
    ],
  ])('%s', (_, text, expected) => {
    expect(readCniArgs(text, 'strict')).toEqual(expected);
    expect(readCniArgs(text, 'tolerant')).toEqual(expected);
  });
});

describe('readCniArgs refuses on ADD and tolerates on DEL', () => {
  test.each([
    [
      'a pair without "="',
      'K8S_POD_NAME=p;junk',
      'CNI_ARGS: invalid pair "junk", expected KEY=VALUE',
    ],
    [
      'a pair without a key',
      '=x;K8S_POD_NAME=p',
      'CNI_ARGS: invalid pair "=x", expected KEY=VALUE',
    ],
    ['an unknown key', 'FOO=1;K8S_POD_NAME=p', 'CNI_ARGS: unknown args ["FOO"]'],
  ])('%s', (_, text, message) => {
    expect(() => readCniArgs(text, 'strict')).toThrow(message);
    expect(readCniArgs(text, 'tolerant').pod).toBe('p');
  });
});
