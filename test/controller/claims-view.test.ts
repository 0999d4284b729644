/** Claims of the whole cluster from changed blocks, against reading them all (src/controller/claims-view.ts). */
import { describe, expect, test } from 'vitest';
import { ClaimsView } from '../../src/controller/claims-view.ts';
import { readSpiderPool } from '../../src/dialect/spiderpool.ts';
import type { Claim, Line } from '../../src/ipam/ports.ts';
import { BlockCache } from '../../src/kube/block-cache.ts';
import { blockWith, patchWith } from '../../src/kube/block-patch.ts';
import type { IpBlock } from '../../src/kube/ip-block.ts';
import { blockOf, formatAddress } from '../../src/net/address.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { addressOf, claimOf, restingOf } from '../support/lines.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';

function poolOf(name: string, subnet: string) {
  return readSpiderPool({
    apiVersion: 'spiderpool.spidernet.io/v2beta1',
    kind: 'SpiderIPPool',
    metadata: { name },
    spec: { subnet, ips: [] },
  });
}

/** A server whose every change of a block goes into a view. */
class Follower {
  readonly view = new ClaimsView();
  readonly server = new SimulatedApiServer();
  pods: string[] = [];
  pools: string[] = [];
  readonly #client = this.server.client('agent');

  constructor() {
    this.server.onChange = (before, after) => {
      const change = after === undefined ? this.view.drop(before!) : this.view.put(after);
      this.pods.push(...change.pods.map(({ namespace, name }) => `${namespace}/${name}`));
      this.pools.push(...change.pools);
    };
  }

  async write(now: Line): Promise<void> {
    const first = blockOf(now.address);
    const cache = new BlockCache();
    for (const block of this.server.blocks.values()) {
      cache.put(block);
    }
    const part = { first, writes: [{ was: cache.line(now.address), now }], units: [] };
    const block = cache.block(first);
    await (block === undefined
      ? this.#client.create(blockWith(first, [part]))
      : this.#client.patch(block.name, patchWith(block, [part], false)));
  }

  edit(change: (block: IpBlock) => IpBlock): void {
    this.server.edit([...this.server.blocks.keys()][0]!, change);
  }

  /** What changed since it was asked last. */
  changes() {
    const { pods, pools } = this;
    this.pods = [];
    this.pools = [];
    return { pods, pools };
  }
}

const podNamed = (pod: string) => ({ owner: { namespace: 'shop', pod, uid: `uid-${pod}` } });

describe('a changed block', () => {
  test('names the pods and pools whose claims changed, and no others', async () => {
    const f = new Follower();
    const a = claimOf('10.0.0.1', { ...podNamed('a'), pool: 'one' });
    await f.write(a);
    expect(f.changes()).toEqual({ pods: ['shop/a'], pools: ['one'] });
    await f.write(claimOf('10.0.0.2', { ...podNamed('b'), pool: 'two' }));
    expect(f.changes()).toEqual({ pods: ['shop/b'], pools: ['two'] });
    await f.write(restingOf(a));
    expect(f.changes()).toEqual({ pods: ['shop/a'], pools: ['one'] });
    f.edit((block) => ({ ...block, metadata: { ...block.metadata, labels: {} } }));
    expect(f.changes()).toEqual({ pods: [], pools: [] });
    f.server.remove([...f.server.blocks.keys()][0]!);
    expect(f.changes()).toEqual({ pods: ['shop/b'], pools: ['two'] });
    expect(f.view.size).toBe(0);
  });

  test('that was edited by hand holds nobody there, and says where', async () => {
    const f = new Follower();
    await f.write(claimOf('10.0.0.1', podNamed('a')));
    f.changes();
    f.edit((block) => ({ ...block, spec: { ...block.spec, slots: { 1: 'x' } } }));
    expect(f.changes().pods).toEqual(['shop/a']);
    expect(f.view.size).toBe(0);
    expect(f.view.quarantined()).toMatchObject([{ place: '10.0.0.1' }]);
    expect(f.view.claimsOfPod({ namespace: 'shop', name: 'a' })).toEqual([]);
  });
});

describe('pools', () => {
  test('of one name are told apart by their networks, also within one block', async () => {
    const f = new Follower();
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.33', '10.9.0.1']) {
      await f.write(claimOf(address, { pool: 'p' }));
    }
    const counts = ['10.0.0.0/27', '10.0.0.32/27', '10.0.0.0/16', '10.9.0.0/16'].map((subnet) =>
      f.view.countOf(poolOf('p', subnet)),
    );
    expect(counts).toEqual([2, 1, 3, 1]);
    expect(f.view.allocatedCount('p')).toBe(4);
  });

  test('list their claims in address order, no more than are asked for', async () => {
    const f = new Follower();
    for (const address of ['10.0.1.1', '10.0.0.9', '10.0.0.3', '10.0.0.200']) {
      await f.write(claimOf(address, { pool: 'p' }));
    }
    const pool = poolOf('p', '10.0.0.0/16');
    const list = (limit?: number) =>
      Array.from(f.view.claimsOfPool(pool, limit), ({ address }) => formatAddress(address));
    expect(list()).toEqual(['10.0.0.3', '10.0.0.9', '10.0.0.200', '10.0.1.1']);
    expect(list(2)).toEqual(['10.0.0.3', '10.0.0.9']);
  });

  test('know the lowest claim outside of ranges', async () => {
    const f = new Follower();
    for (const address of ['10.0.1.1', '10.0.0.9', '10.0.0.3']) {
      await f.write(claimOf(address, { pool: 'p', ...podNamed(`pod-${address}`) }));
    }
    const upTo = (last: string) =>
      RangeSet.of([{ first: addressOf('10.0.0.0'), last: addressOf(last) }]);
    expect(f.view.claimOutside('p', upTo('10.0.0.5'))).toEqual({
      address: addressOf('10.0.0.9'),
      pod: 'shop/pod-10.0.0.9',
    });
    expect(f.view.claimOutside('p', upTo('10.0.9.9'))).toBeUndefined();
  });
});

test('whatever is written, the view is what reading everything gives', async () => {
  const f = new Follower();
  const held = new Map<string, Claim>();
  // A fixed sequence that visits every slot of four blocks again and again.
  for (let step = 0; step < 600; step += 1) {
    const at = (step * 37) % 256;
    const address = `10.0.0.${at}`;
    const before = held.get(address);
    if (before !== undefined && step % 3 === 0) {
      held.delete(address);
      await f.write(restingOf(before));
    } else {
      const claim = claimOf(address, { pool: `p${step % 3}`, ...podNamed(`pod-${step % 40}`) });
      held.set(address, claim);
      await f.write(claim);
    }
  }
  expect(f.view.size).toBe(held.size);
  for (const name of ['p0', 'p1', 'p2']) {
    const expected = [...held.values()].filter(({ pool }) => pool === name);
    expect(f.view.countOf(poolOf(name, '10.0.0.0/16'))).toBe(expected.length);
  }
  const pods = new Set([...held.values()].map(({ owner }) => owner.pod));
  expect(new Set(f.view.pods().map(({ name }) => name))).toEqual(pods);
});
