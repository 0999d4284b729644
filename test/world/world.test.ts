/**
 * Many short worlds and a few long ones. A failure names its seed: replay it with
 * `WORLD_SEED=n npx vitest run test/world`. WORLD_COUNT asks for more of them.
 */
import { describe, expect, test } from 'vitest';
import { ModelLedger } from '../support/model-ledger.ts';
import { World, type WorldCounts } from './world.ts';

const FIRST = Number(process.env.WORLD_SEED ?? 1);
const COUNT = process.env.WORLD_SEED === undefined ? Number(process.env.WORLD_COUNT ?? 60) : 1;

describe('a simulated machine', () => {
  test(`keeps its promises in worlds ${FIRST} to ${FIRST + COUNT - 1}`, async () => {
    const sum: WorldCounts = {
      adds: 0,
      dels: 0,
      restarts: 0,
      traps: 0,
      failures: 0,
      units: 0,
      takeovers: 0,
    };
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const world = new World(seed, new ModelLedger());
      expect(await world.run(seed % 10 === 0 ? 1_500 : 250), `seed ${seed}`).toBeUndefined();
      for (const key of Object.keys(sum) as (keyof WorldCounts)[]) {
        sum[key] += world.counts[key];
      }
    }
    // A world in which nothing happens would keep every promise.
    if (COUNT >= 60) {
      for (const [what, count] of Object.entries(sum)) {
        expect(count, what).toBeGreaterThan(COUNT / 10);
      }
    }
  }, 120_000);
});
