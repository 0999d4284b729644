/**
 * What people do to the blocks of a simulated cluster with `kubectl edit` and `kubectl delete`, and what may
 * follow from it (rule 13): the promises that hold all the same, and those that an edit takes away.
 *
 *     a line that cannot be read     nobody is given its address; its sandbox is known to nobody
 *     a line or a block removed      its agent writes the claim again, unless another pod's claim was faster
 */
import type { Claim, Line } from '../../src/ipam/ports.ts';
import { readLine, writeLine } from '../../src/kube/block-line.ts';
import { firstOfBlock, type IpBlock } from '../../src/kube/ip-block.ts';
import { type Address, addressInBlock, formatAddress } from '../../src/net/address.ts';
import { claimOf, restingOf } from '../support/lines.ts';
import type { SimulatedApiServer } from '../support/simulated-api-server.ts';
import type { Random } from '../world/random.ts';

export interface EditCounts {
  removedBlocks: number;
  removedLines: number;
  garbled: number;
  /** Claims that were written again over what was removed. */
  again: number;
}

const GARBAGE = 'mine now';

export class HandEdits {
  readonly counts: EditCounts = { removedBlocks: 0, removedLines: 0, garbled: 0, again: 0 };
  /** Containers of lines that cannot be read, or could not: what is answered of them is worth nothing. */
  readonly garbled = new Set<string>();
  /** Containers whose removed claim another pod's took the place of, or whose agent died before it saw that. */
  readonly robbed = new Set<string>();
  /** Containers whose claim was written where a line had been removed: an old request may have done it. */
  readonly phantoms = new Set<string>();
  readonly #server: SimulatedApiServer;
  readonly #random: Random;
  /** Claims that were removed and not written again, by place. */
  readonly #missing = new Map<string, Claim>();
  /** Containers whose line cannot be read, by place. */
  readonly #unreadable = new Map<string, string>();
  /** Places whose line was removed. */
  readonly #bare = new Set<string>();
  readonly #isRunning: (node: string) => boolean;
  #editing = false;

  /** `isRunning`: whether the agent of a node has read the blocks, so that it misses what is removed. */
  constructor(server: SimulatedApiServer, random: Random, isRunning: (node: string) => boolean) {
    this.#server = server;
    this.#random = random;
    this.#isRunning = isRunning;
  }

  /** Claims that their agents have still to write again. */
  missing(): Claim[] {
    return [...this.#missing.values()];
  }

  /** Addresses whose lines cannot be read. */
  unreadable(): Address[] {
    return this.#lines().flatMap(({ address, line }) => (line === undefined ? [address] : []));
  }

  /** Every claim that can be read. */
  claims(): Claim[] {
    return this.#lines().flatMap(({ line }) => (line?.state === 'claimed' ? [line] : []));
  }

  removeBlock(): void {
    if (this.#server.blocks.size > 0) {
      this.counts.removedBlocks += 1;
      const name = this.#random.pick([...this.#server.blocks.keys()]);
      this.#edit(() => this.#server.remove(name));
    }
  }

  removeLine(): void {
    const lines = this.#lines().filter(({ line }) => line !== undefined);
    if (lines.length > 0) {
      this.counts.removedLines += 1;
      const { block, slot } = this.#random.pick(lines);
      this.#write(block, slot, undefined);
    }
  }

  garble(): void {
    const claims = this.#lines().flatMap(({ block, slot, line }) =>
      line?.state === 'claimed' ? [{ block, slot, line }] : [],
    );
    if (claims.length > 0) {
      this.counts.garbled += 1;
      const { block, slot, line } = this.#random.pick(claims);
      // A pod's claims may be on their way from one of its containers to the next.
      for (const { owner, attachment } of this.claims()) {
        if (owner.uid === line.owner.uid) {
          this.garbled.add(attachment.containerId);
        }
      }
      this.#unreadable.set(`${block} ${slot}`, line.attachment.containerId);
      this.#write(block, slot, GARBAGE);
    }
  }

  /** An operator frees an address whose line cannot be read, once no sandbox has it. */
  repair(isUsed: (address: Address) => boolean, now: number): void {
    const idle = this.#lines().filter(
      ({ line, address }) => line === undefined && !isUsed(address),
    );
    if (idle.length > 0) {
      const { block, slot, address } = this.#random.pick(idle);
      const rest = restingOf(claimOf(formatAddress(address)), {
        releasedAt: now,
        until: now + 30_000,
      });
      const { text, names } = writeLine(rest, {});
      this.#write(block, slot, text, names);
    }
  }

  /** The agent of a node has died, and with it what it knew of its claims. */
  forget(node: string): void {
    for (const [place, claim] of this.#missing) {
      if (claim.node === node) {
        this.robbed.add(claim.attachment.containerId);
        this.#missing.delete(place);
      }
    }
  }

  /** A block changed. Returns which rule that broke. */
  follow(before: IpBlock | undefined, after: IpBlock | undefined): string | undefined {
    const { name } = (before ?? after)!.metadata;
    const [old, now] = [before?.spec.slots ?? {}, after?.spec.slots ?? {}];
    for (const slot of new Set([...Object.keys(old), ...Object.keys(now)])) {
      if (old[slot] === now[slot]) {
        continue;
      }
      if (this.#editing) {
        this.#heedEdit(`${name} ${slot}`, lineOf(before, slot), now[slot]);
      } else if (after !== undefined && now[slot] === undefined) {
        return `rule 9: slot ${slot} of ${name} became absent`;
      } else if (old[slot] === GARBAGE) {
        return `rule 13: slot ${slot} of ${name} was edited by hand and is ${now[slot]}`;
      } else {
        this.#heedWrite(`${name} ${slot}`, lineOf(after, slot));
      }
    }
    return undefined;
  }

  #heedEdit(place: string, was: Line | undefined, now: string | undefined): void {
    const unreadable = this.#unreadable.get(place);
    if (unreadable !== undefined && now !== GARBAGE) {
      // Its address is free for all from now on.
      this.robbed.add(unreadable);
      this.#unreadable.delete(place);
    }
    if (now === undefined) {
      this.#bare.add(place);
      if (was?.state === 'claimed' && !this.#isRunning(was.node)) {
        this.robbed.add(was.attachment.containerId);
      } else if (was?.state === 'claimed') {
        this.#missing.set(place, was);
      }
    }
  }

  #heedWrite(place: string, line: Line | undefined): void {
    if (!this.#bare.delete(place)) {
      return;
    }
    if (line?.state === 'claimed') {
      this.phantoms.add(line.attachment.containerId);
    }
    const missing = this.#missing.get(place);
    this.#missing.delete(place);
    if (missing !== undefined) {
      const same = line?.owner.uid === missing.owner.uid;
      this.counts.again += same ? 1 : 0;
      if (!same) {
        this.robbed.add(missing.attachment.containerId);
      }
    }
  }

  #write(block: string, slot: string, text: string | undefined, names: object = {}): void {
    this.#edit(() =>
      this.#server.edit(block, ({ spec, ...object }) => {
        const { [slot]: _, ...slots } = spec.slots;
        return {
          ...object,
          spec: {
            ...spec,
            names: { ...spec.names, ...names },
            slots: text === undefined ? slots : { ...slots, [slot]: text },
          },
        };
      }),
    );
  }

  #edit(edit: () => void): void {
    this.#editing = true;
    edit();
    this.#editing = false;
  }

  #lines(): { block: string; slot: string; address: Address; line: Line | undefined }[] {
    return [...this.#server.blocks.values()].flatMap((block) =>
      Object.keys(block.spec.slots).map((slot) => ({
        block: block.metadata.name,
        slot,
        address: addressInBlock(firstOfBlock(block)!, Number(slot)),
        line: lineOf(block, slot),
      })),
    );
  }
}

/** Undefined where there is none, or none that can be read. */
function lineOf(block: IpBlock | undefined, slot: string): Line | undefined {
  const text = block?.spec.slots[slot];
  if (block === undefined || text === undefined) {
    return undefined;
  }
  const line = readLine(addressInBlock(firstOfBlock(block)!, Number(slot)), text, block.spec.names);
  return 'fault' in line ? undefined : line;
}
