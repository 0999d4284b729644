/** Where the search of a node begins in a pool that many nodes share. */
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { Engine } from '../../src/engine/engine.ts';
import { blocksBehind, NodeStarts } from '../../src/ipam/node-starts.ts';
import { type Address, blockOf, formatAddress } from '../../src/net/address.ts';
import { parseRange } from '../../src/net/range.ts';
import { RangeSet } from '../../src/net/range-set.ts';
import { addressOf, cidrOf } from '../support/lines.ts';

function poolOf(...ranges: string[]) {
  const engine = Engine.load();
  const pool = engine.addPool(RangeSet.of(ranges.map((text) => parseRange(text)!)).words);
  return { engine, pool };
}

const names = (count: number) => Array.from({ length: count }, (_, at) => `node-${at}`);

describe('the start block of a node', () => {
  test.each([
    ['one block', ['10.0.0.0-10.0.0.63']],
    ['a part of one', ['10.0.0.10-10.0.0.20']],
    ['as many addresses as one, in two', ['10.0.0.32-10.0.0.95']],
    ['no address at all', []],
  ])('is not said for a pool of %s, which begins at its lowest address', (_, ranges) => {
    const { engine, pool } = poolOf(...ranges);
    expect(names(20).map((node) => new NodeStarts().blockOf(engine, pool, node))).toEqual(
      Array.from({ length: 20 }),
    );
  });

  test.each([
    ['one range', ['10.0.0.0-10.0.3.255'], 16],
    ['ranges far apart', ['10.0.0.5-10.0.1.4', '10.9.0.0-10.9.1.255', 'fd00::-fd00::ff'], 16],
    ['more blocks than nodes', ['10.0.0.0-10.255.255.255'], 64],
    ['IPv6 at any width', ['fd00::-fd00:0:0:ffff:ffff:ffff:ffff:ffff'], 64],
  ])('is one of the pool, and most nodes have another: %s', (_, ranges, least) => {
    const { engine, pool } = poolOf(...ranges);
    const eligible = RangeSet.of(ranges.map((text) => parseRange(text)!));
    const starts = new NodeStarts();
    const found = names(100).map((node) => starts.blockOf(engine, pool, node)!);
    for (const block of found) {
      const last: Address = [block[0], block[1], block[2], block[3] + 63];
      expect(eligible.overlaps(RangeSet.of([{ first: block, last }]))).toBe(true);
    }
    expect(new Set(found.map(formatAddress)).size).toBeGreaterThanOrEqual(least);
  });

  test('of ten nodes that are counted through is another one for each, in sixteen blocks', () => {
    const { engine, pool } = poolOf('10.0.0.0-10.0.3.255');
    const starts = new NodeStarts();
    const found = names(10).map((node) => formatAddress(starts.blockOf(engine, pool, node)!));
    expect(new Set(found).size).toBe(10);
  });

  test('leaves no address out: the search goes round', () => {
    const { engine, pool } = poolOf('10.0.0.7-10.0.1.9', '10.0.9.0-10.0.9.70');
    const starts = new NodeStarts();
    for (const node of names(8)) {
      const given: Address[] = [];
      for (;;) {
        const address = engine.claimNext(pool, starts.blockOf(engine, pool, node));
        if (address === undefined) {
          break;
        }
        given.push(address);
      }
      expect(new Set(given.map(formatAddress)).size).toBe(engine.counts(pool).total);
      for (const address of given) {
        engine.unclaim(address);
      }
    }
  });
});

describe('the first slot of a node in a block', () => {
  /** What a node gets that has lost so many races in the block. */
  function givenAfter(node: string, losses: number, within?: string) {
    const { engine, pool } = poolOf('10.0.0.0-10.0.0.63');
    const starts = new NodeStarts();
    for (let loss = 0; loss < losses; loss += 1) {
      starts.lose([addressOf('10.0.0.0'), addressOf('10.0.0.1')]);
    }
    const found = engine.claimNext(pool)!;
    const given = starts.spread(engine, pool, node, found, within ? cidrOf(within) : undefined);
    expect(engine.counts(pool).used).toBe(1);
    expect(engine.isUsed(given)).toBe(true);
    return formatAddress(given);
  }

  test('is the lowest until it loses a race there', () => {
    expect(names(64).map((node) => givenAfter(node, 0))).toEqual(Array(64).fill('10.0.0.0'));
  });

  test('is spread over the block after that', () => {
    expect(new Set(names(64).map((node) => givenAfter(node, 1))).size).toBeGreaterThan(40);
  });

  test('meets every slot as races are lost, so that no two nodes meet for ever', () => {
    for (const node of names(5)) {
      const slots = Array.from({ length: 64 }, (_, losses) => givenAfter(node, losses + 1));
      expect(new Set(slots).size).toBe(64);
    }
  });

  test('stays inside the unit', () => {
    for (const node of names(64)) {
      const given = givenAfter(node, 1, '10.0.0.0/30');
      expect(['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3']).toContain(given);
    }
  });

  test.each(names(64))('is the last free one of the block, whatever is named: %s', (node) => {
    const { engine, pool } = poolOf('10.0.0.0-10.0.0.63');
    const starts = new NodeStarts();
    starts.lose([addressOf('10.0.0.5')]);
    engine.writeBlock(addressOf('10.0.0.0'), 0xffff_ffff & ~(1 << 20), 0xffff_ffff);
    const given = starts.spread(engine, pool, node, engine.claimNext(pool)!);
    expect(formatAddress(given)).toBe('10.0.0.20');
  });

  test('of other blocks is as before', () => {
    const { engine, pool } = poolOf('10.0.0.0-10.0.3.255');
    const starts = new NodeStarts();
    starts.lose([addressOf('10.0.1.0')]);
    const found = engine.claimNext(pool)!;
    expect(starts.spread(engine, pool, 'node-7', found)).toBe(found);
  });

  test('is forgotten for the block of the oldest loss, beyond the limit', () => {
    const { engine, pool } = poolOf('10.0.0.0-10.255.255.255');
    const starts = new NodeStarts();
    const lost = Array.from(
      { length: LIMITS.sharedBlocksMax + 1 },
      (_, at): Address => [0, 0, 0xffff, 0x0a00_0000 + at * 64],
    );
    for (const address of lost) {
      starts.lose([address]);
    }
    const moved = lost.filter((block) => {
      const found = engine.claimNext(pool, block)!;
      expect(blockOf(found)).toEqual(block);
      const given = starts.spread(engine, pool, 'node-7', found);
      engine.unclaim(given);
      return formatAddress(given) !== formatAddress(found);
    });
    expect(moved).toHaveLength(LIMITS.sharedBlocksMax);
    expect(moved).not.toContain(lost[0]);
  });
});

describe('the blocks that a search comes to next', () => {
  const behind = (ranges: string[], from: string, count: number, taken: string[] = []) => {
    const { engine, pool } = poolOf(...ranges);
    for (const address of taken) {
      engine.claimAddress(addressOf(address));
    }
    const blocks = blocksBehind(engine, pool, addressOf(from), count).map(formatAddress);
    expect(engine.counts(pool).used).toBe(taken.length);
    return blocks;
  };

  test.each([
    ['in their order', ['10.0.0.0-10.0.1.255'], '10.0.0.5', 2, ['10.0.0.64', '10.0.0.128']],
    ['round at the end', ['10.0.0.0-10.0.0.255'], '10.0.0.200', 2, ['10.0.0.0', '10.0.0.64']],
    ['all but its own', ['10.0.0.0-10.0.0.191'], '10.0.0.70', 9, ['10.0.0.128', '10.0.0.0']],
    ['none where there is no other', ['10.0.0.0-10.0.0.63'], '10.0.0.7', 4, []],
    ['across a gap', ['10.0.0.3-10.0.0.9', '10.9.0.70-10.9.0.70'], '10.0.0.3', 4, ['10.9.0.64']],
    [
      'beyond the last address of all',
      ['255.255.255.192-255.255.255.255'],
      '255.255.255.200',
      4,
      [],
    ],
  ])('%s', (_, ranges, from, count, expected) => {
    expect(behind(ranges, from, count)).toEqual(expected);
  });

  test('leave out those that are full', () => {
    const full = Array.from({ length: 64 }, (_, slot) => `10.0.0.${64 + slot}`);
    expect(behind(['10.0.0.0-10.0.0.255'], '10.0.0.1', 2, full)).toEqual([
      '10.0.0.128',
      '10.0.0.192',
    ]);
  });
});
