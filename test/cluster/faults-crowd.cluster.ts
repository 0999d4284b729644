/** 100 agents, in one process, race for a pool with exactly as many addresses as pods. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BlockAgents } from '../../bench/cluster/block-agents.ts';
import { formatAddress } from '../../src/net/address.ts';
import { poolOf } from '../world/pools.ts';
import type { ControlPlane } from './support/control-plane.ts';
import { readBlocks } from './support/fault-check.ts';
import { startFaultCluster, stopFaultCluster } from './support/fault-stage.ts';
import { FaultTable } from './support/fault-table.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['a crowd of agents', ...missing].join(': ');
const AGENTS = 100;
const EACH = 5;

describe.skipIf(missing.length > 0)(title, () => {
  const table = new FaultTable();
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startFaultCluster();
  });
  afterAll(async () => {
    console.log(`\n${table.text}\n`);
    await stopFaultCluster(cluster);
  });

  const claims = async () => {
    const { lines, unreadable } = await readBlocks(cluster);
    expect(unreadable).toEqual([]);
    return lines.filter(({ state }) => state === 'claimed');
  };

  /** Writes of IPBlocks that lost against another one, as the API server counts them. */
  const conflicts = async () => {
    const { text } = await cluster.ask('GET', '/metrics');
    return text
      .split('\n')
      .filter((line) => /^apiserver_request_total{.*resource="ipblocks"/.test(line))
      .filter((line) => /code="(409|422)"/.test(line))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };

  test('every pod gets an address, no address is given twice, and all come back', async () => {
    const count = AGENTS * EACH;
    // Two /24, neither of them whole.
    const networks = ['10.74.0.0-10.74.0.249', '10.74.1.0-10.74.1.249'];
    const pool = { ...poolOf('crowd', '10.74.0.0/16', networks), isDefault: true };
    await using agents = await BlockAgents.start(cluster.kubeconfig, pool, AGENTS);
    const pods = (at: number) => Array.from({ length: EACH }, (_, one) => `crowd-${at}-${one}`);
    const given = await Promise.all(
      agents.claimants.flatMap((agent, at) => pods(at).map((pod) => agent.claim(pod))),
    );
    expect(new Set(given).size).toBe(count);
    const held = await claims();
    expect(held.map(({ address }) => formatAddress(address)).sort()).toEqual(given.toSorted());
    const tooMany = agents.claimants[0]!.claim('one-too-many');
    await expect(tooMany).rejects.toThrow('all IP addresses used out');
    await Promise.all(
      agents.claimants.flatMap((agent, at) => pods(at).map((pod) => agent.release(pod))),
    );
    expect(await claims()).toEqual([]);
    table.add({
      fault: `${AGENTS} agents race for a pool with exactly as many addresses as pods`,
      ...{ adds: count, refused: 1, dels: count, conflicts: await conflicts(), restarts: 0 },
    });
  });
});
