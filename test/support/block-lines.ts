/** What the objects of a simulated API server say, read without any ledger. */
import type { Claim, Line } from '../../src/ipam/ports.ts';
import { readLine } from '../../src/kube/block-line.ts';
import { firstOfBlock } from '../../src/kube/ip-block.ts';
import { addressInBlock } from '../../src/net/address.ts';
import type { SimulatedApiServer } from './simulated-api-server.ts';

/** All lines of all blocks. A line that cannot be read is an error. */
export function storedLines(server: SimulatedApiServer): Line[] {
  return [...server.blocks.values()].flatMap((block) => {
    const first = firstOfBlock(block)!;
    return Object.entries(block.spec.slots).map(([slot, text]) => {
      const line = readLine(addressInBlock(first, Number(slot)), text, block.spec.names);
      if ('fault' in line) {
        throw new Error(`${block.metadata.name} slot ${slot}: ${line.fault}: ${text}`);
      }
      return line;
    });
  });
}

export function storedClaims(server: SimulatedApiServer): Claim[] {
  return storedLines(server).filter((line) => line.state === 'claimed');
}
