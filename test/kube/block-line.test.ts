import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import type { Claim, Line } from '../../src/ipam/ports.ts';
import { type Names, readLine, readUnit, writeLine, writeUnit } from '../../src/kube/block-line.ts';
import { blockWith } from '../../src/kube/block-patch.ts';
import { containerRef } from '../../src/kube/container-ref.ts';
import { CLAIMS_FINALIZER, COARSE_LABEL } from '../../src/kube/ip-block.ts';
import { addressInBlock } from '../../src/net/address.ts';
import { addressOf, cidrOf, claimOf, restingOf, unitOf, writeOf } from '../support/lines.ts';

const UID = '3f2a8c1e-0b4d-4e6f-9a71-5c2d8e9f0a1b';
const CONTAINER = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const NONCE = 'q83vEjRWeJA';

/** As in a cluster: long ids, names that repeat. */
const typical = (more: Partial<Claim> = {}): Claim =>
  claimOf('10.0.0.7', {
    pool: 'default-ipv4-pool',
    node: 'worker-3.cluster.local',
    owner: { namespace: 'shop', pod: 'checkout-7d9c5b6f4-x2x9k', uid: UID },
    attachment: { network: 'k8s-pod-network', containerId: CONTAINER, interfaceName: 'eth0' },
    nonce: NONCE,
    ...more,
  });

const exactly = (text: string, length: number) => text.padEnd(length, 'x');

/** The claim as it is read again: its container is named by its digest. */
const read = (claim: Claim): Claim => ({
  ...claim,
  attachment: {
    ...claim.attachment,
    containerId: containerRef(claim.attachment.containerId),
  },
});

describe('a line', () => {
  test('reads as text', () => {
    expect(writeLine(typical(), {})).toEqual({
      text: '1c shop/checkout-7d9c5b6f4-x2x9k PyqMHgtNTm-acVwtjp8KGw @pzP @AEi @bG0 ~ez2XnKgzCpT eth0 loyw3v28 q83vEjRWeJA j2',
      names: { pzP: 'worker-3.cluster.local', AEi: 'default-ipv4-pool', bG0: 'k8s-pod-network' },
    });
    expect(writeLine(restingOf(typical(), { nonce: NONCE }), {}).text).toBe(
      '1r shop/checkout-7d9c5b6f4-x2x9k PyqMHgtNTm-acVwtjp8KGw @AEi loyw6080 n5c q83vEjRWeJA tM',
    );
    const unit = unitOf('10.0.0.0/26', 'worker-3.cluster.local', { nonce: NONCE });
    expect(writeUnit(unit, {}).text).toBe('1u @pzP loyw3v28 q83vEjRWeJA gk');
  });

  test.each<[string, Partial<Claim>]>([
    ['a plain claim', {}],
    ['a claim ahead, third in order', { ahead: true, order: 3 }],
    ['a kept claim', { kept: true }],
    ['a claim of one family of two', { dual: true }],
    ['all of that', { ahead: true, kept: true, dual: true, order: 7 }],
    ['a claim ahead that is kept', { ahead: true, kept: true, order: 12 }],
    ['no pod', { owner: { namespace: '', pod: '', uid: '' } }],
    [
      'ids of other forms',
      {
        owner: { namespace: 'a', pod: 'b', uid: '0123456789abcdef0123456789abcdef' },
        attachment: { network: '', containerId: 'cnitool-20', interfaceName: '' },
      },
    ],
    [
      'blanks, slashes and signs with a meaning',
      {
        pool: '@abc /=',
        node: '-',
        owner: { namespace: 'n/s @x', pod: 'p q/r', uid: '=PyqMHgtNTm-acVwtjp8KGw' },
        attachment: { network: '@', containerId: '=x /', interfaceName: 'a/b c' },
      },
    ],
    ['a time before the epoch', { claimedAt: -5 }],
  ])('gives back %s', (_, more) => {
    const claim = typical(more);
    const { text, names } = writeLine(claim, {});
    expect(readLine(claim.address, text, names)).toEqual(read(claim));
  });

  test('gives back whatever it was made of', () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 40 });
    const names = fc.record({ pool: texts, node: texts, network: texts, other: texts });
    const line = fc.record({ names, slot: fc.nat(63), order: fc.nat(99), rests: fc.boolean() });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (items) => {
        let known: Names = {};
        const written = items.map(
          ({ names: { pool, node, network, other }, slot, order, rests }) => {
            const claim = typical({
              address: addressInBlock(addressOf('fd00::40'), slot),
              pool,
              node,
              owner: { namespace: network, pod: other, uid: pool },
              attachment: { network, containerId: node, interfaceName: other },
              order,
            });
            const was: Line = rests
              ? restingOf(claim, { until: order - 50, releasedAt: order })
              : claim;
            const { text, names: added } = writeLine(was, known);
            known = { ...known, ...added };
            return { was, text };
          },
        );
        for (const { was, text } of written) {
          const expected = was.state === 'claimed' ? read(was) : was;
          expect(readLine(was.address, text, known)).toEqual(expected);
        }
      }),
    );
  });

  test('gives names whose keys meet different keys', () => {
    // Both digests begin with the same three characters.
    const [one, two] = namesThatMeet();
    const first = writeLine(typical({ pool: one }), {});
    const second = writeLine(typical({ pool: two }), first.names);
    expect(Object.keys(second.names).some((key) => key.length === 4)).toBe(true);
    const all = { ...first.names, ...second.names };
    expect(readLine(addressOf('10.0.0.7'), first.text, all)).toMatchObject({ pool: one });
    expect(readLine(addressOf('10.0.0.7'), second.text, all)).toMatchObject({ pool: two });
  });
});

function namesThatMeet(): [string, string] {
  const seen = new Map<string, string>();
  for (let count = 0; ; count += 1) {
    const name = `pool-${count}`;
    const [key = ''] = Object.entries(writeLine(typical({ pool: name }), {}).names).find(
      ([, value]) => value === name,
    )!;
    const other = seen.get(key);
    if (other !== undefined) {
      return [other, name];
    }
    seen.set(key, name);
  }
}

describe('the size of a line', () => {
  const long = (slot: number) =>
    typical({
      address: addressInBlock(addressOf('10.0.0.0'), slot),
      pool: exactly('pool', 40),
      node: exactly(`node-${slot % 8}`, 40),
      owner: { namespace: exactly('namespace', 40), pod: exactly(`pod-${slot}`, 40), uid: UID },
      attachment: {
        network: exactly('network', 40),
        containerId: CONTAINER,
        interfaceName: 'eth0',
      },
    });

  test('is 125 bytes at most with names of the usual length', () => {
    expect(writeLine(typical(), {}).text.length).toBeLessThanOrEqual(125);
  });

  test('keeps a block of 64 claims under 10 KiB as the API server stores it, all names 40 characters long', () => {
    const claims = Array.from({ length: 64 }, (_, slot) => writeOf(long(slot)));
    const first = addressOf('10.0.0.0');
    const block = blockWith(first, [{ first, writes: claims, units: [] }]);
    const managed = (operation: string, fields: object) => ({
      manager: 'orbweaver',
      operation,
      apiVersion: block.apiVersion,
      time: '2026-01-01T00:00:00Z',
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
    });
    const spec = { '.': {}, 'f:cidr': {}, 'f:names': {}, 'f:slots': {}, 'f:units': {} };
    const stored = {
      ...block,
      metadata: {
        ...block.metadata,
        uid: UID,
        resourceVersion: '123456789',
        generation: 1_000,
        creationTimestamp: '2026-01-01T00:00:00Z',
        managedFields: [
          managed('Update', {
            'f:metadata': {
              'f:finalizers': { '.': {}, [`v:"${CLAIMS_FINALIZER}"`]: {} },
              'f:labels': { '.': {}, [`f:${COARSE_LABEL}`]: {} },
            },
            'f:spec': spec,
          }),
        ],
      },
    };
    expect(JSON.stringify(stored).length).toBeLessThan(10 * 1024);
  });

  test('allows the longest names of Kubernetes, and says so beyond its limit', () => {
    const longest = typical({
      pool: exactly('pool', 253),
      node: exactly('node', 253),
      owner: { namespace: exactly('ns', 63), pod: exactly('pod', 253), uid: exactly('uid', 128) },
      attachment: {
        network: exactly('net', 253),
        containerId: exactly('c', LIMITS.containerIdCharsMax),
        interfaceName: exactly('if', 15),
      },
    });
    const { text, names } = writeLine(longest, {});
    expect(readLine(longest.address, text, names)).toEqual(read(longest));
    const tooLong = { ...longest, pool: exactly('pool', 3_500) };
    expect(() => writeLine(tooLong, {})).toThrow(
      /^the claim of 10\.0\.0\.7 takes \d+ bytes .* limit is 4096$/,
    );
  });
});

describe('a line that was edited by hand', () => {
  const claim = typical();
  const { text, names } = writeLine(claim, {});
  const edits: [what: string, text: string, names: Names, fault: RegExp][] = [
    ['another pod', text.replace('checkout', 'checkin'), names, /edited by hand/],
    ['a field less', text.replace(' eth0', ''), names, /edited by hand/],
    ['a blank more', `${text} `, names, /edited by hand/],
    ['nothing', '', names, /not a line of Orbweaver/],
    ['prose', 'reserved for Bob', names, /not a line of Orbweaver/],
    ['a later version', text.replace('1c', '2c'), names, /format version 2/],
    ['a name less', text, {}, /the block does not have/],
    ['a name changed', text, { ...names, AEi: 'my-pool' }, /the name AEi, which was edited/],
  ];

  test.each(edits)('is found out: %s', (_, edited, known, fault) => {
    expect(readLine(claim.address, edited, known)).toEqual({ fault: expect.stringMatching(fault) });
  });

  test('is found out when it was copied to another address', () => {
    expect(readLine(addressOf('10.0.0.8'), text, names)).toHaveProperty('fault');
  });

  test('is found out for units too', () => {
    const unit = unitOf('10.0.0.0/26', 'worker-3.cluster.local');
    const written = writeUnit(unit, {});
    expect(readUnit(unit.cidr, written.text, written.names)).toEqual(unit);
    expect(readUnit(cidrOf('10.0.0.0/27'), written.text, written.names)).toHaveProperty('fault');
    expect(readUnit(unit.cidr, text, names)).toHaveProperty('fault');
  });
});

describe('the name of a container in a line', () => {
  test.each([
    { id: '', shown: '' },
    { id: 'cnitool-20', shown: 'cnitool-20' },
    { id: 'twelve-chars', shown: 'twelve-chars' },
    { id: CONTAINER, shown: '~' },
    { id: 'thirteen-char', shown: '~' },
  ])('of "$id" is itself where it is short, else a digest', ({ id, shown }) => {
    const ref = containerRef(id);
    expect(ref.length).toBeLessThanOrEqual(12);
    expect(ref).toMatch(shown === '~' ? /^~[\w-]{11}$/ : shown);
    expect(containerRef(ref)).toBe(ref);
  });

  test('tells ids apart that begin or end alike', () => {
    const ids = Array.from({ length: 1_000 }, (_, at) => `${at}`.padStart(64, '0'));
    const others = Array.from({ length: 1_000 }, (_, at) => `${at}`.padEnd(64, '0'));
    expect(new Set([...ids, ...others].map(containerRef)).size).toBe(
      new Set([...ids, ...others]).size,
    );
  });
});
