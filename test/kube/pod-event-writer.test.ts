/** Refusals as Events of their pods: one each, counted, at a bounded rate, and never in the way. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { KubeObject } from '../../src/dialect/kube-object.ts';
import { PodEventWriter } from '../../src/kube/pod-event-writer.ts';
import { MemoryObjects } from '../support/memory-objects.ts';
import { VirtualTimers } from '../support/virtual-timers.ts';

const REFUSAL = { namespace: 'shop', pod: 'web', uid: 'u1', message: 'no IPPool available' };

let objects: MemoryObjects;
let timers: VirtualTimers;
let writer: PodEventWriter;
let complaints: string[];

beforeEach(() => {
  objects = new MemoryObjects();
  timers = new VirtualTimers();
  complaints = [];
  writer = new PodEventWriter({
    objects,
    node: 'node1',
    run: 'run',
    timers,
    random: () => 1,
    onRefused: (reason) => complaints.push(reason),
  });
});
afterEach(() => writer.close());

const events = () => [...objects.stored.values()] as (KubeObject & Record<string, unknown>)[];

describe('a refusal', () => {
  test('becomes an Event in the form that kubectl describe shows', async () => {
    writer.refused(REFUSAL);
    await timers.advance(0);
    expect(events()).toEqual([
      expect.objectContaining({
        apiVersion: 'v1',
        kind: 'Event',
        involvedObject: {
          apiVersion: 'v1',
          kind: 'Pod',
          namespace: 'shop',
          name: 'web',
          uid: 'u1',
        },
        type: 'Warning',
        reason: 'FailedIPAllocation',
        message: 'no IPPool available',
        source: { component: 'orbweaver-agent', host: 'node1' },
        firstTimestamp: '2023-11-14T22:13:20Z',
        lastTimestamp: '2023-11-14T22:13:20Z',
        count: 1,
      }),
    ]);
    expect(events()[0]!.metadata.name).toMatch(/^web\.[0-9a-f]{16}$/);
  });

  test('that is repeated is counted in the Event it has, in a write every ten seconds', async () => {
    for (let second = 0; second < 60; second += 1) {
      writer.refused(REFUSAL);
      await timers.advance(1_000);
    }
    await timers.advance(10_000);
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({ count: 60, firstTimestamp: '2023-11-14T22:13:20Z' });
    expect(events()[0]!.lastTimestamp).toBe('2023-11-14T22:14:19Z');
    expect(objects.requests.length).toBeLessThanOrEqual(8);
  });

  test('of another message, pod or uid is an Event of its own', async () => {
    writer.refused(REFUSAL);
    writer.refused({ ...REFUSAL, message: 'all IP addresses used out' });
    writer.refused({ ...REFUSAL, pod: 'web-2' });
    writer.refused({ ...REFUSAL, uid: 'u2' });
    await timers.advance(5_000);
    expect(events()).toHaveLength(4);
    expect(new Set(events().map(({ metadata }) => metadata.name)).size).toBe(4);
  });

  test('with reasons beyond all measure is cut', async () => {
    writer.refused({ ...REFUSAL, message: 'x'.repeat(100_000) });
    await timers.advance(0);
    expect(String(events()[0]!.message)).toHaveLength(LIMITS.eventCharsMax);
    expect(String(events()[0]!.message).endsWith('x …')).toBe(true);
  });

  test('of a pod with the longest name has a name that fits', async () => {
    writer.refused({ ...REFUSAL, pod: 'p'.repeat(253) });
    await timers.advance(0);
    expect(events()[0]!.metadata.name).toHaveLength(253);
  });
});

describe('many refusals', () => {
  test('are written at the rate of the catalogue, and none is lost below its limit', async () => {
    for (let pod = 0; pod < 100; pod += 1) {
      writer.refused({ ...REFUSAL, pod: `web-${pod}` });
    }
    await timers.advance(1_000);
    expect(events().length).toBeLessThanOrEqual(LIMITS.eventsPerSecondMax + 1);
    await timers.advance(100_000);
    expect(events()).toHaveLength(100);
  });

  test('beyond the limit push out the oldest, not the newest', async () => {
    objects.fault = () => ({ kind: 'busy', retryAfterMs: 0 });
    for (let pod = 0; pod < LIMITS.eventsMax + 10; pod += 1) {
      writer.refused({ ...REFUSAL, pod: `web-${pod}` });
    }
    await timers.advance(0);
    objects.fault = () => undefined;
    await timers.advance(LIMITS.eventsMax * 1_000);
    const names = events().map(({ involvedObject }) => (involvedObject as { name: string }).name);
    expect(names).toHaveLength(LIMITS.eventsMax);
    expect(names).toContain(`web-${LIMITS.eventsMax + 9}`);
    expect(names).not.toContain('web-0');
  });
});

describe('an API server', () => {
  test('that is away gets the Event, with the whole count, when it is back', async () => {
    objects.fault = () => ({ kind: 'away', reason: 'no connection' });
    writer.refused(REFUSAL);
    await timers.advance(60_000);
    writer.refused(REFUSAL);
    await timers.advance(60_000);
    expect(events()).toEqual([]);
    objects.fault = () => undefined;
    await timers.advance(30_000);
    expect(events()).toEqual([expect.objectContaining({ count: 2 })]);
  });

  test('whose answer to the first write was lost is not asked for a second Event', async () => {
    objects.fault = ({ verb, key, object }) => {
      if (verb === 'create' && !objects.stored.has(key)) {
        objects.stored.set(key, object!);
        return { kind: 'unknown', reason: 'reset' };
      }
      return undefined;
    };
    writer.refused(REFUSAL);
    await timers.advance(60_000);
    expect(events()).toHaveLength(1);
    writer.refused(REFUSAL);
    await timers.advance(60_000);
    expect(events()).toEqual([expect.objectContaining({ count: 2 })]);
  });

  test('that has forgotten an Event gets another one for what comes then', async () => {
    writer.refused(REFUSAL);
    await timers.advance(20_000);
    objects.stored.clear();
    writer.refused(REFUSAL);
    await timers.advance(20_000);
    writer.refused(REFUSAL);
    await timers.advance(20_000);
    expect(events()).toEqual([expect.objectContaining({ count: 1 })]);
  });

  test('that refuses Events is named once, and not asked again for the same', async () => {
    objects.fault = () => ({ kind: 'refused', reason: '403: forbidden', status: 403 });
    writer.refused(REFUSAL);
    writer.refused({ ...REFUSAL, pod: 'web-2' });
    await timers.advance(60_000);
    expect(complaints).toEqual(['403: forbidden']);
    expect(objects.requests).toHaveLength(2);
  });
});

test('nothing is written about a pod that was deleted', async () => {
  objects.fault = () => ({ kind: 'busy', retryAfterMs: 0 });
  writer.refused(REFUSAL);
  await timers.advance(0);
  writer.forget('shop', 'web');
  objects.fault = () => undefined;
  await timers.advance(60_000);
  expect(events()).toEqual([]);
});
