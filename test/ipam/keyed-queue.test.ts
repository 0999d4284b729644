import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { KeyedQueue } from '../../src/ipam/keyed-queue.ts';
import { UnsettledError } from '../../src/ipam/unsettled.ts';
import { turn, VirtualTimers } from '../support/virtual-timers.ts';

/** Tasks that end when told, and a record of what started and ended. */
function bench() {
  const timers = new VirtualTimers();
  const queue = new KeyedQueue(timers);
  const record: string[] = [];
  const ends = new Map<string, () => void>();
  const task = (name: string) => async () => {
    record.push(`+${name}`);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    record.push(`-${name}`);
    return name;
  };
  const enter = (name: string, ...keys: string[]) => queue.run(keys, task(name));
  const enterUntil = (name: string, ms: number, ...keys: string[]) =>
    queue.run(keys, task(name), { deadline: timers.now() + ms });
  const end = async (name: string) => {
    ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, timers, record, enter, enterUntil, end };
}

describe('KeyedQueue', () => {
  test('runs tasks of one key one after another, in order of entry', async () => {
    const { record, enter, end } = bench();
    const all = [enter('a', 'pod'), enter('b', 'pod'), enter('c', 'pod')];
    expect(record).toEqual(['+a']);
    await end('a');
    await end('b');
    await end('c');
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
    expect(record).toEqual(['+a', '-a', '+b', '-b', '+c', '-c']);
  });

  test('runs tasks of different keys side by side', () => {
    const { record, enter } = bench();
    enter('a', 'one');
    enter('b', 'two');
    expect(record).toEqual(['+a', '+b']);
  });

  test('holds a task of two keys back until it heads both queues', async () => {
    const { record, enter, end } = bench();
    enter('a', 'pod');
    enter('b', 'container');
    enter('c', 'pod', 'container');
    enter('d', 'container');
    await end('a');
    expect(record).toEqual(['+a', '+b', '-a']);
    await end('b');
    expect(record.at(-1)).toBe('+c');
    await end('c');
    expect(record.at(-1)).toBe('+d');
  });

  test('answers a task whose outcome is open, and keeps its place until that stands', async () => {
    const { queue, record, enter, end } = bench();
    let settle!: () => void;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const open = queue.run(['pod'], () => Promise.reject(new UnsettledError('late', settled)));
    const next = enter('next', 'pod');
    await expect(open).rejects.toMatchObject({ code: 'API_SERVER_AWAY', message: 'late' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(record).toEqual([]);
    expect(queue.busy('pod')).toBe(true);
    settle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(record).toEqual(['+next']);
    await end('next');
    expect(await next).toBe('next');
    expect(queue.depth).toBe(0);
  });

  test('goes on after a task that fails', async () => {
    const queue = new KeyedQueue(new VirtualTimers());
    const failed = queue.run(['pod'], () => Promise.reject(new Error('no')));
    const next = queue.run(['pod'], async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
    expect(queue.depth).toBe(0);
    expect(queue.busy('pod')).toBe(false);
  });

  test('refuses the task that is one too many for a key, and nothing of it stays', async () => {
    const { queue, enter, end } = bench();
    const held = Array.from({ length: LIMITS.podQueueMax }, (_, at) => enter(`${at}`, 'pod'));
    expect(() => enter('late', 'pod', 'other')).toThrow('wait for pod already');
    expect(queue.depth).toBe(LIMITS.podQueueMax);
    expect(queue.busy('other')).toBe(false);
    for (let at = 0; at < held.length; at++) {
      await end(`${at}`);
    }
    await Promise.all(held);
    expect(queue.depth).toBe(0);
  });

  test('answers a task at its deadline, does not start it, and keeps the order of those behind it', async () => {
    const { queue, timers, record, enter, enterUntil, end } = bench();
    const first = enter('first', 'pod');
    const late = enterUntil('late', 1_000, 'pod');
    const behind = enter('behind', 'pod');
    const refused = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await timers.advance(999);
    expect(queue.depth).toBe(3);
    await timers.advance(1);
    await refused;
    expect(queue.depth).toBe(2);
    expect(record).toEqual(['+first']);
    const last = enter('last', 'pod');
    await end('first');
    await end('behind');
    await end('last');
    expect(await Promise.all([first, behind, last])).toEqual(['first', 'behind', 'last']);
    expect(record).toEqual(['+first', '-first', '+behind', '-behind', '+last', '-last']);
    expect(queue.depth).toBe(0);
    expect(queue.busy('pod')).toBe(false);
  });

  test('lets a task that was started before its deadline go on past it', async () => {
    const { timers, enterUntil, enter, end } = bench();
    enter('first', 'pod');
    const started = enterUntil('second', 1_000, 'pod');
    await end('first');
    await timers.advance(5_000);
    await end('second');
    expect(await started).toBe('second');
  });

  test('takes a task that somebody was promised although it is full', async () => {
    const { queue, enter, end } = bench();
    for (let at = 0; at < LIMITS.podQueueMax; at += 1) {
      void enter(`${at}`, 'pod');
    }
    const promised = queue.run(['pod'], async () => 'run', { always: true });
    for (let at = 0; at < LIMITS.podQueueMax; at += 1) {
      await end(`${at}`);
    }
    expect(await promised).toBe('run');
    await turn();
    expect(queue.depth).toBe(0);
  });
});
