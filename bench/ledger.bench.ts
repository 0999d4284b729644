/**
 * The embedded ledger on a real disk: what a start costs with many claims in it, what a look-up costs then,
 * what waiting calls gain from sharing an fsync, and how applying pools grows with their number.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '../src/dialect/kube-object.ts';
import { EmbeddedStore } from '../src/embedded/store.ts';
import type { SlotWrite } from '../src/ipam/ports.ts';
import { containerIdOf, fillState } from './filled-state.ts';
import { type Bench, Checksum, median, type Row, type Size } from './harness.ts';

const SIZES = {
  smoke: { claims: 2_000, lookups: 200, commits: 64, atOnce: 32, pools: 40, rounds: 1 },
  full: {
    claims: 1_000_000,
    lookups: 20_000,
    commits: 4_096,
    atOnce: 256,
    pools: 1_000,
    rounds: 5,
  },
} as const;

export const bench: Bench = {
  name: 'embedded ledger',
  async run(size) {
    return [...(await startRows(size)), await groupCommitRow(size), await applyRow(size)];
  },
};

/** Milliseconds of `work`. */
async function milliseconds(work: () => unknown): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'orbweaver-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function open(folder: string): Promise<EmbeddedStore> {
  return EmbeddedStore.open(folder, { clock: { now: () => 1_700_000_000_000 }, node: 'node-1' });
}

/** Opens the store and reads every used word, as a start does. */
async function start(folder: string, checksum?: Checksum): Promise<void> {
  const store = await open(folder);
  for (const block of store.ledger.blocks()) {
    checksum?.add(block.first[3]).add(block.usedLow).add(block.usedHigh);
  }
  store.close();
}

async function startRows(size: Size): Promise<Row[]> {
  const { claims, lookups, rounds } = SIZES[size];
  return await inFolder(async (folder) => {
    const full = join(folder, 'full');
    const few = join(folder, 'few');
    fillState(full, claims);
    fillState(few, Math.min(claims, 1_000));
    const checksum = new Checksum();
    await start(full, checksum);
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      times.push(await milliseconds(() => start(full)));
    }
    const counted = claims.toLocaleString('en-US');
    const ours = median(times);
    return [
      {
        work: `open the ledger and read the used words, ${counted} claims`,
        ours,
        beside: undefined,
        besideName: '',
        unit: 'ms',
        ratio: ours,
        target: { comparison: '≤', value: 1_500 },
        checksum: String(checksum),
      },
      await lookUpRow(full, few, claims, lookups),
    ];
  });
}

async function lookUpRow(full: string, few: string, claims: number, lookups: number): Promise<Row> {
  const checksum = new Checksum();
  const timed = async (folder: string, held: number): Promise<number> => {
    const store = await open(folder);
    const lookUp = () => {
      for (let count = 0; count < lookups; count += 1) {
        const index = (count * 7_919) % held;
        const found = store.ledger.claimsOfContainer('net', containerIdOf(index));
        checksum.add(found[0]!.address[3]);
      }
    };
    lookUp();
    const taken = await milliseconds(lookUp);
    store.close();
    return (taken * 1_000) / lookups;
  };
  const ours = await timed(full, claims);
  const beside = await timed(few, Math.min(claims, 1_000));
  return {
    work: `claims of a container, ${claims.toLocaleString('en-US')} held`,
    ours,
    beside,
    besideName: '1,000 held',
    unit: 'µs',
    ratio: ours / beside,
    target: { comparison: '≤', value: 5 },
    checksum: String(checksum),
  };
}

/** A claim of address number `index` of 10.0.0.0 and up. */
function claimWrite(index: number): SlotWrite {
  return {
    was: undefined,
    now: {
      state: 'claimed',
      address: [0, 0, 0xffff, 0x0a000000 + index],
      pool: 'pool',
      node: 'node-1',
      owner: { namespace: 'default', pod: `web-${index}`, uid: `uid-${index}` },
      attachment: { network: 'net', containerId: containerIdOf(index), interfaceName: 'eth0' },
      ahead: false,
      order: 0,
      claimedAt: 1_700_000_000_000,
      nonce: `nonce-${index}`,
    },
  };
}

async function groupCommitRow(size: Size): Promise<Row> {
  const { commits, atOnce } = SIZES[size];
  return await inFolder(async (folder) => {
    const store = await open(folder);
    const { ledger } = store;
    const alone = Math.max(16, commits / 8);
    const beside = await milliseconds(async () => {
      for (let index = 0; index < alone; index += 1) {
        await ledger.commit([claimWrite(index)]);
      }
    });
    const ours = await milliseconds(async () => {
      for (let done = 0; done < commits; done += atOnce) {
        const writes = Array.from({ length: atOnce }, (_, at) => claimWrite(alone + done + at));
        await Promise.all(writes.map((write) => ledger.commit([write])));
      }
    });
    const checksum = new Checksum().addAll(
      Array.from(ledger.claims(), (claim) => claim.address[3]),
    );
    store.close();
    return {
      work: `durable commits, ${atOnce} at once`,
      ours: (ours * 1_000) / commits,
      beside: (beside * 1_000) / alone,
      besideName: 'one at a time',
      unit: 'µs',
      ratio: beside / alone / (ours / commits),
      target: size === 'full' ? { comparison: '≥', value: 5 } : undefined,
      checksum: String(checksum),
    };
  });
}

function poolManifest(index: number): KubeObject {
  const network = `10.${index >> 8}.${index & 255}`;
  return {
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name: `pool-${index}` },
    spec: { subnet: `${network}.0/24`, ips: [`${network}.10-${network}.250`] },
  };
}

async function applyRow(size: Size): Promise<Row> {
  const { pools } = SIZES[size];
  const checksum = new Checksum();
  const timed = (count: number) =>
    inFolder(async (folder) => {
      const store = await open(folder);
      const manifests = Array.from({ length: count }, (_, index) => poolManifest(index));
      const taken = await milliseconds(() =>
        Promise.all(manifests.map((manifest) => store.objects.apply(manifest))),
      );
      checksum.addAll(store.cluster.pools().map((pool) => pool.subnet.first[3]));
      store.close();
      return taken;
    });
  // What the engine and the compiler do once for all is not what is compared.
  await timed(pools);
  const beside = await timed(pools);
  const ours = await timed(10 * pools);
  return {
    work: `apply ${(10 * pools).toLocaleString('en-US')} pools, overlaps checked`,
    ours,
    beside,
    besideName: `${pools.toLocaleString('en-US')} pools`,
    unit: 'ms',
    ratio: ours / beside,
    target: size === 'full' ? { comparison: '≤', value: 15 } : undefined,
    checksum: String(checksum),
  };
}
