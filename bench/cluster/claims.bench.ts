/**
 * Claims on a real API server: ours beside one object per pool and one object per address, all from the same
 * process over the same client, against the same server. Requests are counted by the server.
 */
import type { Pool } from '../../src/dialect/pool.ts';
import { ApiServer } from '../../src/kube/api-server.ts';
import type { ControlPlane } from '../../test/cluster/support/control-plane.ts';
import { poolOf } from '../../test/world/pools.ts';
import { type Bench, median, type Row, type Size } from '../harness.ts';
import { checksumOfAddresses } from './address-checksum.ts';
import { AddressObjectAgents } from './address-object.ts';
import { requestsOn, startBenchCluster, watchBytesOf } from './bench-cluster.ts';
import { BlockAgents } from './block-agents.ts';
import { claimAll, inLanes, type Outcome, rateOf, requireUnique } from './designs.ts';
import { PoolObjectAgents } from './pool-object.ts';

const SIZES = {
  smoke: {
    steady: 20,
    nodes: 3,
    pods: 60,
    rounds: 1,
    many: 6,
    wide: 200,
    held: 170,
    more: 30,
    some: 30,
    latency: 20,
    all: 120,
  },
  full: {
    steady: 200,
    nodes: 10,
    pods: 1_000,
    rounds: 3,
    many: 64,
    wide: 5_000,
    held: 4_000,
    more: 1_000,
    some: 200,
    latency: 400,
    all: 10_000,
  },
} as const;

const AT_ONCE = 32;
const LATENCY_MS = 50;
/** Network of the first round of a row that has several. */
const FIRST_ROUND = 20;

export const bench: Bench = {
  name: 'cluster-claims',
  async run(size) {
    await using cluster = await startBenchCluster();
    const rows: Row[] = [];
    for (const part of [
      steadyRows,
      exactRows,
      sharedBlockRows,
      filledRows,
      latencyRows,
      crowdRows,
    ]) {
      if (size === 'full') console.error(`${part.name} …`);
      rows.push(...(await part(cluster, size)));
    }
    return rows;
  },
};

/** A pool of so many addresses, each on a network of its own: rows do not meet. */
function benchPool(network: number, size: number): { pool: Pool; addresses: string[] } {
  const addresses = Array.from({ length: size }, (_, at) => `10.${network}.${at >> 8}.${at & 255}`);
  const pool = poolOf('bench', `10.${network}.0.0/16`, [`${addresses[0]}-${addresses.at(-1)}`]);
  return { pool: { ...pool, isDefault: true }, addresses };
}

function podNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
}

async function steadyRows(cluster: ControlPlane, size: Size): Promise<Row[]> {
  const { steady } = SIZES[size];
  const { pool } = benchPool(1, steady);
  await using agents = await BlockAgents.start(cluster.kubeconfig, pool, 1);
  const before = await requestsOn(cluster, 'ipblocks');
  const outcome = await claimAll(agents.claimants, podNames('steady', steady), 1);
  const after = await requestsOn(cluster, 'ipblocks');
  requireUnique(outcome);
  const row = (what: string, figure: number, most: number): Row => ({
    work: `${steady} ADDs, one at a time: ${what} of IPBlocks per ADD`,
    ours: figure,
    beside: undefined,
    besideName: '',
    unit: 'requests',
    ratio: figure,
    target: { comparison: '≤', value: most },
    checksum: checksumOfAddresses(outcome.addresses),
  });
  return [
    row('writes', (after.writes - before.writes) / steady, 1),
    row('reads', (after.reads - before.reads) / steady, 0),
  ];
}

async function exactRows(cluster: ControlPlane, size: Size): Promise<Row[]> {
  const { nodes, pods, rounds } = SIZES[size];
  const ours: Outcome[] = [];
  const each: Outcome[] = [];
  const before = await requestsOn(cluster, 'ipblocks');
  // These two are over in a second or so, hence more rounds.
  for (let round = 0; round < rounds; round += 1) {
    const { pool, addresses } = benchPool(FIRST_ROUND + round, pods);
    const names = podNames(`exact-${round}`, pods);
    const agents = await BlockAgents.start(cluster.kubeconfig, pool, nodes);
    ours.push(await withAgents(agents, names));
    const others = new AddressObjectAgents(cluster.kubeconfig, addresses, nodes);
    each.push(await withAgents(others, names));
  }
  const after = await requestsOn(cluster, 'ipblocks');
  const record = { name: 'exact', addresses: benchPool(FIRST_ROUND, pods).addresses, held: 0 };
  const one = await withAgents(
    await PoolObjectAgents.start(cluster.kubeconfig, record, nodes),
    podNames('exact', pods),
  );
  for (const outcome of ours) requireAll(outcome, pods);
  const what = `${pods} ADDs, ${nodes} agents, ${AT_ONCE} at once each, a pool of exactly ${pods}`;
  const writes = (after.writes - before.writes) / pods / rounds;
  const checksum = checksumOfAddresses(ours.flatMap(({ addresses }) => addresses));
  const middle = middleOf(ours);
  return [
    {
      work: `${what}: writes per ADD`,
      ours: writes,
      beside: 1,
      besideName: 'one object per address',
      unit: 'requests',
      ratio: writes,
      target: targetOf(size, '≤', 0.2),
      checksum,
    },
    {
      ...rateRow(what, middle, one, `one object per pool, ${one.failed} of ${pods} failed`),
      target: targetOf(size, '≥', 25),
      checksum,
    },
    {
      ...rateRow(what, middle, middleOf(each), 'one object per address'),
      target: targetOf(size, '≥', 3),
      checksum,
    },
  ];
}

/** The one that took neither longest nor shortest. */
function middleOf(outcomes: readonly Outcome[]): Outcome {
  return [...outcomes].sort((a, b) => a.totalMs - b.totalMs)[outcomes.length >> 1]!;
}

async function sharedBlockRows(cluster: ControlPlane, size: Size): Promise<Row[]> {
  const { many } = SIZES[size];
  const { pool, addresses } = benchPool(3, many);
  const names = podNames('shared', many);
  await using agents = await BlockAgents.start(cluster.kubeconfig, pool, many);
  const before = await requestsOn(cluster, 'ipblocks');
  const ours = await claimAll(agents.claimants, names, 1);
  const after = await requestsOn(cluster, 'ipblocks');
  const each = await withAgents(
    new AddressObjectAgents(cluster.kubeconfig, addresses, many),
    names,
  );
  requireAll(ours, many);
  const what = `${many} agents, one block of ${many} addresses, one ADD each at once`;
  const tries = (after.writes - before.writes) / many;
  return [
    {
      work: `${what}: tries per claim`,
      ours: tries,
      beside: 1,
      besideName: 'one object per address',
      unit: 'writes',
      ratio: tries,
      target: targetOf(size, '≤', 3),
      checksum: checksumOfAddresses(ours.addresses),
    },
    rateRow(
      `${what} (many writers on one object: the other wins)`,
      ours,
      each,
      'one object per address',
    ),
  ];
}

async function filledRows(cluster: ControlPlane, size: Size): Promise<Row[]> {
  const { nodes, wide, held, more, some } = SIZES[size];
  const { pool, addresses } = benchPool(4, wide);
  const names = podNames('filled', more);
  await using agents = await BlockAgents.start(cluster.kubeconfig, pool, nodes);
  const first = await claimAll(agents.claimants, podNames('held', held), AT_ONCE);
  requireAll(first, held);
  const sent = agents.bytesSent;
  const ours = await claimAll(agents.claimants, names, AT_ONCE);
  const ourBytes = (agents.bytesSent - sent) / more;
  requireAll(ours, more);
  const record = { name: 'filled', addresses, held };
  await using beside = await PoolObjectAgents.start(cluster.kubeconfig, record, nodes);
  // A few of them say it: all would take minutes.
  const one = await claimAll(beside.claimants, names.slice(0, some), AT_ONCE);
  const theirBytes = beside.bytesSent / one.addresses.length;
  const what = `${more} ADDs in a pool of ${wide} that holds ${held}`;
  // Which of them were held at first depends on the moment; in the end all are.
  const checksum = checksumOfAddresses([...first.addresses, ...ours.addresses]);
  return [
    {
      ...rateRow(what, ours, one, `one object per pool, ${one.failed} of ${some} failed`),
      target: targetOf(size, '≥', 20),
      checksum,
    },
    {
      work: `${what}: bytes sent per ADD`,
      ours: ourBytes,
      beside: theirBytes,
      besideName: 'one object per pool',
      unit: 'bytes',
      ratio: theirBytes / ourBytes,
      target: targetOf(size, '≥', 50),
      checksum,
    },
  ];
}

async function latencyRows(cluster: ControlPlane, size: Size): Promise<Row[]> {
  const { latency } = SIZES[size];
  const { pool } = benchPool(5, latency);
  const { proxy } = cluster;
  await using agents = await BlockAgents.start(proxy.kubeconfig, pool, 1);
  const api = ApiServer.fromKubeconfig(proxy.kubeconfig);
  proxy.delay(LATENCY_MS);
  const trips: number[] = [];
  for (let at = 0; at < 20; at += 1) {
    const began = performance.now();
    await api.request({ method: 'GET', path: '/api/v1/namespaces/default' });
    trips.push(performance.now() - began);
  }
  const ours = await claimAll(agents.claimants, podNames('latency', latency), 8);
  proxy.delay(0);
  await api.close();
  requireAll(ours, latency);
  const p99 = ours.times[Math.floor(ours.times.length * 0.99)]!;
  return [
    {
      work: `${latency} ADDs, 8 at once, ${LATENCY_MS} ms to the API server and back: p99 in round trips`,
      ours: p99,
      beside: median(trips),
      besideName: 'a GET of a small object, p50',
      unit: 'ms',
      ratio: p99 / median(trips),
      target: targetOf(size, '≤', 4),
      checksum: checksumOfAddresses(ours.addresses),
    },
  ];
}

async function crowdRows(cluster: ControlPlane, size: Size): Promise<Row[]> {
  const { nodes, all } = SIZES[size];
  const count = nodes * 10;
  const { pool } = benchPool(6, all);
  const names = podNames('crowd', all);
  const watched = () => watchBytesOf(cluster, 'ipam.orbweaver.dev', 'IPBlock');
  const watchedBefore = await watched();
  await using agents = await BlockAgents.start(cluster.kubeconfig, pool, count);
  const before = await requestsOn(cluster, 'ipblocks');
  const claims = await claimAll(agents.claimants, names, AT_ONCE);
  const between = await requestsOn(cluster, 'ipblocks');
  requireAll(claims, all);
  const began = performance.now();
  await Promise.all(
    agents.claimants.map((agent, at) =>
      inLanes(
        names.filter((_, index) => index % count === at),
        AT_ONCE,
        (pod) => agent.release(pod),
      ),
    ),
  );
  const releaseMs = performance.now() - began;
  const after = await requestsOn(cluster, 'ipblocks');
  const checksum = checksumOfAddresses(claims.addresses);
  const bytes = ((await watched()) - watchedBefore) / count;
  const row = (work: string, figure: number, unit: string): Row => ({
    work: `${count} agents, ${all} claims, then ${all} releases: ${work}`,
    ours: figure,
    beside: undefined,
    besideName: '',
    unit,
    ratio: undefined,
    target: undefined,
    checksum,
  });
  return [
    row('claims', rateOf(claims), 'ADDs/s'),
    row('releases', (all * 1_000) / releaseMs, 'DELs/s'),
    row('writes per claim', (between.writes - before.writes) / all, 'requests'),
    row(
      'reads per claim (each lost race costs one)',
      (between.reads - before.reads) / all,
      'requests',
    ),
    row('writes per release', (after.writes - between.writes) / all, 'requests'),
    row('watch events of IPBlocks', bytes, 'bytes per agent'),
    {
      ...row(
        'addresses given twice',
        claims.addresses.length - new Set(claims.addresses).size,
        'addresses',
      ),
      ratio: claims.addresses.length - new Set(claims.addresses).size,
      target: { comparison: '≤', value: 0 },
    },
  ];
}

async function withAgents(
  agents: { readonly claimants: Parameters<typeof claimAll>[0] } & AsyncDisposable,
  names: readonly string[],
): Promise<Outcome> {
  await using running = agents;
  return await claimAll(running.claimants, names, AT_ONCE);
}

function rateRow(what: string, ours: Outcome, beside: Outcome, besideName: string): Row {
  return {
    work: what,
    ours: rateOf(ours),
    beside: rateOf(beside),
    besideName,
    unit: 'ADDs/s',
    ratio: rateOf(ours) / rateOf(beside),
    target: undefined,
    checksum: checksumOfAddresses(ours.addresses),
  };
}

function requireAll(outcome: Outcome, count: number): void {
  requireUnique(outcome);
  if (outcome.failed > 0 || outcome.addresses.length !== count) {
    throw new Error(`${outcome.failed} of ${count} ADDs failed`);
  }
}

function targetOf(size: Size, comparison: '≥' | '≤', value: number): Row['target'] {
  return size === 'full' ? { comparison, value } : undefined;
}
