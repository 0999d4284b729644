/** A plugin of the next version and this agent: what docs/kubernetes.md promises about upgrades. */
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cniRoute } from '../../src/agent/cni-route.ts';
import { PodEvents } from '../../src/agent/pod-events.ts';
import { buildServer, type HttpServer } from '../../src/http/server.ts';
import type { CniRequest } from '../../src/ipam/request.ts';

const BODY = {
  protocol: 1,
  calledAs: 'orbweaver',
  command: 'CHECK',
  env: { CNI_CONTAINERID: 'c1' },
  ownNetns: false,
  config: '{"cniVersion":"1.0.0","name":"net"}',
};

describe('the request of a plugin', () => {
  let http: HttpServer;
  let served: CniRequest[] = [];

  beforeAll(async () => {
    const route = cniRoute({
      service: () => ({
        call: async (request) => {
          served.push(request);
          return { ok: true, result: undefined };
        },
      }),
      clock: { now: () => Date.now() },
      events: new PodEvents(() => 0),
      unanswered: () => {},
    });
    http = await buildServer([route], route.refuse);
    await new Promise<void>((resolve) => http.server.listen(0, '127.0.0.1', () => resolve()));
  });
  afterAll(() => http.close());

  async function post(body: object): Promise<{ status: number; text: string }> {
    served = [];
    const { port } = http.server.address() as AddressInfo;
    const reply = await fetch(`http://127.0.0.1:${port}/cni`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return { status: reply.status, text: await reply.text() };
  }

  test.each([
    ['as it is', BODY],
    ['with a field that this agent does not know', { ...BODY, cgroup: '/kubepods/a', more: [1] }],
    [
      'with a variable that this agent does not know',
      { ...BODY, env: { ...BODY.env, CNI_NEW: 'x' } },
    ],
  ])('%s is served', async (_what, body) => {
    expect(await post(body)).toEqual({ status: 200, text: '' });
    expect(served).toMatchObject([
      { command: 'CHECK', config: BODY.config, calledAs: 'orbweaver' },
    ]);
  });

  test('of another number is refused in CNI’s words, and nothing is done', async () => {
    const { status, text } = await post({ ...BODY, protocol: 2 });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(JSON.parse(text)).toMatchObject({
      code: expect.any(Number),
      msg: expect.stringContaining('protocol'),
    });
    expect(served).toEqual([]);
  });
});
