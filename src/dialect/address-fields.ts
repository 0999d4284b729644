/**
 * The fields about addresses that Spiderpool's pools, subnets and reservations share: subnet, ranges,
 * gateway and routes, with Spiderpool's texts (reference/spiderpool.md 2.1, 2.4 rows 4–16). Nothing here
 * expands a range.
 */
import { LIMITS } from '../catalogue/limits.ts';
import { type Address, type Family, familyOf, parseAddress } from '../net/address.ts';
import { type Cidr, cidrContains, formatCidr, parseCidr } from '../net/cidr.ts';
import { parseRange, type Range } from '../net/range.ts';
import { RangeSet } from '../net/range-set.ts';
import { forbidden, invalid } from '../selector/field-error.ts';
import type { Route } from './pool.ts';
import { type Fields, fieldFault, inline, listAt, mapAt, textAt, textsAt } from './spec-fields.ts';

/** The addresses a spec lists. */
export interface ListedAddresses {
  readonly ips: RangeSet;
  readonly excluded: RangeSet;
  /** `ips` minus `excludeIPs`: the total set. */
  readonly ranges: RangeSet;
}

/** What is wrong with one entry of a range list; undefined where nothing is. */
export type RangeRule = (entry: string, range: Range | undefined) => string | undefined;

/** Rows 4 and 5: a CIDR of the family, in canonical form. */
export function readSubnet(text: string, family: Family): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined || parsed.cidr.family !== family) {
    const detail = `invalid CIDR format in IPv${family} '${inline(text)}'`;
    throw fieldFault(invalid('spec.subnet', text, detail));
  }
  if (!parsed.canonical) {
    const detail = `unformatted subnet ${text}, please change it to ${formatCidr(parsed.cidr)}`;
    throw fieldFault(invalid('spec.subnet', text, detail));
  }
  return parsed.cidr;
}

/** Row 8: `A` or `A-B`, not reversed, inside the subnet. */
export function poolRangeRule(subnet: Cidr): RangeRule {
  return (entry, range) => {
    if (range && cidrContains(subnet, range.first) && cidrContains(subnet, range.last)) {
      return undefined;
    }
    const ends = entry.split('-');
    if (ends.length > 2 || entry === '' || /[/\s]/.test(entry))
      return `invalid range: ${inline(entry)}`;
    for (const end of ends) {
      const address = parseAddress(end);
      if (address === undefined) return `invalid IP address: ${inline(end)}`;
      if (!cidrContains(subnet, address)) return `not match base subnet: ${end}`;
    }
    return `invalid range: ${entry}`;
  };
}

/** The form of an entry in a SpiderReservedIP (reference/spiderpool.md 2.6). */
export function reservedRangeRule(family: Family): RangeRule {
  return (entry, range) =>
    range !== undefined && familyOf(range.first) === family
      ? undefined
      : `invalid IP range format in IPv${family} '${inline(entry)}'`;
}

/** The form of an entry in a SpiderSubnet (reference/spiderpool.md 2.5; the text says IPPool there too). */
export function subnetRangeRule(subnet: Cidr): RangeRule {
  const form = reservedRangeRule(subnet.family);
  return (entry, range) => {
    const fault = form(entry, range);
    if (fault !== undefined || range === undefined) return fault;
    if (cidrContains(subnet, range.first) && cidrContains(subnet, range.last)) return undefined;
    return `not pertains to the 'spec.subnet' ${formatCidr(subnet)} of IPPool`;
  };
}

/** Reads a list of ranges; the first entry that breaks the rule is named with its index and value. */
export function readRanges(list: readonly string[], path: string, rule: RangeRule): RangeSet {
  checkCount(list.length, path);
  const ranges: Range[] = [];
  for (const [index, entry] of list.entries()) {
    const range = parseRange(entry);
    const fault = rule(entry, range);
    if (fault !== undefined) throw fieldFault(invalid(`${path}[${index}]`, entry, fault));
    if (range !== undefined) ranges.push(range);
  }
  return RangeSet.of(ranges);
}

function checkCount(count: number, path: string): void {
  const most = LIMITS.poolRangesMax;
  if (count > most) {
    throw fieldFault(`${path}: Too many: ${count}: must have at most ${most} items`);
  }
}

/** `ips` and `excludeIPs` of a spec. */
export function readAddresses(spec: Fields, rule: RangeRule): ListedAddresses {
  const ips = readRanges(textsAt(spec.ips, 'spec.ips') ?? [], 'spec.ips', rule);
  const excluded = readRanges(
    textsAt(spec.excludeIPs, 'spec.excludeIPs') ?? [],
    'spec.excludeIPs',
    rule,
  );
  const ranges = ips.subtract(excluded);
  if (ranges.count > LIMITS.poolRangesMax) {
    const detail = `leaves ${ranges.count} separate ranges of 'spec.ips', at most ${LIMITS.poolRangesMax}`;
    throw fieldFault(forbidden('spec.excludeIPs', detail));
  }
  return { ips, excluded, ranges };
}

/** Rows 10 and 11: an address of the subnet. */
export function readGatewayAt(text: string, path: string, subnet: Cidr): Address {
  const address = parseAddress(text);
  if (address === undefined || familyOf(address) !== subnet.family) {
    const detail = `invalid IP format in IPv${subnet.family} '${inline(text)}'`;
    throw fieldFault(invalid(path, text, detail));
  }
  if (!cidrContains(subnet, address)) {
    const detail = `not pertains to the 'spec.subnet' ${formatCidr(subnet)} of IPPool`;
    throw fieldFault(invalid(path, text, detail));
  }
  return address;
}

/** Rows 10 to 12: `spec.gateway`, which no pod may be given. */
export function readGateway(
  spec: Fields,
  subnet: Cidr,
  addresses: ListedAddresses,
): Address | undefined {
  const text = textAt(spec.gateway, 'spec.gateway');
  if (text === undefined) return undefined;
  const gateway = readGatewayAt(text, 'spec.gateway', subnet);
  if (!addresses.ranges.has(gateway)) return gateway;
  const entries = textsAt(spec.ips, 'spec.ips') ?? [];
  const index = entries.findIndex((entry) => {
    const range = parseRange(entry);
    return range !== undefined && RangeSet.of([range]).has(gateway);
  });
  const detail = `conflicts with 'spec.gateway' ${text}, add the gateway IP address to 'spec.excludeIPs' or remove it from 'spec.ips'`;
  throw fieldFault(invalid(`spec.ips[${index}]`, entries[index], detail));
}

/** Rows 13 to 16: the routes beside the default one. Host bits of a destination are cleared. */
export function readRoutes(spec: Fields, subnet: Cidr): readonly Route[] {
  const seen = new Set<string>();
  return (listAt(spec.routes, 'spec.routes') ?? []).map((item, index) => {
    const path = `spec.routes[${index}]`;
    const route = mapAt(item, path) ?? {};
    const dst = textAt(route.dst, `${path}.dst`) ?? '';
    const gw = textAt(route.gw, `${path}.gw`) ?? '';
    const destination = readDestination(dst, `${path}.dst`, subnet.family, seen);
    return { destination, gateway: readGatewayAt(gw, `${path}.gw`, subnet) };
  });
}

function readDestination(text: string, path: string, family: Family, seen: Set<string>): Cidr {
  const cidr = parseCidr(text)?.cidr;
  if (cidr?.family === family && cidr.prefix === 0) {
    const detail = "please specify 'spec.gateway' to configure the default route";
    throw fieldFault(invalid(path, text, detail));
  }
  // Two spellings of one network would be two routes to the same place.
  const key = cidr === undefined ? text : formatCidr(cidr);
  if (seen.has(key)) throw fieldFault(invalid(path, text, 'duplicate route with the same dst'));
  seen.add(key);
  if (cidr?.family !== family) {
    const detail = `invalid CIDR format in IPv${family} '${inline(text)}'`;
    throw fieldFault(invalid(path, text, detail));
  }
  return cidr;
}

/**
 * The list as the mutating webhook stores it: sorted, merged `A` or `A-B` texts. A list of fewer than two
 * entries, or with one that is not a range, stays as written (reference/spiderpool.md 2.1, 2.3 step 6).
 */
export function mergedRanges(list: unknown): unknown {
  if (!Array.isArray(list) || list.length < 2 || list.length > LIMITS.poolRangesMax) return list;
  const ranges: Range[] = [];
  for (const entry of list) {
    const range = typeof entry === 'string' ? parseRange(entry) : undefined;
    if (range === undefined) return list;
    ranges.push(range);
  }
  return RangeSet.of(ranges).format();
}
