/** A cluster that holds many claims, written as IPBlocks faster than through the ledger. */
import type { Claim } from '../../src/ipam/ports.ts';
import type { ApiServer } from '../../src/kube/api-server.ts';
import { writeLine } from '../../src/kube/block-line.ts';
import { BlockServer } from '../../src/kube/block-server.ts';
import { type IpBlock, newBlock } from '../../src/kube/ip-block.ts';
import { type Address, addressInBlock, addToAddress } from '../../src/net/address.ts';
import { inLanes } from './designs.ts';

const SLOTS = 64;
const AT_ONCE = 16;
/** As a kubelet fills its node. */
const CLAIMS_PER_NODE = 100;

/**
 * Claims of pool `pool` from the first address of a block on, for pods of many nodes, one address each: names, uids
 * and container ids as long as real ones, and the same in every run. Rejects where the server refuses one.
 */
export async function fillBlocks(api: ApiServer, first: Address, claims: number): Promise<void> {
  const server = new BlockServer(api);
  const blocks = Array.from({ length: Math.ceil(claims / SLOTS) }, (_, at) => at);
  await inLanes(blocks, AT_ONCE, async (at) => {
    const count = Math.min(SLOTS, claims - at * SLOTS);
    const outcome = await server.create(blockOf(addToAddress(first, at * SLOTS), at, count));
    if (outcome.kind !== 'ok') throw new Error(`no block: ${JSON.stringify(outcome)}`);
  });
}

function blockOf(first: Address, block: number, count: number): IpBlock {
  const slots: Record<string, string> = {};
  let names: Readonly<Record<string, string>> = {};
  for (let slot = 0; slot < count; slot += 1) {
    const line = writeLine(claimOf(addressInBlock(first, slot), block * SLOTS + slot), names);
    slots[slot] = line.text;
    names = { ...names, ...line.names };
  }
  return newBlock(first, { names, slots, units: {} });
}

function claimOf(address: Address, index: number): Claim {
  const hex = index.toString(16).padStart(8, '0');
  return {
    state: 'claimed',
    address,
    pool: 'pool',
    node: `worker-${Math.floor(index / CLAIMS_PER_NODE)}.example.internal`,
    owner: {
      namespace: `namespace-${index % 50}`,
      pod: `deployment-7d9f8c6b5d-${hex}`,
      uid: `${hex}-0000-4000-8000-${hex.padStart(12, '0')}`,
    },
    attachment: { network: 'bench', containerId: hex.padStart(64, 'c'), interfaceName: 'eth0' },
    ahead: false,
    order: 0,
    claimedAt: 1_700_000_000_000 + index,
    nonce: `${hex}${hex}`,
  };
}
