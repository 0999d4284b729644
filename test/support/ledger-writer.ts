/**
 * A process that writes through the ledger until it is killed. Each of its lanes owns an IPv4 and an IPv6
 * address and writes both in one commit, over and over: claimed, at rest, claimed … Every commit that was
 * answered is printed as `LANE NUMBER`, and no sooner.
 *
 * Arguments: the state folder, the number of lanes.
 */
import { writeSync } from 'node:fs';
import { EmbeddedLedger } from '../../src/embedded/ledger.ts';
import { SCHEMA } from '../../src/embedded/schema.ts';
import type { Line } from '../../src/ipam/ports.ts';
import type { Address } from '../../src/net/address.ts';
import { Database } from '../../src/sqlite/database.ts';
import { GroupCommit } from '../../src/sqlite/group-commit.ts';

const folder = process.argv[2]!;
const lanes = Number(process.argv[3]);
const database = Database.open(folder, SCHEMA);
const clock = { now: () => Date.now() };
const commits = new GroupCommit(database, {
  writesMax: 4_096,
  housekeeping: (writes) => ledger.tidy(writes),
});
const ledger = new EmbeddedLedger({ database, commits, clock });

/** The line of write `number`: claims have even numbers, rests odd ones; the nonce is the number. */
function lineOf(address: Address, lane: number, number: number): Line {
  const owner = { namespace: `ns-${lane % 3}`, pod: `pod-${lane}`, uid: `uid-${number}` };
  const common = { address, pool: 'pool', owner, nonce: String(number) };
  if (number % 2 === 1) {
    return { state: 'resting', ...common, releasedAt: clock.now(), until: clock.now() + 30_000 };
  }
  const attachment = { network: 'net', containerId: `c-${lane}-${number}`, interfaceName: 'eth0' };
  const rest = { node: 'node-1', attachment, ahead: false, order: 0, claimedAt: clock.now() };
  return { state: 'claimed', ...common, ...rest };
}

async function run(lane: number): Promise<never> {
  const addresses: Address[] = [
    [0, 0, 0xffff, 0x0a000000 + lane * 40],
    [0xfd000000, 0, 0, lane * 40],
  ];
  let number = Number(ledger.line(addresses[0]!)?.nonce ?? -1);
  while (true) {
    number += 1;
    const writes = addresses.map((address) => ({
      was: ledger.line(address),
      now: lineOf(address, lane, number),
    }));
    const outcome = await ledger.commit(writes);
    if (outcome.kind !== 'durable') {
      throw new Error(`lane ${lane} lost write ${number}`);
    }
    writeSync(1, `${lane} ${number}\n`);
  }
}

for (let lane = 0; lane < lanes; lane += 1) {
  void run(lane);
}
