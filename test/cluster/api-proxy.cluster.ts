/** What the proxy in front of the API server does to requests, answers and watches, seen from both of its sides. */
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askApi } from './support/api-client.ts';
import type { ApiProxy, ProxiedRequest } from './support/api-proxy.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['the proxy', ...missing].join(': ');
const MAPS = '/api/v1/namespaces/default/configmaps';

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;
  let proxy: ApiProxy;
  let made = 0;

  beforeAll(async () => {
    cluster = await startControlPlane({ proxy: true });
    proxy = cluster.proxy;
  });
  afterAll(() => cluster?.stop());

  const newName = () => {
    made += 1;
    return `map-${made}`;
  };
  const isOf = (name: string) => (seen: ProxiedRequest) =>
    seen.method === 'POST' && seen.body.includes(`"${name}"`);
  const through = () => ({
    url: proxy.url,
    authorityPem: cluster.authorityPem,
    token: cluster.token,
  });

  /** The status of the answer to a POST through the proxy, or `cut`. */
  async function create(name: string, waitMs?: number): Promise<number | 'cut'> {
    const body = JSON.stringify({ metadata: { name } });
    try {
      return (await askApi(through(), 'POST', MAPS, body, undefined, waitMs)).status;
    } catch {
      return 'cut';
    }
  }

  async function exists(name: string): Promise<boolean> {
    return (await cluster.ask('GET', `${MAPS}/${name}`)).status === 200;
  }

  test('a request that is held has not reached the server until it is released', async () => {
    const name = newName();
    const held = proxy.holdNext(isOf(name));
    const answer = create(name);
    expect((await held.arrived).path).toBe(MAPS);
    expect(await exists(name)).toBe(false);
    held.release();
    expect(await answer).toBe(201);
    expect(await exists(name)).toBe(true);
  });

  test('a held request that is dropped never reaches the server', async () => {
    const name = newName();
    const held = proxy.holdNext(isOf(name));
    const answer = create(name);
    await held.arrived;
    held.drop();
    expect(await answer).toBe('cut');
    expect(await exists(name)).toBe(false);
  });

  test('an answer that is held is one to a write that stands', async () => {
    const name = newName();
    const held = proxy.holdReply(isOf(name));
    const answer = create(name);
    await held.arrived;
    expect(await exists(name)).toBe(true);
    held.release();
    expect(await answer).toBe(201);
  });

  test('a swallowed answer is a cut connection, and the write stands', async () => {
    const [lost, answered] = [newName(), newName()];
    const end = proxy.swallowReplies(({ method }) => method === 'POST');
    expect(await create(lost)).toBe('cut');
    expect(await exists(lost)).toBe(true);
    end();
    expect(await create(answered)).toBe(201);
  });

  test('with latency requests still arrive, each in its turn', async () => {
    proxy.delay(40);
    proxy.forget();
    const name = newName();
    expect([await create(name), await create(name)]).toEqual([201, 409]);
    expect(proxy.seen.map(({ status }) => status)).toEqual([201, 409]);
    proxy.delay(0);
  });

  test('a server that is away refuses, or is silent, until it is back', async () => {
    const [refused, silent, back] = [newName(), newName(), newName()];
    proxy.away();
    expect(await create(refused)).toBe('cut');
    proxy.back();
    proxy.away('silent');
    expect(await create(silent, 200)).toBe('cut');
    proxy.back();
    expect(await create(back)).toBe(201);
    expect([await exists(refused), await exists(silent)]).toEqual([false, false]);
  });

  test('a watch that is silenced stays open and delivers nothing', async () => {
    const { resourceVersion } = JSON.parse((await cluster.ask('GET', MAPS)).text).metadata;
    const watch = new Watch(through(), `${MAPS}?watch=true&resourceVersion=${resourceVersion}`);
    const [heard, unheard, other] = [newName(), newName(), newName()];
    await create(heard);
    await expect.poll(() => watch.text).toContain(heard);
    proxy.silenceWatches();
    await create(unheard);
    proxy.allowWatches();
    const another = new Watch(through(), `${MAPS}?watch=true&resourceVersion=${resourceVersion}`);
    await create(other);
    await expect.poll(() => another.text).toContain(other);
    expect(watch.text).not.toContain(unheard);
    expect(watch.isOpen).toBe(true);
    watch.close();
    another.close();
  });
});

/** One watch, and what it has delivered. */
class Watch {
  text = '';
  isOpen = true;
  readonly #outgoing: ReturnType<typeof request>;

  constructor({ url, authorityPem, token }: Parameters<typeof askApi>[0], path: string) {
    const headers = { authorization: `Bearer ${token}` };
    const options = { ca: authorityPem, headers, agent: false as const };
    this.#outgoing = request(new URL(path, url), options, (incoming) => {
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        this.text += chunk;
      });
      incoming.on('error', () => {});
    });
    this.#outgoing.on('error', () => {});
    this.#outgoing.on('close', () => {
      this.isOpen = false;
    });
    this.#outgoing.end();
  }

  close(): void {
    this.#outgoing.destroy();
  }
}
