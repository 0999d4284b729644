/** Deployments of the tests, whose image is on every node and whose pods end at once. */

/** The manifest of one. `node`: all its pods run there. */
export function deployment(
  name: string,
  replicas: number,
  options: {
    readonly namespace?: string;
    readonly node?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
): string {
  const { namespace = 'default', node, annotations = {} } = options;
  const labels = { app: name };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: {
          terminationGracePeriodSeconds: 0,
          topologySpreadConstraints: [
            {
              ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname' },
              ...{ whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: labels } },
            },
          ],
          ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
          containers: [{ name: 'c', image: 'nginx' }],
        },
      },
    },
  });
}
