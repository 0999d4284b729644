/** The controller of a simulated cluster, as far as it frees the addresses of nodes that are gone (rule 15). */
import { ClaimsView } from '../../src/controller/claims-view.ts';
import { DeadNodeDuty } from '../../src/controller/dead-node-duty.ts';
import { GoneNodes } from '../../src/controller/gone-nodes.ts';
import { PodOwners } from '../../src/controller/pod-owners.ts';
import { PoolsView } from '../../src/controller/pools-view.ts';
import { IP_BLOCKS } from '../../src/kube/block-server.ts';
import type { IpBlock } from '../../src/kube/ip-block.ts';
import { freshNonce } from '../support/lines.ts';
import type { SimulatedCluster } from '../support/simulated-cluster.ts';
import type { VirtualTimers } from '../support/virtual-timers.ts';

export interface WorldControllerParts {
  readonly cluster: SimulatedCluster;
  readonly timers: VirtualTimers;
  readonly random: () => number;
  /** Of the agents' Leases. */
  readonly namespace: string;
  readonly onFreed: (count: number) => void;
}

/** Starts it; it never ends. */
export function startController(parts: WorldControllerParts): void {
  const { cluster, timers, random, namespace, onFreed } = parts;
  const access = cluster.access();
  const claims = new ClaimsView();
  access.follow(IP_BLOCKS, {
    onChange: (_, now, before) =>
      now === undefined
        ? claims.drop(before as unknown as IpBlock)
        : claims.put(now as unknown as IpBlock),
  });
  new DeadNodeDuty({
    access,
    claims,
    pools: new PoolsView(access, () => {}),
    owners: new PodOwners(access, {
      topOf: async () => ({ apiVersion: 'v1', kind: 'Pod', name: 'any' }),
    }),
    herald: { say: () => {} },
    nodes: new GoneNodes({ access, namespace, timers }),
    namespace,
    timers,
    random,
    nonce: freshNonce,
    log: { info: () => {}, warn: () => {} },
    onFreed,
  }).start();
}
