/** The kinds of the two designs that stand beside ours; both are as cheap as their design allows: one string. */
export const BENCH_GROUP = 'bench.orbweaver.dev';

/** One object per pool, one object per address. */
export const POOL_RECORDS = {
  group: BENCH_GROUP,
  version: 'v1',
  plural: 'poolrecords',
  namespaced: false,
} as const;
export const ADDRESS_CLAIMS = {
  group: BENCH_GROUP,
  version: 'v1',
  plural: 'addressclaims',
  namespaced: false,
} as const;

/** Manifests of both, for `kubectl apply`. */
export const BENCH_CRDS: string = [
  crd('PoolRecord', 'poolrecords', 'allocatedIPs'),
  crd('AddressClaim', 'addressclaims', 'holder'),
].join('---\n');

function crd(kind: string, plural: string, field: string): string {
  return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ${plural}.${BENCH_GROUP}
spec:
  group: ${BENCH_GROUP}
  scope: Cluster
  names: { kind: ${kind}, plural: ${plural}, singular: ${kind.toLowerCase()} }
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              ${field}: { type: string }
`;
}
