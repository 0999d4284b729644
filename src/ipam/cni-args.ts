/** CNI_ARGS: `K=V;K=V` in any order (reference/cni.md section 7). */
import { OrbweaverError } from '../catalogue/errors.ts';

export interface CniArgs {
  /** K8S_POD_NAMESPACE; empty where not given. */
  readonly namespace: string;
  /** K8S_POD_NAME; empty where not given. */
  readonly pod: string;
  /** K8S_POD_UID; empty where not given. */
  readonly uid: string;
  /** `IP=`: addresses asked for, comma separated in the wild; empty where not given. */
  readonly ip: string;
}

const KNOWN = new Set([
  'IgnoreUnknown',
  'K8S_POD_NAMESPACE',
  'K8S_POD_NAME',
  'K8S_POD_UID',
  'K8S_POD_INFRA_CONTAINER_ID',
  'IP',
  'MAC',
]);

/**
 * Reads CNI_ARGS. `strict` (ADD) refuses a pair without `=` and, without IgnoreUnknown, an unknown key;
 * `tolerant` (all other verbs) takes what it understands, because a DEL must not fail over junk (X05).
 * Throws ENVIRONMENT_INVALID.
 */
export function readCniArgs(text: string, mode: 'strict' | 'tolerant'): CniArgs {
  const values = new Map<string, string>();
  for (const pair of text.split(';')) {
    if (pair === '') {
      continue;
    }
    const at = pair.indexOf('=');
    if (at <= 0) {
      if (mode === 'strict') {
        throw new OrbweaverError(
          'ENVIRONMENT_INVALID',
          `CNI_ARGS: invalid pair ${JSON.stringify(pair.slice(0, 80))}, expected KEY=VALUE`,
        );
      }
      continue;
    }
    values.set(pair.slice(0, at), pair.slice(at + 1));
  }
  if (mode === 'strict' && !isTrue(values.get('IgnoreUnknown'))) {
    const unknown = [...values.keys()].filter((key) => !KNOWN.has(key));
    if (unknown.length > 0) {
      throw new OrbweaverError(
        'ENVIRONMENT_INVALID',
        `CNI_ARGS: unknown args [${unknown.map((key) => JSON.stringify(key)).join(' ')}]`,
        'add IgnoreUnknown=1 to have them ignored',
      );
    }
  }
  return {
    namespace: values.get('K8S_POD_NAMESPACE') ?? '',
    pod: values.get('K8S_POD_NAME') ?? '',
    uid: values.get('K8S_POD_UID') ?? '',
    ip: values.get('IP') ?? '',
  };
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ['1', 'true', 'TRUE', 'True', 't', 'T'].includes(value);
}
