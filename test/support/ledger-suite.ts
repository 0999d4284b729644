/**
 * What every ledger does, whatever it is made of. `make` gives an empty one.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Claim, Ledger, Line, SlotWrite, UnitWrite } from '../../src/ipam/ports.ts';
import { type Address, formatAddress } from '../../src/net/address.ts';
import { formatCidr } from '../../src/net/cidr.ts';
import { addressOf, cidrOf, claimOf, freshNonce, restingOf, unitOf, writeOf } from './lines.ts';
import { ModelLedger } from './model-ledger.ts';

/** A ledger under test and how it is put away. */
export interface LedgerFixture {
  readonly ledger: Ledger;
  readonly close: () => void;
}

const shown = (lines: Iterable<{ address: Address }>) =>
  [...lines].map((line) => formatAddress(line.address));

export function ledgerSuite(
  name: string,
  make: () => LedgerFixture | Promise<LedgerFixture>,
): void {
  describe(`${name} as a ledger`, () => {
    let fixture: LedgerFixture;
    let ledger: Ledger;

    beforeEach(async () => {
      fixture = await make();
      ledger = fixture.ledger;
    });

    afterEach(() => fixture.close());

    const put = async (...claims: Line[]) => {
      const outcome = await ledger.commit(claims.map((claim) => writeOf(claim)));
      expect(outcome).toEqual({ kind: 'durable' });
    };

    writeSuite(() => ledger, put);
    readSuite(() => ledger, put);
    blockSuite(() => ledger, put);
    unitSuite(() => ledger);

    it('answers every question as the model does after any list of commits', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
          const tested = await make();
          try {
            await sameAsModel(tested, commands);
          } finally {
            tested.close();
          }
        }),
        { numRuns: 40 },
      );
    });
  });
}

function writeSuite(ledgerOf: () => Ledger, put: (...lines: Line[]) => Promise<void>): void {
  it('gives back a line as it was written', async () => {
    const claim = claimOf('10.0.0.7', { ahead: true, order: 3 });
    const resting = restingOf(claimOf('fd00::1:2'));
    await put(claim, resting);
    expect(ledgerOf().line(claim.address)).toEqual(claim);
    expect(ledgerOf().line(resting.address)).toEqual(resting);
    expect(ledgerOf().line(addressOf('10.0.0.8'))).toBeUndefined();
  });

  it.each([
    { what: 'absent, but a claim is there', found: 'claim', was: 'absent' },
    { what: 'absent, but a resting line is there', found: 'rest', was: 'absent' },
    { what: 'a claim, but another claim is there', found: 'claim', was: 'other claim' },
    { what: 'a claim, but nothing is there', found: 'nothing', was: 'other claim' },
    { what: 'a resting line, but a claim is there', found: 'claim', was: 'other rest' },
  ])('loses a write that read $what', async ({ found, was }) => {
    const ledger = ledgerOf();
    const address = '10.0.0.1';
    const there =
      found === 'claim' ? claimOf(address) : found === 'rest' ? restingOf(claimOf(address)) : null;
    if (there !== null) await put(there);
    const other = claimOf(address);
    const read = was === 'absent' ? undefined : was === 'other claim' ? other : restingOf(other);
    const now = claimOf(address);
    expect(await ledger.commit([writeOf(now, read)])).toEqual({
      kind: 'lost',
      conflicts: [{ address: now.address, now: there ?? undefined }],
      units: [],
    });
    expect(ledger.line(now.address)).toEqual(there ?? undefined);
  });

  it('lands a write over the very line that was read', async () => {
    const ledger = ledgerOf();
    const claim = claimOf('10.0.0.1');
    await put(claim);
    const resting = restingOf(claim);
    expect(await ledger.commit([writeOf(resting, claim)])).toEqual({ kind: 'durable' });
    const next = claimOf('10.0.0.1', { pool: 'pool-b' });
    expect(await ledger.commit([writeOf(next, resting)])).toEqual({ kind: 'durable' });
    expect(ledger.line(claim.address)).toEqual(next);
    expect(shown(ledger.resting())).toEqual([]);
  });

  it('keeps nothing of a commit of which one write is lost, and names all that were', async () => {
    const ledger = ledgerOf();
    const first = claimOf('10.0.0.1');
    const third = claimOf('10.0.0.3');
    await put(first, third);
    const outcome = await ledger.commit([
      writeOf(claimOf('10.0.0.1')),
      writeOf(claimOf('10.0.0.2', { pool: 'never-seen', node: 'never-seen' })),
      writeOf(claimOf('10.0.0.3')),
      writeOf(claimOf('192.168.7.1')),
    ]);
    expect(outcome).toEqual({
      kind: 'lost',
      conflicts: [
        { address: first.address, now: first },
        { address: third.address, now: third },
      ],
      units: [],
    });
    expect(shown(ledger.claims())).toEqual(['10.0.0.1', '10.0.0.3']);
    // The names of the lost commit are written again without harm.
    const again = claimOf('10.0.0.2', { pool: 'never-seen', node: 'never-seen' });
    await put(again);
    expect(ledger.line(again.address)).toEqual(again);
  });

  it('lets one of many that want the same slot win', async () => {
    const ledger = ledgerOf();
    const claims = Array.from({ length: 20 }, () => claimOf('10.0.0.1'));
    const outcomes = await Promise.all(claims.map((claim) => ledger.commit([writeOf(claim)])));
    const winners = claims.filter((_, index) => outcomes[index]?.kind === 'durable');
    expect(winners).toHaveLength(1);
    expect(ledger.line(addressOf('10.0.0.1'))).toEqual(winners[0]);
  });

  it('accepts a commit without writes', async () => {
    expect(await ledgerOf().commit([])).toEqual({ kind: 'durable' });
  });

  it('keeps texts of any content', async () => {
    const text = `'";--\u0000\n\u{1f578} ${'x'.repeat(300)}`;
    const claim = claimOf('10.0.0.1', {
      pool: text,
      node: text,
      owner: { namespace: text, pod: text, uid: text },
      attachment: { network: text, containerId: text, interfaceName: text },
    });
    await put(claim);
    const containerId = ledgerOf().containerRef(text);
    const kept = { ...claim, attachment: { ...claim.attachment, containerId } };
    expect(ledgerOf().line(claim.address)).toEqual(kept);
    expect(ledgerOf().claimsOfPod(text, text)).toEqual([kept]);
    expect(ledgerOf().claimsOfContainer(text, text)).toEqual([kept]);
    expect(ledgerOf().claimsOfContainer(text, containerId)).toEqual([kept]);
  });

  it('names a container by a text that names itself', () => {
    for (const id of ['c1', 'f'.repeat(64)]) {
      const ref = ledgerOf().containerRef(id);
      expect(ledgerOf().containerRef(ref)).toBe(ref);
    }
  });
}

function readSuite(ledgerOf: () => Ledger, put: (...lines: Line[]) => Promise<void>): void {
  it('finds the claims of a container in one network, by order and address', async () => {
    const at = (containerId: string, network: string, interfaceName: string) => ({
      attachment: { network, containerId, interfaceName },
    });
    const claims = [
      claimOf('10.0.0.9', { ...at('c1', 'net', 'eth0'), order: 0 }),
      claimOf('10.0.0.1', { ...at('c1', 'net', 'net1'), order: 1 }),
      claimOf('fd00::1', { ...at('c1', 'net', 'eth0'), order: 0 }),
      claimOf('10.0.0.2', at('c1', 'other', 'eth0')),
      claimOf('10.0.0.3', at('c2', 'net', 'eth0')),
    ];
    await put(...claims, restingOf(claimOf('10.0.0.4', at('c1', 'net', 'eth0'))));
    const found = ledgerOf().claimsOfContainer('net', 'c1');
    expect(found.map((claim) => claim.order)).toEqual([0, 0, 1]);
    expect(shown(found).at(-1)).toBe('10.0.0.1');
    expect(new Set(shown(found))).toEqual(new Set(['10.0.0.9', 'fd00::1', '10.0.0.1']));
    expect(ledgerOf().claimsOfContainer('net', 'unknown')).toEqual([]);
    expect(ledgerOf().claimsOfContainer('unknown', 'c1')).toEqual([]);
  });

  it('finds the claims of a pod by name, whatever its uid and container', async () => {
    const owner = (namespace: string, pod: string, uid: string) => ({
      owner: { namespace, pod, uid },
    });
    await put(
      claimOf('10.0.0.5', owner('a', 'web', 'u1')),
      claimOf('10.0.0.2', owner('a', 'web', 'u2')),
      claimOf('10.0.0.3', owner('b', 'web', 'u1')),
      claimOf('10.0.0.4', owner('a', 'db', 'u1')),
      claimOf('10.0.0.6', owner('', '', '')),
      restingOf(claimOf('10.0.0.7', owner('a', 'web', 'u1'))),
    );
    expect(shown(ledgerOf().claimsOfPod('a', 'web'))).toEqual(['10.0.0.2', '10.0.0.5']);
    expect(shown(ledgerOf().claimsOfPod('', ''))).toEqual(['10.0.0.6']);
    expect(ledgerOf().claimsOfPod('c', 'web')).toEqual([]);
  });

  it('finds the claims of a network on a node, of a pool, and all, in address order', async () => {
    const on = (network: string, node: string, pool: string) => ({
      node,
      pool,
      attachment: { network, containerId: 'c', interfaceName: 'eth0' },
    });
    // Blocks are first seen in an order that is not that of their addresses.
    await put(claimOf('fd00::5', on('n1', 'a', 'p')));
    await put(claimOf('10.0.9.1', on('n1', 'a', 'p')), claimOf('10.0.9.0', on('n1', 'b', 'q')));
    await put(claimOf('10.0.1.1', on('n1', 'a', 'p')), claimOf('10.0.1.2', on('n2', 'a', 'p')));
    const ledger = ledgerOf();
    expect(shown(ledger.claimsOfNetwork('n1', 'a'))).toEqual(['10.0.1.1', '10.0.9.1', 'fd00::5']);
    expect(shown(ledger.claimsOfNetwork('n2', 'b'))).toEqual([]);
    expect(shown(ledger.claimsOfNetwork('n9', 'a'))).toEqual([]);
    expect(shown(ledger.claimsOfPool('p'))).toEqual([
      '10.0.1.1',
      '10.0.1.2',
      '10.0.9.1',
      'fd00::5',
    ]);
    expect(shown(ledger.claimsOfPool('p', 2))).toEqual(['10.0.1.1', '10.0.1.2']);
    expect(shown(ledger.claimsOfPool('p', 0))).toEqual([]);
    expect(ledger.claimsOfPool('unknown')).toEqual([]);
    expect(shown(ledger.claims())).toEqual([
      '10.0.1.1',
      '10.0.1.2',
      '10.0.9.0',
      '10.0.9.1',
      'fd00::5',
    ]);
  });

  it('walks over more claims than it fetches at once', async () => {
    const claims = Array.from({ length: 2_500 }, (_, index) =>
      claimOf(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`),
    );
    await put(...claims);
    expect(shown(ledgerOf().claims())).toEqual(shown(claims));
    expect(shown(ledgerOf().claimsOfNetwork('net', 'node-1'))).toEqual(shown(claims));
  });

  it('gives resting lines in address order, ended ones included', async () => {
    const ended = restingOf(claimOf('10.0.0.9'), { releasedAt: 1, until: 2 });
    const resting = restingOf(claimOf('10.0.0.1'));
    await put(ended, resting, claimOf('10.0.0.5'));
    expect([...ledgerOf().resting()]).toEqual([resting, ended]);
  });
}

function blockSuite(ledgerOf: () => Ledger, put: (...lines: Line[]) => Promise<void>): void {
  it.each([
    { slot: 0, usedLow: 1, usedHigh: 0 },
    { slot: 31, usedLow: 0x80000000, usedHigh: 0 },
    { slot: 32, usedLow: 0, usedHigh: 1 },
    { slot: 63, usedLow: 0, usedHigh: 0x80000000 },
  ])('shows slot $slot in its word of the block', async ({ slot, usedLow, usedHigh }) => {
    await put(claimOf(`10.0.0.${64 + slot}`));
    expect([...ledgerOf().blocks()]).toEqual([
      { first: addressOf('10.0.0.64'), usedLow, usedHigh, resting: [] },
    ]);
  });

  it('shows a full block as two full words', async () => {
    await put(...Array.from({ length: 64 }, (_, slot) => claimOf(`10.0.0.${slot}`)));
    expect([...ledgerOf().blocks()]).toMatchObject([{ usedLow: 0xffffffff, usedHigh: 0xffffffff }]);
  });

  it('merges the claims of all pools of a block, and shows blocks that only rest', async () => {
    await put(
      restingOf(claimOf('fd00::'), { until: 9 }),
      claimOf('10.0.0.130', { pool: 'b' }),
      claimOf('10.0.0.129', { pool: 'a' }),
      restingOf(claimOf('10.0.0.160'), { until: 7 }),
      restingOf(claimOf('10.0.0.140'), { until: 8 }),
      restingOf(claimOf('10.0.0.1'), { until: 6 }),
      claimOf('10.0.1.0', { pool: 'a' }),
    );
    expect([...ledgerOf().blocks()]).toEqual([
      { first: addressOf('10.0.0.0'), usedLow: 0, usedHigh: 0, resting: [{ slot: 1, until: 6 }] },
      {
        first: addressOf('10.0.0.128'),
        usedLow: 0b110,
        usedHigh: 0,
        resting: [
          { slot: 12, until: 8 },
          { slot: 32, until: 7 },
        ],
      },
      { first: addressOf('10.0.1.0'), usedLow: 1, usedHigh: 0, resting: [] },
      { first: addressOf('fd00::'), usedLow: 0, usedHigh: 0, resting: [{ slot: 0, until: 9 }] },
    ]);
  });
}

function unitSuite(ledgerOf: () => Ledger): void {
  it('writes the owner of a unit with the first claim in it', async () => {
    const ledger = ledgerOf();
    const unit = unitOf('10.0.0.0/26');
    const claim = claimOf('10.0.0.1');
    expect(ledger.unit(unit.cidr)).toBeUndefined();
    const outcome = await ledger.commit([writeOf(claim)], [{ was: undefined, now: unit }]);
    expect(outcome).toEqual({ kind: 'durable' });
    expect(ledger.unit(unit.cidr)).toEqual(unit);
    expect(ledger.line(claim.address)).toEqual(claim);
  });

  it.each([
    { what: 'no owner, but it has one', was: 'none' },
    { what: 'an owner that it no longer has', was: 'stale' },
  ])('loses a claim whose unit was read with $what, and the slots with it', async ({ was }) => {
    const ledger = ledgerOf();
    const owned = unitOf('10.0.0.0/26', 'node-1');
    await ledger.commit([], [{ was: undefined, now: owned }]);
    const now = unitOf('10.0.0.0/26', 'node-2');
    const read = was === 'none' ? undefined : unitOf('10.0.0.0/26', 'node-1');
    const claim = claimOf('10.0.0.1', { node: 'node-2' });
    expect(await ledger.commit([writeOf(claim)], [{ was: read, now }])).toEqual({
      kind: 'lost',
      conflicts: [],
      units: [{ cidr: owned.cidr, now: owned }],
    });
    expect(ledger.line(claim.address)).toBeUndefined();
    expect(ledger.unit(owned.cidr)).toEqual(owned);
  });

  it('leaves a unit without an owner when the slots of the claim are lost', async () => {
    const ledger = ledgerOf();
    await ledger.commit([writeOf(claimOf('10.0.0.1'))]);
    const unit = unitOf('10.0.0.0/26', 'never-seen');
    const outcome = await ledger.commit(
      [writeOf(claimOf('10.0.0.1'))],
      [{ was: undefined, now: unit }],
    );
    expect(outcome).toMatchObject({ kind: 'lost', conflicts: [{}], units: [] });
    expect(ledger.unit(unit.cidr)).toBeUndefined();
  });

  it('lands the same write of a unit with each of several claims', async () => {
    const ledger = ledgerOf();
    const write = { was: undefined, now: unitOf('10.0.0.0/26') };
    const outcomes = await Promise.all(
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) =>
        ledger.commit([writeOf(claimOf(address))], [write]),
      ),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['durable', 'durable', 'durable']);
    expect(ledger.unit(write.now.cidr)).toEqual(write.now);
  });

  it.each([
    { what: 'lands a claim while the unit is as it must be', changed: false, kind: 'durable' },
    { what: 'loses a claim whose unit must be as it was, and is not', changed: true, kind: 'lost' },
  ])('$what, and leaves the unit alone', async ({ changed, kind }) => {
    const ledger = ledgerOf();
    const unit = unitOf('10.0.0.0/26', 'node-1');
    const other = unitOf('10.0.0.0/26', 'node-2');
    await ledger.commit([], [{ was: undefined, now: unit }]);
    if (changed) {
      await ledger.commit([], [{ was: unit, now: other }]);
    }
    const claims = ['10.0.0.1', '10.0.0.2'].map((address) => claimOf(address));
    const outcomes = await Promise.all(
      claims.map((claim) => ledger.commit([writeOf(claim)], [{ was: unit, now: unit }])),
    );
    expect(outcomes.map((outcome) => outcome.kind)).toEqual([kind, kind]);
    expect(ledger.unit(unit.cidr)).toEqual(changed ? other : unit);
    expect(shown(ledger.claims())).toEqual(changed ? [] : ['10.0.0.1', '10.0.0.2']);
  });

  it('gives a unit to another node over the very owner that was read', async () => {
    const ledger = ledgerOf();
    const was = unitOf('10.0.0.0/26', 'node-1');
    const now = unitOf('10.0.0.0/26', 'node-2', { claimedAt: 1_700_000_500_000 });
    await ledger.commit([], [{ was: undefined, now: was }]);
    expect(await ledger.commit([], [{ was, now }])).toEqual({ kind: 'durable' });
    expect(ledger.unit(was.cidr)).toEqual(now);
  });

  it('lists the units within a network in address order, whatever their size', async () => {
    const ledger = ledgerOf();
    const texts = ['10.0.4.0/22', '10.0.0.64/32', '10.0.0.0/26', '10.1.0.0/26', 'fd00::40/122'];
    await ledger.commit(
      [],
      texts.map((text) => ({ was: undefined, now: unitOf(text) })),
    );
    const listed = (within: string) =>
      [...ledger.units(cidrOf(within))].map(({ cidr }) => formatCidr(cidr));
    expect(listed('10.0.0.0/16')).toEqual(['10.0.0.0/26', '10.0.0.64/32', '10.0.4.0/22']);
    expect(listed('10.0.0.64/26')).toEqual(['10.0.0.64/32']);
    expect(listed('fd00::/48')).toEqual(['fd00::40/122']);
    expect(listed('10.2.0.0/16')).toEqual([]);
    expect(ledger.unit(cidrOf('10.0.0.0/27'))).toBeUndefined();
  });
}

/** A few addresses, so that writes meet: two blocks of IPv4 and one of IPv6. */
const ADDRESSES = ['10.0.0.0', '10.0.0.63', '10.0.0.64', '10.0.0.65', 'fd00::3f'];

/** Units of different sizes that share a first address, and one of IPv6. */
const UNITS = ['10.0.0.0/26', '10.0.0.0/27', 'fd00::/122'];

/** One commit: for each write the slot, what becomes of it, and whether it was read before or guessed. */
const command = fc.array(
  fc.record({
    address: fc.constantFrom(...ADDRESSES),
    state: fc.constantFrom('claimed', 'resting'),
    read: fc.constantFrom('current' as const, 'current', 'current', 'absent', 'stale'),
    name: fc.constantFrom('a', 'b'),
    order: fc.nat(2),
    unit: fc.option(fc.constantFrom(...UNITS), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 4 },
);

type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

function writesOf(ledger: Ledger, wanted: Command): SlotWrite[] {
  // A commit writes a slot at most once.
  const once = wanted.filter(
    (item, index) => wanted.findIndex((other) => other.address === item.address) === index,
  );
  return once.map(({ address, state, read, name, order }) => {
    const claim = claimOf(address, {
      order,
      pool: `pool-${name}`,
      node: `node-${name}`,
      owner: { namespace: `ns-${name}`, pod: name, uid: '' },
      attachment: { network: `net-${name}`, containerId: name, interfaceName: `eth${order}` },
    });
    const current = ledger.line(claim.address);
    const was =
      read === 'current' ? current : read === 'absent' ? undefined : { ...claim, nonce: 'stale' };
    return { was, now: state === 'claimed' ? claim : restingOf(claim, { nonce: freshNonce() }) };
  });
}

function unitWritesOf(ledger: Ledger, wanted: Command): UnitWrite[] {
  return UNITS.flatMap((unit): UnitWrite[] => {
    const item = wanted.find((candidate) => candidate.unit === unit);
    if (item === undefined) return [];
    const now = unitOf(unit, `node-${item.name}`);
    const current = ledger.unit(now.cidr);
    const was = { current, absent: undefined, stale: unitOf(unit) }[item.read];
    // A write that landed may come again.
    const again = item.order === 2 && current !== undefined;
    return [again ? { was: undefined, now: current } : { was, now }];
  });
}

async function sameAsModel(tested: LedgerFixture, commands: readonly Command[]): Promise<void> {
  const model = new ModelLedger();
  for (const wanted of commands) {
    const writes = writesOf(model, wanted);
    const units = unitWritesOf(model, wanted);
    const outcome = await tested.ledger.commit(writes, units);
    expect(withoutDual(outcome)).toEqual(withoutDual(await model.commit(writes, units)));
  }
  expect(withoutDual(answersOf(tested.ledger))).toEqual(withoutDual(answersOf(model)));
}

/** Only a ledger whose commits may land in parts marks claims of two families. */
function withoutDual(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, member) => (key === 'dual' ? undefined : member)));
}

function answersOf(ledger: Ledger): unknown {
  const names = ['a', 'b'];
  const list = (claims: Iterable<Claim>) => [...claims];
  return {
    lines: ADDRESSES.map((address) => ledger.line(addressOf(address))),
    claims: list(ledger.claims()),
    resting: [...ledger.resting()],
    blocks: [...ledger.blocks()],
    units: ['0.0.0.0/0', 'fd00::/8'].flatMap((text) => [...ledger.units(cidrOf(text))]),
    byContainer: names.map((name) => ledger.claimsOfContainer(`net-${name}`, name)),
    byPod: names.map((name) => ledger.claimsOfPod(`ns-${name}`, name)),
    byNetwork: names.map((name) => list(ledger.claimsOfNetwork(`net-${name}`, `node-${name}`))),
    byPool: names.map((name) => ledger.claimsOfPool(`pool-${name}`)),
  };
}
