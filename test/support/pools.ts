/** Pools for tests, made short: what is not given says nothing. */
import type { Affinity, CalicoPool, Pool } from '../../src/dialect/pool.ts';
import type { Cidr } from '../../src/net/cidr.ts';
import { lastOfCidr, parseCidr } from '../../src/net/cidr.ts';
import { parseRange } from '../../src/net/range.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { parseCalicoSelector } from '../../src/selector/calico-selector.ts';
import { readLabelSelector } from '../../src/selector/label-selector.ts';

let revision = 0;

/** A Spiderpool pool; `subnet` decides its family, `ips` (`A` or `A-B`) its addresses. */
export function spiderPool(
  name: string,
  fields: Partial<Omit<Pool, 'subnet' | 'ranges' | 'name'>> & {
    subnet?: string;
    ips?: readonly string[];
  } = {},
): Pool {
  const { subnet = '172.18.0.0/16', ips = ['172.18.40.40'], ...rest } = fields;
  const cidr = cidrOf(subnet);
  revision += 1;
  return {
    dialect: 'spiderpool',
    name,
    revision,
    family: cidr.family,
    subnet: cidr,
    ranges: RangeSet.of(ips.map((text) => parseRange(text)!)),
    gateway: undefined,
    routes: [],
    vlan: undefined,
    isDefault: false,
    disabled: false,
    terminating: false,
    node: { kind: 'any' },
    namespace: { kind: 'any' },
    pod: { kind: 'any' },
    multusNames: [],
    restMs: undefined,
    calico: undefined,
    ...rest,
  };
}

/** A Spiderpool IPv6 pool. */
export function spiderPool6(name: string, fields: Parameters<typeof spiderPool>[1] = {}): Pool {
  return spiderPool(name, { subnet: 'fd00::/64', ips: ['fd00::10'], ...fields });
}

/** A Calico pool that is enabled and serves workloads. */
export function calicoPool(
  name: string,
  cidr: string,
  fields: Partial<Omit<Pool, 'calico'>> & { calico?: Partial<CalicoPool> } = {},
): Pool {
  const { calico, ...rest } = fields;
  const subnet = cidrOf(cidr);
  return {
    ...spiderPool(name, { subnet: cidr }),
    dialect: 'calico',
    ranges: RangeSet.of([{ first: subnet.first, last: lastOfCidr(subnet) }]),
    calico: {
      blockSize: subnet.family === 4 ? 26 : 122,
      unitRules: { strictAffinity: false, autoAllocateBlocks: true, maxBlocksPerHost: 20 },
      allowedUses: ['Workload', 'Tunnel'],
      assignmentMode: 'Automatic',
      natOutgoing: false,
      ipipMode: 'Never',
      vxlanMode: 'Never',
      disableBGPExport: false,
      nodeSelectorText: 'all()',
      namespaceSelectorText: '',
      ...calico,
    },
    ...rest,
  };
}

/** An affinity by Kubernetes labels: `{ app: 'web' }`, or a whole LabelSelector. */
export function labels(selector: Readonly<Record<string, unknown>>): Affinity {
  const whole = 'matchLabels' in selector || 'matchExpressions' in selector;
  return {
    kind: 'selector',
    selector: readLabelSelector(whole ? selector : { matchLabels: selector }, 'selector'),
  };
}

/** An affinity by names. */
export function names(...list: readonly string[]): Affinity {
  return { kind: 'names', names: list };
}

/** An affinity by a Calico selector. */
export function calicoSelector(text: string): Affinity {
  return { kind: 'selector', selector: parseCalicoSelector(text) };
}

function cidrOf(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) {
    throw new Error(`no CIDR: ${text}`);
  }
  return parsed.cidr;
}
