/**
 * Every short history of calls on a pool of three addresses that lies across the border of two blocks, with a
 * second pool over the middle: from the empty pool, and from every state that the three can be in.
 */
import { expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { big, listOf, Model, words } from './model.ts';

const BASE = 0xffff0a00003en;
const ADDRESSES = [BASE, BASE + 1n, BASE + 2n];

interface Both {
  readonly engine: Engine;
  readonly model: Model;
}

/** One call on both sides; answers must agree. A call that would be a bug is left out. */
type Call = readonly [name: string, run: (both: Both) => void];

const CALLS: readonly Call[] = [
  ...[0, 1].map((pool): Call => [`claimNext ${pool}`, (both) => claimNext(both, pool)]),
  ...[0, 1].map((pool): Call => [`claimResting ${pool}`, (both) => claimResting(both, pool)]),
  ...ADDRESSES.map((a): Call => [`claim ${a - BASE}`, (both) => claimAddress(both, a)]),
  ...ADDRESSES.map((a): Call => [`release ${a - BASE}`, (both) => release(both, a)]),
  ...ADDRESSES.map(
    (a): Call => [`rest ${a - BASE}`, (both) => rest(both, a, 1 + Number(a - BASE))],
  ),
  ['advance', ({ engine, model }) => expect(engine.advance(model.tick + 1)).toBe(model.advance(model.tick + 1))], // biome-ignore format: one call, one line
  ['remove the second pool', removeSecond],
];

function claimNext({ engine, model }: Both, pool: number): void {
  if (!model.pools.has(pool)) return;
  const address = engine.claimNext(pool);
  expect(address && big(address)).toBe(model.claimNext(pool, undefined));
}

function claimResting({ engine, model }: Both, pool: number): void {
  if (!model.pools.has(pool)) return;
  const soonest = model.soonest(pool);
  const address = engine.claimResting(pool);
  if (soonest === undefined) expect(address).toBeUndefined();
  else {
    expect(soonest.addresses).toContain(big(address!));
    model.claimAddress(big(address!));
  }
}

function claimAddress({ engine, model }: Both, address: bigint): void {
  expect(engine.claimAddress(words(address))).toBe(model.claimAddress(address));
}

function release({ engine, model }: Both, address: bigint): void {
  if (!model.used.delete(address)) return;
  engine.unclaim(words(address));
}

function rest({ engine, model }: Both, address: bigint, ticks: number): void {
  engine.rest(words(address), model.tick + ticks);
  model.rest(address, model.tick + ticks);
}

function removeSecond({ engine, model }: Both): void {
  if (!model.pools.has(1)) return;
  engine.removePool(1);
  model.removePool(1);
}

function begin(): Both {
  const both = { engine: Engine.load({ build: 'debug' }), model: new Model() };
  for (const pairs of [[[BASE, BASE + 2n]], [[BASE + 1n, BASE + 1n]]] as const) {
    expect(both.engine.addPool(listOf(pairs))).toBe(both.model.addPool(pairs));
  }
  return both;
}

/** Runs the history with this number: its digits, in base CALLS.length, are the calls. */
function runHistory(both: Both, number: number, depth: number): void {
  const history: string[] = [];
  try {
    for (let i = 0, rest = number; i < depth; i++, rest = Math.floor(rest / CALLS.length)) {
      const [name, run] = CALLS[rest % CALLS.length]!;
      history.push(name);
      run(both);
    }
    if (both.engine.verify() !== undefined) throw new Error(both.engine.verify());
    for (const pool of both.model.pools.keys()) {
      expect(both.engine.counts(pool)).toEqual(both.model.counts(pool));
    }
  } catch (cause) {
    throw new Error(`after ${history.join(', ')}`, { cause });
  }
}

test('all histories of three calls from the empty pool agree with the model', () => {
  for (let n = 0; n < CALLS.length ** 3; n++) runHistory(begin(), n, 3);
});

const STATES = ['free', 'used', 'resting'];
const combinations = STATES.flatMap((a) => STATES.flatMap((b) => STATES.map((c) => [a, b, c])));

test.each(combinations)('all pairs of calls from %s, %s, %s agree with the model', (...states) => {
  for (let n = 0; n < CALLS.length ** 2; n++) {
    const both = begin();
    for (const [i, state] of states.entries()) {
      if (state === 'used') claimAddress(both, ADDRESSES[i]!);
      if (state === 'resting') rest(both, ADDRESSES[i]!, 2 - (i % 2));
    }
    runHistory(both, n, 2);
  }
});
