/** Subjects and catalogs for tests of choosing, made short. */
import type { AffinityEngine } from '../../src/choose/affinity-engine.ts';
import { Catalog } from '../../src/choose/catalog.ts';
import type { CallWishes, PodView, Subject } from '../../src/choose/subject.ts';
import type { Pool } from '../../src/dialect/pool.ts';
import {
  SPIDERPOOL_CONF_DEFAULTS,
  type SpiderpoolConf,
} from '../../src/dialect/spiderpool-conf.ts';
import { parseAddress } from '../../src/net/address.ts';
import { SlowEngine } from './slow-engine.ts';

type Texts = Readonly<Record<string, string>>;

export interface SubjectFields {
  calledAs?: Subject['calledAs'];
  /** Pod labels and annotations; null: the call names no pod. */
  pod?: { labels?: Texts; annotations?: Texts } | null;
  namespace?: { name?: string; labels?: Texts; annotations?: Texts };
  node?: { name?: string; labels?: Texts };
  interfaceName?: string;
  wishes?: Partial<Omit<CallWishes, 'addresses'>>;
  /** Addresses asked for by `runtimeConfig.ips`. */
  addresses?: readonly string[];
}

/**
 * A call for eth0 of pod default/web-1 on node worker, called as `spiderpool` unless said
 * otherwise.
 */
export function subjectOf(fields: SubjectFields = {}): Subject {
  const namespace = fields.namespace?.name ?? 'default';
  const pod: PodView = {
    namespace,
    name: 'web-1',
    uid: 'uid-1',
    node: fields.node?.name ?? 'worker',
    labels: fields.pod?.labels ?? {},
    annotations: fields.pod?.annotations ?? {},
    dead: false,
    controller: { kind: 'Pod', name: 'web-1' },
  };
  const isPodless = fields.pod === null;
  return {
    calledAs: fields.calledAs ?? 'spiderpool',
    pod: isPodless ? undefined : pod,
    namespace: isPodless
      ? undefined
      : {
          name: namespace,
          labels: { 'kubernetes.io/metadata.name': namespace, ...fields.namespace?.labels },
          annotations: fields.namespace?.annotations ?? {},
        },
    node: {
      name: fields.node?.name ?? 'worker',
      labels: fields.node?.labels ?? {},
      annotations: {},
    },
    interfaceName: fields.interfaceName ?? 'eth0',
    wishes: {
      ipv4Pools: undefined,
      ipv6Pools: undefined,
      cleanGateway: false,
      assignIpv4: undefined,
      assignIpv6: undefined,
      ...fields.wishes,
      addresses: (fields.addresses ?? []).map((text) => ({
        address: parseAddress(text)!,
        road: 'runtimeConfig.ips',
      })),
    },
  };
}

/** Both families on, nothing else said. */
export function confOf(fields: Partial<SpiderpoolConf> = {}): SpiderpoolConf {
  return { ...SPIDERPOOL_CONF_DEFAULTS, ...fields };
}

/** A catalog of pools on the slow engine, or on the one given. */
export function catalogOf(
  pools: readonly Pool[],
  engine: AffinityEngine & { addPool(ranges: Uint32Array): number } = new SlowEngine(),
): Catalog {
  const catalog = new Catalog(engine);
  for (const pool of pools) {
    catalog.put(pool, engine.addPool(pool.ranges.words));
  }
  return catalog;
}
