import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { compileEngine } from '../../scripts/build-engine.ts';
import { engineFile } from '../../src/engine/module.ts';

test.each([
  ['baseline', 'engine.wasm'],
  ['simd', 'engine-simd.wasm'],
  ['debug', 'engine-debug.wasm'],
] as const)(
  'building %s again gives the same bytes',
  async (target, file) => {
    const again = (await compileEngine(target)).get(file);
    expect(Buffer.from(again as Uint8Array).equals(readFileSync(engineFile(target)))).toBe(true);
  },
  60_000,
);
