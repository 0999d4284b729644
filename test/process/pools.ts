/** Manifests of pools for the process tests: Spiderpool's form, and defaults unless said otherwise. */

export interface PoolText {
  readonly name: string;
  readonly subnet: string;
  readonly ips: readonly string[];
  readonly isDefault?: boolean;
  readonly gateway?: string;
  readonly namespaceAffinity?: Readonly<Record<string, string>>;
}

/** One SpiderIPPool as JSON, which is YAML too. */
export function poolManifest(pool: PoolText): string {
  return JSON.stringify({
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name: pool.name },
    spec: {
      default: pool.isDefault ?? true,
      ipVersion: pool.subnet.includes(':') ? 6 : 4,
      subnet: pool.subnet,
      ips: pool.ips,
      ...(pool.gateway === undefined ? {} : { gateway: pool.gateway }),
      ...(pool.namespaceAffinity === undefined
        ? {}
        : { namespaceAffinity: { matchLabels: pool.namespaceAffinity } }),
    },
  });
}

/** Several objects as one manifest file. */
export function manifests(...objects: readonly string[]): string {
  return objects.join('\n---\n');
}

/** One default pool of each family with `count` addresses (at most 65,000). */
export function dualStackPools(count: number): string {
  const last = `${Math.floor((256 + count - 1) / 256)}.${(256 + count - 1) % 256}`;
  return manifests(
    poolManifest({ name: 'four', subnet: '10.66.0.0/16', ips: [`10.66.1.0-10.66.${last}`] }),
    poolManifest({
      name: 'six',
      subnet: 'fd66::/64',
      ips: [`fd66::1:0-fd66::1:${(count - 1).toString(16)}`],
    }),
  );
}
