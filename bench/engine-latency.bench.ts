/**
 * What single calls of the engine take, for orientation: no peer, no target. tinybench keeps the samples; one
 * sample is the mean over a batch, since timing a single call would measure the clock.
 */
import { Bench as Sampler } from 'tinybench';
import { Engine } from '../src/engine/engine.ts';
import type { Address } from '../src/net/address.ts';
import { type Bench, Checksum, type Row, type Size } from './harness.ts';

const V4 = 0x0a000000;
const V6: Address = [0xfd00_0000, 0, 0, 0];
const NANOSECONDS_PER_MILLISECOND = 1e6;

function address(n: number): Address {
  return [0, 0, 0xffff, n >>> 0];
}

/** One call that leaves the engine as it found it, or as the next call of the batch expects it. */
interface Operation {
  readonly name: string;
  readonly call: (i: number, sum: Checksum) => void;
}

function operations(): Operation[] {
  const engine = Engine.load();
  const dense = engine.addPool(Uint32Array.of(...address(V4), ...address(V4 + 0xffff)));
  const sparse = engine.addPool(Uint32Array.of(...V6, V6[0], 0, 0xffff_ffff, 0xffff_ffff));
  for (let i = 0; i < 0x8000; i++) {
    engine.claimNext(dense);
    engine.claimNext(sparse);
  }
  return [
    {
      name: 'isUsed',
      call: (i, sum) => sum.add(engine.isUsed(address(V4 + (i & 0xffff))) ? 1 : 0),
    },
    { name: 'counts', call: (_, sum) => sum.add(engine.counts(dense).used) },
    { name: 'claimNext + unclaim, /16 half full', call: (_, sum) => both(engine, dense, sum) },
    {
      name: 'claimNext + unclaim, /64, a block made and dropped',
      call: (_, sum) => both(engine, sparse, sum),
    },
    {
      name: 'rest + claimResting, /16 half full',
      call: (i, sum) => resting(engine, dense, i, sum),
    },
  ];
}

function both(engine: Engine, pool: number, sum: Checksum): void {
  const claimed = engine.claimNext(pool)!;
  sum.add(claimed[3]);
  engine.unclaim(claimed);
}

function resting(engine: Engine, pool: number, i: number, sum: Checksum): void {
  engine.rest(address(V4 + (i & 0x7fff)), 1 + (i % 30));
  sum.add(engine.claimResting(pool)![3]);
}

async function rows(size: Size): Promise<Row[]> {
  const batch = size === 'full' ? 1_000 : 50;
  const iterations = size === 'full' ? 200 : 5;
  const sampler = new Sampler({ time: 0, iterations, warmup: false });
  const all = operations().map((operation) => ({ ...operation, sum: new Checksum() }));
  for (const { name, call, sum } of all) {
    let next = 0;
    sampler.add(name, () => {
      const begin = process.hrtime.bigint();
      for (let i = 0; i < batch; i++) call(next++, sum);
      const taken = Number(process.hrtime.bigint() - begin);
      return { overriddenDuration: taken / batch / NANOSECONDS_PER_MILLISECOND };
    });
  }
  await sampler.run();
  return all.map(({ name, sum }): Row => {
    const { result } = sampler.getTask(name)!;
    if (!('latency' in result)) throw new Error(`${name} was not measured: ${result.state}`);
    return {
      work: `${name}: median`,
      ours: result.latency.p50 * NANOSECONDS_PER_MILLISECOND,
      beside: result.latency.p99 * NANOSECONDS_PER_MILLISECOND,
      besideName: 'p99',
      unit: 'ns',
      ratio: undefined,
      target: undefined,
      checksum: `${sum}`,
    };
  });
}

export const bench: Bench = { name: 'engine latency', run: rows };
