/**
 * What admission fills into a pool, for one that came past it: pools are also written while no webhook is there.
 * Only what follows from the pool itself; what it inherits from a SpiderSubnet is decided once, when it is made.
 */
import { formatCidr } from '../net/cidr.ts';
import { cidrLabel } from './admission-rules.ts';
import { calicoPoolDefaults } from './calico-admission.ts';
import { isTerminating, type KubeObject } from './kube-object.ts';
import type { Pool } from './pool.ts';
import { CIDR_LABEL, spiderPoolDefaults } from './pool-admission.ts';
import { type Fields, specOf } from './spec-fields.ts';
import { SPIDER_IP_POOL } from './spiderpool.ts';
import { IP_POOL_V1 } from './spiderpool-v1.ts';

/** Fields of a pool's spec, and labels, that it does not have. */
export interface MissingFields {
  readonly spec?: Fields;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What the object lacks; `pool` is what it reads as. Undefined: nothing, or the pool is on its way out. */
export function missingFields(object: KubeObject, pool: Pool): MissingFields | undefined {
  if (isTerminating(object)) {
    return undefined;
  }
  const given = specOf(object);
  const spec = absent(given, defaultsOf(given, pool));
  const wanted =
    pool.dialect === 'calico' ? {} : { [CIDR_LABEL]: cidrLabel(formatCidr(pool.subnet)) };
  const labels = absent(object.metadata.labels ?? {}, wanted);
  return spec === undefined && labels === undefined
    ? undefined
    : { ...(spec && { spec }), ...(labels && { labels }) };
}

function defaultsOf(spec: Fields, { dialect, subnet }: Pool): Fields {
  return dialect === 'calico'
    ? calicoPoolDefaults(spec, subnet)
    : spiderPoolDefaults(spec, dialect === 'spiderpool' ? SPIDER_IP_POOL : IP_POOL_V1);
}

/** The entries of `wanted` that are absent, or undefined where none is. */
function absent<T>(
  present: Fields,
  wanted: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> | undefined {
  const missing = Object.entries(wanted).filter(([key]) => (present[key] ?? null) === null);
  return missing.length === 0 ? undefined : Object.fromEntries(missing);
}
