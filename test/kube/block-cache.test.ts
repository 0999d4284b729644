import { describe, expect, test } from 'vitest';
import type { Unit } from '../../src/ipam/ports.ts';
import { BlockCache } from '../../src/kube/block-cache.ts';
import { listBlocks } from '../../src/kube/block-list.ts';
import { blockWith } from '../../src/kube/block-patch.ts';
import type { IpBlock } from '../../src/kube/ip-block.ts';
import { type Address, blockOf, formatAddress } from '../../src/net/address.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { addressOf, claimOf, restingOf, unitOf, writeOf } from '../support/lines.ts';
import { SimulatedApiServer } from '../support/simulated-api-server.ts';

/** A block with these addresses claimed, as a server has it in this version. */
function blockAt(resourceVersion: string, ...addresses: string[]): IpBlock {
  const first = blockOf(addressOf(addresses[0]!));
  const claims = addresses.map((address) => writeOf(claimOf(address, { nonce: `n-${address}` })));
  const block = blockWith(first, [{ first, writes: claims, units: [] }]);
  return { ...block, metadata: { ...block.metadata, uid: 'u1', resourceVersion } };
}

const shown = (addresses: Iterable<{ address: Address }>) =>
  [...addresses].map(({ address }) => formatAddress(address));

describe('the copy of the blocks', () => {
  test('does not go back to an older version that comes late', () => {
    const cache = new BlockCache();
    cache.put(blockAt('1000', '10.0.0.1', '10.0.0.2'));
    cache.put(blockAt('999', '10.0.0.1'));
    expect(shown(cache.claims())).toEqual(['10.0.0.1', '10.0.0.2']);
    cache.put(blockAt('1001', '10.0.0.1'));
    expect(shown(cache.claims())).toEqual(['10.0.0.1']);
  });

  test('knows what a list did not have, but for what was made after it', () => {
    const cache = new BlockCache();
    cache.put(blockAt('10', '10.0.0.1'));
    cache.put(blockAt('20', '10.0.1.1'));
    cache.put(blockAt('30', '10.0.2.1'));
    const unlisted = cache.unlisted(new Set(['10-0-1-0-26']), '25');
    expect(unlisted.map(formatAddress)).toEqual(['10.0.0.0']);
  });

  test('takes a list that is older than what was seen before for that of a restored server', async () => {
    const server = new SimulatedApiServer();
    const api = server.client('node-1');
    const cache = new BlockCache();
    await api.create(blockAt('', '10.0.0.1'));
    const restore = server.backUp();
    for (const address of ['10.0.1.1', '10.0.2.1', '10.0.3.1']) {
      await api.create(blockAt('', address));
    }
    await listBlocks(api, cache);
    restore();
    await api.create(blockAt('', '10.0.2.1', '10.0.2.2'));
    await listBlocks(api, cache);
    expect(shown(cache.claims())).toEqual(['10.0.0.1', '10.0.2.1', '10.0.2.2']);
  });

  test.each([
    { what: 'is missing where another pod rests', nonce: 'of-another', left: ['10.0.0.1'] },
    { what: 'is not missing where it was taken back to a rest', nonce: 'n-10.0.0.1.', left: [] },
  ])('an own claim of a block that was made anew $what', ({ nonce, left }) => {
    const keeper = { node: 'node-1', usesWhole: () => false, onTrouble: () => {} };
    const cache = new BlockCache(() => {}, keeper);
    cache.put(blockAt('1', '10.0.0.1'));
    cache.drop(addressOf('10.0.0.0'));
    const owner = { namespace: 'default', pod: 'another', uid: 'u9' };
    const first = addressOf('10.0.0.0');
    const rest = { ...restingOf(claimOf('10.0.0.1')), owner, nonce };
    const made = blockWith(first, [{ first, writes: [{ was: undefined, now: rest }], units: [] }]);
    for (const resourceVersion of ['5', '6']) {
      cache.put({ ...made, metadata: { ...made.metadata, uid: 'u2', resourceVersion } });
      expect(shown(cache.claims())).toEqual(left);
    }
  });

  test('tells the addresses whose lines changed, and no others', () => {
    const told: string[][] = [];
    const cache = new BlockCache(({ addresses }) => told.push(addresses.map(formatAddress)));
    cache.put(blockAt('1', '10.0.0.1', '10.0.0.2'));
    cache.put(blockAt('2', '10.0.0.1', '10.0.0.3'));
    cache.put(blockAt('3', '10.0.0.1', '10.0.0.3'));
    cache.drop(addressOf('10.0.0.0'));
    expect(told).toEqual([
      ['10.0.0.1', '10.0.0.2'],
      ['10.0.0.2', '10.0.0.3'],
      ['10.0.0.1', '10.0.0.3'],
    ]);
    expect(cache.claimsOfPod('default', 'web')).toEqual([]);
    expect(cache.claimsOfContainer('net', 'c1')).toEqual([]);
  });

  test('tells the units whose owner changed, and no others', () => {
    const told: string[][] = [];
    const cache = new BlockCache(({ units }) => told.push(units.map(formatCidr)));
    const unitsOf = (version: string, ...units: Unit[]) => {
      const writes = units.map((now) => ({ was: undefined, now }));
      const first = addressOf('10.0.0.0');
      const block = blockWith(first, [{ first, writes: [], units: writes }]);
      cache.put({ ...block, metadata: { ...block.metadata, uid: 'u', resourceVersion: version } });
    };
    const [a, b, c] = [unitOf('10.0.0.0/27'), unitOf('10.0.0.32/27'), unitOf('10.0.0.0/27', 'n2')];
    unitsOf('1', a);
    unitsOf('2', a, b);
    unitsOf('3', c, b);
    unitsOf('4', b);
    expect(told).toEqual([['10.0.0.0/27'], ['10.0.0.32/27'], ['10.0.0.0/27'], ['10.0.0.0/27']]);
  });

  const edits: [string, (spec: IpBlock['spec']) => Partial<IpBlock['spec']>, string][] = [
    ['a name changed', ({ names }) => ({ names: mapped(names, () => 'mine') }), '10.0.0.1'],
    ['a place that no block has', ({ slots }) => ({ slots: { ...slots, '64': 'x' } }), 'slot 64'],
    ['a unit that cannot be', () => ({ units: { '1-26': 'x' } }), 'unit 1-26'],
    ['a unit of prose', () => ({ units: { '0-26': 'mine' } }), 'unit 10.0.0.0/26'],
    ['another network', () => ({ cidr: '10.0.0.64/26' }), 'IPBlock 10-0-0-0-26'],
  ];

  test.each(edits)('names what was edited by hand: %s', (_, edit, place) => {
    const cache = new BlockCache();
    const block = blockAt('1', '10.0.0.1');
    cache.put(block);
    expect(cache.quarantined()).toEqual([]);
    const { metadata, spec } = block;
    const edited = { ...spec, ...edit(spec) };
    cache.put({ ...block, metadata: { ...metadata, resourceVersion: '2' }, spec: edited });
    expect(cache.quarantined()).toEqual([
      expect.objectContaining({ place, block: '10-0-0-0-26', fault: expect.any(String) }),
    ]);
    cache.put({ ...block, metadata: { ...metadata, resourceVersion: '3' } });
    expect(cache.quarantined()).toEqual([]);
  });
});

function mapped(names: Readonly<Record<string, string>>, to: () => string): Record<string, string> {
  return Object.fromEntries(Object.keys(names).map((key) => [key, to()]));
}
