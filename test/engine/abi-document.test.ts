import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { instantiate } from '../../src/engine/module.ts';

const document = readFileSync(new URL('../../docs/engine-abi.md', import.meta.url), 'utf8');
const wasm = instantiate('baseline') as unknown as Record<string, unknown>;
const rows = document.split('\n').filter((line) => line.startsWith('|'));

test('the document names every export, and no other', () => {
  const named = new Set(
    rows
      .map((row) => row.split('|')[1]!)
      .flatMap((cell) => [...cell.matchAll(/`(\w+)(?:\([^)]*\))?`/g)].map(([, name]) => name!)),
  );
  const operations = [...document.matchAll(/`(OPERATION_\w+)`/g)].map(([, name]) => name!);
  expect([...named, ...operations].sort()).toEqual(Object.keys(wasm).sort());
});

test('the document gives every function its number of parameters', () => {
  for (const [name, value] of Object.entries(wasm)) {
    if (typeof value !== 'function') continue;
    const [, parameters] = document.match(new RegExp(`^\\| \`${name}\\(([^)]*)\\)\``, 'm')) ?? [];
    expect(parameters, name).toBeDefined();
    expect(parameters!.split(',').filter((one) => one.trim() !== '').length, name).toBe(
      value.length,
    );
  }
});

test('the document gives every status and invariant its number', () => {
  for (const row of rows) {
    const [, name, value] = row.match(/^\| `((?:STATUS|BROKEN)_\w+)` \| (\S+) \|/) ?? [];
    if (name === undefined) continue;
    expect(Number(value!.replace('−', '-')), name).toBe((wasm[name] as { value: number }).value);
  }
});

test('the document gives the offsets where things are', () => {
  for (const name of ['SCRATCH', 'ROW_LIST', 'RING']) {
    const { value } = wasm[name] as { value: number };
    expect(document).toContain(`| \`${name}\` (${value}) |`);
  }
  const engine = Engine.load();
  engine.addPool(Uint32Array.of(0, 0, 0xffff, 64, 0, 0, 0xffff, 200));
  engine.claimNext(0);
  engine.claimAddress([0, 0, 0xffff, 180]);
  engine.advance(77);
  const image = Buffer.from(engine.snapshot());
  const at = (meaning: string) =>
    image.readUInt32LE(Number(document.match(new RegExp(`^\\| (\\d+) \\| ${meaning}`, 'm'))![1]));
  expect(image.toString('latin1', 0, 4)).toBe('ORBW');
  expect(at('version of this ABI')).toBe((wasm.ABI_VERSION as { value: number }).value);
  expect(at('length')).toBe(image.length);
  expect(at('the latest tick')).toBe(77);
  expect(at('pools that exist')).toBe(1);
  expect(at('blocks that have a record')).toBe(2);
});
