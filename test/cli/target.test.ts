import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Face, type Target, type TargetOptions, targetOf } from '../../src/cli/target.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const FOLDER = '/home/ada';

const agent = (socket: string): Target => ({ kind: 'agent', socket });
const cluster = (kubeconfig: string): Target => ({ kind: 'cluster', kubeconfig });

function target(
  face: Face,
  options: TargetOptions,
  environment: Readonly<Record<string, string>>,
): Target {
  return targetOf(options, { folder: FOLDER, face, environment });
}

describe('the target of a command line', () => {
  test.each<[string, Face, TargetOptions, Record<string, string>, Target]>([
    ['nothing said', 'orbweaver', {}, {}, agent('/run/orbweaver/cni.sock')],
    ['--socket', 'orbweaver', { socket: 'a/s' }, {}, agent('/home/ada/a/s')],
    ['the variable', 'orbweaver', {}, { ORBWEAVER_SOCKET: '/s' }, agent('/s')],
    ['--socket over it', 'orbweaver', { socket: '/t' }, { ORBWEAVER_SOCKET: '/s' }, agent('/t')],
    ['--kubeconfig', 'orbweaver', { kubeconfig: 'k' }, {}, cluster('/home/ada/k')],
    [
      'no cluster by the environment alone',
      'orbweaver',
      {},
      { KUBECONFIG: '/k', DATASTORE_TYPE: 'kubernetes' },
      agent('/run/orbweaver/cni.sock'),
    ],
    ['calicoctl with nothing said', 'calicoctl', {}, {}, agent('/run/orbweaver/cni.sock')],
    ['calicoctl by $KUBECONFIG', 'calicoctl', {}, { KUBECONFIG: '/k' }, cluster('/k')],
    ['calicoctl by the first of several', 'calicoctl', {}, { KUBECONFIG: ':/k:/l' }, cluster('/k')],
    [
      'calicoctl by $DATASTORE_TYPE',
      'calicoctl',
      {},
      { DATASTORE_TYPE: 'kubernetes' },
      cluster(join(homedir(), '.kube/config')),
    ],
    [
      'calicoctl with a socket after all',
      'calicoctl',
      { socket: '/s' },
      { KUBECONFIG: '/k' },
      agent('/s'),
    ],
    [
      'calicoctl with --kubeconfig first',
      'calicoctl',
      { kubeconfig: '/j' },
      { KUBECONFIG: '/k' },
      cluster('/j'),
    ],
  ])('%s', (_, face, options, environment, expected) => {
    expect(target(face, options, environment)).toEqual(expected);
  });

  test.each([
    ['spec: {datastoreType: kubernetes, kubeconfig: /j}', cluster('/j')],
    ['spec: {datastoreType: kubernetes}', cluster('/k')],
    ['', cluster('/k')],
  ])("calicoctl's configuration file %j beside $KUBECONFIG", (text, expected) => {
    const config = join(scratchFolder(), 'calicoctl.cfg');
    writeFileSync(config, text);
    expect(target('calicoctl', { config }, { KUBECONFIG: '/k' })).toEqual(expected);
  });

  test.each<[string, TargetOptions]>([
    ['--socket and --kubeconfig exclude each other', { socket: 's', kubeconfig: 'k' }],
    ['--config: ', { config: 'nowhere.cfg' }],
  ])('refuses: %s', (words, options) => {
    expect(() => target('calicoctl', options, {})).toThrow(words);
  });
});
