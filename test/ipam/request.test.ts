import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { type CniRequest, readCall } from '../../src/ipam/request.ts';
import { formatAddress } from '../../src/net/address.ts';

const ENV = {
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/p',
  CNI_IFNAME: 'eth0',
};
const CONFIG = { cniVersion: '1.1.0', name: 'net', type: 'bridge', ipam: { type: 'orbweaver' } };

function request(changes: Partial<Omit<CniRequest, 'config'>> & { config?: unknown }): CniRequest {
  const { config = CONFIG, ...rest } = changes;
  return {
    calledAs: 'orbweaver',
    command: 'ADD',
    env: ENV,
    ownNetns: false,
    gone: () => false,
    deadline: Number.POSITIVE_INFINITY,
    ...rest,
    config: typeof config === 'string' ? config : JSON.stringify(config),
  };
}

function refusal(changes: Parameters<typeof request>[0]): { cni: number; text: string } {
  try {
    const call = readCall(request(changes));
    call.config.validAttachments();
    call.config.previousAddresses();
  } catch (error) {
    if (error instanceof OrbweaverError) {
      return { cni: error.row.cni, text: `${error.message} | ${error.details}` };
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('readCall refuses, naming field and value:', () => {
  test.each<[string, Parameters<typeof request>[0], number, string]>([
    ['an unknown command', { command: 'FROB' }, 4, 'unknown CNI_COMMAND: "FROB"'],
    [
      'all missing variables at once',
      { env: {} },
      4,
      'required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing',
    ],
    ['a variable that is empty', { env: { ...ENV, CNI_NETNS: '' } }, 4, '[CNI_NETNS] missing'],
    [
      'a container id with a slash',
      { env: { ...ENV, CNI_CONTAINERID: 'a/b' } },
      4,
      'CNI_CONTAINERID "a/b"',
    ],
    [
      'a container id that is too long',
      { env: { ...ENV, CNI_CONTAINERID: 'a'.repeat(257) } },
      4,
      'longer than 256 characters',
    ],
    [
      'an interface name of 16 characters',
      { env: { ...ENV, CNI_IFNAME: 'abcdefghijklmnop' } },
      4,
      'longer than 15 characters',
    ],
    [
      'an interface name with a colon',
      { env: { ...ENV, CNI_IFNAME: 'eth0:1' } },
      4,
      'CNI_IFNAME "eth0:1"',
    ],
    ['an interface called ".."', { env: { ...ENV, CNI_IFNAME: '..' } }, 4, 'CNI_IFNAME ".."'],
    ["the plugin's own namespace (X09)", { ownNetns: true }, 4, 'CNI_NETNS "/run/netns/p"'],
    ['a config that is no JSON', { config: '{"name": nope}' }, 6, 'not valid JSON'],
    ['an empty stdin', { config: '' }, 6, 'not valid JSON'],
    ['a config that is a list', { config: '[1]' }, 6, 'not a JSON object but [1]'],
    [
      'a future version (X11)',
      { config: { ...CONFIG, cniVersion: '1.2.0' } },
      1,
      'config is "1.2.0"',
    ],
    [
      'a version of the wrong type',
      { config: { ...CONFIG, cniVersion: 1 } },
      7,
      'cniVersion: expected a string, got 1',
    ],
    ['a missing name', { config: { cniVersion: '1.1.0' } }, 7, '"name"'],
    ['a name with white space', { config: { ...CONFIG, name: 'a b' } }, 7, 'field "name" is "a b"'],
    [
      'ipam of the wrong type',
      { config: { ...CONFIG, ipam: [] } },
      7,
      'ipam: expected an object, got []',
    ],
    [
      'a pool list that is a string',
      { config: { ...CONFIG, ipam: { default_ipv4_ippool: 'a' } } },
      7,
      'ipam.default_ipv4_ippool: expected a list of strings, got "a"',
    ],
    [
      'a requested address that is none',
      { config: { ...CONFIG, args: { cni: { ips: ['10.0.0.300'] } } } },
      7,
      'args.cni.ips: expected an IP address, with or without a prefix length, got "10.0.0.300"',
    ],
    [
      'match_master_subnet',
      { config: { ...CONFIG, ipam: { match_master_subnet: true } } },
      2,
      'ipam.match_master_subnet: true is not supported',
    ],
    [
      'GC before 1.1.0',
      { command: 'GC', config: { ...CONFIG, cniVersion: '1.0.0' } },
      1,
      'config version does not allow GC',
    ],
    [
      'STATUS before 1.1.0',
      { command: 'STATUS', config: { ...CONFIG, cniVersion: '0.4.0' } },
      1,
      'config version does not allow STATUS',
    ],
    [
      'CHECK before 0.4.0',
      { command: 'CHECK', config: { ...CONFIG, cniVersion: '0.3.1' } },
      1,
      'config version does not allow CHECK',
    ],
    [
      'valid attachments that are no list',
      { command: 'GC', config: { ...CONFIG, 'cni.dev/valid-attachments': {} } },
      7,
      'cni.dev/valid-attachments: expected a list, got {}',
    ],
    [
      'a valid attachment without ifname',
      { command: 'GC', config: { ...CONFIG, 'cni.dev/valid-attachments': [{ containerID: 'a' }] } },
      7,
      'cni.dev/valid-attachments[0]',
    ],
    [
      'a previous result that is a string',
      { command: 'CHECK', config: { ...CONFIG, prevResult: 'x' } },
      7,
      'prevResult: expected an object, got "x"',
    ],
  ])('%s', (_, changes, cni, text) => {
    const refused = refusal(changes);
    expect(refused.text).toContain(text);
    expect(refused.cni).toBe(cni);
  });
});

describe('readCall takes the pools of the config from', () => {
  const ipam = { default_ipv4_ippool: ['s'], ipv4_pools: ['c'], ipv6_pools: ['c6'] };

  test.each([
    ["Spiderpool's keys under its name", 'spiderpool', ['s'], undefined],
    ["Calico's keys under its name", 'calico-ipam', ['c'], ['c6']],
    ["either under our own name, Spiderpool's first", 'orbweaver', ['s'], ['c6']],
  ])('%s', (_, calledAs, ipv4Pools, ipv6Pools) => {
    const { wishes } = readCall(request({ calledAs, config: { ...CONFIG, ipam } }));
    expect(wishes).toMatchObject({ ipv4Pools, ipv6Pools });
  });
});

describe('readCall accepts', () => {
  test('a DEL without namespace and with junk in CNI_ARGS (X05)', () => {
    const env = { CNI_CONTAINERID: 'c', CNI_IFNAME: 'eth0', CNI_ARGS: ';;a;K8S_POD_NAME=p;=' };
    expect(readCall(request({ command: 'DEL', env })).args.pod).toBe('p');
  });

  test('a config without a version, as 0.1.0', () => {
    expect(readCall(request({ config: { name: 'net' } })).version).toBe('0.1.0');
  });

  test('null in the places where runtimes write it', () => {
    const config = {
      ...CONFIG,
      prevResult: null,
      runtimeConfig: null,
      'cni.dev/valid-attachments': null,
    };
    const call = readCall(request({ command: 'GC', config }));
    expect(call.config.validAttachments()).toBeUndefined();
    expect(call.config.previousAddresses()).toBeUndefined();
  });

  test.each([
    [
      'runtimeConfig.ips before all',
      { runtimeConfig: { ips: ['10.0.0.1/24'] }, args: { cni: { ips: ['10.0.0.2'] } } },
      ['10.0.0.1'],
    ],
    [
      'args.cni.ips before IP=',
      { args: { cni: { ips: ['10.0.0.2', 'fd00::1'] } } },
      ['10.0.0.2', 'fd00::1'],
    ],
    ['IP= of CNI_ARGS last', {}, ['10.0.0.3']],
  ])('addresses asked for by number: %s', (_, config, expected) => {
    const env = { ...ENV, CNI_ARGS: 'IP=10.0.0.3' };
    const call = readCall(request({ env, config: { ...CONFIG, ...config } }));
    expect(call.wishes.addresses.map((item) => formatAddress(item.address))).toEqual(expected);
  });

  test('addresses of an old previous result', () => {
    const config = { ...CONFIG, prevResult: { ip4: { ip: '10.0.0.9/24' } } };
    const call = readCall(request({ command: 'CHECK', config }));
    expect(call.config.previousAddresses()?.map((item) => item.text)).toEqual(['10.0.0.9/24']);
  });
});
