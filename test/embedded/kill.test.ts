import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/embedded/store.ts';
import type { Address } from '../../src/net/address.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const LANES = 16;
const FOLDERS = 3;
const KILLS_PER_FOLDER = 8;
const WRITER = new URL('../support/ledger-writer.ts', import.meta.url).pathname;
/** ORBWEAVER_SEED repeats a run. */
const SEED = Number(process.env.ORBWEAVER_SEED ?? Date.now() % 1_000_000);

/** mulberry32: a fraction below 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lets a writer run for a moment and kills it; the number of the last answered write of each lane. */
async function writeUntilKilled(
  folder: string,
  random: () => number,
): Promise<Map<number, number>> {
  const child = spawn(process.execPath, [WRITER, folder, String(LANES)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const closed = once(child, 'close');
  // Some are killed while they still open the file.
  if (random() < 0.8) {
    await Promise.race([once(child.stdout, 'data'), closed]);
  }
  await wait(random() * 60);
  child.kill('SIGKILL');
  await closed;
  expect(child.signalCode).toBe('SIGKILL');
  const answered = new Map<number, number>();
  // The last line may have been cut off by the kill.
  for (const line of output.split('\n').slice(0, -1)) {
    const [lane, number] = line.split(' ').map(Number);
    answered.set(lane!, number!);
  }
  return answered;
}

async function numbersIn(folder: string): Promise<{ v4: number; v6: number }[]> {
  const store = await EmbeddedStore.open(folder, {
    clock: { now: () => Date.now() },
    node: 'node-1',
  });
  const numberAt = (address: Address) => Number(store.ledger.line(address)?.nonce ?? -1);
  const lanes = Array.from({ length: LANES }, (_, lane) => ({
    v4: numberAt([0, 0, 0xffff, 0x0a000000 + lane * 40]),
    v6: numberAt([0xfd000000, 0, 0, lane * 40]),
  }));
  expect(store.verify()).toBeUndefined();
  store.close();
  return lanes;
}

it(`a ledger killed at ${FOLDERS * KILLS_PER_FOLDER} random points has all it answered and nothing by halves (seed ${SEED})`, async () => {
  const totals = { kills: 0, answered: 0 };
  const runs = Array.from({ length: FOLDERS }, async (_, index) => {
    const random = randomFrom(SEED + index);
    const folder = scratchFolder();
    let before = Array.from({ length: LANES }, () => ({ v4: -1, v6: -1 }));
    for (let kill = 0; kill < KILLS_PER_FOLDER; kill += 1) {
      const answered = await writeUntilKilled(folder, random);
      const after = await numbersIn(folder);
      for (const [lane, { v4, v6 }] of after.entries()) {
        const last = answered.get(lane) ?? before[lane]!.v4;
        expect(v6, `lane ${lane}: both families or none`).toBe(v4);
        expect(v4, `lane ${lane}: everything answered is there`).toBeGreaterThanOrEqual(last);
        expect(v4, `lane ${lane}: at most one write was under way`).toBeLessThanOrEqual(last + 1);
        totals.answered += last - before[lane]!.v4;
      }
      totals.kills += 1;
      before = after;
    }
  });
  await Promise.all(runs);
  expect(totals.kills).toBe(FOLDERS * KILLS_PER_FOLDER);
  expect(totals.answered).toBeGreaterThan(LANES);
});
