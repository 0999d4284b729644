import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { isSpent } from '../../src/kube/block-deletion.ts';
import { writeLine } from '../../src/kube/block-line.ts';
import {
  blockName,
  coarseNetwork,
  firstOfBlock,
  IP_BLOCK,
  type IpBlock,
  newBlock,
  unitKey,
  unitOfKey,
} from '../../src/kube/ip-block.ts';
import { addressOf, cidrOf, claimOf, restingOf } from '../support/lines.ts';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const empty = { names: {}, slots: {}, units: {} };

describe('an IPBlock', () => {
  test.each([
    ['10.0.0.64', '10-0-0-64-26', '10-0-0-0-16'],
    ['255.255.255.192', '255-255-255-192-26', '255-255-0-0-16'],
    ['fd00::40', 'fd00-0-0-0-0-0-0-40-122', 'fd00-0-0-0-0-0-0-0-112'],
    ['::', '0-0-0-0-0-0-0-0-122', '0-0-0-0-0-0-0-0-112'],
    [
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffc0',
      'ffff-ffff-ffff-ffff-ffff-ffff-ffff-ffc0-122',
      'ffff-ffff-ffff-ffff-ffff-ffff-ffff-0-112',
    ],
  ])('of %s is named %s in %s', (address, name, coarse) => {
    const first = addressOf(address);
    expect(blockName(first)).toBe(name);
    expect(coarseNetwork(first)).toBe(coarse);
    expect(name).toMatch(DNS_SUBDOMAIN);
    expect(coarse.length).toBeLessThanOrEqual(63);
    expect(firstOfBlock(newBlock(first, empty))).toEqual(first);
  });

  test.each([
    ['another name', { name: 'mine' }, {}],
    ['a network that is no block', { name: '10-0-0-0-26' }, { cidr: '10.0.0.0/24' }],
    ['an address that is no block', { name: '10-0-0-0-26' }, { cidr: '10.0.0.1/26' }],
    ['no network', { name: '10-0-0-0-26' }, { cidr: 'ten' }],
  ])('stands for no block with %s', (_, metadata, spec) => {
    const block = newBlock(addressOf('10.0.0.0'), empty);
    const changed = {
      ...block,
      metadata: { ...block.metadata, ...metadata },
      spec: { ...block.spec, ...spec },
    };
    expect(firstOfBlock(changed)).toBeUndefined();
  });

  test.each([
    '10.0.0.0/20',
    '10.0.0.0/26',
    '10.0.0.32/27',
    '10.0.0.63/32',
    'fd00::/64',
    'fd00::3f/128',
  ])('finds the unit %s by its key', (text) => {
    const cidr = cidrOf(text);
    const block = text.startsWith('10') ? addressOf('10.0.0.0') : addressOf('fd00::');
    expect(unitOfKey(block, unitKey(cidr))).toEqual(cidr);
  });

  test.each(['64-26', '1-26', '0-99', '0-', '-26', '0/26', '00-26', '0-026'])(
    'knows no unit of the key %s',
    (key) => {
      expect(unitOfKey(addressOf('10.0.0.0'), key)).toBeUndefined();
    },
  );
});

describe('deploy/crds/ipblock.yaml', () => {
  const crd = parse(
    readFileSync(new URL('../../deploy/crds/ipblock.yaml', import.meta.url), 'utf8'),
  );
  const [version] = crd.spec.versions;
  const { spec } = version.schema.openAPIV3Schema.properties;

  test('describes the kind that the ledger writes', () => {
    const { group, kind, plural } = IP_BLOCK;
    expect(crd.metadata.name).toBe(`${plural}.${group}`);
    expect(crd.spec).toMatchObject({ group, scope: 'Cluster', names: { kind, plural } });
    expect(version).toMatchObject({ name: IP_BLOCK.version, served: true, storage: true });
  });

  test('has every field of a block, and no other', () => {
    const block: IpBlock = newBlock(addressOf('10.0.0.0'), empty);
    expect(Object.keys(spec.properties).sort()).toEqual(Object.keys(block.spec).sort());
    expect(spec.required.toSorted()).toEqual(Object.keys(block.spec).sort());
  });

  test.each(['names', 'slots', 'units'])('keeps %s in an atomic map of strings', (field) => {
    expect(spec.properties[field]).toMatchObject({
      type: 'object',
      'x-kubernetes-map-type': 'atomic',
      additionalProperties: { type: 'string', maxLength: LIMITS.claimLineBytesMax },
    });
  });
});

describe('a block is spent', () => {
  const rested = 1_000_000 + LIMITS.blockKeptMs;
  const rest = restingOf(claimOf('10.0.0.1'), { releasedAt: 0, until: 1_000_000 });
  const blockOf = (slots: Record<string, string>, more: Partial<IpBlock['spec']> = {}): IpBlock => {
    const block = newBlock(addressOf('10.0.0.0'), { names: {}, slots, units: {}, ...more });
    const creationTimestamp = new Date(0).toISOString();
    return {
      ...block,
      metadata: { ...block.metadata, uid: 'u', resourceVersion: '1', creationTimestamp },
    };
  };
  const { text, names } = writeLine(rest, {});

  test('long after its last rest', () => {
    expect(isSpent(blockOf({ '1': text }, { names }), rested)).toBe(true);
    expect(isSpent(blockOf({}), rested)).toBe(true);
  });

  test.each([
    ['a rest that ended lately', blockOf({ '1': text }, { names }), rested - 1],
    ['no line, but just made', blockOf({}), LIMITS.blockKeptMs - 1],
    ['a line that cannot be read', blockOf({ '1': `${text}x` }, { names }), rested],
    ['the owner of a unit', blockOf({}, { units: { '0-26': '1u' } }), rested],
    [
      'a claim',
      blockOf(
        { '1': text, '2': writeLine(claimOf('10.0.0.2'), names).text },
        {
          names: { ...names, ...writeLine(claimOf('10.0.0.2'), names).names },
        },
      ),
      rested,
    ],
  ])('but not with %s', (_, block, now) => {
    expect(isSpent(block, now)).toBe(false);
  });
});
