/**
 * Many short worlds and a few long ones. A failure names its seed: replay it with
 * `WORLD_SEED=n npx vitest run test/kube/cluster-world`. WORLD_COUNT asks for more of them.
 */
import { describe, expect, test } from 'vitest';
import { ClusterWorld } from './cluster-world.ts';

const FIRST = Number(process.env.WORLD_SEED ?? 1);
const COUNT = process.env.WORLD_SEED === undefined ? Number(process.env.WORLD_COUNT ?? 24) : 1;

describe('a simulated cluster', () => {
  test(`keeps its promises in worlds ${FIRST} to ${FIRST + COUNT - 1}`, async () => {
    const sum: Record<string, number> = {};
    for (let seed = FIRST; seed < FIRST + COUNT; seed += 1) {
      const world = new ClusterWorld(seed);
      expect(await world.run(seed % 10 === 0 ? 2_000 : 400), `seed ${seed}`).toBeUndefined();
      for (const [what, count] of Object.entries({ ...world.counts, ...world.edits })) {
        sum[what] = (sum[what] ?? 0) + count;
      }
    }
    // A world in which nothing happens would keep every promise.
    if (COUNT >= 24) {
      for (const [what, count] of Object.entries(sum)) {
        expect(count, what).toBeGreaterThan(COUNT / 12);
      }
    }
  }, 120_000);
});
