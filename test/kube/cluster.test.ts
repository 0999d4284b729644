/** The cluster as a node knows it, over HTTP: what is watched, what is read live, and what is never asked for. */
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KindId } from '../../src/dialect/kinds.ts';
import { systemTimers } from '../../src/ipam/timers.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import { KubernetesCluster } from '../../src/kube/cluster.ts';
import { parseAddress } from '../../src/net/address.ts';
import { ObjectServer } from '../support/object-server.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { answer, statusObject } from '../support/scripted-api-server.ts';

const KINDS: readonly KindId[] = [
  'SpiderIPPool',
  'SpiderReservedIP',
  'SpiderSubnet',
  'ConfigMap',
  'Namespace',
  'Node',
  'Pod',
  'ReplicaSet',
];

const SPEC = { subnet: '10.0.0.0/24', ips: ['10.0.0.10-10.0.0.19'], default: true };

let server: ObjectServer;
let api: ApiServer;
let problems: string[];
const opened: KubernetesCluster[] = [];

beforeEach(async () => {
  server = await ObjectServer.start(...KINDS);
  api = ApiServer.fromKubeconfig(server.http.kubeconfig(scratchFolder()), {
    limits: { apiRequestMs: 500 },
  });
  problems = [];
  server.put('Namespace', { metadata: { name: 'shop', annotations: { a: 'b' } } });
  server.put('Node', { metadata: { name: 'node1', labels: { role: 'worker' } } });
  server.put('Node', { metadata: { name: 'node2', labels: { role: 'master' } } });
});

afterEach(async () => {
  for (const cluster of opened.splice(0)) cluster.close();
  await api.close();
  await server[Symbol.asyncDispose]();
});

function open(node: string | null = 'node1'): KubernetesCluster {
  const cluster = KubernetesCluster.open({
    api,
    ...(node === null ? {} : { node }),
    timers: systemTimers(api.clock),
    random: Math.random,
    onProblem: (problem) => problems.push(problem),
  });
  opened.push(cluster);
  return cluster;
}

async function synced(): Promise<KubernetesCluster> {
  const cluster = open();
  await cluster.synced();
  return cluster;
}

const putPod = (name: string, more: { node?: string; uid?: string; status?: object } = {}) =>
  server.put('Pod', {
    metadata: { name, namespace: 'shop', ...(more.uid === undefined ? {} : { uid: more.uid }) },
    spec: { nodeName: more.node ?? 'node1', restartPolicy: 'Never' },
    ...(more.status === undefined ? {} : { status: more.status }),
  });

const names = (cluster: KubernetesCluster) => cluster.pools().map(({ name }) => name);

describe('pools', () => {
  test('are those of the server, and follow it', async () => {
    server.put('SpiderIPPool', { metadata: { name: 'p1' }, spec: SPEC });
    const cluster = await synced();
    expect(names(cluster)).toEqual(['p1']);
    const before = cluster.poolGeneration;
    server.put('SpiderIPPool', {
      metadata: { name: 'p2' },
      spec: { ...SPEC, subnet: '10.0.1.0/24', ips: ['10.0.1.1'] },
    });
    await expect.poll(() => names(cluster)).toEqual(['p1', 'p2']);
    expect(cluster.poolGeneration).toBeGreaterThan(before);
    server.delete('SpiderIPPool', 'p1');
    await expect.poll(() => names(cluster)).toEqual(['p2']);
  });

  test('do not change with a write of their status, which the controller does all the time', async () => {
    server.put('SpiderIPPool', { metadata: { name: 'p1' }, spec: SPEC });
    const cluster = await synced();
    const pools = cluster.pools();
    const before = cluster.poolGeneration;
    server.put('SpiderIPPool', {
      metadata: { name: 'p1' },
      spec: SPEC,
      status: { allocatedIPCount: 3 },
    });
    const news = { name: 'other', annotations: { c: 'd' } };
    server.put('Namespace', { metadata: news });
    await expect.poll(() => cluster.namespace('other').annotations).toEqual({ c: 'd' });
    await expect
      .poll(() => cluster.get('SpiderIPPool', '', 'p1')?.status)
      .toEqual({ allocatedIPCount: 3 });
    expect(cluster.poolGeneration).toBe(before);
    expect(cluster.pools()).toBe(pools);
  });

  test.each([
    ['a subnet that is none', { ...SPEC, subnet: '10.0.0.0/33' }, 'spec.subnet'],
    ['a range that is none', { ...SPEC, ips: ['nowhere'] }, 'spec.ips'],
  ])('with %s are named and take part in nothing, the others go on', async (_what, bad, field) => {
    server.put('SpiderIPPool', { metadata: { name: 'good' }, spec: SPEC });
    server.put('SpiderIPPool', { metadata: { name: 'bad' }, spec: bad });
    const cluster = await synced();
    expect(names(cluster)).toEqual(['good']);
    expect(cluster.problems).toEqual([expect.stringContaining(field)]);
    expect(problems).toEqual(cluster.problems);
    server.put('SpiderIPPool', {
      metadata: { name: 'bad' },
      spec: { subnet: '10.1.0.0/24', ips: ['10.1.0.1'] },
    });
    await expect.poll(() => names(cluster)).toEqual(['bad', 'good']);
    expect(cluster.problems).toEqual([]);
    // One that becomes unreadable gives nothing more out.
    server.put('SpiderIPPool', { metadata: { name: 'good' }, spec: bad });
    await expect.poll(() => names(cluster)).toEqual(['bad']);
    expect(problems).toHaveLength(2);
  });

  test('of Calico are read from the version that is served', async () => {
    server.serve('CalicoIPPool', 'crd.projectcalico.org/v1');
    server.put('CalicoIPPool', { metadata: { name: 'c1' }, spec: { cidr: '10.9.0.0/16' } });
    const cluster = await synced();
    expect(cluster.pools()).toEqual([expect.objectContaining({ name: 'c1', dialect: 'calico' })]);
  });
});

describe('settings', () => {
  test('come from the ConfigMap of that name, and no other is asked for', async () => {
    server.put('ConfigMap', {
      metadata: { name: 'spiderpool-conf', namespace: 'kube-system' },
      data: { enableIPv6: 'false' },
    });
    server.put('ConfigMap', { metadata: { name: 'secret-settings', namespace: 'shop' } });
    const cluster = await synced();
    expect(cluster.conf()).toMatchObject({ enableIPv4: true, enableIPv6: false });
    const asked = server.http.requests.filter(({ path }) => path.startsWith('/api/v1/configmaps'));
    expect(asked.length).toBeGreaterThan(0);
    for (const { path } of asked) {
      expect(path).toContain('fieldSelector=metadata.name%3Dspiderpool-conf');
    }
    expect(cluster.list('ConfigMap')).toHaveLength(1);
  });

  test('that cannot be read are those that hold without one', async () => {
    server.put('ConfigMap', {
      metadata: { name: 'spiderpool-conf', namespace: 'kube-system' },
      data: { enableIPv6: 'perhaps' },
    });
    const cluster = await synced();
    expect(cluster.conf().enableIPv6).toBe(true);
    expect(problems).toEqual([expect.stringContaining('enableIPv6')]);
  });

  test('reserve addresses; a reservation that cannot be read is named', async () => {
    const spec = { ipVersion: 4, ips: ['10.0.0.15'] };
    server.put('SpiderReservedIP', { metadata: { name: 'r1' }, spec });
    server.put('SpiderReservedIP', { metadata: { name: 'r2' }, spec: { ...spec, ips: ['x'] } });
    const cluster = await synced();
    expect(cluster.reserved(4).has(parseAddress('10.0.0.15')!)).toBe(true);
    expect(cluster.reserved(4).has(parseAddress('10.0.0.16')!)).toBe(false);
    expect(problems).toEqual([expect.stringContaining('r2')]);
  });
});

describe('a pod', () => {
  test('of the own node is answered from the copy, with its namespace and node: no read at all', async () => {
    putPod('web', { uid: 'u1' });
    const cluster = await synced();
    server.reads.length = 0;
    const pod = await cluster.pod('shop', 'web');
    expect(pod).toMatchObject({ uid: 'u1', node: 'node1', dead: false });
    expect(cluster.namespace('shop').annotations).toEqual({ a: 'b' });
    expect(cluster.node('node1').labels).toEqual({ role: 'worker' });
    expect(server.reads).toEqual([]);
  });

  test('that the watch has not brought yet is read live, and so is its namespace', async () => {
    const cluster = await synced();
    server.silent = true;
    server.put('Namespace', { metadata: { name: 'fresh', annotations: { pool: 'p9' } } });
    server.put('Pod', {
      metadata: { name: 'web', namespace: 'fresh' },
      spec: { nodeName: 'node1' },
    });
    expect(await cluster.pod('fresh', 'web')).toMatchObject({ name: 'web' });
    expect(cluster.namespace('fresh').annotations).toEqual({ pool: 'p9' });
  });

  test('rule 7: is read live where a fresh look is asked for', async () => {
    putPod('web', { uid: 'old' });
    const cluster = await synced();
    server.silent = true;
    putPod('web', { uid: 'new' });
    expect((await cluster.pod('shop', 'web'))?.uid).toBe('old');
    expect((await cluster.pod('shop', 'web', { fresh: true }))?.uid).toBe('new');
  });

  test('of another node is never watched, and read when asked for', async () => {
    putPod('far', { node: 'node2' });
    const cluster = await synced();
    expect(cluster.list('Pod')).toEqual([]);
    expect(await cluster.pod('shop', 'far')).toMatchObject({ node: 'node2' });
    for (const { path } of server.http.requests.filter((one) => one.path.includes('/pods?'))) {
      expect(path).toContain('fieldSelector=spec.nodeName%3Dnode1');
    }
  });

  test('that does not exist is none', async () => {
    expect(await (await synced()).pod('shop', 'nobody')).toBeUndefined();
  });

  test.each([
    ['does not answer', () => {}],
    ['is ill', (response) => answer(response, 500, statusObject(500, 'etcd is gone'))],
    ['refuses', (response) => answer(response, 403, statusObject(403, 'forbidden'))],
  ] as [string, (response: ServerResponse) => void][])(
    'is not called unknown where the server %s',
    async (_what, script) => {
      const cluster = await synced();
      server.http.script = (_request, response) => script(response);
      await expect(cluster.pod('shop', 'web')).rejects.toMatchObject({
        code: 'API_SERVER_AWAY',
        message: 'failed to get Pod shop/web',
      });
    },
  );

  test('that ends is told once: deleted, finished, being deleted, or replaced', async () => {
    for (const name of ['deleted', 'finished', 'leaving', 'replaced']) putPod(name);
    const cluster = await synced();
    const gone: string[] = [];
    cluster.onPodGone((namespace, name, deleted) => gone.push(`${namespace}/${name} ${deleted}`));
    server.delete('Pod', 'deleted', 'shop');
    putPod('finished', { status: { phase: 'Succeeded' } });
    putPod('finished', { status: { phase: 'Succeeded', reason: 'again' } });
    server.put('Pod', {
      metadata: { name: 'leaving', namespace: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { nodeName: 'node1' },
    });
    putPod('replaced', { uid: 'another' });
    await expect.poll(() => gone.length).toBe(4);
    putPod('last');
    server.delete('Pod', 'last', 'shop');
    await expect
      .poll(() => gone)
      .toEqual([
        'shop/deleted true',
        'shop/finished false',
        'shop/leaving false',
        'shop/replaced true',
        'shop/last true',
      ]);
  });

  test('that came and went while nothing was heard is in no event, but pods were listed anew since', async () => {
    const cluster = await synced();
    let lists = 0;
    cluster.onPodsListed(() => {
      lists += 1;
    });
    const serve = server.http.script;
    server.http.script = (request, response) =>
      request.path.includes('watch=true')
        ? answer(response, 410, statusObject(410, 'too old'))
        : serve(request, response);
    server.http.cut();
    await expect.poll(() => lists).toBeGreaterThan(0);
  });

  test('belongs to the Deployment of its ReplicaSet, which is read once for all its pods', async () => {
    const owner = (kind: string, name: string) => ({
      apiVersion: 'apps/v1',
      kind,
      name,
      uid: name,
      controller: true,
    });
    server.put('ReplicaSet', {
      metadata: {
        name: 'web-1',
        namespace: 'shop',
        ownerReferences: [owner('Deployment', 'web')],
      },
    });
    for (const name of ['a', 'b']) {
      server.put('Pod', {
        metadata: { name, namespace: 'shop', ownerReferences: [owner('ReplicaSet', 'web-1')] },
        spec: { nodeName: 'node1' },
      });
    }
    const cluster = await synced();
    server.reads.length = 0;
    for (const name of ['a', 'b']) {
      const pod = await cluster.podWithOwner('shop', name);
      expect(pod?.controller).toEqual({ kind: 'Deployment', name: 'web' });
    }
    expect(server.reads.filter((path) => path.includes('replicasets'))).toHaveLength(1);
    // An ADD needs no more than the pod itself.
    expect((await cluster.pod('shop', 'a'))?.controller.kind).toBe('ReplicaSet');
  });
});

describe('a node', () => {
  test('other than the own one is known once it was read', async () => {
    const cluster = await synced();
    expect(cluster.node('node2').labels).toEqual({});
    await cluster.learnNode('node2');
    expect(cluster.node('node2').labels).toEqual({ role: 'master' });
  });
});

test('without a node of its own no pod and no node is watched', async () => {
  putPod('web');
  const cluster = open(null);
  await cluster.synced();
  expect([cluster.watches('Pod'), cluster.watches('Node')]).toEqual([false, false]);
  expect(await cluster.pod('shop', 'web')).toMatchObject({ name: 'web', node: 'node1' });
});

test('says which lists it waits for, and why', async () => {
  const { script } = server.http;
  server.http.script = (request, response) =>
    request.path.includes('namespaces')
      ? answer(response, 403, statusObject(403, 'namespaces is forbidden'))
      : script(request, response);
  const cluster = open();
  await expect
    .poll(() => cluster.unsynced)
    .toEqual([expect.stringMatching(/Namespace.*forbidden/)]);
});
