/** What changed is brought in line once, a moment later (src/controller/work-queue.ts). */
import { expect, test } from 'vitest';
import { type WorkEnd, WorkQueue } from '../../src/controller/work-queue.ts';
import { VirtualTimers } from '../support/virtual-timers.ts';

const DELAY_MS = 100;

function queue(workers: number, end: (key: string) => WorkEnd | Promise<WorkEnd> = () => 'done') {
  const timers = new VirtualTimers();
  const begun: string[] = [];
  const faults: string[] = [];
  const made = new WorkQueue({
    timers,
    random: () => 0.5,
    delayMs: DELAY_MS,
    workers,
    onFault: (key, error) => faults.push(`${key}: ${String(error)}`),
    work: async (key) => {
      begun.push(`${key} ${timers.now() - start}`);
      return end(key);
    },
  });
  const start = timers.now();
  return { timers, begun, faults, queue: made };
}

test('many changes of one key are one piece of work, after the first one has waited', async () => {
  const { timers, begun, queue: q } = queue(1);
  q.add('a');
  await timers.advance(DELAY_MS / 2);
  q.add('a');
  q.add('b');
  await timers.advance(1_000);
  expect(begun).toEqual(['a 100', 'b 150']);
  expect(q.depth).toBe(0);
});

test('a key that changes while it is worked on has another turn, and never two at once', async () => {
  const gate = Promise.withResolvers<WorkEnd>();
  let first = true;
  const {
    timers,
    begun,
    queue: q,
  } = queue(4, () => {
    const end = first ? gate.promise : 'done';
    first = false;
    return end;
  });
  q.add('a');
  await timers.advance(DELAY_MS);
  q.add('a');
  q.add('b');
  await timers.advance(1_000);
  expect(begun).toEqual(['a 100', 'b 200']);
  gate.resolve('done');
  await timers.advance(0);
  expect(begun).toEqual(['a 100', 'b 200', 'a 1100']);
});

test('no more than its workers run at a time', async () => {
  const ends: (() => void)[] = [];
  const {
    timers,
    begun,
    queue: q,
  } = queue(
    2,
    () =>
      new Promise((resolve) => {
        ends.push(() => resolve('done'));
      }),
  );
  for (const key of ['a', 'b', 'c']) {
    q.add(key);
  }
  await timers.advance(1_000);
  expect(begun).toHaveLength(2);
  ends[0]!();
  await timers.advance(0);
  expect(begun).toHaveLength(3);
});

test('what is to come later goes to the end of the line', async () => {
  const ends: WorkEnd[] = ['later', 'done', 'done'];
  const { timers, begun, queue: q } = queue(1, () => ends.shift() ?? 'done');
  q.add('a');
  q.add('b');
  await timers.advance(1_000);
  expect(begun).toEqual(['a 100', 'b 100', 'a 200']);
});

test('where the server does not answer all rest, longer each time, until it does', async () => {
  let away = true;
  const { timers, begun, queue: q } = queue(1, () => (away ? 'away' : 'done'));
  q.add('a');
  q.add('b');
  await timers.advance(10_000);
  const tries = begun.length;
  expect(tries).toBeGreaterThan(3);
  expect(tries).toBeLessThan(30);
  away = false;
  await timers.advance(10_000);
  expect(
    begun
      .slice(-2)
      .map((line) => line[0])
      .sort(),
  ).toEqual(['a', 'b']);
  expect(q.depth).toBe(0);
});

test('very many pieces leave room for everything else in between', async () => {
  const { timers, begun, queue: q } = queue(16);
  let turns = 0;
  const count = () => {
    turns += begun.length < 1_000 ? 1 : 0;
    timers.after(0, () => begun.length < 1_000 && count());
  };
  for (let at = 0; at < 1_000; at += 1) {
    q.add(`${at}`);
  }
  timers.after(DELAY_MS, count);
  await timers.advance(1_000);
  expect(begun).toHaveLength(1_000);
  expect(turns).toBeGreaterThan(5);
});

test('a fault in one piece of work is told, and the others go on', async () => {
  const {
    timers,
    begun,
    faults,
    queue: q,
  } = queue(1, (key) => {
    if (key === 'a') {
      throw new Error('broken');
    }
    return 'done';
  });
  q.add('a');
  q.add('b');
  await timers.advance(1_000);
  expect(begun).toEqual(['a 100', 'b 100']);
  expect(faults).toEqual(['a: Error: broken']);
});

test('closed, it begins nothing more and waits for what runs', async () => {
  const gate = Promise.withResolvers<WorkEnd>();
  const { timers, begun, queue: q } = queue(1, () => gate.promise);
  q.add('a');
  q.add('b');
  await timers.advance(DELAY_MS);
  let closed = false;
  const closing = q.close().then(() => {
    closed = true;
  });
  q.add('c');
  await timers.advance(1_000);
  expect(closed).toBe(false);
  gate.resolve('later');
  await closing;
  await timers.advance(1_000);
  expect(begun).toEqual(['a 100']);
});
