/**
 * What the API server trusts: `caBundle` in the webhook configurations of deploy/, which the manifests leave out,
 * so that applying them again keeps it.
 */
import type { KubeObject } from '../dialect/kube-object.ts';
import type { ResourceType } from '../kube/resources.ts';
import type { ObjectApi } from './access.ts';

export const WEBHOOK_CONFIGURATION = 'orbweaver';

const CONFIGURATIONS: readonly ResourceType[] = [
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
].map((plural) => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural,
  namespaced: false,
}));

interface Webhook {
  readonly clientConfig?: { readonly caBundle?: string };
}

/**
 * Writes the bundle (PEM) into every webhook of both configurations; only where it differs. What comes back are
 * sentences about what could not be done, to be tried again later; empty where all is well.
 */
export async function publishBundle(
  objects: Pick<ObjectApi, 'get' | 'replace'>,
  bundle: string,
): Promise<string[]> {
  const caBundle = Buffer.from(bundle).toString('base64');
  const faults: string[] = [];
  for (const resource of CONFIGURATIONS) {
    const found = await objects.get(resource, { name: WEBHOOK_CONFIGURATION });
    if (found.kind === 'not-found') {
      faults.push(`there is no ${resource.plural} ${WEBHOOK_CONFIGURATION}`);
      continue;
    }
    if (found.kind !== 'ok') {
      faults.push(`${resource.plural} ${WEBHOOK_CONFIGURATION} could not be read: ${why(found)}`);
      continue;
    }
    const next = withBundle(found.value, caBundle);
    if (next === undefined) {
      continue;
    }
    const written = await objects.replace(resource, next);
    if (written.kind !== 'ok') {
      faults.push(
        `${resource.plural} ${WEBHOOK_CONFIGURATION} could not be written: ${why(written)}`,
      );
    }
  }
  return faults;
}

function why(outcome: { readonly kind: string; readonly reason?: string }): string {
  return outcome.reason ?? outcome.kind;
}

/** Undefined where every webhook has it already. */
function withBundle(configuration: KubeObject, caBundle: string): KubeObject | undefined {
  const webhooks = (configuration.webhooks ?? []) as readonly Webhook[];
  if (webhooks.every((webhook) => webhook.clientConfig?.caBundle === caBundle)) {
    return undefined;
  }
  return {
    ...configuration,
    webhooks: webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { ...webhook.clientConfig, caBundle },
    })),
  };
}
