/**
 * The plugin as a runtime feels it, from its start to its end, durable, beside host-local: one pod after
 * another, the same with many addresses held, and many pods at once. Both keep their state on one disk and
 * take turns.
 */
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { AgentFolder, AgentProcess } from '../test/support/agent-process.ts';
import { type Bench, Checksum, median, type Row, type Size } from './harness.ts';
import { hasHostLocal, holdInHostLocal, hostLocal } from './host-local.ts';
import { StartedPlugin } from './started-plugin.ts';

const SIZES = {
  smoke: { turns: 1, pairs: 3, heldPairs: 2, held: 50, warm: 10, adds: 40, rounds: 1 },
  full: { turns: 10, pairs: 40, heldPairs: 8, held: 5_000, warm: 500, adds: 1_000, rounds: 3 },
} as const;

const PARALLEL = 32;
/** Magic number of tmpfs in statfs(2): nothing is durable there, so the comparison says little. */
const TMPFS = 0x01021994;

export const bench: Bench = {
  name: 'plugin',
  async run(size) {
    const { pairs, held, heldPairs } = SIZES[size];
    const targetOf = (value: number) =>
      size === 'full' ? ({ comparison: '≤', value } as const) : undefined;
    return [
      { ...(await pairRow(size, 0, pairs)), target: targetOf(0.5) },
      { ...(await pairRow(size, held, heldPairs)), target: targetOf(0.05) },
      { ...(await manyRow(size)), target: targetOf(0.25) },
    ];
  },
};

interface Contenders {
  readonly ours: StartedPlugin;
  /** Undefined where it is not installed. */
  readonly theirs: StartedPlugin | undefined;
  readonly folder: AgentFolder;
}

/** Runs the work with a fresh agent and a fresh host-local, both in one folder. */
async function withContenders<T>(held: number, work: (contenders: Contenders) => T): Promise<T> {
  using folder = new AgentFolder();
  folder.writeManifests(POOL);
  await using _agent = await AgentProcess.start(folder);
  const ours = new StartedPlugin({
    folder: join(folder.folder, 'ours'),
    program: join(import.meta.dirname, '../build/cni/orbweaver'),
    config: { cniVersion: '1.0.0', name: 'bench', ipam: { type: 'orbweaver' } },
    env: { ORBWEAVER_SOCKET: folder.socket },
  });
  const theirFolder = join(folder.folder, 'theirs');
  const theirs = hasHostLocal() ? hostLocal(theirFolder) : undefined;
  if (held > 0) {
    ours.start('ADD', HELD_FIRST, held, PARALLEL);
    ours.takeAddresses();
    holdInHostLocal(theirFolder, held);
  }
  return work({ ours, theirs, folder });
}

const POOL = JSON.stringify({
  apiVersion: 'spiderpool.spidernet.io/v2beta1',
  kind: 'SpiderIPPool',
  metadata: { name: 'bench' },
  spec: { default: true, subnet: '10.66.0.0/16', ips: ['10.66.0.2-10.66.255.254'] },
});
/** Containers of the measured calls are numbered from 0, those that only hold from here. */
const HELD_FIRST = 1_000_000;
const WARM_FIRST = 2_000_000;

/** Each contender makes so many pairs in a turn, and they take turns. */
function pairRow(size: Size, held: number, pairs: number): Promise<Row> {
  const { turns, warm } = SIZES[size];
  return withContenders(held, ({ ours, theirs, folder }) => {
    // An agent lives for weeks: what its compiler does in the first calls is not what a pod feels.
    ours.startPairs(WARM_FIRST, warm);
    ours.takeAddresses();
    const medians: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] };
    const checksum = new Checksum();
    for (let turn = 0; turn < turns; turn += 1) {
      medians.ours.push(ours.startPairs(turn * pairs, pairs).p50Ms);
      checksum.addAll(given(ours, pairs));
      if (theirs !== undefined) {
        medians.theirs.push(theirs.startPairs(turn * pairs, pairs).p50Ms);
        checksum.addAll(given(theirs, pairs));
      }
    }
    const counted = held === 0 ? 'empty range' : `${held.toLocaleString('en-US')} held`;
    const work = `plugin: ADD then DEL, ${counted}${onTmpfs(folder)}`;
    return compared(work, median(medians.ours), theirs && median(medians.theirs), checksum);
  });
}

async function manyRow(size: Size): Promise<Row> {
  const { adds, rounds } = SIZES[size];
  const runs: Record<'ours' | 'theirs', ReturnType<StartedPlugin['start']>[]> = {
    ours: [],
    theirs: [],
  };
  const checksum = new Checksum();
  let tmpfs = '';
  for (let round = 0; round < rounds; round += 1) {
    await withContenders(0, ({ ours, theirs, folder }) => {
      tmpfs = onTmpfs(folder);
      runs.ours.push(ours.start('ADD', 0, adds, PARALLEL));
      checksum.addAll(given(ours, adds));
      if (theirs !== undefined) {
        runs.theirs.push(theirs.start('ADD', 0, adds, PARALLEL));
        checksum.addAll(given(theirs, adds));
      }
    });
  }
  const of = (list: typeof runs.ours, key: 'totalMs' | 'p50Ms' | 'p99Ms') =>
    median(list.map((run) => run[key]));
  const spread = (list: typeof runs.ours) =>
    list.length === 0 ? '–' : `${of(list, 'p50Ms').toFixed(1)}/${of(list, 'p99Ms').toFixed(1)}`;
  const work =
    `plugin: ${adds.toLocaleString('en-US')} ADDs, ${PARALLEL} at once, total; ` +
    `p50/p99 ${spread(runs.ours)} beside ${spread(runs.theirs)}${tmpfs}`;
  const beside = runs.theirs.length === 0 ? undefined : of(runs.theirs, 'totalMs');
  return compared(work, of(runs.ours, 'totalMs'), beside, checksum);
}

function compared(work: string, ours: number, beside: number | undefined, checksum: Checksum): Row {
  return {
    work,
    ours,
    beside,
    besideName: beside === undefined ? 'host-local is not installed' : 'host-local',
    unit: 'ms',
    ratio: beside === undefined ? undefined : ours / beside,
    target: undefined,
    checksum: String(checksum),
  };
}

/** The numbers of `count` different addresses in order: who got which depends on the moment. */
function given(plugin: StartedPlugin, count: number): number[] {
  const numbers = [...new Set(plugin.takeAddresses().map(numberOf))].sort((a, b) => a - b);
  if (numbers.length !== count) {
    throw new Error(`${numbers.length} different addresses were given, not ${count}`);
  }
  return numbers;
}

/** An IPv4 address as a number. */
function numberOf(text: string): number {
  return text.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

function onTmpfs(folder: AgentFolder): string {
  return statfsSync(folder.folder).type === TMPFS ? ' (on tmpfs: nothing is flushed)' : '';
}
