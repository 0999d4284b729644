/**
 * Labels that Kubernetes itself gives to namespaces and nodes, so that selectors on them work on the
 * embedded default as they do in a cluster.
 */
import { kindOf } from './kinds.ts';
import type { KubeObject } from './kube-object.ts';

/** The machine that the agent runs on, in Go's words, as the kubelet states it. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** A platform from Node's `process.platform` and `process.arch`: `linux`/`x64` is `linux`/`amd64`. */
export function platformOf(os: string, arch: string): Platform {
  return { os, arch: ARCHITECTURES[arch] ?? arch };
}

/**
 * The object with its known labels; the same object where its kind has none or nothing is missing.
 *
 * A namespace always carries its name in `kubernetes.io/metadata.name`, whatever the manifest says. A
 * node's `kubernetes.io/hostname`, `/os` and `/arch` are only filled in: a manifest may know better.
 */
export function withKnownLabels(object: KubeObject, platform: Platform): KubeObject {
  const { name, labels } = object.metadata;
  switch (kindOf(object).id) {
    case 'Namespace':
      return withLabels(object, { ...labels, 'kubernetes.io/metadata.name': name });
    case 'Node':
      return withLabels(object, {
        'kubernetes.io/arch': platform.arch,
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': platform.os,
        ...labels,
      });
    default:
      return object;
  }
}

function withLabels(object: KubeObject, labels: Record<string, string>): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels } };
}
