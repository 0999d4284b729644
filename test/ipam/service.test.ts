import { describe, expect, test } from 'vitest';
import { poolManifest } from '../process/pools.ts';
import { Machine } from '../support/machine.ts';

const FOUR = poolManifest({ name: 'four', subnet: '10.1.0.0/24', ips: ['10.1.0.10-10.1.0.19'] });
const MORE = poolManifest({
  name: 'more',
  subnet: '10.2.0.0/24',
  ips: ['10.2.0.10-10.2.0.19'],
  isDefault: false,
});

function podManifest(
  name: string,
  metadata: { uid?: string; annotations?: Record<string, string> } = {},
): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...metadata },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  });
}

const pod = (name: string, uid?: string) => ({
  namespace: 'default',
  name,
  ...(uid === undefined ? {} : { uid }),
});
const ippools = (...items: object[]) => ({
  annotations: { 'ipam.spidernet.io/ippools': JSON.stringify(items) },
});

describe('an ADD never succeeds without an address:', () => {
  test('a second network with the same interface of the container', async () => {
    using machine = await Machine.start([FOUR, podManifest('web')]);
    const call = { container: 'c1', pod: pod('web') };
    expect(await machine.add(call)).toEqual(['10.1.0.10/24']);
    expect(await machine.add({ ...call, config: { name: 'other' } })).toEqual(['10.1.0.11/24']);
  });

  test('one interface more than an `ippools` without names has', async () => {
    const unnamed = ippools({ ipv4: ['four'] }, { ipv4: ['more'] });
    using machine = await Machine.start([FOUR, MORE, podManifest('web', unnamed)]);
    const call = { container: 'c1', pod: pod('web') };
    expect(await machine.add({ ...call, interfaceName: 'eth0' })).toEqual(['10.1.0.10/24']);
    expect(await machine.add({ ...call, interfaceName: 'net1' })).toEqual(['10.2.0.10/24']);
    const third = await machine.call({ ...call, verb: 'ADD', interfaceName: 'net2' });
    expect(third).toMatchObject({ ok: false, error: { code: 7 } });
    expect(third).toMatchObject({ error: { msg: expect.stringContaining('for net2') } });
    expect(machine.held()).toEqual(['c1/eth0', 'c1/net1']);
  });
});

describe('a static pod, which has two uids,', () => {
  const STATIC = podManifest('static', {
    uid: 'of-the-mirror',
    annotations: { 'kubernetes.io/config.hash': 'of-the-file' },
  });

  test('is freed by either after its mirror is gone', async () => {
    for (const [added, deleted] of [
      ['of-the-file', 'of-the-file'],
      ['of-the-mirror', 'of-the-mirror'],
    ]) {
      using machine = await Machine.start([FOUR, STATIC]);
      await machine.add({ container: 'c1', pod: pod('static', added) });
      await machine.store.objects.delete({ kind: 'Pod', namespace: 'default', name: 'static' });
      await machine.del({ container: 'c1', pod: pod('static', deleted) });
      expect(machine.held()).toEqual([]);
    }
  });

  test('keeps its address in a new sandbox, whichever uid the runtime states', async () => {
    using machine = await Machine.start([FOUR]);
    const first = await machine.add({ container: 'c1', pod: pod('static', 'of-the-file') });
    await machine.store.objects.apply(JSON.parse(STATIC));
    expect(await machine.add({ container: 'c2', pod: pod('static', 'of-the-mirror') })).toEqual(
      first,
    );
    expect(await machine.add({ container: 'c3', pod: pod('static', 'of-the-file') })).toEqual(
      first,
    );
    await machine.del({ container: 'c1', pod: pod('static', 'of-the-file') });
    expect(machine.held()).toEqual(['c3/eth0']);
    await machine.del({ container: 'c3', pod: pod('static', 'of-the-mirror') });
    expect(machine.held()).toEqual([]);
  });
});

test('the container of a pod that came again is freed by a DEL of its present uid', async () => {
  using machine = await Machine.start([FOUR]);
  await machine.add({ container: 'c1', pod: pod('web', 'first') });
  await machine.add({ container: 'c1', pod: pod('web', 'second') });
  await machine.del({ container: 'c1', pod: pod('web', 'second') });
  expect(machine.held()).toEqual([]);
});

describe('wishes that cannot be read', () => {
  const WRONG = [
    ['CNI_ARGS IP', { args: 'K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;IP=junk' }],
    ['runtimeConfig.ips', { config: { runtimeConfig: { ips: ['junk'] } } }],
    ['args.cni.ips', { config: { args: { cni: { ips: ['junk'] } } } }],
    ['ipam', { config: { ipam: 'junk' } }],
  ] as const;

  test.each(WRONG)('refuse ADD: %s', async (field, wrong) => {
    using machine = await Machine.start([FOUR]);
    const answer = await machine.call({ verb: 'ADD', container: 'c1', ...wrong });
    expect(answer).toMatchObject({ ok: false, error: { code: 7 } });
    expect(answer).toMatchObject({ error: { msg: expect.stringContaining(field) } });
  });

  test.each(WRONG)('do not keep DEL and GC from freeing: %s', async (_field, wrong) => {
    using machine = await Machine.start([FOUR]);
    const config = 'config' in wrong ? wrong.config : {};
    await machine.add({ container: 'c1' });
    await machine.del({ container: 'c1', ...wrong });
    expect(machine.held()).toEqual([]);
    await machine.add({ container: 'c2' });
    const all = { ...config, 'cni.dev/valid-attachments': [] };
    expect(await machine.call({ verb: 'GC', config: all })).toMatchObject({ ok: true });
    expect(machine.held()).toEqual([]);
  });
});

describe('an address that is asked for by number', () => {
  const wanting = (address: string) => ({ config: { runtimeConfig: { ips: [address] } } });

  test('is given again to a repeated ADD and to the next sandbox', async () => {
    using machine = await Machine.start([FOUR]);
    const call = { pod: pod('web', 'u'), ...wanting('10.1.0.15') };
    for (const container of ['c1', 'c1', 'c2']) {
      expect(await machine.add({ ...call, container })).toEqual(['10.1.0.15/24']);
    }
  });

  test('is refused by name where the interface has another one already', async () => {
    const named = ippools(
      { interface: 'eth0', ipv4: ['four'] },
      { interface: 'net1', ipv4: ['more'] },
    );
    using machine = await Machine.start([FOUR, MORE, podManifest('web', named)]);
    const call = { container: 'c1', pod: pod('web') };
    await machine.add(call);
    const ahead = { ...call, ...wanting('10.2.0.15'), interfaceName: 'net1' };
    expect(await machine.call({ ...ahead, verb: 'ADD' })).toMatchObject({
      error: {
        code: 2,
        msg:
          'runtimeConfig.ips asks for 10.2.0.15 on NIC net1, ' +
          'which was given 10.2.0.10 by an earlier ADD of this pod',
      },
    });
    await machine.del(ahead);
    expect(await machine.add(ahead)).toEqual(['10.2.0.15/24']);
  });
});

describe('an ADD beside an edit of its pool that becomes durable first', () => {
  test('does not get an address of a deleted pool', async () => {
    using machine = await Machine.start([FOUR]);
    const removal = machine.store.objects.delete({
      kind: 'SpiderIPPool',
      namespace: '',
      name: 'four',
    });
    const answer = machine.call({ verb: 'ADD', container: 'c1' });
    expect(await removal).toBe('deleted');
    expect(await answer).toMatchObject({ ok: false, error: { code: 7 } });
    expect(machine.held()).toEqual([]);
  });

  test('gets another address than the one that was taken out', async () => {
    using machine = await Machine.start([FOUR]);
    const smaller = poolManifest({ name: 'four', subnet: '10.1.0.0/24', ips: ['10.1.0.19'] });
    const edit = machine.store.objects.apply(JSON.parse(smaller));
    const addresses = machine.add({ container: 'c1' });
    expect((await edit).action).toBe('configured');
    expect(await addresses).toEqual(['10.1.0.19/24']);
    expect(machine.held()).toEqual(['c1/eth0']);
  });
});

describe('STATUS', () => {
  const SIX = poolManifest({ name: 'six', subnet: 'fd01::/64', ips: ['fd01::10'] });
  const SETTINGS = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'spiderpool-conf', namespace: 'kube-system' },
    data: { 'conf.yml': 'enableIPv4: true\nenableIPv6: false\n' },
  });

  test('is 50 while a family has no address left, unless the settings have it off', async () => {
    using machine = await Machine.start([FOUR, SIX]);
    await machine.add({ container: 'c1' });
    expect(await machine.call({ verb: 'STATUS' })).toMatchObject({ error: { code: 50 } });
    await machine.store.objects.apply(JSON.parse(SETTINGS));
    expect(await machine.call({ verb: 'STATUS' })).toMatchObject({ ok: true });
  });

  test('is 50 where only pools of the other dialect exist', async () => {
    const calico = { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'c' } };
    using ofSpiderpool = await Machine.start([FOUR]);
    using ofCalico = await Machine.start([
      JSON.stringify({ ...calico, spec: { cidr: '10.4.0.0/24' } }),
    ]);
    for (const [machine, own, other] of [
      [ofSpiderpool, 'spiderpool', 'calico-ipam'],
      [ofCalico, 'calico-ipam', 'spiderpool'],
    ] as const) {
      for (const verb of ['ADD', 'STATUS'] as const) {
        expect(await machine.call({ verb, calledAs: own })).toMatchObject({ ok: true });
        const code = verb === 'ADD' ? 7 : 50;
        const answer = await machine.call({ verb, calledAs: other, container: 'c1' });
        expect(answer).toMatchObject({ error: { code } });
      }
      expect(await machine.call({ verb: 'STATUS' })).toMatchObject({ ok: true });
    }
  });
});
