import { describe, expect, test } from 'vitest';
import type { SlotWrite, UnitWrite } from '../../src/ipam/ports.ts';
import { BlockCache } from '../../src/kube/block-cache.ts';
import { blockWith, canShare, judge, type Part, patchWith } from '../../src/kube/block-patch.ts';
import type { IpBlock } from '../../src/kube/ip-block.ts';
import { addressOf, claimOf, restingOf, unitOf, writeOf } from '../support/lines.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';

const first = addressOf('10.0.0.0');
const part = (writes: readonly SlotWrite[], units: readonly UnitWrite[] = []): Part => ({
  first,
  writes,
  units,
});

/** A block on a server, and what an agent sees of it. */
async function stored(block: IpBlock) {
  const server = new SimulatedApiServer();
  const api = server.client('node-1');
  await api.create(block);
  const seen = () => {
    const cache = new BlockCache();
    cache.put(server.blocks.get(block.metadata.name)!);
    return cache.block(first)!;
  };
  return { api, seen, name: block.metadata.name };
}

describe('the names of a block', () => {
  const onNode = (address: string, node: string) => part([writeOf(claimOf(address, { node }))]);

  test('come with the first line that needs them, and are tested by those that rely on them', async () => {
    const { api, seen, name } = await stored(blockWith(first, [onNode('10.0.0.1', 'worker-1')]));
    const key = Object.keys(seen().names).find((each) => seen().names[each] === 'worker-1');
    const relying = patchWith(seen(), [onNode('10.0.0.2', 'worker-1')], true);
    expect(relying).toContainEqual({ op: 'test', path: `/spec/names/${key}`, value: 'worker-1' });
    const adding = patchWith(seen(), [onNode('10.0.0.3', 'worker-2')], true);
    expect(adding).toContainEqual({ op: 'add', path: expect.any(String), value: 'worker-2' });
    for (const operations of [relying, adding]) {
      expect(await api.patch(name, operations)).toMatchObject({ kind: 'ok' });
    }
    expect([...seen().slots.keys()]).toEqual([1, 2, 3]);
    expect(Object.values(seen().names)).toContain('worker-2');
  });

  test('are added once: the slower of two nodes has to look again', async () => {
    const { api, seen, name } = await stored(blockWith(first, [onNode('10.0.0.1', 'worker-1')]));
    const one = patchWith(seen(), [onNode('10.0.0.2', 'worker-2')], true);
    const two = patchWith(seen(), [onNode('10.0.0.3', 'worker-2')], true);
    expect(await api.patch(name, one)).toMatchObject({ kind: 'ok' });
    expect(await api.patch(name, two)).toEqual({ kind: 'test-failed' });
    const again = patchWith(seen(), [onNode('10.0.0.3', 'worker-2')], true);
    expect(await api.patch(name, again)).toMatchObject({ kind: 'ok' });
  });

  /** A block whose one slot went from node to node, each with a name of its own. */
  async function worn(nodes: number) {
    const at = await stored(blockWith(first, [onNode('10.0.0.1', 'worker-0')]));
    for (let count = 1; count <= nodes; count += 1) {
      const was = at.seen().slots.get(1)!.line;
      const now = claimOf('10.0.0.1', { node: `worker-${count}` });
      await at.api.patch(at.name, patchWith(at.seen(), [part([{ was, now }])], false));
    }
    return at;
  }

  test('go when many of them are used by no line', async () => {
    const { api, seen, name } = await worn(80);
    expect(Object.keys(seen().names).length).toBeGreaterThan(80);
    const patch = patchWith(seen(), [onNode('10.0.0.2', 'worker-3')], true);
    expect(patch).toContainEqual({
      op: 'test',
      path: '/metadata/resourceVersion',
      value: seen().resourceVersion,
    });
    expect(await api.patch(name, patch)).toMatchObject({ kind: 'ok' });
    const names = Object.values(seen().names);
    expect(names.filter((each) => each.startsWith('worker')).sort()).toEqual([
      'worker-3',
      'worker-80',
    ]);
    expect([...seen().slots.values()].map(({ line }) => line.state)).toEqual([
      'claimed',
      'claimed',
    ]);
  });

  test('stay where they are few, or where the patch is one after a failure', async () => {
    const removals = (block: ReturnType<Awaited<ReturnType<typeof worn>>['seen']>, tidy: boolean) =>
      patchWith(block, [onNode('10.0.0.2', 'worker-3')], tidy).filter(({ op }) => op === 'remove');
    expect(removals((await worn(40)).seen(), true)).toEqual([]);
    expect(removals((await worn(80)).seen(), false)).toEqual([]);
  });

  test('that went meanwhile keep a late line out that relies on them', async () => {
    const { api, seen, name } = await worn(80);
    const late = patchWith(seen(), [onNode('10.0.0.5', 'worker-7')], false);
    await api.patch(name, patchWith(seen(), [onNode('10.0.0.2', 'worker-3')], true));
    expect(await api.patch(name, late)).toEqual({ kind: 'test-failed' });
  });

  test('are not taken away from under a line that came meanwhile', async () => {
    const { api, seen, name } = await worn(80);
    const tidying = patchWith(seen(), [onNode('10.0.0.2', 'worker-3')], true);
    await api.patch(name, patchWith(seen(), [onNode('10.0.0.5', 'worker-7')], false));
    expect(await api.patch(name, tidying)).toEqual({ kind: 'test-failed' });
  });
});

describe('a part is judged by the block alone', () => {
  const claim = claimOf('10.0.0.1');
  const taken = claimOf('10.0.0.2');
  const unit = unitOf('10.0.0.0/26');
  const block = () => {
    const cache = new BlockCache();
    const object = blockWith(first, [
      part([writeOf(claim), writeOf(taken)], [{ was: undefined, now: unit }]),
    ]);
    cache.put({ ...object, metadata: { ...object.metadata, uid: 'u', resourceVersion: '1' } });
    return cache.block(first);
  };

  test.each<[string, Part, string]>([
    ['its own nonces', part([writeOf(claim)], [{ was: undefined, now: unit }]), 'landed'],
    [
      'what it tests for',
      part([writeOf(restingOf(claim), claim), writeOf(claimOf('10.0.0.3'))]),
      'open',
    ],
    ['something else in one slot', part([writeOf(claim), writeOf(claimOf('10.0.0.2'))]), 'lost'],
    [
      'another owner of its unit',
      part([], [{ was: undefined, now: unitOf('10.0.0.0/26') }]),
      'lost',
    ],
  ])('with %s', (_, each, kind) => {
    expect(judge(each, block()).kind).toBe(kind);
  });

  test('shares a patch with what writes other slots, or the very same unit', () => {
    const units = [{ was: undefined, now: unit }];
    const one = part([writeOf(claim)], units);
    expect(canShare(one, part([writeOf(taken)], units))).toBe(true);
    expect(canShare(one, part([writeOf(claimOf('10.0.0.1'))]))).toBe(false);
    expect(canShare(one, part([], [{ was: undefined, now: unitOf('10.0.0.0/26') }]))).toBe(false);
  });
});
