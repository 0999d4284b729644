/**
 * What every fault has to leave true, over what the plugins were answered and over the lines of the IPBlocks:
 *
 * - no address twice: from the answer to its ADD until its DEL is sent, an address is one sandbox's alone;
 * - every answered ADD is in the ledger until its DEL;
 * - every answered DEL is gone: absent or at rest, as soon as what was promised is written;
 * - no claim without owner, after the agents were told which sandboxes run (rule 15).
 */
import { expect } from 'vitest';
import type { Claim, Line } from '../../../src/ipam/ports.ts';
import { readLine } from '../../../src/kube/block-line.ts';
import { containerRef } from '../../../src/kube/container-ref.ts';
import { firstOfBlock, type IpBlock } from '../../../src/kube/ip-block.ts';
import { addressInBlock, formatAddress } from '../../../src/net/address.ts';
import type { ControlPlane } from './control-plane.ts';
import { poll } from './poll.ts';

export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A sandbox of a pod as its runtime knows it. */
export interface Sandbox {
  readonly node: string;
  readonly pod: PodRef;
  readonly container: string;
  /** `ending`: its DEL was sent, or a later sandbox of its pod has taken its place. */
  state: 'adding' | 'running' | 'ending' | 'gone';
  /** Without prefix length, once an ADD was answered. */
  address: string | undefined;
}

/** What happened, for the table of faults. */
export interface Counts {
  adds: number;
  /** ADDs that were answered with an error. */
  refused: number;
  dels: number;
}

const BLOCKS = '/apis/ipam.orbweaver.dev/v1alpha1/ipblocks';
const REST_MS = 60_000;
const POLL_MS = 250;

export class FaultCheck {
  readonly counts: Counts = { adds: 0, refused: 0, dels: 0 };
  /** What must not be, as it was seen. */
  readonly violations: string[] = [];
  readonly #cluster: ControlPlane;
  readonly #pool: string;
  readonly #network: string;
  readonly #rest: { readonly timeout: number; readonly interval: number };
  readonly #sandboxes = new Set<Sandbox>();
  /** Of sandboxes that run, by address. */
  readonly #holders = new Map<string, Sandbox>();
  /** The one address of each pod, by uid. */
  readonly #addresses = new Map<string, string>();
  readonly #alive = new Set<string>();
  readonly #setAside = new Set<string>();

  /**
   * Checks the addresses of one pool, which has a /24 (`10.70.1`) for itself. What was promised is written, and what is left behind is freed, within
   * `restMs` milliseconds.
   */
  constructor(cluster: ControlPlane, pool: string, network: string, restMs = REST_MS) {
    this.#cluster = cluster;
    this.#network = network;
    this.#pool = pool;
    this.#rest = { timeout: restMs, interval: POLL_MS };
  }

  get running(): readonly Sandbox[] {
    return [...this.#sandboxes].filter(({ state }) => state === 'running');
  }

  podMade(pod: PodRef): void {
    this.#alive.add(pod.uid);
  }

  podGone(pod: PodRef): void {
    this.#alive.delete(pod.uid);
  }

  /** Somebody spoilt the line of this address by hand: it is nobody's until it is mended, and given to nobody. */
  setAside(address: string): void {
    this.#setAside.add(address);
  }

  /** An ADD is about to be sent. */
  adding(sandbox: Sandbox): void {
    this.#sandboxes.add(sandbox);
  }

  /** An ADD was answered with an address, without prefix length. */
  added(sandbox: Sandbox, address: string): void {
    this.counts.adds += 1;
    if (this.#setAside.has(address))
      this.violations.push(`${address} was given, which nobody can read`);
    const other = this.#holders.get(address);
    if (other !== undefined && other !== sandbox) {
      this.violations.push(
        `${address} twice: ${told(other)} has it, ${told(sandbox)} was given it`,
      );
    }
    // Rules 4 to 6: what a pod was given stays its own until it ends.
    const before = this.#addresses.get(sandbox.pod.uid);
    if (before !== undefined && before !== address) {
      this.violations.push(`${told(sandbox)} had ${before} and was given ${address}`);
    }
    this.#addresses.set(sandbox.pod.uid, address);
    this.#holders.set(address, sandbox);
    sandbox.address = address;
    sandbox.state = 'running';
  }

  /** A DEL is about to be sent, or an ADD of the next sandbox of the same pod: this one does not run any more. */
  ending(sandbox: Sandbox): void {
    if (sandbox.address !== undefined && this.#holders.get(sandbox.address) === sandbox) {
      this.#holders.delete(sandbox.address);
    }
    sandbox.state = 'ending';
  }

  /** A DEL was answered. */
  gone(sandbox: Sandbox): void {
    this.counts.dels += 1;
    sandbox.state = 'gone';
  }

  /** Compares while calls are under way: what runs before the read and still runs after it is in the ledger. */
  async look(): Promise<void> {
    const before = new Map(this.running.map((sandbox) => [sandbox, sandbox.address]));
    const claims = await this.#claims();
    const held = new Map(claims.map((claim) => [formatAddress(claim.address), claim.owner.uid]));
    for (const [sandbox, address] of before) {
      if (this.#setAside.has(address ?? '')) continue;
      const still = sandbox.state === 'running' && sandbox.address === address;
      if (still && held.get(address ?? '') !== sandbox.pod.uid) {
        this.violations.push(`${told(sandbox)} has ${address}, and the ledger does not say so`);
      }
    }
  }

  /**
   * Once no call is under way and every agent is up: all four. `collect` tells each agent, as its runtime does,
   * which sandboxes run.
   */
  async atRest(collect: () => Promise<void>): Promise<void> {
    await this.look();
    expect(this.violations).toEqual([]);
    await poll(() => this.#leftByDels(), this.#rest).toEqual([]);
    await collect();
    await poll(() => this.#held(), this.#rest).toEqual(this.#expected());
    expect(this.violations).toEqual([]);
  }

  /** What was answered DEL, and is still claimed. Kept for a living pod is not (rule 6). */
  async #leftByDels(): Promise<string[]> {
    const gone = new Map(
      [...this.#sandboxes]
        .filter(({ state }) => state === 'gone')
        .map((sandbox) => [containerRef(sandbox.container), sandbox]),
    );
    return (await this.#claims()).flatMap((claim) => {
      const sandbox = gone.get(claim.attachment.containerId);
      const isKept = claim.kept === true && this.#alive.has(claim.owner.uid);
      const as = claim.kept === true ? 'kept for' : 'of';
      return sandbox === undefined || isKept
        ? []
        : [`${formatAddress(claim.address)} ${as} ${told(sandbox)}`];
    });
  }

  /** Who has what by the ledger, without what is kept for pods that live. */
  async #held(): Promise<string[]> {
    return (await this.#claims())
      .filter(({ kept, owner }) => kept !== true || !this.#alive.has(owner.uid))
      .map(({ address, owner, node, attachment }) =>
        [formatAddress(address), owner.pod, node, attachment.containerId].join(' '),
      )
      .sort();
  }

  #expected(): string[] {
    return this.running
      .filter(({ address }) => !this.#setAside.has(address ?? ''))
      .map(({ address, pod, node, container }) =>
        [address, pod.name, node, containerRef(container)].join(' '),
      )
      .sort();
  }

  async #claims(): Promise<Claim[]> {
    const { lines, unreadable } = await readBlocks(this.#cluster);
    const strange = unreadable.filter(
      (address) => address.startsWith(`${this.#network}.`) && !this.#setAside.has(address),
    );
    if (strange.length > 0) this.violations.push(`${strange.join(', ')} cannot be read`);
    const claims = lines.filter((line) => line.state === 'claimed' && line.pool === this.#pool);
    const seen = new Map<string, Line>();
    for (const line of lines) {
      const key = formatAddress(line.address);
      if (seen.has(key)) this.violations.push(`${key} has two lines`);
      seen.set(key, line);
    }
    return claims as Claim[];
  }
}

/** Every line of every IPBlock, by a quorum read, and the addresses whose lines cannot be read. */
export async function readBlocks(
  cluster: ControlPlane,
): Promise<{ readonly lines: Line[]; readonly unreadable: string[] }> {
  const { status, text } = await cluster.ask('GET', BLOCKS);
  if (status !== 200) throw new Error(`GET ${BLOCKS}: ${status} ${text}`);
  const { items } = JSON.parse(text) as { items: IpBlock[] };
  const lines: Line[] = [];
  const unreadable: string[] = [];
  for (const block of items) {
    const first = firstOfBlock(block);
    if (first === undefined) throw new Error(`${block.metadata.name} stands for no block`);
    for (const [slot, text] of Object.entries(block.spec.slots)) {
      const address = addressInBlock(first, Number(slot));
      const line = readLine(address, text, block.spec.names);
      if ('fault' in line) unreadable.push(formatAddress(address));
      else lines.push(line);
    }
  }
  return { lines, unreadable };
}

function told({ node, pod, container }: Sandbox): string {
  return `${pod.name} (${node}, ${container.slice(0, 8)})`;
}
