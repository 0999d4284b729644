/**
 * Spiderpool's older form of a pool, `spiderpool.spidernet.io/v1 IPPool`: selectors instead of affinities,
 * `ipVersion: IPv4`, a VLAN, and no default of its own (the ConfigMap names the defaults). Its tutorial
 * spells one field `namesapceSelector`; both spellings are read.
 */
import type { Family } from '../net/address.ts';
import type { KubeObject } from './kube-object.ts';
import type { Pool } from './pool.ts';
import { type PoolForm, readPool } from './pool-form.ts';
import { SPIDERPOOL_GROUP } from './spiderpool.ts';

export const IP_POOL_V1: PoolForm = {
  dialect: 'spiderpool-v1',
  kind: 'IPPool',
  resource: `ippools.${SPIDERPOOL_GROUP}`,
  webhook: `ippool.${SPIDERPOOL_GROUP}`,
  fields: {
    ipVersion: 'version',
    subnet: 'text',
    ips: 'texts',
    excludeIPs: 'texts',
    gateway: 'text',
    routes: 'list',
    vlan: 'integer',
    nodeSelector: 'map',
    namesapceSelector: 'map',
    namespaceSelector: 'map',
    podSelector: 'map',
    disable: 'boolean',
  },
  versions: { 4: 'IPv4', 6: 'IPv6' },
  versionAliases: new Map<unknown, Family>([
    [4, 4],
    [6, 6],
  ]),
  selectors: {
    node: ['nodeSelector'],
    namespace: ['namesapceSelector', 'namespaceSelector'],
    pod: ['podSelector'],
  },
  defaults: { disable: false, vlan: 0 },
};

/** An older IPPool as a Pool. Throws OBJECT_INVALID naming the object, the field and the value. */
export function readSpiderPoolV1(object: KubeObject): Pool {
  return readPool(object, IP_POOL_V1);
}
