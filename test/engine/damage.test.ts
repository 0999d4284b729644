import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { Engine } from '../../src/engine/engine.ts';
import { INVARIANTS } from '../../src/engine/invariants.ts';
import { listOf, words } from './model.ts';

const V4 = 0xffff0a000000n;
const V6 = 0xfd00n << 112n;

/** An engine with something of everything: dense and sparse pools over each other, rests, rows, free chunks. */
function busy(build: 'baseline' | 'simd' | 'debug'): Engine {
  const engine = Engine.load({ build });
  engine.addPool(listOf([[V4, V4 + 999n]]));
  engine.addPool(listOf([[V4 + 100n, V4 + 300n]]));
  engine.addPool(listOf([[V6, V6 + (1n << 64n)]]));
  engine.addPool(listOf([[V6 + 64n, V6 + 127n]]));
  const gone = engine.addPool(listOf([[V4 + 5000n, V4 + 9000n]]));
  for (let i = 0; i < 150; i++) engine.claimNext(0);
  for (let i = 0; i < 200; i++) engine.claimNext(2);
  for (let i = 0n; i < 20n; i++) engine.rest(words(V4 + 90n + i), 100 + Number(i % 3n));
  for (let i = 0n; i < 5n; i++) engine.rest(words(V6 + 70n + i), 200);
  engine.advance(50);
  const row = engine.addRow(1);
  engine.setBit(row, 1, 0);
  engine.addRow(0);
  engine.removePool(gone);
  engine.intersectRows([row], 0);
  expect(engine.verify()).toBeUndefined();
  return engine;
}

/** Word indexes of the header, and of the records, as docs/engine-abi.md has them. */
const HEADER = { tick: 3, pools: 8, blocks: 13, blockIndex: 18, restTable: 20, restHeap: 23, cover: 26, rows: 30, existing: 36, free: 256 }; // biome-ignore format: one word, one place
const POOL_WORDS = 48;
const BLOCK_WORDS = 16;

interface Image {
  readonly words: Uint32Array;
  /** Index of the first word of a table. */
  table(word: number): number;
  /** Index of the first word of a pool's record. */
  pool(handle: number): number;
}

/** One way to damage an image, and the invariant that must be named. */
type Damage = readonly [name: keyof typeof INVARIANTS, how: string, damage: (image: Image) => void];

const DAMAGES: readonly Damage[] = [
  ['BROKEN_FREE_LIST', 'a free chunk far away', ({ words }) => { words[words.slice(256, 364).findIndex((n) => n !== 0) + 256] = 0xfffffff0; }], // biome-ignore format: one damage, one line
  ['BROKEN_TABLE_BOUNDS', 'a table far away', ({ words }) => { words[HEADER.blocks] = 0xffffff00; }], // biome-ignore format: one damage, one line
  ['BROKEN_TABLE_BOUNDS', 'a pool of no kind', ({ words, pool }) => { words[pool(0)] = 9; }], // biome-ignore format: one damage, one line
  ['BROKEN_TABLE_BOUNDS', 'a sparse tree of another height', ({ words, pool }) => { words[pool(2) + 8]! += 1; }], // biome-ignore format: one damage, one line
  ['BROKEN_BLOCK_INDEX', 'an index entry gone', ({ words, table }) => { const at = table(HEADER.blockIndex); words[at + words.slice(at, at + 16).findIndex((n) => n !== 0)] = 0; }], // biome-ignore format: one damage, one line
  ['BROKEN_BLOCK_INDEX', 'a block with another base', ({ words, table }) => { words[table(HEADER.blocks) + BLOCK_WORDS + 2]! ^= 64; }], // biome-ignore format: one damage, one line
  ['BROKEN_BLOCK_WORDS', 'a slot used and resting', ({ words, table }) => { words[table(HEADER.blocks) + BLOCK_WORDS + 6]! |= 1; }], // biome-ignore format: one damage, one line
  ['BROKEN_MEMBER', 'a block emptied behind the back of its pool', ({ words, table }) => { words[table(HEADER.blocks) + BLOCK_WORDS + 4] = 0; }], // biome-ignore format: one damage, one line
  ['BROKEN_MEMBER', 'a member of a pool that is not there', ({ words, table }) => { words[table(HEADER.blocks) + BLOCK_WORDS + 8] = 77; }], // biome-ignore format: one damage, one line
  ['BROKEN_MEMBER', 'a member with another slot', ({ words, table }) => { words[table(HEADER.blocks) + BLOCK_WORDS + 10]! ^= 1; }], // biome-ignore format: one damage, one line
  ['BROKEN_MEMBER_MISSING', 'a further member gone', ({ words, table }) => { words[table(HEADER.blocks) + 2 * BLOCK_WORDS + 9] = 0; }], // biome-ignore format: one damage, one line
  ['BROKEN_REST_END', 'time gone on without the rests', ({ words }) => { words[HEADER.tick] = 150; }], // biome-ignore format: one damage, one line
  ['BROKEN_REST_HEAP', 'a heap out of order', ({ words, table }) => { words[table(HEADER.restHeap) + 1] = 0xffffffff; }], // biome-ignore format: one damage, one line
  ['BROKEN_POOL_COUNT', 'another number of pools', ({ words }) => { words[12]! += 1; }], // biome-ignore format: one damage, one line
  ['BROKEN_POOL_COUNTERS', 'a pool that counts one more', ({ words, pool }) => { words[pool(0) + 12]! += 1; }], // biome-ignore format: one damage, one line
  ['BROKEN_POOL_MAP', 'a map that knows a block too many', ({ words, pool }) => { words[(words[pool(0) + 6]! >> 2) + 15] = 1; }], // biome-ignore format: one damage, one line
  ['BROKEN_POOL_TREE', 'a dense tree with an open block too many', ({ words, pool }) => { words[(words[pool(1) + 7]! >> 2)]! |= 0x80; }], // biome-ignore format: one damage, one line
  ['BROKEN_POOL_TREE', 'a sparse tree whose node is gone', ({ words, pool }) => { words[(words[pool(2) + 7]! >> 2) + 4] = 0; }], // biome-ignore format: one damage, one line
  ['BROKEN_COVER', 'a run of another pool', ({ words, table }) => { words[table(HEADER.cover) + 12] = 60_000; }], // biome-ignore format: one damage, one line
  ['BROKEN_ROWS', 'a pool that is written down and does not exist', ({ words, table }) => { words[table(HEADER.existing)]! |= 0x80; }], // biome-ignore format: one damage, one line
  ['BROKEN_OWNERSHIP', 'bytes that nobody owns', ({ words }) => { words[4]! += 16; }], // biome-ignore format: one damage, one line
];

describe.each(['baseline', 'debug'] as const)('damage (%s build)', (build) => {
  const good = busy(build).snapshot();

  test.each(DAMAGES)('%s names %s', (name, _, damage) => {
    const bytes = good.slice();
    const list = new Uint32Array(bytes.buffer);
    damage({
      words: list,
      table: (word) => list[word]! >> 2,
      pool: (handle) => (list[HEADER.pools]! >> 2) + (handle + 1) * POOL_WORDS,
    });
    expect(() => Engine.restore(bytes, { build })).toThrow(INVARIANTS[name]);
  });

  test('anywhere is either harmless or named, and never runs on for ever', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constant(0), fc.constant(255))), {
          minLength: 1,
          maxLength: 4,
        }),
        (changes) => {
          const bytes = good.slice();
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          try {
            Engine.restore(bytes, { build });
          } catch (error) {
            expect(error).toBeInstanceOf(OrbweaverError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('in the arena is either harmless or named', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(0xffffffff), (where, value) => {
        const bytes = good.slice();
        const list = new Uint32Array(bytes.buffer);
        const first = 40_960 >> 2;
        list[first + (where % (list.length - first))] = value;
        try {
          Engine.restore(bytes, { build });
        } catch (error) {
          expect(error).toBeInstanceOf(OrbweaverError);
        }
      }),
      { numRuns: 1500 },
    );
  });
});
