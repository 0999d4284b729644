/**
 * Bad input, through the real plugin into the real agent: each row gets one clear error that names the field
 * and the value, and leaves the state file as it was.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApplyResponse } from '../../src/agent/protocol.ts';
import { AgentClient } from '../../src/cli/agent-client.ts';
import { AgentFolder, AgentProcess } from '../support/agent-process.ts';
import type { CniCall } from '../support/cni-call.ts';
import { callPlugin } from '../support/plugin-process.ts';
import { dumpState } from '../support/state-file.ts';
import { manifests, poolManifest } from './pools.ts';

const IPPOOL = 'ipam.spidernet.io/ippool';
const IPPOOLS = 'ipam.spidernet.io/ippools';

/** Pods whose annotations cannot be used as written; each is a row below. */
const ODD_PODS = {
  'not-json': { [IPPOOL]: '{"ipv4":["four"' },
  'wrong-type': { [IPPOOL]: '{"ipv4":"four"}' },
  twice: { [IPPOOL]: '{"ipv4":["four","four"]}' },
  unknown: { [IPPOOL]: '{"ipv4":["nowhere"]}' },
  'no-family': { [IPPOOL]: '{}' },
  'other-family': { [IPPOOL]: '{"ipv4":["six"]}' },
  'list-not-json': { [IPPOOLS]: 'eth0' },
  'same-interface': {
    [IPPOOLS]: '[{"interface":"eth0","ipv4":["four"]},{"interface":"eth0","ipv4":["spare"]}]',
  },
  'bad-route': {
    [IPPOOL]: '{"ipv4":["four"]}',
    'ipam.spidernet.io/routes': '[{"dst":"x","gw":"y"}]',
  },
} as const;

interface Row extends Partial<CniCall> {
  readonly name: string;
  readonly code: number;
  /** Texts that msg and details together must hold. */
  readonly says: readonly string[];
}

const ENVIRONMENT: Row[] = [
  {
    name: 'no container id',
    env: { CNI_CONTAINERID: undefined },
    code: 4,
    says: ['CNI_CONTAINERID'],
  },
  {
    name: 'nothing but the command',
    env: { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined },
    code: 4,
    says: ['CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME'],
  },
  { name: 'an empty netns', env: { CNI_NETNS: '' }, code: 4, says: ['CNI_NETNS'] },
  {
    name: 'a container id with a slash',
    container: 'a/b',
    code: 4,
    says: ['CNI_CONTAINERID', 'a/b'],
  },
  {
    name: 'a container id of 300 characters',
    container: 'c'.repeat(300),
    code: 4,
    says: ['CNI_CONTAINERID', '256'],
  },
  {
    name: 'an interface name of 16 characters',
    interfaceName: 'abcdefghijklmnop',
    code: 4,
    says: ['CNI_IFNAME', 'abcdefghijklmnop', '15'],
  },
  { name: 'an interface named ..', interfaceName: '..', code: 4, says: ['CNI_IFNAME', '..'] },
  {
    name: 'an interface name with a blank',
    interfaceName: 'e 0',
    code: 4,
    says: ['CNI_IFNAME', 'e 0'],
  },
  {
    name: 'an unknown command',
    env: { CNI_COMMAND: 'GRAB' },
    code: 4,
    says: ['CNI_COMMAND', 'GRAB'],
  },
  { name: 'no command', env: { CNI_COMMAND: undefined }, code: 4, says: ['CNI_COMMAND'] },
  { name: 'CNI_ARGS without =', args: 'K8S_POD_NAME', code: 4, says: ['CNI_ARGS', 'K8S_POD_NAME'] },
  {
    name: 'CNI_ARGS with an unknown key',
    args: 'COLOUR=red',
    code: 4,
    says: ['CNI_ARGS', 'COLOUR'],
  },
  { name: 'CNI_ARGS of 70 KiB', args: `IP=${'1'.repeat(70_000)}`, code: 4, says: ['65536'] },
  { name: 'CNI_ARGS with a junk IP', args: 'IP=10.1.2', code: 7, says: ['CNI_ARGS IP', '10.1.2'] },
];

const CONFIGS: Row[] = [
  { name: 'an empty stdin', config: '', code: 6, says: ['JSON'] },
  { name: 'half a JSON document', config: '{"cniVersion":"1.0.0",', code: 6, says: ['JSON'] },
  { name: 'a list instead of an object', config: '[]', code: 6, says: ['object', '[]'] },
  { name: 'two JSON documents', config: '{}{}', code: 6, says: ['JSON'] },
  { name: 'a stdin above 1 MiB', config: ' '.repeat(1024 * 1024 + 1), code: 6, says: ['1048576'] },
  {
    name: 'an unknown cniVersion',
    config: { cniVersion: '9.9.9' },
    code: 1,
    says: ['9.9.9', '1.1.0'],
  },
  {
    name: 'a cniVersion that is a number',
    config: { cniVersion: 1 },
    code: 7,
    says: ['cniVersion', '1'],
  },
  { name: 'no network name', config: { name: undefined }, code: 7, says: ['name'] },
  {
    name: 'a network name with a slash',
    config: { name: '../x' },
    code: 7,
    says: ['name', '../x'],
  },
  { name: 'ipam that is a list', config: { ipam: [] }, code: 7, says: ['ipam', '[]'] },
  {
    name: 'a pool list that is a string',
    config: { ipam: { default_ipv4_ippool: 'four' } },
    code: 7,
    says: ['ipam.default_ipv4_ippool', 'four'],
  },
  {
    name: 'a pool that does not exist',
    config: { ipam: { default_ipv4_ippool: ['nowhere'] } },
    code: 7,
    says: ['nowhere'],
  },
  {
    name: 'a requested address that is none',
    config: { runtimeConfig: { ips: ['ten'] } },
    code: 7,
    says: ['runtimeConfig.ips', 'ten'],
  },
  {
    name: 'a requested address of no pool',
    config: { runtimeConfig: { ips: ['192.0.2.1'] } },
    code: 7,
    says: ['192.0.2.1'],
  },
];

const OTHER_VERBS: Row[] = [
  { name: 'CHECK without prevResult', verb: 'CHECK', code: 7, says: ['prevResult'] },
  {
    name: 'CHECK with a junk address',
    verb: 'CHECK',
    config: { prevResult: { ips: [{ address: 'ten' }] } },
    code: 7,
    says: ['prevResult.ips', 'ten'],
  },
  {
    name: 'CHECK in a version that has none',
    verb: 'CHECK',
    config: { cniVersion: '0.3.1' },
    code: 1,
    says: ['CHECK', '0.3.1'],
  },
  {
    name: 'GC with attachments that are no list',
    verb: 'GC',
    config: { 'cni.dev/valid-attachments': 'all' },
    code: 7,
    says: ['cni.dev/valid-attachments', 'all'],
  },
  {
    name: 'GC with an attachment without ifname',
    verb: 'GC',
    config: { 'cni.dev/valid-attachments': [{ containerID: 'a' }] },
    code: 7,
    says: ['cni.dev/valid-attachments[0]', 'ifname'],
  },
  {
    name: 'GC in a version that has none',
    verb: 'GC',
    config: { cniVersion: '1.0.0' },
    code: 1,
    says: ['GC', '1.0.0'],
  },
];

const ANNOTATIONS: { pod: keyof typeof ODD_PODS; code: number; says: readonly string[] }[] = [
  { pod: 'not-json', code: 7, says: [IPPOOL, '{\\"ipv4\\":[\\"four\\"'] },
  { pod: 'wrong-type', code: 7, says: [IPPOOL, 'string'] },
  { pod: 'twice', code: 7, says: ['four'] },
  { pod: 'unknown', code: 7, says: ['nowhere'] },
  { pod: 'no-family', code: 7, says: ['eth0', 'pod ippool'] },
  { pod: 'other-family', code: 7, says: ['six'] },
  { pod: 'list-not-json', code: 7, says: [IPPOOLS, 'eth0'] },
  { pod: 'same-interface', code: 7, says: [IPPOOLS, 'eth0'] },
  { pod: 'bad-route', code: 7, says: ['ipam.spidernet.io/routes', 'dst: x, gw: y'] },
];

const POOLS: { name: string; pool: Parameters<typeof poolManifest>[0]; says: readonly string[] }[] =
  [
    {
      name: 'a reversed range',
      pool: { name: 'bad', subnet: '10.9.0.0/24', ips: ['10.9.0.9-10.9.0.2'] },
      says: ['spec.ips', '10.9.0.9-10.9.0.2'],
    },
    {
      name: 'a range outside its subnet',
      pool: { name: 'bad', subnet: '10.9.0.0/24', ips: ['10.8.0.1-10.8.0.9'] },
      says: ['spec.ips', '10.8.0.1-10.8.0.9'],
    },
    {
      name: 'a range of the other family',
      pool: { name: 'bad', subnet: '10.9.0.0/24', ips: ['fd00::1'] },
      says: ['spec.ips', 'fd00::1'],
    },
    {
      name: 'its gateway inside a range',
      pool: { name: 'bad', subnet: '10.9.0.0/24', ips: ['10.9.0.1-10.9.0.9'], gateway: '10.9.0.5' },
      says: ['spec.gateway', '10.9.0.5'],
    },
    {
      name: 'a gateway outside its subnet',
      pool: { name: 'bad', subnet: '10.9.0.0/24', ips: ['10.9.0.2'], gateway: '10.8.0.1' },
      says: ['spec.gateway', '10.8.0.1'],
    },
    {
      name: 'a subnet that is none',
      pool: { name: 'bad', subnet: '10.9.0.0/40', ips: ['10.9.0.2'] },
      says: ['spec.subnet', '10.9.0.0/40'],
    },
    {
      name: 'a subnet that overlaps another pool',
      pool: { name: 'bad', subnet: '10.66.0.0/16', ips: ['10.66.0.1-10.66.0.9'] },
      says: ['four'],
    },
  ];

describe('bad input', () => {
  const folder = new AgentFolder();
  let agent: AgentProcess;
  let before: string;

  beforeAll(async () => {
    folder.writeManifests(
      manifests(
        poolManifest({ name: 'four', subnet: '10.66.0.0/16', ips: ['10.66.0.1-10.66.0.9'] }),
        poolManifest({ name: 'six', subnet: 'fd66::/64', ips: ['fd66::1-fd66::9'] }),
        poolManifest({
          name: 'spare',
          subnet: '10.67.0.0/16',
          ips: ['10.67.0.1'],
          isDefault: false,
        }),
        ...Object.entries(ODD_PODS).map(([name, annotations]) => podManifest(name, annotations)),
      ),
    );
    agent = await AgentProcess.start(folder);
    const good = await callPlugin(folder.socket, { verb: 'ADD', container: 'bystander' });
    expect(good).toMatchObject({ ok: true });
    before = dumpState(folder.state);
  });

  afterAll(async () => {
    await agent.kill();
    folder[Symbol.dispose]();
  });

  async function expectRefusal(
    call: CniCall,
    code: number,
    says: readonly string[],
  ): Promise<void> {
    const reply = await callPlugin(folder.socket, call);
    expect(reply).toMatchObject({ ok: false, error: { code } });
    const { msg, details } = (reply as { error: { msg: string; details: string } }).error;
    for (const text of says) {
      expect(`${msg}\n${details}`).toContain(text);
    }
    expect(dumpState(folder.state)).toBe(before);
  }

  test.each(ENVIRONMENT)('in the environment: $name', ({ code, says, ...call }) =>
    expectRefusal({ verb: 'ADD', ...call }, code, says),
  );

  test.each(CONFIGS)('on stdin: $name', ({ code, says, ...call }) =>
    expectRefusal({ verb: 'ADD', ...call }, code, says),
  );

  test.each(OTHER_VERBS)('$name', ({ code, says, ...call }) =>
    expectRefusal({ verb: 'ADD', ...call }, code, says),
  );

  test.each(ANNOTATIONS)('in an annotation of pod $pod', ({ pod, code, says }) =>
    expectRefusal({ verb: 'ADD', pod: { namespace: 'default', name: pod } }, code, says),
  );

  test.each(POOLS)('a pool with $name', async ({ pool, says }) => {
    const { results } = await new AgentClient(folder.socket).post<ApplyResponse>('/v1/apply', {
      objects: [JSON.parse(poolManifest(pool))],
      mode: 'apply',
    });
    expect(results).toMatchObject([{ action: 'failed', error: { code: 'OBJECT_INVALID' } }]);
    for (const text of says) {
      expect(results[0]!.error!.message).toContain(text);
    }
    expect(dumpState(folder.state)).toBe(before);
  });
});

function podManifest(name: string, annotations: Readonly<Record<string, string>>): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', annotations },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  });
}
