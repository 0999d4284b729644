/** The objects that `create deployment` and `run` make: what kubectl's commands of these names would send. */
import { InvalidArgumentError } from 'commander';
import type { KubeObject } from '../dialect/kube-object.ts';

/** A Deployment whose pods have the label `app: NAME`, with a container for each image. */
export function deploymentOf(
  name: string,
  options: {
    readonly image: readonly string[];
    readonly replicas: number;
    readonly namespace: string;
  },
): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: options.namespace, labels },
    spec: {
      replicas: options.replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: options.image.map((image) => ({ name: containerName(image), image })) },
      },
    },
  };
}

/** A Pod with the label `run: NAME`, unless other labels are given, and one container of the pod's name. */
export function podOf(
  name: string,
  options: {
    readonly image: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  },
): KubeObject {
  const { image, namespace, labels = { run: name }, annotations } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, ...(annotations === undefined ? {} : { annotations }) },
    spec: { containers: [{ name, image }] },
  };
}

/** `registry/team/nginx:1.27@sha256:…` is container `nginx`. */
function containerName(image: string): string {
  return image.split('/').at(-1)!.split(/[:@]/)[0]!.replaceAll(/[._]/g, '-');
}

/** Throws commander's error where the text is no whole number of at least 0. */
export function readReplicas(text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new InvalidArgumentError('It is a whole number, 0 or more.');
  }
  return Number(text);
}
