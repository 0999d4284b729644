/**
 * The API client on a real API server: that its answers are those of reference/kubernetes-api.md section 2, and that
 * lists and watches survive what happens to real servers.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { systemTimers } from '../../src/ipam/timers.ts';
import type { ApiOutcome, PatchOperation } from '../../src/kube/api.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import { BlockServer, IP_BLOCKS } from '../../src/kube/block-server.ts';
import { type IpBlock, newBlock } from '../../src/kube/ip-block.ts';
import { KubeObjects } from '../../src/kube/objects.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, LEASES, resourcePath } from '../../src/kube/resources.ts';
import { addressOf } from '../support/lines.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();

describe.skipIf(missing.length > 0)(['the API client', ...missing].join(': '), () => {
  let cluster: ControlPlane;
  /** Through the proxy. */
  let api: ApiServer;
  let objects: KubeObjects;
  let blocks: BlockServer;

  beforeAll(async () => {
    cluster = await startControlPlane({ crds: true, proxy: true });
    api = ApiServer.fromKubeconfig(cluster.proxy.kubeconfig, {
      limits: { apiRequestMs: 3_000, watchSilenceMs: 2_000 },
    });
    objects = new KubeObjects(api);
    blocks = new BlockServer(api);
  });

  afterAll(async () => {
    await api?.close();
    await cluster?.stop();
  });

  afterEach(() => cluster.proxy.back());

  function resultOf<T>(outcome: ApiOutcome<T>): T {
    if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
    return outcome.value;
  }

  describe('an outcome', () => {
    let block: IpBlock;
    let count = 0;

    beforeEach(async () => {
      count += 1;
      const first = addressOf(`10.0.${count}.0`);
      block = resultOf(
        await blocks.create(newBlock(first, { names: {}, slots: { 1: 'x' }, units: {} })),
      );
    });

    const slot = (at: number, value: unknown, op: 'test' | 'add' = 'test'): PatchOperation => ({
      op,
      path: `/spec/slots/${at}`,
      value,
    });

    test.each<{ what: string; patch: PatchOperation[]; kind: ApiOutcome<unknown>['kind'] }>([
      { what: 'a test that holds', patch: [slot(1, 'x'), slot(1, 'y', 'add')], kind: 'ok' },
      {
        what: 'a test of null on what is absent',
        patch: [slot(2, null), slot(2, 'y', 'add')],
        kind: 'ok',
      },
      { what: 'a patch that changes nothing', patch: [slot(1, 'x', 'add')], kind: 'ok' },
      {
        what: 'a test that fails',
        patch: [slot(1, null), slot(1, 'y', 'add')],
        kind: 'test-failed',
      },
      {
        what: 'a test on another uid',
        patch: [{ op: 'test', path: '/metadata/uid', value: 'u' }, slot(2, 'y', 'add')],
        kind: 'test-failed',
      },
      {
        what: 'removing what is absent',
        patch: [{ op: 'remove', path: '/spec/slots/9' }],
        kind: 'test-failed',
      },
      { what: 'a value that the schema forbids', patch: [slot(1, 5, 'add')], kind: 'refused' },
      {
        what: 'a change that a rule of the CRD forbids',
        patch: [{ op: 'add', path: '/spec/cidr', value: '10.9.9.0/26' }],
        kind: 'refused',
      },
      {
        what: 'more than etcd takes',
        patch: [{ op: 'add', path: '/metadata/annotations', value: { a: 'x'.repeat(2_000_000) } }],
        kind: 'refused',
      },
    ])('of a patch with $what is $kind', async ({ patch, kind }) => {
      const outcome = await blocks.patch(block.metadata.name, patch);
      expect(outcome.kind).toBe(kind);
      // What failed has changed nothing.
      if (kind !== 'ok') {
        expect(await blocks.get(block.metadata.name)).toEqual({ kind: 'ok', value: block });
      }
    });

    test('of a patch is the whole new object', async () => {
      const outcome = await blocks.patch(block.metadata.name, [slot(2, 'y', 'add')]);
      expect(resultOf(outcome).spec.slots).toEqual({ 1: 'x', 2: 'y' });
    });

    test('of a name that is taken is conflict, of one that is not there not-found', async () => {
      const { resourceVersion, uid, ...metadata } = block.metadata;
      expect(await blocks.create({ ...block, metadata })).toEqual({ kind: 'conflict' });
      expect(await blocks.get('none')).toEqual({ kind: 'not-found' });
      expect(await blocks.patch('none', [])).toEqual({ kind: 'not-found' });
      const preconditions = { uid: 'u', resourceVersion: '1' };
      expect(await blocks.delete('none', preconditions)).toEqual({ kind: 'not-found' });
    });

    test('of a deletion is conflict under another version or uid, and ok under the right ones', async () => {
      const { name, uid = '', resourceVersion = '' } = block.metadata;
      for (const wrong of [
        { uid, resourceVersion: '1' },
        { uid: 'u', resourceVersion },
      ]) {
        expect(await blocks.delete(name, wrong)).toEqual({ kind: 'conflict' });
      }
      expect(await blocks.delete(name, { uid, resourceVersion })).toEqual({
        kind: 'ok',
        value: undefined,
      });
      // Its finalizer keeps it.
      expect(resultOf(await blocks.get(name)).metadata.deletionTimestamp).toBeDefined();
    });

    test('of a replacement under an old version is conflict', async () => {
      await blocks.patch(block.metadata.name, [slot(1, 'y', 'add')]);
      const old = block as unknown as KubeObject;
      expect(await objects.replace(IP_BLOCKS, old)).toEqual({ kind: 'conflict' });
    });
  });

  test('lists in pages, of one coarse network where it is asked for', async () => {
    for (const first of ['10.1.0.0', '10.1.0.64', '10.1.0.128', '10.2.0.0']) {
      const spec = { names: {}, slots: {}, units: {} };
      resultOf(await blocks.create(newBlock(addressOf(first), spec)));
    }
    const query = { coarseNetworks: ['10-1-0-0-16'], limit: 2 };
    const page = resultOf(await blocks.list(query));
    expect(page.blocks).toHaveLength(2);
    const last = resultOf(await blocks.list({ ...query, continue: page.continue! }));
    expect(last.blocks.map(({ metadata }) => metadata.name)).toEqual(['10-1-0-64-26']);
    expect([last.continue, last.resourceVersion]).toEqual([undefined, page.resourceVersion]);
    expect(await blocks.list({ ...query, continue: 'nonsense' })).toMatchObject({
      kind: 'refused',
    });
  });

  test('keeps its connections: 200 requests over a few', async () => {
    const own = ApiServer.fromKubeconfig(cluster.proxy.kubeconfig);
    const before = cluster.proxy.connections;
    for (let sent = 0; sent < 200; sent += 1) {
      resultOf(await own.request({ method: 'GET', path: '/version' }));
    }
    expect(cluster.proxy.connections - before).toBeLessThanOrEqual(2);
    await own.close();
  });

  test('writes a CRD with every key that it has, and another server-side', async () => {
    const listed = resultOf(await objects.list(CUSTOM_RESOURCE_DEFINITIONS));
    const ours = listed.items.find(
      ({ metadata }) => metadata.name === 'ipblocks.ipam.orbweaver.dev',
    );
    expect(JSON.stringify(ours)).toContain('"x-kubernetes-map-type":"atomic"');
    const written = resultOf(await objects.replace(CUSTOM_RESOURCE_DEFINITIONS, ours!));
    expect(written.spec).toEqual(ours?.spec);
    const lease: KubeObject = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'default', name: 'applied' },
      spec: { holderIdentity: 'a' },
    };
    resultOf(await objects.applyServerSide(LEASES, lease, { fieldManager: 'a' }));
    const other = { ...lease, spec: { holderIdentity: 'b' } };
    expect(await objects.applyServerSide(LEASES, other, { fieldManager: 'b' })).toEqual({
      kind: 'conflict',
    });
    const taken = await objects.applyServerSide(LEASES, other, { fieldManager: 'b', force: true });
    expect(resultOf(taken).spec).toMatchObject({ holderIdentity: 'b' });
  });

  test('knows the time of the server', async () => {
    resultOf(await api.request({ method: 'GET', path: '/version' }));
    // Server and test have one clock, of which the answers tell whole seconds.
    expect(Math.abs(api.clock.now() - Date.now())).toBeLessThan(5_000);
  });

  test('cannot tell what became of a write whose answer is lost, and it has taken effect', async () => {
    const stop = cluster.proxy.swallowReplies(({ method }) => method === 'POST');
    const block = newBlock(addressOf('10.3.0.0'), { names: {}, slots: {}, units: {} });
    expect((await blocks.create(block)).kind).toBe('unknown');
    stop();
    expect((await blocks.get(block.metadata.name)).kind).toBe('ok');
  });

  test('is away while nobody answers, and not a moment longer', async () => {
    cluster.proxy.away('refused');
    const ask = async () => (await api.request({ method: 'GET', path: '/version' })).kind;
    // The first may go out on a connection that is just being cut.
    await vi.waitFor(async () => expect(await ask()).toBe('away'));
    expect(api.isAway(0)).toBe(true);
    cluster.proxy.back();
    expect(await ask()).toBe('ok');
    expect(api.isAway(0)).toBe(false);
  });

  describe('a reflector', () => {
    async function followed(prefix: string): Promise<{
      reflector: Reflector;
      seen: string[];
      put(name: string, value: string): Promise<void>;
    }> {
      const seen: string[] = [];
      const reflector = new Reflector({
        api,
        path: resourcePath('ConfigMap', { namespace: 'default' }),
        timers: systemTimers(api.clock),
        random: Math.random,
        onChange: ({ name }, object) => {
          if (name.startsWith(prefix)) {
            seen.push(`${name} ${(object?.data as { a?: string } | undefined)?.a ?? 'gone'}`);
          }
        },
      });
      reflector.start();
      await reflector.synced;
      const direct = (name: string, value: string) =>
        cluster.ask(
          'PATCH',
          `/api/v1/namespaces/default/configmaps/${name}?fieldManager=t`,
          {
            ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: value } },
          },
          'application/apply-patch+yaml',
        );
      return {
        reflector,
        seen,
        // Past the proxy.
        put: async (name, value) => {
          expect((await direct(name, value)).status).toBeLessThan(300);
        },
      };
    }

    test('sees what happens, also while its watch is cut, silent or the server restarts', async () => {
      const { reflector, seen, put } = await followed('w-');
      await put('w-1', 'a');
      await vi.waitFor(() => expect(seen).toEqual(['w-1 a']), 10_000);
      cluster.proxy.away('refused');
      await put('w-1', 'b');
      cluster.proxy.back();
      await vi.waitFor(() => expect(seen.at(-1)).toBe('w-1 b'), 10_000);
      cluster.proxy.silenceWatches();
      await put('w-1', 'c');
      cluster.proxy.allowWatches();
      await vi.waitFor(() => expect(seen.at(-1)).toBe('w-1 c'), 10_000);
      await cluster.restart('kube-apiserver');
      await put('w-1', 'd');
      await vi.waitFor(() => expect(seen.at(-1)).toBe('w-1 d'), 20_000);
      await cluster.ask('DELETE', '/api/v1/namespaces/default/configmaps/w-1');
      await vi.waitFor(() => expect(seen.at(-1)).toBe('w-1 gone'), 10_000);
      reflector.close();
      expect(seen).toEqual(['w-1 a', 'w-1 b', 'w-1 c', 'w-1 d', 'w-1 gone']);
    });
  });
});
