import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { KeyedQueue } from '../../src/ipam/keyed-queue.ts';
import { UnsettledError } from '../../src/ipam/unsettled.ts';

/** Tasks that end when told, and a record of what started and ended. */
function bench() {
  const queue = new KeyedQueue();
  const record: string[] = [];
  const ends = new Map<string, () => void>();
  const enter = (name: string, ...keys: string[]) =>
    queue.run(keys, async () => {
      record.push(`+${name}`);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      record.push(`-${name}`);
      return name;
    });
  const end = async (name: string) => {
    ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, record, enter, end };
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
    await expect(open).rejects.toMatchObject({ code: 'STORE_FAILURE', message: 'late' });
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
    const queue = new KeyedQueue();
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
});
