/** What is wrong with blocks is named, and what nobody needs goes (src/controller/block-duty.ts; rule 13). */
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { Scene } from './scene.ts';

const POOL = ['shop', '10.20.0.0/16', ['10.20.0.0-10.20.255.255']] as const;

function scene(): Scene {
  const s = new Scene();
  s.spiderPool(POOL[0], POOL[1], [...POOL[2]]);
  s.node('node-1');
  return s;
}

test('rule 13: a slot edited by hand is named within a minute, once for as long as it stays so', async () => {
  const s = scene();
  await s.claim('10.20.0.10', 'shop', 'web-0');
  const { log, reconciler } = s.controller();
  await s.settle();
  const name = s.blockOf('10.20.0.10');
  s.cluster.blocks.edit(name, (block) => ({
    ...block,
    spec: { ...block.spec, slots: { ...block.spec.slots, 10: 'mine' } },
  }));
  await s.settle(1_000);
  expect(s.events()).toMatchObject([{ reason: 'EditedByHand', name, count: 1 }]);
  expect(s.events()[0]?.message).toContain('10.20.0.10: it is not a line of Orbweaver');
  expect(reconciler.claims.quarantined()).toHaveLength(1);
  await s.claim('10.20.0.11', 'shop', 'web-1');
  await s.settle(60_000);
  expect(s.events()).toMatchObject([{ count: 1 }]);
  expect(log.filter((line) => line.startsWith('edited by hand'))).toHaveLength(1);
  // The next full pass says it again: the API server forgets Events.
  await s.settle(LIMITS.fullPassMs);
  expect(s.events()).toMatchObject([{ count: 2 }]);
});

test('an object that stands for no block is named, and forgotten when it is gone', async () => {
  const s = scene();
  await s.claim('10.20.0.10', 'shop', 'web-0');
  const { reconciler } = s.controller();
  await s.settle();
  const name = s.blockOf('10.20.0.10');
  s.cluster.blocks.edit(name, (block) => ({
    ...block,
    spec: { ...block.spec, cidr: '10.99.0.0/26' },
  }));
  await s.settle(1_000);
  expect(s.events()).toMatchObject([{ reason: 'EditedByHand', name }]);
  s.cluster.blocks.remove(name);
  await s.settle(1_000);
  expect(reconciler.claims.quarantined()).toEqual([]);
});

test('addresses that no pool has any more are named', async () => {
  const s = scene();
  s.pod('web-0');
  await s.claim('10.99.0.10', 'removed-by-force', 'web-0');
  s.controller();
  await s.settle();
  expect(s.events()).toMatchObject([
    { reason: 'AddressesWithoutPool', name: s.blockOf('10.99.0.10') },
  ]);
  expect(s.events()[0]?.message).toContain('10.99.0.10');
  // The pod is shown nevertheless.
  expect(s.endpoint('web-0')).toBeDefined();
});

test('rule 13: a block goes once nothing in it is held and every line has long finished resting', async () => {
  const s = scene();
  await s.claim('10.20.0.10', 'shop', 'web-0');
  await s.claim('10.20.1.10', 'shop', 'web-1');
  s.controller();
  await s.settle();
  await s.release('10.20.0.10');
  await s.settle(LIMITS.blockKeptMs - LIMITS.fullPassMs);
  expect(s.line('10.20.0.10')?.state).toBe('resting');
  await s.settle(3 * LIMITS.fullPassMs);
  expect([...s.cluster.blocks.blocks.keys()]).toEqual([s.blockOf('10.20.1.10')]);
});

test('a deletion that somebody began is ended', async () => {
  const s = scene();
  await s.claim('10.20.0.10', 'shop', 'web-0');
  s.controller();
  await s.settle();
  const name = s.blockOf('10.20.0.10');
  const { uid = '', resourceVersion = '' } = s.cluster.blocks.blocks.get(name)!.metadata;
  await s.cluster.blocks.client('kubectl').delete(name, { uid, resourceVersion });
  await s.settle(3 * LIMITS.fullPassMs);
  expect(s.line('10.20.0.10')?.state).toBe('claimed');
  await s.release('10.20.0.10');
  await s.settle(LIMITS.blockKeptMs + 3 * LIMITS.fullPassMs);
  expect([...s.cluster.blocks.blocks.keys()]).toEqual([]);
});
