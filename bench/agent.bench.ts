/**
 * The agent on its socket: many ADDs at once beside one at a time, each durable before it is answered; and
 * an agent that holds a million claims beside one that holds none.
 */
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { AgentFolder, AgentProcess } from '../test/support/agent-process.ts';
import { fillState } from './filled-state.ts';
import { type Bench, Checksum, median, type Row, type Size } from './harness.ts';
import { addRequest, type Burst, burst, openConnections } from './lean-client.ts';

const SIZES = {
  smoke: { atOnce: 200, alone: 40, rounds: 1, claims: 5_000, starts: 1 },
  full: { atOnce: 10_000, alone: 1_000, rounds: 3, claims: 1_000_000, starts: 5 },
} as const;

const CONNECTIONS = 256;
const MIB = 1024;

export const bench: Bench = {
  name: 'agent',
  async run(size) {
    return [...(await rateRows(size)), ...(await holdingRows(size))];
  },
};

/** As many addresses as fillState may hold, from 10.0.0.0 on. */
const POOL = JSON.stringify({
  apiVersion: 'spiderpool.spidernet.io/v2beta1',
  kind: 'SpiderIPPool',
  metadata: { name: 'pool' },
  spec: { default: true, subnet: '10.0.0.0/8', ips: ['10.0.0.0-10.31.255.255'] },
});

async function rateRows(size: Size): Promise<Row[]> {
  const { atOnce, alone, rounds } = SIZES[size];
  using folder = new AgentFolder();
  folder.writeManifests(POOL);
  await using _agent = await AgentProcess.start(folder);
  const many = await openConnections(folder.socket, CONNECTIONS);
  const one = many.slice(0, 1);
  let containers = 0;
  const requests = (count: number) => Array.from({ length: count }, () => addRequest(containers++));
  // What the compiler does once for all is not what is compared.
  await burst(many, requests(CONNECTIONS));
  const together: Burst[] = [];
  const single: Burst[] = [];
  const commits: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    single.push(await burst(one, requests(alone)));
    const before = await commitCount(folder.socket);
    together.push(await burst(many, requests(atOnce)));
    commits.push(((await commitCount(folder.socket)) - before) / atOnce);
  }
  for (const socket of many) {
    socket.destroy();
  }
  const checksum = checksumOf([...single, ...together].flatMap((run) => run.addresses));
  const rateOf = (runs: readonly Burst[], count: number) =>
    median(runs.map((run) => (count * 1_000) / run.totalMs));
  const ours = rateOf(together, atOnce);
  const beside = rateOf(single, alone);
  const of = (key: 'p50Ms' | 'p99Ms' | 'clientCpuMs', digits: number) =>
    median(together.map((run) => run[key])).toFixed(digits);
  const what = `socket: ${atOnce.toLocaleString('en-US')} ADDs, ${CONNECTIONS} at once`;
  return [
    {
      work: `${what}; p50/p99 ${of('p50Ms', 0)}/${of('p99Ms', 0)} ms, client's own CPU ${of('clientCpuMs', 3)} ms a call`,
      ours,
      beside,
      besideName: 'one at a time',
      unit: 'ADDs/s',
      ratio: ours / beside,
      target: targetOf(size, '≥', 5),
      checksum,
    },
    {
      work: `${what}: commits for one ADD`,
      ours: median(commits),
      beside: 1,
      besideName: 'one at a time',
      unit: 'commits',
      ratio: median(commits),
      target: targetOf(size, '≤', 0.1),
      checksum,
    },
  ];
}

async function holdingRows(size: Size): Promise<Row[]> {
  const { claims, starts } = SIZES[size];
  using empty = new AgentFolder();
  using full = new AgentFolder();
  empty.writeManifests(POOL);
  full.writeManifests(POOL);
  fillState(full.state, claims);
  const runs: Record<'empty' | 'full', Start[]> = { empty: [], full: [] };
  for (let at = 0; at < starts; at += 1) {
    runs.empty.push(await startOnce(empty, at));
    runs.full.push(await startOnce(full, at));
  }
  const of = (list: readonly Start[], key: 'readyMs' | 'rssMiB') =>
    median(list.map((start) => start[key]));
  const checksum = checksumOf([...runs.empty, ...runs.full].map((start) => start.address));
  const what = `agent holding ${claims.toLocaleString('en-US')} claims (rows written by SQL)`;
  const besideName = 'holding none';
  return [
    {
      work: `${what}: memory after an ADD`,
      ours: of(runs.full, 'rssMiB'),
      beside: of(runs.empty, 'rssMiB'),
      besideName,
      unit: 'MiB RSS',
      ratio: of(runs.full, 'rssMiB'),
      target: targetOf(size, '≤', 300),
      checksum,
    },
    {
      work: `${what}: start to ready`,
      ours: of(runs.full, 'readyMs'),
      beside: of(runs.empty, 'readyMs'),
      besideName,
      unit: 'ms',
      ratio: of(runs.full, 'readyMs') / of(runs.empty, 'readyMs'),
      target: targetOf(size, '≤', 10),
      checksum,
    },
  ];
}

interface Start {
  readonly readyMs: number;
  readonly rssMiB: number;
  /** What the ADD after the start was given. */
  readonly address: string;
}

async function startOnce(folder: AgentFolder, at: number): Promise<Start> {
  const began = performance.now();
  await using agent = await AgentProcess.start(folder, { node: 'node-1' });
  const readyMs = performance.now() - began;
  const connections = await openConnections(folder.socket, 1);
  const { addresses } = await burst(connections, [addRequest(at)]);
  connections[0]!.destroy();
  const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8');
  const rssMiB = Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / MIB;
  await agent.stop();
  return { readyMs, rssMiB, address: addresses[0]! };
}

/** Transactions that reached the disk, by the agent's own count. */
function commitCount(socketPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path: '/metrics', headers: { connection: 'close' } };
    get(options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('end', () => {
        resolve(
          Number(/^orbweaver_commits_total\{outcome="durable"\} (\d+)/m.exec(text)?.[1] ?? 0),
        );
      });
    }).on('error', reject);
  });
}

/** Over the addresses in order: who got which depends on the moment. */
function checksumOf(addresses: readonly string[]): string {
  const numbers = addresses.map((text) =>
    text.split('.').reduce((number, part) => number * 256 + Number(part), 0),
  );
  return String(new Checksum().addAll(numbers.sort((a, b) => a - b)));
}

function targetOf(size: Size, comparison: '≥' | '≤', value: number): Row['target'] {
  return size === 'full' ? { comparison, value } : undefined;
}
