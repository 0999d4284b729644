/**
 * The SpiderSubnets by network, for admission.
 */
import type { Cidr } from '../net/cidr.ts';
import type { SubnetSummary } from './admission-context.ts';
import { CidrIndex } from './cidr-index.ts';

/** All SpiderSubnets, by name and by network. */
export class SpiderSubnetIndex {
  readonly #byCidr = new CidrIndex<SubnetSummary>();
  readonly #byName = new Map<string, SubnetSummary>();

  /** Adds a subnet, or replaces the one of the same name. */
  put(subnet: SubnetSummary): void {
    this.delete(subnet.name);
    this.#byName.set(subnet.name, subnet);
    this.#byCidr.set(subnet.subnet, subnet.name, subnet);
  }

  /** Forgets a subnet; nothing happens where it is not kept. */
  delete(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    this.#byCidr.delete(known.subnet, name);
  }

  /** The subnets that share an address with `subnet`, in address order. */
  *spiderSubnetsOverlapping(subnet: Cidr): Generator<SubnetSummary> {
    for (const group of this.#byCidr.overlapping(subnet)) yield* group.values.values();
  }
}
