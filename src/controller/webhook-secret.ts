/**
 * The webhook's certificate, shared by all replicas through one Secret:
 *
 *     read ─┬─ good: used ◄──────────────────────────────┐
 *           └─ absent, damaged or near its end ─► issued ─► written with the version read ─┬─ written: used
 *                                                                                          └─ lost the race: read again
 *
 * While a certificate replaces another, both are trusted (`bundle`), so that a replica may still show the old one.
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { Clock } from '../ipam/ports.ts';
import { SECRETS } from '../kube/resources.ts';
import type { ObjectApi } from './access.ts';
import { isDue, isGood, issueCertificate, type KeyPair } from './certificate.ts';

export const WEBHOOK_SECRET = 'orbweaver-webhook';

const CERTIFICATE = 'tls.crt';
const KEY = 'tls.key';
const PREVIOUS = 'previous.crt';
/** A race is lost to another replica, whose certificate is then there. */
const TRIES = 3;

export interface WebhookSecretParts {
  readonly objects: Pick<ObjectApi, 'get' | 'create' | 'replace'>;
  /** The API server's time. */
  readonly clock: Clock;
  readonly namespace: string;
  /** Host names and addresses under which the API server reaches the webhook. */
  readonly names: readonly string[];
}

/** What the webhook shows, and what the API server is to trust (PEM). */
export interface ServingCertificate extends KeyPair {
  readonly bundle: string;
}

/**
 * The certificate to show now; issued and stored first where there is none that will do. A text instead says why
 * there is none: the API server does not answer, or refuses.
 */
export async function servingCertificate(
  parts: WebhookSecretParts,
): Promise<ServingCertificate | string> {
  const { objects, namespace, names, clock } = parts;
  let reason = 'other replicas keep changing the Secret';
  for (let tries = 0; tries < TRIES; tries += 1) {
    const found = await objects.get(SECRETS, { namespace, name: WEBHOOK_SECRET });
    if (found.kind !== 'ok' && found.kind !== 'not-found') {
      return whyNot('read', found);
    }
    const secret = found.kind === 'ok' ? found.value : undefined;
    const present = pairOf(secret);
    if (!isDue(present, names, clock.now())) {
      return serving(present, textOf(secret, PREVIOUS), clock.now());
    }
    const issued = await issueCertificate(names, clock.now());
    const next = secretWith(secret, namespace, issued, present.certificate);
    const written = await (secret === undefined
      ? objects.create(SECRETS, next)
      : objects.replace(SECRETS, next));
    if (written.kind === 'ok') {
      return serving(issued, present.certificate, clock.now());
    }
    // An unknown outcome is settled by reading again.
    if (written.kind !== 'conflict' && written.kind !== 'not-found' && written.kind !== 'unknown') {
      return whyNot('written', written);
    }
    reason = whyNot('written', written);
  }
  return reason;
}

function whyNot(
  what: string,
  outcome: { readonly kind: string; readonly reason?: string },
): string {
  return `the Secret ${WEBHOOK_SECRET} could not be ${what}: ${outcome.reason ?? outcome.kind}`;
}

function serving(pair: KeyPair, previous: string, now: number): ServingCertificate {
  const trusted = [pair.certificate, ...(isGood(previous, now) ? [previous] : [])];
  return { ...pair, bundle: trusted.join('') };
}

function pairOf(secret: KubeObject | undefined): KeyPair {
  return { certificate: textOf(secret, CERTIFICATE), key: textOf(secret, KEY) };
}

function textOf(secret: KubeObject | undefined, key: string): string {
  const data = (secret?.data ?? {}) as Readonly<Record<string, unknown>>;
  const value = data[key];
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : '';
}

function secretWith(
  before: KubeObject | undefined,
  namespace: string,
  pair: KeyPair,
  previous: string,
): KubeObject {
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    ...before,
    metadata: before?.metadata ?? { name: WEBHOOK_SECRET, namespace },
    data: {
      [CERTIFICATE]: encoded(pair.certificate),
      [KEY]: encoded(pair.key),
      ...(previous === '' ? {} : { [PREVIOUS]: encoded(previous) }),
    },
  };
}
