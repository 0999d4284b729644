/** `ipam release --ip`: the address is freed of the holder that was asked for, or not at all. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { releaseAddress } from '../../src/agent/ipam-requests.ts';
import type { Parts } from '../../src/ipam/parts.ts';
import type { Claim } from '../../src/ipam/ports.ts';
import { formatAddress } from '../../src/net/address.ts';
import { type SpiderpoolServer, startSpiderpoolServer } from './spiderpool-server.ts';

const OBJECTS = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: p4 }
spec: { subnet: 10.6.0.0/16, ips: [10.6.0.10-10.6.0.19] }
`;

describe('an address that is released by hand', () => {
  let server: SpiderpoolServer;
  let parts: Parts;

  beforeAll(async () => {
    server = await startSpiderpoolServer();
    await server.apply(OBJECTS);
    parts = server.parts;
  });
  afterAll(() => server.close());

  async function claimed(container: string, pod: string): Promise<Claim> {
    const reply = await server.service.call({
      calledAs: 'spiderpool',
      command: 'ADD',
      env: {
        CNI_CONTAINERID: container,
        CNI_IFNAME: 'eth0',
        CNI_NETNS: '/proc/1/ns/net',
        CNI_ARGS: `K8S_POD_NAMESPACE=demo;K8S_POD_NAME=${pod};K8S_POD_UID=${pod}-1`,
      },
      ownNetns: false,
      config:
        '{"cniVersion":"1.0.0","name":"net","ipam":{"type":"x","default_ipv4_ippool":["p4"]}}',
      gone: () => false,
      deadline: Date.now() + 10_000,
    });
    expect(reply).toMatchObject({ ok: true });
    return parts.ledger.claimsOfContainer('net', container)[0]!;
  }

  /** The parts, with a ledger that shows `lines` of one address first, one at each look. */
  function seeing(lines: readonly Claim[]): Parts {
    const left = [...lines];
    const ledger = new Proxy(parts.ledger, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target);
        if (key === 'line' && left.length > 0) return () => left.shift();
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return { ...parts, ledger };
  }

  test('is freed, though its line was written again meanwhile', async () => {
    const claim = await claimed('c1', 'web');
    const older = { ...claim, nonce: 'older' };
    await releaseAddress(seeing([older, older]), formatAddress(claim.address));
    expect(parts.ledger.line(claim.address)).toMatchObject({ state: 'resting' });
  });

  test.each<[string, (claim: Claim) => Claim]>([
    ['of another name', (claim) => ({ ...claim, owner: { ...claim.owner, pod: 'other' } })],
    ['of another uid', (claim) => ({ ...claim, owner: { ...claim.owner, uid: 'other' } })],
  ])('is not taken from a pod %s', async (_, before) => {
    const claim = await claimed('c2', 'db');
    const older = { ...before(claim), nonce: 'older' };
    const text = formatAddress(claim.address);
    await expect(releaseAddress(seeing([older, older]), text)).rejects.toThrow(
      expect.objectContaining({ code: 'OBJECT_CONFLICT' }),
    );
    expect(parts.ledger.line(claim.address)).toMatchObject({ state: 'claimed' });
  });
});
