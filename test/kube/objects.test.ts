/** Paths, bodies and versions of requests for objects, as the API server gets them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KINDS } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { ApiOutcome } from '../../src/kube/api.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import { BlockServer } from '../../src/kube/block-server.ts';
import { newBlock } from '../../src/kube/ip-block.ts';
import { KubeObjects } from '../../src/kube/objects.ts';
import { EVENTS, LEASES, resourcePath, resourceTypes } from '../../src/kube/resources.ts';
import { addressOf } from '../support/lines.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { answer, ScriptedApiServer } from '../support/scripted-api-server.ts';

describe('the path', () => {
  test.each([
    { of: 'a core list', path: resourcePath('Pod'), is: '/api/v1/pods' },
    {
      of: 'an object of a namespace',
      path: resourcePath('Pod', { namespace: 'default', name: 'web' }),
      is: '/api/v1/namespaces/default/pods/web',
    },
    {
      of: 'a kind without namespaces, whatever namespace is said',
      path: resourcePath('Node', { namespace: 'default', name: 'n' }),
      is: '/api/v1/nodes/n',
    },
    {
      of: 'a status',
      path: resourcePath('SpiderIPPool', { name: 'p', subresource: 'status' }),
      is: '/apis/spiderpool.spidernet.io/v2beta1/spiderippools/p/status',
    },
    {
      of: 'a list with a query',
      path: resourcePath(EVENTS, {
        query: { fieldSelector: 'a=b c', limit: 5, dryRun: undefined },
      }),
      is: '/api/v1/events?fieldSelector=a%3Db+c&limit=5',
    },
    {
      of: 'any other kind',
      path: resourcePath(LEASES, { namespace: 'ns', name: 'a/b' }),
      is: '/apis/coordination.k8s.io/v1/namespaces/ns/leases/a%2Fb',
    },
    {
      of: "Calico's kind, preferred",
      path: resourcePath('CalicoIPPool'),
      is: '/apis/projectcalico.org/v3/ippools',
    },
    {
      of: "the older Spiderpool kind of Calico's name",
      path: resourcePath('SpiderpoolV1IPPool'),
      is: '/apis/spiderpool.spidernet.io/v1/ippools',
    },
  ])('of $of', ({ path, is }) => {
    expect(path).toBe(is);
  });

  test('is another for every kind and version', () => {
    const paths = KINDS.flatMap(({ id }) => resourceTypes(id)).map((type) => resourcePath(type));
    expect(new Set(paths).size).toBe(paths.length);
  });
});

describe('objects', () => {
  let server: ScriptedApiServer;
  let api: ApiServer;
  let objects: KubeObjects;

  beforeEach(async () => {
    server = await ScriptedApiServer.start();
    api = ApiServer.fromKubeconfig(server.kubeconfig(scratchFolder()));
    objects = new KubeObjects(api);
  });

  afterEach(async () => {
    await api.close();
    await server.close();
  });

  const lease: KubeObject = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: 'ns', name: 'l' },
    spec: {},
  };
  const PLACE = { namespace: 'ns', name: 'l' };
  const LIST = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';

  const rows: {
    what: string;
    act: () => Promise<ApiOutcome<unknown>>;
    is: [method: string, path: string, type: string | undefined, body: unknown];
  }[] = [
    {
      what: 'get',
      act: () => objects.get(LEASES, PLACE),
      is: ['GET', `${LIST}/l`, undefined, undefined],
    },
    {
      what: 'create',
      act: () => objects.create(LEASES, lease, { fieldManager: 'me' }),
      is: ['POST', `${LIST}?fieldManager=me`, 'application/json', lease],
    },
    {
      what: 'create, tried out',
      act: () => objects.create(LEASES, lease, { dryRun: true }),
      is: ['POST', `${LIST}?dryRun=All`, 'application/json', lease],
    },
    {
      what: 'replace',
      act: () => objects.replace(LEASES, lease),
      is: ['PUT', `${LIST}/l`, 'application/json', lease],
    },
    {
      what: 'replace of a status',
      act: () => objects.replace(LEASES, lease, { subresource: 'status' }),
      is: ['PUT', `${LIST}/l/status`, 'application/json', lease],
    },
    {
      what: 'merge patch',
      act: () => objects.mergePatch(LEASES, PLACE, { spec: null }),
      is: ['PATCH', `${LIST}/l`, 'application/merge-patch+json', { spec: null }],
    },
    {
      what: 'JSON Patch of a status',
      act: () => objects.jsonPatch(LEASES, PLACE, [], { subresource: 'status' }),
      is: ['PATCH', `${LIST}/l/status`, 'application/json-patch+json', []],
    },
    {
      what: 'server-side apply',
      act: () => objects.applyServerSide(LEASES, lease, { fieldManager: 'me', force: true }),
      is: ['PATCH', `${LIST}/l?fieldManager=me&force=true`, 'application/apply-patch+yaml', lease],
    },
    {
      what: 'delete',
      act: () => objects.delete(LEASES, PLACE, { preconditions: { uid: 'u' } }),
      is: [
        'DELETE',
        `${LIST}/l`,
        'application/json',
        { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'u' } },
      ],
    },
  ];
  test.each(rows)('$what', async ({ act, is }) => {
    expect((await act()).kind).toBe('ok');
    const [{ method, path, headers, body } = server.requests[0]!] = server.requests;
    const sent = body === '' ? undefined : JSON.parse(body);
    expect([method, path, headers['content-type'], sent]).toEqual(is);
  });

  test('of a list carry the type that the server leaves out', async () => {
    server.script = (_request, response) =>
      answer(response, 200, {
        apiVersion: 'v1',
        kind: 'PodList',
        metadata: { resourceVersion: '7' },
        items: [{ metadata: { name: 'a' } }],
      });
    expect(await objects.list('Pod', { namespace: 'ns', labelSelector: 'a=b' })).toEqual({
      kind: 'ok',
      value: {
        items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }],
        resourceVersion: '7',
      },
    });
    expect(server.requests[0]?.path).toBe(
      '/api/v1/namespaces/ns/pods?labelSelector=a%3Db&limit=500',
    );
  });

  describe('of a kind with two versions', () => {
    /** What the server serves: group and version → plurals. */
    let served: Record<string, string[]>;

    beforeEach(() => {
      served = {};
      server.script = ({ path }, response) => {
        const [, , group = '', version = '', ...rest] = path.split('?')[0]!.split('/');
        const names = served[`${group}/${version}`];
        if (names === undefined || (rest.length > 0 && !names.includes(rest[0]!))) {
          answer(response, 404, '404 page not found');
        } else {
          answer(response, 200, { resources: names.map((name) => ({ name })) });
        }
      };
    });

    const config = (apiVersion: string, kind: string): KubeObject => ({
      apiVersion,
      kind,
      metadata: { name: 'default' },
    });
    const NEW = config('projectcalico.org/v3', 'IPAMConfiguration');
    const OLD = config('crd.projectcalico.org/v1', 'IPAMConfig');

    test.each([
      {
        what: 'the newer where it is served',
        serves: {
          'projectcalico.org/v3': ['ipamconfigurations'],
          'crd.projectcalico.org/v1': ['ipamconfigs'],
        },
        path: '/apis/projectcalico.org/v3/ipamconfigurations/default',
        body: NEW,
      },
      {
        what: 'the older elsewhere, under its own name',
        serves: { 'crd.projectcalico.org/v1': ['ipamconfigs'] },
        path: '/apis/crd.projectcalico.org/v1/ipamconfigs/default',
        body: OLD,
      },
      {
        what: 'the older where the group is served without the kind',
        serves: { 'projectcalico.org/v3': ['others'], 'crd.projectcalico.org/v1': ['ipamconfigs'] },
        path: '/apis/crd.projectcalico.org/v1/ipamconfigs/default',
        body: OLD,
      },
    ])('are written in $what', async ({ serves, path, body }) => {
      served = serves;
      for (const object of [NEW, OLD]) {
        expect((await objects.replace('CalicoIPAMConfiguration', object)).kind).toBe('ok');
        const sent = server.requests.at(-1)!;
        expect(sent.path).toBe(path);
        expect(JSON.parse(sent.body)).toEqual(body);
      }
      // Which version it is, is asked once.
      expect(new Set(server.requests.map((request) => request.path)).size).toBe(
        server.requests.length - 1,
      );
    });

    test('are none where no version is served, and are not written', async () => {
      expect(await objects.get('CalicoIPPool', { name: 'p' })).toEqual({ kind: 'not-found' });
      expect(await objects.list('CalicoIPPool')).toEqual({
        kind: 'ok',
        value: { items: [], resourceVersion: '' },
      });
      expect(await objects.create('CalicoIPPool', NEW)).toEqual({
        kind: 'refused',
        reason: 'the API server does not serve CalicoIPPool',
        status: 404,
      });
    });

    test('are looked for again after a failure', async () => {
      const script = server.script;
      server.script = (_request, response) => answer(response, 500, {});
      expect((await objects.get('CalicoIPPool', { name: 'p' })).kind).toBe('unknown');
      server.script = script;
      served = { 'projectcalico.org/v3': ['ippools'] };
      expect((await objects.get('CalicoIPPool', { name: 'p' })).kind).toBe('ok');
    });
  });

  test('IPBlocks that are not served are refused by name, not missing', async () => {
    server.script = (_request, response) => answer(response, 404, '404 page not found');
    const blocks = new BlockServer(api);
    const refused = {
      kind: 'refused',
      reason: expect.stringContaining('deploy/crds/ipblock.yaml'),
    };
    expect(await blocks.list({ limit: 1 })).toMatchObject(refused);
    const block = newBlock(addressOf('10.0.0.0'), { names: {}, slots: {}, units: {} });
    expect(await blocks.create(block)).toMatchObject(refused);
    expect(await blocks.get('x')).toEqual({ kind: 'not-found' });
  });
});
