/**
 * A small world to admit objects into: what admission let through is kept, as a store keeps it, and claims
 * are set by hand.
 */
import { admit } from '../../src/dialect/admission.ts';
import type { Admission, AdmissionContext } from '../../src/dialect/admission-context.ts';
import { CALICO_IPAM_DEFAULTS, readCalicoPool } from '../../src/dialect/calico.ts';
import { kindOf } from '../../src/dialect/kinds.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import { PoolIndex } from '../../src/dialect/pool-index.ts';
import { SpiderSubnetIndex } from '../../src/dialect/spider-subnet-index.ts';
import { readSpiderPool, readSpiderSubnet } from '../../src/dialect/spiderpool.ts';
import {
  SPIDERPOOL_CONF_DEFAULTS,
  type SpiderpoolConf,
} from '../../src/dialect/spiderpool-conf.ts';
import { readSpiderPoolV1 } from '../../src/dialect/spiderpool-v1.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { RangeSet } from '../../src/net/range-set.ts';

export class AdmissionWorld {
  readonly pools = new PoolIndex();
  readonly subnets = new SpiderSubnetIndex();
  readonly objects = new Map<string, KubeObject>();
  readonly conf: SpiderpoolConf;
  /** `[pool, address, pod]` */
  readonly claims: (readonly [string, string, string])[] = [];

  constructor(conf: Partial<SpiderpoolConf> = {}) {
    this.conf = { ...SPIDERPOOL_CONF_DEFAULTS, ...conf };
  }

  get context(): AdmissionContext {
    return {
      conf: this.conf,
      poolsOverlapping: (subnet) => this.pools.poolsOverlapping(subnet),
      poolsWithOtherSubnet: (subnet) => this.pools.poolsWithOtherSubnet(subnet),
      poolsSharing: (ranges) => this.pools.poolsSharing(ranges),
      poolsNamed: (name) => this.pools.poolsNamed(name),
      spiderSubnetsOverlapping: (subnet) => this.subnets.spiderSubnetsOverlapping(subnet),
      claimsOutside: (pool, ranges) => this.#claimsOutside(pool, ranges),
      allocatedCount: (pool) => this.claims.filter(([owner]) => owner === pool).length,
    };
  }

  #claimsOutside(pool: string, ranges: RangeSet) {
    for (const [owner, text, pod] of this.claims) {
      const address = parseAddress(text)!;
      if (owner === pool && !ranges.has(address)) return { address, pod };
    }
    return undefined;
  }

  /** Creates or updates, as `apply` does. */
  apply(object: KubeObject): Admission {
    const key = `${kindOf(object).id}/${object.metadata.name}`;
    const previous = this.objects.get(key);
    const admission = admit(previous ? 'UPDATE' : 'CREATE', object, previous, this.context);
    this.objects.set(key, admission.object);
    this.#index(admission.object);
    return admission;
  }

  /** Deletes what is there. */
  remove(kind: string, name: string): void {
    const previous = this.objects.get(`${kind}/${name}`);
    admit('DELETE', undefined, previous, this.context);
    this.objects.delete(`${kind}/${name}`);
    this.subnets.delete(name);
    for (const pool of this.pools.poolsNamed(name)) this.pools.delete(pool.dialect, name);
  }

  #index(object: KubeObject): void {
    const id = kindOf(object).id;
    if (id === 'SpiderSubnet') this.subnets.put(readSpiderSubnet(object));
    const pool = readAnyPool(object);
    if (pool !== undefined) this.pools.put(pool);
  }
}

function readAnyPool(object: KubeObject): Pool | undefined {
  switch (kindOf(object).id) {
    case 'SpiderIPPool':
      return readSpiderPool(object);
    case 'SpiderpoolV1IPPool':
      return readSpiderPoolV1(object);
    case 'CalicoIPPool':
      return readCalicoPool(object, CALICO_IPAM_DEFAULTS);
    default:
      return undefined;
  }
}
