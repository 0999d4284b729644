/** The admission webhook: reviews in and out, over HTTPS with the certificate that the API server trusts. */
import { request } from 'node:https';
import { afterEach, describe, expect, test } from 'vitest';
import {
  answerReview,
  type ReviewRequest,
  type ReviewResponse,
} from '../../src/controller/admission-review.ts';
import { poolVerdict } from '../../src/controller/pool-verdict.ts';
import { startWebhook, type Webhook } from '../../src/controller/webhook.ts';
import { WEBHOOK_CONFIGURATION } from '../../src/controller/webhook-registration.ts';
import { WEBHOOK_SECRET } from '../../src/controller/webhook-secret.ts';
import type { PoolSummary } from '../../src/dialect/admission-context.ts';
import { type KindId, kindById } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { readSpiderPool } from '../../src/dialect/spiderpool.ts';
import { systemTimers } from '../../src/ipam/timers.ts';
import { AdmissionWorld } from '../support/admission-world.ts';
import { KeptObjects } from './kept-objects.ts';

function object(kind: KindId, name: string, spec: unknown, metadata: object = {}): KubeObject {
  const { apiVersions, kinds } = kindById(kind);
  return { apiVersion: apiVersions[0]!, kind: kinds[0]!, metadata: { name, ...metadata }, spec };
}

function pool(name: string, spec: object, metadata: object = {}): KubeObject {
  return object('SpiderIPPool', name, spec, metadata);
}

function create(next: KubeObject): ReviewRequest {
  return { uid: 'u-1', operation: 'CREATE', object: next, oldObject: null };
}

function update(next: KubeObject, previous: KubeObject): ReviewRequest {
  return { uid: 'u-1', operation: 'UPDATE', object: next, oldObject: previous };
}

function patchIn(response: ReviewResponse): { path: string; value: unknown }[] {
  const text = Buffer.from(response.patch ?? 'W10=', 'base64').toString();
  return JSON.parse(text);
}

const SUBNET = '10.0.0.0/24';

describe('mutate fills in what the dialect fills in:', () => {
  const world = new AdmissionWorld();
  const patched = (next: KubeObject) => {
    const response = answerReview('mutate', create(next), () => world.context);
    expect(response).toMatchObject({ uid: 'u-1', allowed: true });
    return Object.fromEntries(patchIn(response).map(({ path, value }) => [path, value]));
  };

  test('a pool of Spiderpool', () => {
    const given = pool(
      'p',
      { subnet: SUBNET, ips: ['10.0.0.2', '10.0.0.1'] },
      { labels: { a: 'b' } },
    );
    expect(patched(given)).toEqual({
      '/metadata/labels': { a: 'b', 'ipam.spidernet.io/ippool-cidr': '10-0-0-0-24' },
      '/metadata/finalizers': ['spiderpool.spidernet.io'],
      '/spec/ipVersion': 4,
      '/spec/default': false,
      '/spec/disable': false,
      '/spec/ips': ['10.0.0.1-10.0.0.2'],
    });
  });

  test('a pool of the older form', () => {
    const given = object('SpiderpoolV1IPPool', 'p', {
      subnet: 'fd00::/64',
      disable: true,
      vlan: 3,
    });
    expect(patched(given)).toEqual({
      '/metadata/labels': { 'ipam.spidernet.io/ippool-cidr': 'fd00---64' },
      '/metadata/finalizers': ['spiderpool.spidernet.io'],
      '/spec/ipVersion': 'IPv6',
    });
  });

  test.each(['projectcalico.org/v3', 'crd.projectcalico.org/v1'])(
    "Calico's pool in %s",
    (version) => {
      const given = {
        ...object('CalicoIPPool', 'c', { cidr: '10.1.0.0/16', disabled: true }),
        apiVersion: version,
      };
      expect(patched(given)).toEqual({
        '/metadata/finalizers': ['projectcalico.org/ippool-finalizer'],
        '/spec/blockSize': 26,
        '/spec/ipipMode': 'Never',
        '/spec/vxlanMode': 'Never',
        '/spec/nodeSelector': 'all()',
        '/spec/allowedUses': ['Workload', 'Tunnel'],
        '/spec/assignmentMode': 'Automatic',
      });
    },
  );

  test('a SpiderSubnet gets no finalizer, since nobody would take it off', () => {
    expect(patched(object('SpiderSubnet', 's', { subnet: SUBNET }))).toEqual({
      '/metadata/labels': { 'ipam.spidernet.io/subnet-cidr': '10-0-0-0-24' },
      '/spec/ipVersion': 4,
    });
  });

  test('a configuration without a spec', () => {
    expect(patched(object('CalicoIPAMConfiguration', 'default', undefined))).toEqual({
      '/spec': { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 0 },
    });
  });

  test('an object without a name yet', () => {
    const { name: _, ...rest } = pool('', { subnet: SUBNET }).metadata;
    const given = { ...pool('', { subnet: SUBNET }), metadata: { ...rest, generateName: 'p-' } };
    expect(patched(given as unknown as KubeObject)).toMatchObject({ '/spec/ipVersion': 4 });
  });

  test('nothing where everything is there', () => {
    const admitted = world.apply(pool('full', { subnet: '10.9.0.0/24' })).object;
    expect(patched(admitted)).toEqual({});
  });
});

describe('what may not be', () => {
  const world = new AdmissionWorld();
  world.apply(pool('there', { subnet: SUBNET, ips: ['10.0.0.1-10.0.0.9'] }));
  world.apply(object('CalicoIPPool', 'calico', { cidr: '10.1.0.0/16' }));
  world.claims.push(['there', '10.0.0.9', 'shop/web-0']);
  const there = world.objects.get('SpiderIPPool/there')!;
  const total =
    "total IP addresses of an IPPool are jointly determined by 'spec.ips' and 'spec.excludeIPs'";
  const rows: [string, ReviewRequest, string][] = [
    [
      'another network over a pool',
      create(pool('new', { subnet: '10.0.0.0/16' })),
      'SpiderIPPool.spiderpool.spidernet.io "new" is invalid: spec.subnet: Invalid value: "10.0.0.0/16": overlap with IPPool there which \'spec.subnet\' is 10.0.0.0/24',
    ],
    [
      'addresses of another pool',
      create(pool('new', { subnet: SUBNET, ips: ['10.0.0.9-10.0.0.12'] })),
      `SpiderIPPool.spiderpool.spidernet.io "new" is invalid: spec.ips: Forbidden: overlap with IPPool there in IP ranges [10.0.0.9], ${total}`,
    ],
    [
      'an address in use taken out',
      update(pool('there', { subnet: SUBNET, ips: ['10.0.0.1-10.0.0.8'] }), there),
      `SpiderIPPool.spiderpool.spidernet.io "there" is invalid: spec.ips: Forbidden: remove an IP address 10.0.0.9 that is being used by Pod shop/web-0, ${total}`,
    ],
    [
      "a pool of Calico's over another",
      create(object('CalicoIPPool', 'new', { cidr: '10.1.2.0/24' })),
      'IPPool.projectcalico.org "new" is invalid: spec.cidr: Invalid value: "10.1.2.0/24": IPPool(new) CIDR overlaps with IPPool(calico) CIDR 10.1.0.0/16',
    ],
    [
      'settings that nobody can read',
      create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'spiderpool-conf', namespace: 'kube-system' },
        data: { enableIPv4: 'perhaps' },
      }),
      'ConfigMap "spiderpool-conf" is invalid: data[enableIPv4]: Invalid value: "perhaps"',
    ],
  ];

  test.each(rows)('%s: validate refuses in the words of the dialect', (_what, review, text) => {
    const response = answerReview('validate', review, () => world.context);
    expect(response).toMatchObject({
      uid: 'u-1',
      allowed: false,
      status: { code: 422, reason: 'Invalid' },
    });
    expect(response.status!.message).toContain(text);
    expect(response.status!.message).not.toContain('denied the request');
  });

  test.each(rows)('%s: mutate lets it pass unchanged', (_what, review) => {
    const response = answerReview('mutate', review, () => world.context);
    expect(response).toEqual({ uid: 'u-1', allowed: true });
  });

  test('deletion of a pool in use, where the settings forbid it', () => {
    const strict = new AdmissionWorld({ enableValidatingResourcesDeletedWebhook: true });
    strict.claims.push(['there', '10.0.0.9', 'shop/web-0']);
    const review: ReviewRequest = {
      uid: 'u-1',
      operation: 'DELETE',
      object: null,
      oldObject: there,
    };
    expect(answerReview('validate', review, () => strict.context).status?.message).toBe(
      'spiderippools.spiderpool.spidernet.io "there" is forbidden: cannot delete an IPPool with allocated IPs(1)',
    );
    expect(answerReview('validate', review, () => world.context)).toEqual({
      uid: 'u-1',
      allowed: true,
    });
  });

  test('what passes with something to say carries a warning', () => {
    const response = answerReview(
      'validate',
      create(object('SpiderSubnet', 's', { subnet: '10.7.0.0/16' })),
      () => world.context,
    );
    expect(response.allowed).toBe(true);
    expect(response.warnings?.[0]).toContain('SpiderSubnet');
  });

  test('kinds that the rules do not know pass', () => {
    const strange = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } };
    expect(answerReview('validate', create(strange), () => world.context).allowed).toBe(true);
  });
});

describe('the verdict on a pool that came past the webhook', () => {
  const world = new AdmissionWorld();
  world.apply(pool('first', { subnet: SUBNET, ips: ['10.0.0.1-10.0.0.9'] }));
  const second = pool('second', { subnet: SUBNET, ips: ['10.0.0.9-10.0.0.12'] });
  world.pools.put(readSpiderPool(second));
  const first = world.objects.get('SpiderIPPool/first')!;
  const verdict = (one: KubeObject, earlier: string[]) =>
    poolVerdict(one, readSpiderPool(one), world.context, ({ name }: PoolSummary) =>
      earlier.includes(name),
    );

  test('of two that overlap, the later one is wrong', () => {
    expect(verdict(first, [])).toBeUndefined();
    expect(verdict(second, ['first'])).toEqual({
      type: 'Valid',
      status: 'False',
      reason: 'Refused',
      message: expect.stringMatching(
        /^SpiderIPPool\.spiderpool\.spidernet\.io "second" is invalid: spec\.ips: Forbidden: overlap with IPPool first in IP ranges \[10\.0\.0\.9\]/,
      ),
    });
  });

  test('an address in use that is no longer among its own', () => {
    const used = new AdmissionWorld();
    used.claims.push(['first', '10.0.0.200', 'shop/web-0']);
    const said = poolVerdict(first, readSpiderPool(first), used.context, () => true);
    expect(said?.message).toContain(
      'remove an IP address 10.0.0.200 that is being used by Pod shop/web-0',
    );
  });

  test('one that cannot be read', () => {
    const broken = pool('broken', { subnet: 'nonsense' });
    const said = poolVerdict(broken, undefined, world.context, () => true);
    expect(said?.message).toContain('"broken" is invalid');
  });

  test('one that is being deleted has nothing to be told', () => {
    const going = pool(
      'second',
      { subnet: SUBNET, ips: ['10.0.0.9'] },
      { deletionTimestamp: '2026-01-01T00:00:00Z' },
    );
    expect(verdict(going, ['first'])).toBeUndefined();
  });
});

describe('the server', () => {
  let webhook: Webhook | undefined;
  afterEach(async () => {
    await webhook?.close();
    webhook = undefined;
  });

  const names = ['127.0.0.1'];
  const clock = { now: () => Date.now() };
  const silent = { debug() {}, info() {}, warn() {}, error() {}, close() {} };
  const configurations = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'];

  function cluster(): KeptObjects {
    const objects = new KeptObjects();
    for (const plural of configurations) {
      const resource = {
        group: 'admissionregistration.k8s.io',
        version: 'v1',
        plural,
        namespaced: false,
      };
      objects.put(resource, {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'WebhookConfiguration',
        metadata: { name: WEBHOOK_CONFIGURATION },
        webhooks: [{ name: 'a', clientConfig: {} }],
      });
    }
    return objects;
  }

  async function start(objects: KeptObjects, world: AdmissionWorld, isReady = () => true) {
    webhook = await startWebhook({
      ...{ objects, names, clock, isReady, namespace: 'orbweaver', port: 0, log: silent },
      timers: systemTimers(clock),
      worldOf: () => world.context,
    });
    await webhook.refresh();
    return webhook;
  }

  /** The bundle that the API server was given. */
  function trusted(objects: KeptObjects): string {
    const path = `/apis/admissionregistration.k8s.io/v1/${configurations[1]}/${WEBHOOK_CONFIGURATION}`;
    const webhooks = objects.kept.get(path)!.webhooks as { clientConfig: { caBundle: string } }[];
    return Buffer.from(webhooks[0]!.clientConfig.caBundle, 'base64').toString();
  }

  function ask(port: number, ca: string, path: string, body: unknown) {
    return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, method: 'POST', ca, agent: false } as const;
      const call = request(options, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('end', () => {
          const text = Buffer.concat(parts).toString();
          resolve({ status: answer.statusCode!, body: JSON.parse(text) });
        });
      });
      call.on('error', reject);
      call.end(JSON.stringify(body));
    });
  }

  const review = (request: ReviewRequest) => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request,
  });

  test('answers a review with the certificate that the configurations trust', async () => {
    const objects = cluster();
    const { port } = await start(objects, new AdmissionWorld());
    const asked = review(create(pool('p', { subnet: SUBNET })));
    const answer = await ask(port, trusted(objects), '/mutate', asked);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'u-1', allowed: true, patchType: 'JSONPatch' },
    });
    await expect(ask(port, 'not a certificate', '/mutate', asked)).rejects.toThrow();
  });

  test('shows a new certificate without a restart when the Secret was taken away', async () => {
    const objects = cluster();
    const { port, refresh } = await start(objects, new AdmissionWorld());
    const first = trusted(objects);
    objects.kept.delete(`/api/v1/namespaces/orbweaver/secrets/${WEBHOOK_SECRET}`);
    await refresh();
    const second = trusted(objects);
    expect(second).not.toBe(first);
    const asked = review(create(pool('p', { subnet: SUBNET })));
    expect((await ask(port, second, '/validate', asked)).status).toBe(200);
    await expect(ask(port, first, '/validate', asked)).rejects.toThrow();
  });

  test.each([
    ['before its lists are read', () => false, review(create(pool('p', {}))), 503],
    ['a body that is no review', () => true, { hello: 1 }, 400],
    [
      'a review of another version',
      () => true,
      { ...review(create(pool('p', {}))), apiVersion: 'admission.k8s.io/v1beta1' },
      400,
    ],
  ])('%s: fails, so that the failurePolicy decides', async (_what, isReady, body, status) => {
    const objects = cluster();
    const { port } = await start(objects, new AdmissionWorld(), isReady);
    expect((await ask(port, trusted(objects), '/validate', body)).status).toBe(status);
  });

  test('a port that is taken is said at once', async () => {
    const { port } = await start(cluster(), new AdmissionWorld());
    await expect(
      startWebhook({
        ...{
          objects: cluster(),
          names,
          clock,
          isReady: () => true,
          namespace: 'o',
          port,
          log: silent,
        },
        timers: systemTimers(clock),
        worldOf: () => new AdmissionWorld().context,
      }),
    ).rejects.toThrow('EADDRINUSE');
  });
});
