/** Rule 12: where others have been, a search looks ahead instead of losing one race after another. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { addressOf, claimOf, writeOf } from '../support/lines.ts';
import { addressesOf } from '../support/simulated-node.ts';
import { poolOf } from '../world/pools.ts';
import { Scene } from './scene.ts';

const BLOCKS = 64;
const LAST = '10.0.15.255';

/** Node 2 knows of no block of the pool `small`, of which node 1 then takes everything but the very last address. */
async function filledBehindItsBack() {
  const scene = new Scene();
  scene.cluster.putPool(poolOf('small', '10.0.0.0/16', [`10.0.0.0-${LAST}`]));
  const one = await scene.node('node-1');
  scene.putPod('a', 'u1', { node: 'node-2' });
  const two = await scene.node('node-2');
  const addresses = Array.from({ length: BLOCKS * 64 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  const writes = addresses.slice(0, -1).map((address) => writeOf(claimOf(address)));
  await one.ledger.commit(writes);
  return { scene, two };
}

describe('rule 12: a walk among full blocks', () => {
  test('loses one race for every eight blocks, and finds the one address that is left', async () => {
    const { scene, two } = await filledBehindItsBack();
    const before = { ...scene.server.counts };
    const add = two.add({ pod: 'a', container: 'of-a' });
    await scene.advance(LIMITS.callDeadlineMs - 1_000);
    expect(addressesOf(await add)).toEqual([LAST]);
    const { create, patch, get } = scene.server.counts;
    const races = BLOCKS / (LIMITS.lookAheadBlocks + 1) + 3;
    expect(create - before.create + patch - before.patch).toBeLessThanOrEqual(races);
    expect(get - before.get).toBeLessThanOrEqual(BLOCKS + races);
  });

  test('what was looked at is kept in brief, and not read again for a while', async () => {
    const { scene, two } = await filledBehindItsBack();
    const blocks = [addressOf('10.0.3.0'), addressOf('10.0.3.64')];
    const look = async () => {
      const { get } = scene.server.counts;
      await two.ledger.shared.lookAt(blocks, scene.timers.now() + 1_000);
      return scene.server.counts.get - get;
    };
    expect(await look()).toBe(2);
    const line = two.ledger.line(addressOf('10.0.3.7'));
    expect(line).toMatchObject({ state: 'claimed', node: '' });
    expect(await look()).toBe(0);
    await scene.advance(LIMITS.lookAheadMs + 1);
    expect(await look()).toBe(2);
  });

  test('a look that is not answered ends at the deadline of the call', async () => {
    const { scene, two } = await filledBehindItsBack();
    scene.hold('get');
    let over = false;
    const block = addressOf('10.0.3.0');
    void two.ledger.shared.lookAt([block], scene.timers.now() + 2_000).then(() => {
      over = true;
    });
    await scene.advance(1_999);
    expect(over).toBe(false);
    await scene.advance(1);
    expect(over).toBe(true);
    expect(two.ledger.line(block)).toBeUndefined();
  });
});
