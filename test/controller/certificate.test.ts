/** The webhook's certificate: what it says, when it is replaced, and that replicas share one. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { isDue, isGood, issueCertificate } from '../../src/controller/certificate.ts';
import { publishBundle, WEBHOOK_CONFIGURATION } from '../../src/controller/webhook-registration.ts';
import { servingCertificate, WEBHOOK_SECRET } from '../../src/controller/webhook-secret.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { ApiOutcome } from '../../src/kube/api.ts';
import { KeptObjects as Objects } from './kept-objects.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const DAY = 86_400_000;
const NAMES = ['orbweaver-webhook.orbweaver.svc'];

function secretParts(objects: Objects, now = NOW, names = NAMES) {
  return { objects, clock: { now: () => now }, namespace: 'orbweaver', names };
}

async function good(objects: Objects, now = NOW, names = NAMES) {
  const found = await servingCertificate(secretParts(objects, now, names));
  if (typeof found === 'string') throw new Error(found);
  return found;
}

describe('a certificate', () => {
  test('is for its names, signs itself, and its key is its own', async () => {
    const pair = await issueCertificate([...NAMES, '127.0.0.1', '::1'], NOW);
    const certificate = new X509Certificate(pair.certificate);
    expect(certificate.checkHost(NAMES[0]!)).toBe(NAMES[0]);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBeDefined();
    expect(certificate.checkHost('kubernetes.default.svc')).toBeUndefined();
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
    expect(certificate.validToDate.getTime()).toBe(NOW + LIMITS.webhookCertificateMs);
  });

  test('no two have one serial number', async () => {
    const made = await Promise.all([issueCertificate(NAMES, NOW), issueCertificate(NAMES, NOW)]);
    const numbers = made.map(({ certificate }) => new X509Certificate(certificate).serialNumber);
    expect(new Set(numbers).size).toBe(2);
  });

  test.each([
    ['when it was made', 0, NAMES, false],
    ['where a clock is an hour behind', -3_600_000, NAMES, false],
    ['after half of its life', LIMITS.webhookCertificateMs / 2, NAMES, false],
    ['after three quarters of it', LIMITS.webhookCertificateMs * 0.75, NAMES, true],
    ['after its end', LIMITS.webhookCertificateMs + 1, NAMES, true],
    ['two days before it begins', -2 * DAY, NAMES, true],
    ['for another name', 0, ['elsewhere.svc'], true],
  ])('%s: is it due?', async (_when, later, names, due) => {
    expect(isDue(await issueCertificate(NAMES, NOW), names, NOW + later)).toBe(due);
  });

  test('what cannot be read is due, and trusted by nobody', () => {
    expect(isDue({ certificate: 'junk', key: 'junk' }, NAMES, NOW)).toBe(true);
    expect(isGood('junk', NOW)).toBe(false);
  });
});

describe('the Secret', () => {
  test('is made once and read from then on', async () => {
    const objects = new Objects();
    const first = await good(objects);
    expect(await good(objects)).toEqual(first);
    expect(first.bundle).toBe(first.certificate);
    const secret = objects.kept.get(`/api/v1/namespaces/orbweaver/secrets/${WEBHOOK_SECRET}`);
    expect(secret).toMatchObject({ type: 'kubernetes.io/tls' });
    expect(Object.keys(secret!.data as object)).toEqual(['tls.crt', 'tls.key']);
  });

  test('a new certificate comes near the end, and both are trusted until the old one has ended', async () => {
    const objects = new Objects();
    const first = await good(objects);
    const later = NOW + LIMITS.webhookCertificateMs * 0.7;
    const second = await good(objects, later);
    expect(second.certificate).not.toBe(first.certificate);
    expect(second.bundle).toBe(second.certificate + first.certificate);
    const afterwards = await good(objects, NOW + LIMITS.webhookCertificateMs + DAY);
    expect(afterwards).toMatchObject({ certificate: second.certificate });
    expect(afterwards.bundle).toBe(second.certificate);
  });

  test.each([
    ['first', undefined],
    ['next', LIMITS.webhookCertificateMs * 0.7],
  ])('two replicas that want the %s one at the same time show the same', async (_which, later) => {
    const objects = new Objects();
    if (later !== undefined) await good(objects);
    const now = NOW + (later ?? 0);
    let other: Promise<{ certificate: string }> | undefined;
    const raced = new Objects();
    Object.assign(raced, { get: objects.get.bind(objects) });
    raced.create = async (resource, object) => {
      other ??= good(objects, now);
      await other;
      return objects.create(resource, object);
    };
    raced.replace = async (resource, object) => {
      other ??= good(objects, now);
      await other;
      return objects.replace(resource, object);
    };
    const mine = await good(raced, now);
    expect(mine.certificate).toBe((await other!).certificate);
  });

  test('an edit by hand is repaired', async () => {
    const objects = new Objects();
    await good(objects);
    const path = `/api/v1/namespaces/orbweaver/secrets/${WEBHOOK_SECRET}`;
    const secret = objects.kept.get(path)!;
    objects.kept.set(path, { ...secret, data: { 'tls.crt': 'anVuaw==' } });
    const found = await good(objects);
    expect(isDue(found, NAMES, NOW)).toBe(false);
  });

  test.each<[string, string, ApiOutcome<KubeObject>, string]>([
    ['away', 'get', { kind: 'away', reason: 'no connection' }, 'no connection'],
    [
      'refused',
      'create',
      { kind: 'refused', reason: 'secrets is forbidden' },
      'secrets is forbidden',
    ],
  ])('%s: the reason comes back', async (_what, verb, outcome, reason) => {
    const objects = new Objects();
    objects.fault = (asked) => (asked === verb ? outcome : undefined);
    expect(await servingCertificate(secretParts(objects))).toContain(reason);
  });

  test('an unknown outcome is settled by reading again', async () => {
    const objects = new Objects();
    let lost: KubeObject | undefined;
    const path = `/api/v1/namespaces/orbweaver/secrets/${WEBHOOK_SECRET}`;
    const create = objects.create.bind(objects);
    objects.create = async (resource, object) => {
      await create(resource, object);
      lost = object;
      return { kind: 'unknown', reason: 'the reply was lost' };
    };
    const found = await good(objects);
    expect(objects.kept.get(path)?.data).toEqual(lost?.data);
    expect(found.bundle).toBe(found.certificate);
  });
});

describe('the webhook configurations', () => {
  const plurals = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'];
  const resources = plurals.map((plural) => ({
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural,
    namespaced: false,
  }));
  const configuration: KubeObject = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'WebhookConfiguration',
    metadata: { name: WEBHOOK_CONFIGURATION },
    webhooks: [
      { name: 'a', clientConfig: { service: { name: 's' } }, 'x-unknown': 1 },
      { name: 'b', clientConfig: { service: { name: 's' }, caBundle: 'b2xk' } },
    ],
  };

  test('get the bundle in every webhook and keep the rest; again changes nothing', async () => {
    const objects = new Objects();
    for (const resource of resources) objects.put(resource, configuration);
    expect(await publishBundle(objects, 'new')).toEqual([]);
    const first = [...objects.kept.values()];
    for (const { webhooks } of first) {
      expect(webhooks).toEqual([
        { name: 'a', clientConfig: { service: { name: 's' }, caBundle: 'bmV3' }, 'x-unknown': 1 },
        { name: 'b', clientConfig: { service: { name: 's' }, caBundle: 'bmV3' } },
      ]);
    }
    expect(await publishBundle(objects, 'new')).toEqual([]);
    expect([...objects.kept.values()]).toEqual(first);
  });

  test('what is missing or refused is named', async () => {
    const objects = new Objects();
    objects.put(resources[1]!, configuration);
    objects.fault = (verb) =>
      verb === 'replace' ? { kind: 'refused', reason: 'forbidden' } : undefined;
    expect(await publishBundle(objects, 'new')).toEqual([
      'there is no mutatingwebhookconfigurations orbweaver',
      'validatingwebhookconfigurations orbweaver could not be written: forbidden',
    ]);
  });
});
