import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { EngineExports } from '../../src/engine/abi.ts';
import { INVARIANTS } from '../../src/engine/invariants.ts';
import { engineFile, instantiate } from '../../src/engine/module.ts';

const BUILDS = ['baseline', 'simd', 'debug'] as const;

/** Every export and its kind; `satisfies` makes the compiler compare it with what TypeScript believes. */
const EXPORTS = {
  memory: 'memory',
  open: 'function',
  reserveWorkspace: 'function',
  normalizeRanges: 'function',
  uniteRanges: 'function',
  intersectRanges: 'function',
  subtractRanges: 'function',
  addPool: 'function',
  replacePool: 'function',
  removePool: 'function',
  poolTotal: 'function',
  poolUsed: 'function',
  poolResting: 'function',
  ordinalOf: 'function',
  addressOf: 'function',
  claimFirst: 'function',
  claimFrom: 'function',
  claimWithin: 'function',
  claimResting: 'function',
  claimAddress: 'function',
  unclaim: 'function',
  rest: 'function',
  advance: 'function',
  stateOf: 'function',
  readBlock: 'function',
  writeBlock: 'function',
  runRing: 'function',
  addRow: 'function',
  copyRow: 'function',
  setBit: 'function',
  freeRow: 'function',
  intersectRows: 'function',
  narrowResult: 'function',
  intersectResults: 'function',
  resultOffset: 'function',
  resultBytes: 'function',
  verify: 'function',
  ABI_VERSION: 'global',
  SCRATCH: 'global',
  RING: 'global',
  RING_SLOTS: 'global',
  ROW_LIST: 'global',
  ROW_LIST_MAX: 'global',
  RESULT_REGISTERS: 'global',
  POOLS_MAX: 'global',
  POOL_RANGES_MAX: 'global',
  DENSE_ADDRESSES_MAX: 'global',
  OPERATION_CLAIM_FIRST: 'global',
  OPERATION_CLAIM_FROM: 'global',
  OPERATION_CLAIM_RESTING: 'global',
  OPERATION_CLAIM_ADDRESS: 'global',
  OPERATION_UNCLAIM: 'global',
  OPERATION_REST: 'global',
  STATUS_OK: 'global',
  STATUS_NONE: 'global',
  STATUS_USED: 'global',
  STATUS_POOL_UNKNOWN: 'global',
  STATUS_POOLS_FULL: 'global',
  STATUS_RANGES_INVALID: 'global',
  STATUS_RANGES_TOO_MANY: 'global',
  STATUS_MEMORY_FULL: 'global',
  STATUS_NUMBER_UNKNOWN: 'global',
  STATUS_IMAGE_INVALID: 'global',
  BROKEN_HEADER: 'global',
  BROKEN_FREE_LIST: 'global',
  BROKEN_TABLE_BOUNDS: 'global',
  BROKEN_BLOCK_INDEX: 'global',
  BROKEN_BLOCK_WORDS: 'global',
  BROKEN_BLOCK_IDLE: 'global',
  BROKEN_MEMBER: 'global',
  BROKEN_MEMBER_MISSING: 'global',
  BROKEN_REST_END: 'global',
  BROKEN_REST_COUNT: 'global',
  BROKEN_REST_HEAP: 'global',
  BROKEN_POOL_COUNT: 'global',
  BROKEN_POOL_COUNTERS: 'global',
  BROKEN_POOL_MAP: 'global',
  BROKEN_POOL_TREE: 'global',
  BROKEN_COVER: 'global',
  BROKEN_ROWS: 'global',
  BROKEN_OWNERSHIP: 'global',
} satisfies Record<keyof EngineExports, string>;

/** Numbers of the sections of a module, in order. */
function sections(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    found.push(bytes[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return found;
}

const START_SECTION = 8;
const DATA_SECTION = 11;

describe.each(BUILDS)('the %s build', (build) => {
  const bytes = Uint8Array.from(readFileSync(engineFile(build)));
  const module = new WebAssembly.Module(bytes);

  test('exports just the pinned names and kinds', () => {
    const kinds = WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]);
    expect(Object.fromEntries(kinds)).toEqual(EXPORTS);
  });

  test('imports nothing', () => {
    expect(WebAssembly.Module.imports(module)).toEqual([]);
  });

  test('runs nothing at its start and brings no data, so a snapshot is all there is', () => {
    expect(sections(bytes)).not.toContain(START_SECTION);
    expect(sections(bytes)).not.toContain(DATA_SECTION);
  });

  test('takes and gives numbers only', () => {
    const wasm = instantiate(build);
    wasm.open();
    for (const [name, kind] of Object.entries(EXPORTS)) {
      if (kind !== 'global') continue;
      const constant = wasm[name as keyof EngineExports] as unknown as WebAssembly.Global;
      expect(typeof constant.value, name).toBe('number');
      expect(() => Object.assign(constant, { value: 1 }), `${name} is immutable`).toThrow();
    }
  });

  test('counts the limits as the catalogue does', () => {
    const wasm = instantiate(build);
    expect(wasm.POOLS_MAX.value).toBe(LIMITS.poolsMax);
    expect(wasm.POOL_RANGES_MAX.value).toBe(LIMITS.poolRangesMax);
    expect(wasm.DENSE_ADDRESSES_MAX.value).toBe(LIMITS.densePoolAddressesMax);
    expect(wasm.RING_SLOTS.value).toBeGreaterThanOrEqual(256);
  });

  test('opens a zeroed memory once, an opened one again, and no other', () => {
    const wasm = instantiate(build);
    const words = () => new Uint32Array(wasm.memory.buffer);
    expect(words().every((word) => word === 0)).toBe(true);
    expect(wasm.open()).toBe(wasm.STATUS_OK.value);
    expect(Buffer.from(wasm.memory.buffer, 0, 4).toString()).toBe('ORBW');
    expect(words()[1]).toBe(wasm.ABI_VERSION.value);
    expect(wasm.open()).toBe(wasm.STATUS_OK.value);
    words()[1]! += 1;
    expect(wasm.open()).toBe(wasm.STATUS_IMAGE_INVALID.value);
  });
});

test('statuses and invariants have a number each', () => {
  const wasm = instantiate('baseline');
  for (const prefix of ['STATUS_', 'BROKEN_', 'OPERATION_']) {
    const names = Object.keys(EXPORTS).filter((name) => name.startsWith(prefix));
    const numbers = names.map((name) => (wasm[name as 'STATUS_OK'] as { value: number }).value);
    expect(new Set(numbers).size).toBe(names.length);
  }
});

test('every invariant has its words', () => {
  const broken = Object.keys(EXPORTS).filter((name) => name.startsWith('BROKEN_'));
  expect(Object.keys(INVARIANTS).sort()).toEqual(broken.sort());
});
