/** `status` of Calico's pools: whether addresses may be given from them (reference/calico.md 1.4). */
import { isTerminating, type KubeObject } from '../dialect/kube-object.ts';

export interface AllocatableCondition {
  readonly type: 'Allocatable';
  readonly status: 'True' | 'False';
  readonly reason: 'OK' | 'CIDROverlap' | 'Terminating' | 'PoolDisabled';
  readonly message: string;
}

/** The condition of a pool; `overlaps`: another pool that comes first has some of its addresses. */
export function allocatableOf(pool: KubeObject, overlaps: boolean): AllocatableCondition {
  const no = (reason: AllocatableCondition['reason'], message: string): AllocatableCondition => ({
    type: 'Allocatable',
    status: 'False',
    reason,
    message,
  });
  if (isTerminating(pool)) {
    return no('Terminating', 'IPPool is being deleted');
  }
  if ((pool.spec as { disabled?: unknown } | undefined)?.disabled === true) {
    return no('PoolDisabled', 'IPPool.Spec.Disabled is true');
  }
  if (overlaps) {
    return no(
      'CIDROverlap',
      'CIDR overlaps another pool; disabled to prevent IP allocation conflicts.',
    );
  }
  return {
    type: 'Allocatable',
    status: 'True',
    reason: 'OK',
    message: 'IPPool is available for IP allocation.',
  };
}

/**
 * Whether `other` comes before `pool` where both have the same addresses: pools in use first, then those that
 * are being deleted, then those that were refused, then new ones; then the older one, then by name. A disabled
 * pool comes before none.
 */
export function comesFirst(other: KubeObject, pool: KubeObject): boolean {
  if ((other.spec as { disabled?: unknown } | undefined)?.disabled === true) {
    return false;
  }
  const [a, b] = [rankOf(other), rankOf(pool)];
  if (a !== b) {
    return a < b;
  }
  const made = (object: KubeObject) => Date.parse(object.metadata.creationTimestamp ?? '') || 0;
  const older = made(other) - made(pool);
  return older < 0 || (older === 0 && other.metadata.name < pool.metadata.name);
}

function rankOf(pool: KubeObject): number {
  const { conditions } = (pool.status ?? {}) as { conditions?: unknown };
  const found: unknown = Array.isArray(conditions)
    ? conditions.find((one) => (one as { type?: unknown } | null)?.type === 'Allocatable')
    : undefined;
  const status = (found as { status?: unknown } | undefined)?.status;
  if (isTerminating(pool)) {
    return 1;
  }
  return status === 'True' ? 0 : status === 'False' ? 2 : 3;
}
