/** Deployments of the tests, whose image is on every node. */

/**
 * The manifest of one. `node`: all its pods run there. They take `graceSeconds` to end, for they hear no SIGTERM; by
 * default they end at once.
 */
export function deployment(
  name: string,
  replicas: number,
  options: {
    readonly namespace?: string;
    readonly node?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly graceSeconds?: number;
  } = {},
): string {
  const { namespace = 'default', node, annotations = {}, graceSeconds = 0 } = options;
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
          terminationGracePeriodSeconds: graceSeconds,
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
