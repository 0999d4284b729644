/**
 * Applying pools to an empty store: admission with its checks against every pool that is there, and the write.
 * 10,000 pools against 1,000: were each compared with all others, ten times the pools would take a hundred
 * times as long.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '../src/dialect/kube-object.ts';
import { EmbeddedStore } from '../src/embedded/store.ts';
import { type Bench, Checksum, median, type Row, type Size } from './harness.ts';

const SIZES: Readonly<Record<Size, { rounds: number; few: number; many: number }>> = {
  smoke: { rounds: 1, few: 100, many: 1_000 },
  full: { rounds: 5, few: 1_000, many: 10_000 },
};
const SHORT_RUNS = 5;
/** As `orbweaver apply` sends them. */
const BATCH = 250;
/** The last of so many pools overlaps the one before, and must be refused. */
const REFUSED_EACH = 50;

export const bench: Bench = {
  name: 'apply',
  async run(size) {
    const { rounds, few, many } = SIZES[size];
    const times: Record<'few' | 'many', number[]> = { few: [], many: [] };
    let last: Applied | undefined;
    await applyAll(few);
    for (let round = 0; round < rounds; round += 1) {
      // A short run says less by itself, so there are more of them.
      for (let again = 0; again < SHORT_RUNS; again += 1) {
        times.few.push((await applyAll(few)).milliseconds);
      }
      last = await applyAll(many);
      times.many.push(last.milliseconds);
    }
    return [rowOf(few, many, median(times.few), median(times.many), last!)];
  },
};

interface Applied {
  readonly milliseconds: number;
  readonly checksum: string;
}

function rowOf(few: number, many: number, fewMs: number, manyMs: number, last: Applied): Row {
  return {
    work: `apply ${many.toLocaleString('en-US')} pools with overlap checks`,
    ours: manyMs,
    beside: fewMs,
    besideName: `ours with ${few.toLocaleString('en-US')} pools`,
    unit: 'ms',
    ratio: manyMs / fewMs,
    target: { comparison: '≤', value: 15 },
    checksum: last.checksum,
  };
}

/** Every pool has two ranges; neighbours share a subnet, as pools of one network do. */
function poolOf(index: number): KubeObject {
  const subnet = `10.${index >> 9}.${(index >> 1) & 255}.0/24`;
  const overlaps = index % REFUSED_EACH === REFUSED_EACH - 1;
  const host = (index & 1) * 100 + (overlaps ? -90 : 10);
  const prefix = subnet.slice(0, -'0/24'.length);
  const range = (first: number) => `${prefix}${first}-${prefix}${first + 19}`;
  return {
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name: `pool-${index}` },
    spec: { subnet, ips: [range(Math.abs(host)), range(Math.abs(host) + 40)] },
  };
}

async function applyAll(count: number): Promise<Applied> {
  const pools = Array.from({ length: count }, (_, index) => poolOf(index));
  const folder = mkdtempSync(join(tmpdir(), 'orbweaver-apply-'));
  const clock = { now: () => Date.now() };
  const store = await EmbeddedStore.open(folder, { clock, node: 'node1' });
  try {
    const checksum = new Checksum();
    const began = performance.now();
    for (let at = 0; at < count; at += BATCH) {
      const edits = pools.slice(at, at + BATCH).map((pool) => store.objects.apply(pool));
      for (const outcome of await Promise.allSettled(edits)) {
        checksum.add(outcome.status === 'fulfilled' ? 1 : 0);
      }
    }
    const milliseconds = performance.now() - began;
    const kept = store.objects.count('SpiderIPPool');
    if (kept !== count - Math.floor(count / REFUSED_EACH)) {
      throw new Error(`${kept} of ${count} pools were kept`);
    }
    return { milliseconds, checksum: checksum.add(kept).toString() };
  } finally {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
