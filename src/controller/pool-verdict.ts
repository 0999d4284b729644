/**
 * What the webhook would have said about a pool that is there: pools are also written while no controller runs, and
 * by those who go past admission. Nothing is taken from anybody for it, since addresses are kept by block; the
 * pool's condition names what is wrong, in the words of the refusal.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { admit } from '../dialect/admission.ts';
import type { AdmissionContext, PoolSummary } from '../dialect/admission-context.ts';
import { isTerminating, type KubeObject } from '../dialect/kube-object.ts';
import type { Pool } from '../dialect/pool.ts';
import { checkInUse } from '../dialect/pool-admission.ts';
import { inObject } from '../dialect/spec-fields.ts';

export interface Verdict {
  readonly type: 'Valid';
  readonly status: 'False';
  readonly reason: 'Refused';
  readonly message: string;
}

const DENIED = /^admission webhook "[^"]*" denied the request: /;

/**
 * The condition of a pool that would be refused if it were written now, or undefined. Of two pools that overlap it
 * is the later one that is wrong: `isEarlier` says of another pool whether it was there before this one.
 * `pool` is undefined where the object cannot be read.
 */
export function poolVerdict(
  object: KubeObject,
  pool: Pool | undefined,
  context: AdmissionContext,
  isEarlier: (other: PoolSummary) => boolean,
): Verdict | undefined {
  if (isTerminating(object)) {
    return undefined;
  }
  try {
    admit('CREATE', object, undefined, beforeThis(context, isEarlier));
    if (pool !== undefined) {
      inObject(object, () => checkInUse(pool.name, pool.ranges, context));
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof OrbweaverError) || error.code !== 'OBJECT_INVALID') {
      throw error;
    }
    const message = error.message.replace(DENIED, '');
    return { type: 'Valid', status: 'False', reason: 'Refused', message };
  }
}

/** The world without the pools that came later. */
function beforeThis(
  context: AdmissionContext,
  isEarlier: (other: PoolSummary) => boolean,
): AdmissionContext {
  const earlier = (pools: Iterable<PoolSummary>) => [...pools].filter(isEarlier);
  return {
    ...context,
    poolsOverlapping: (subnet) => earlier(context.poolsOverlapping(subnet)),
    poolsWithOtherSubnet: (subnet) => earlier(context.poolsWithOtherSubnet(subnet)),
    poolsSharing: (ranges) => earlier(context.poolsSharing(ranges)),
    poolsNamed: (name) => earlier(context.poolsNamed(name)),
  };
}
