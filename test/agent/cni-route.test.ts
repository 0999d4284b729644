import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cniRoute } from '../../src/agent/cni-route.ts';
import { PodEvents } from '../../src/agent/pod-events.ts';
import type { CallParts } from '../../src/agent/served-call.ts';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { CniAnswer } from '../../src/ipam/cni-answer.ts';
import type { CniRequest } from '../../src/ipam/request.ts';

const BODY = {
  protocol: 1,
  calledAs: 'spiderpool',
  command: 'ADD',
  env: { CNI_CONTAINERID: 'c1', CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web' },
  ownNetns: false,
  config: '{"cniVersion":"1.0.0","name":"net"}',
};

const events = new PodEvents(() => 0);
const unanswered: string[] = [];

function routeTo(call: ((request: CniRequest) => Promise<CniAnswer>) | undefined) {
  const parts: CallParts = {
    service: () => (call === undefined ? undefined : { call }),
    clock: { now: () => Date.now() },
    events,
    unanswered: (verb, error) => unanswered.push(`${verb} ${error.code}`),
  };
  return (command = 'ADD') =>
    cniRoute(parts).handle({ body: { ...BODY, command }, query: {}, gone: () => false });
}

beforeEach(() => {
  vi.useFakeTimers();
  unanswered.length = 0;
  events.forget('shop', 'web');
});

afterEach(() => {
  vi.useRealTimers();
});

describe('CNI route', () => {
  test('answers at the deadline with code 11, and the late call counts as hung up', async () => {
    let seen: CniRequest | undefined;
    const reply = routeTo((request) => {
      seen = request;
      return new Promise(() => {});
    })();
    await vi.advanceTimersByTimeAsync(LIMITS.callDeadlineMs - 1);
    expect(seen!.gone()).toBe(false);
    expect(seen!.deadline).toBe(Date.now() + 1);
    await vi.advanceTimersByTimeAsync(1);
    const { status, body } = await reply;
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ cniVersion: '1.0.0', code: 11 });
    expect(seen!.gone()).toBe(true);
    expect(unanswered).toEqual(['ADD DEADLINE_EXCEEDED']);
  });

  test.each([
    ['ADD', 11],
    ['DEL', 11],
    ['STATUS', 50],
  ])('answers %s with code %d while there is no service', async (command, code) => {
    const { body } = await routeTo(undefined)(command);
    expect(JSON.parse(body)).toMatchObject({ code });
  });

  test('answers a verb without a result with an empty body', async () => {
    const { status, body } = await routeTo(async () => ({ ok: true, result: undefined }))('DEL');
    expect({ status, body }).toEqual({ status: 200, body: '' });
  });

  test('keeps a refused ADD as an event of its pod, in the words of the seed', async () => {
    const error = { cniVersion: '1.0.0', code: 7, msg: 'no IPPool available' };
    const route = routeTo(async () => ({ ok: false, code: 'NO_POOL_AVAILABLE', error }));
    await route();
    await route();
    expect(events.of('shop', 'web')).toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'FailedCreatePodSandBox',
        from: 'kubelet',
        count: 2,
        message:
          'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "c1": [shop/web:net]: error adding container to network "net": no IPPool available',
      }),
    ]);
    events.forget('shop', 'web');
    expect(events.of('shop', 'web')).toEqual([]);
  });

  test('keeps the newest events when there are too many', () => {
    const many = new PodEvents(() => 0);
    for (let index = 0; index <= LIMITS.eventsMax; index += 1) {
      const pod = `p${index}`;
      many.refused({ namespace: 'n', pod, containerId: 'c', network: 'net', message: 'm' });
    }
    expect(many.of('n', 'p0')).toEqual([]);
    expect(many.of('n', 'p1')).toHaveLength(1);
    expect(many.of('n', `p${LIMITS.eventsMax}`)).toHaveLength(1);
  });
});
