/**
 * The admission webhook: HTTPS on a port of the host, in every replica, whether it leads or not. Its failurePolicy
 * is Ignore, so the cluster works without it; what came past it is told by a condition on the object
 * (pool-verdict.ts) and stays safe, because addresses are kept by block and not by pool.
 *
 *     certificate ◄─ Secret, shared ─► shown on the port
 *         └─► caBundle of the webhook configurations
 */
import type { Server as TlsServer } from 'node:tls';
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import type { Log } from '../http/log.ts';
import type { Reply, Route } from '../http/route.ts';
import { buildServer } from '../http/server.ts';
import type { Clock } from '../ipam/ports.ts';
import type { Timers } from '../ipam/timers.ts';
import type { ObjectApi } from './access.ts';
import { answerReview, type ReviewRequest, type Stage, type WorldOf } from './admission-review.ts';
import { issueCertificate, type KeyPair } from './certificate.ts';
import { publishBundle } from './webhook-registration.ts';
import { servingCertificate } from './webhook-secret.ts';

export interface WebhookOptions {
  /** Port on every address of the host; 0 takes a free one. */
  readonly port: number;
  /** Where the API server finds it; default: the Service of deploy/, `orbweaver-webhook` in the namespace. */
  readonly names?: readonly string[];
}

export interface WebhookParts extends WebhookOptions {
  readonly objects: Pick<ObjectApi, 'get' | 'create' | 'replace'>;
  readonly timers: Timers;
  /** The API server's time. */
  readonly clock: Clock;
  readonly log: Log;
  readonly namespace: string;
  /** What the rules see. */
  readonly worldOf: WorldOf;
  /** Whether the world is complete; before that every object passes, as if there were no webhook. */
  isReady(): boolean;
}

export interface Webhook {
  readonly port: number;
  /** Reads the Secret and writes the bundle now, as it does by itself from time to time. */
  refresh(): Promise<void>;
  /** Answers what has come and stops. */
  close(): Promise<void>;
}

const REVIEW_SCHEMA = {
  type: 'object',
  required: ['apiVersion', 'request'],
  properties: {
    apiVersion: { const: 'admission.k8s.io/v1' },
    request: {
      type: 'object',
      required: ['uid', 'operation'],
      properties: {
        uid: { type: 'string' },
        operation: { enum: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] },
        object: { type: ['object', 'null'] },
        oldObject: { type: ['object', 'null'] },
      },
    },
  },
};

/** The names under which the Service of deploy/ is reached. */
export function serviceNames(namespace: string): string[] {
  const service = `orbweaver-webhook.${namespace}.svc`;
  return [service, `${service}.cluster.local`];
}

/**
 * Listens, and keeps the certificate. Resolves when it listens; until the Secret can be read it shows a
 * certificate that nobody trusts. Rejects where the port is taken.
 */
export async function startWebhook(parts: WebhookParts): Promise<Webhook> {
  const names = parts.names ?? serviceNames(parts.namespace);
  const first = await issueCertificate(names, parts.clock.now());
  const http = await buildServer(routes(parts), refuse, {
    cert: first.certificate,
    key: first.key,
  });
  await new Promise<void>((resolve, reject) => {
    http.server.once('error', reject);
    http.server.listen(parts.port, () => resolve());
  });
  const server = http.server as unknown as TlsServer;
  const keeper = new CertificateKeeper(parts, names, (pair) =>
    server.setSecureContext({ cert: pair.certificate, key: pair.key }),
  );
  keeper.start();
  return {
    port: (server.address() as { port: number }).port,
    refresh: () => keeper.refresh(),
    close: async () => {
      keeper.stop();
      await http.close();
    },
  };
}

/** Looks after the certificate and what the API server trusts, from time to time. */
class CertificateKeeper {
  readonly #parts: WebhookParts;
  readonly #names: readonly string[];
  readonly #show: (pair: KeyPair) => void;
  #shown = '';
  #said = '';
  #running: Promise<void> | undefined;
  #callOff: (() => void) | undefined;
  #stopped = false;

  constructor(parts: WebhookParts, names: readonly string[], show: (pair: KeyPair) => void) {
    this.#parts = parts;
    this.#names = names;
    this.#show = show;
  }

  start(): void {
    void this.refresh();
  }

  stop(): void {
    this.#stopped = true;
    this.#callOff?.();
  }

  /** Never rejects. Calls at the same time are one. */
  refresh(): Promise<void> {
    this.#running ??= this.#refresh().finally(() => {
      this.#running = undefined;
      this.#callOff?.();
      if (!this.#stopped) {
        this.#callOff = this.#parts.timers.after(LIMITS.webhookCheckMs, () => void this.refresh());
      }
    });
    return this.#running;
  }

  async #refresh(): Promise<void> {
    const { objects, clock, namespace } = this.#parts;
    const found = await servingCertificate({ objects, clock, namespace, names: this.#names });
    if (typeof found === 'string') {
      this.#say([found]);
      return;
    }
    // Trusted before it is shown.
    const faults = await publishBundle(objects, found.bundle);
    if (found.certificate !== this.#shown) {
      this.#show(found);
      this.#shown = found.certificate;
      this.#parts.log.info({ names: this.#names }, 'the webhook shows a new certificate');
    }
    this.#say(faults);
  }

  /** The same trouble is told once. */
  #say(faults: readonly string[]): void {
    const said = faults.join('; ');
    if (said !== '' && said !== this.#said) {
      this.#parts.log.warn({ faults }, 'the API server may not trust the webhook');
    }
    this.#said = said;
  }
}

function routes(parts: WebhookParts): Route[] {
  return (['mutate', 'validate'] as const).map((stage) => ({
    method: 'POST',
    path: `/${stage}`,
    bodyBytesMax: LIMITS.webhookBodyBytesMax,
    bodySchema: REVIEW_SCHEMA,
    handle: async ({ body }) => review(parts, stage, (body as { request: ReviewRequest }).request),
    refuse,
  }));
}

async function review(parts: WebhookParts, stage: Stage, request: ReviewRequest): Promise<Reply> {
  if (!parts.isReady()) {
    throw new OrbweaverError('API_SERVER_AWAY', 'the lists of pools and blocks are not read yet');
  }
  const response = answerReview(stage, request, parts.worldOf);
  const body = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
  return { status: 200, body: JSON.stringify(body) };
}

/** Anything but 200 is a failed call to the API server, and the object passes. */
function refuse(error: OrbweaverError): Reply {
  const status = error.code === 'DECODE_FAILURE' ? 400 : 503;
  return { status, body: JSON.stringify({ code: error.code, message: error.message }) };
}
