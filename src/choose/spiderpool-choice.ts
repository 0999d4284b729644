/**
 * From a Spiderpool source's rule to ordered candidates for every interface and family
 * (reference/spiderpool.md 4). A list is tried in the order written; default pools and the matches
 * of one wildcard by specificity, ties by name.
 */
import type { OrbweaverError } from '../catalogue/errors.ts';
import { readPodRoutes } from '../dialect/annotations.ts';
import type { Pool } from '../dialect/pool.ts';
import { type Address, type Family, formatAddress } from '../net/address.ts';
import { CLASSES, type Selection } from './catalog.ts';
import type { Choice, FamilyChoice, InterfaceChoice, Rejection } from './choice.ts';
import {
  describeRejections,
  emptyRuleError,
  filteredOutError,
  goList,
  inStandardMode,
  nicOf,
  type Refuse,
  spiderpoolError,
} from './messages.ts';
import { networkAttachmentOf } from './network-attachment.ts';
import { findPools } from './pool-names.ts';
import { type Case, questionOf, spiderpoolRejection } from './rejection.ts';
import { type RequestedAddress, requestedByFamily } from './requested-address.ts';
import {
  type Context,
  type FamilyList,
  type Rule,
  type SourceItem,
  subnetNote,
} from './sources.ts';
import type { Subject } from './subject.ts';

const FAMILIES = [4, 6] as const;

const defaultPools = (family: Family): Selection => ({
  list: 'spiderpool',
  family,
  properties: ['default'],
  classes: [],
});
const usableDefaultPools = (family: Family): Selection => ({
  list: 'spiderpool',
  family,
  properties: ['default', 'alive', 'enabled'],
  classes: CLASSES,
});
const DEFAULT_POOLS = { 4: defaultPools(4), 6: defaultPools(6) };
const USABLE_DEFAULT_POOLS = { 4: usableDefaultPools(4), 6: usableDefaultPools(6) };

/** One run of choosing: its context, the rule that speaks, and where notes and refusals go. */
interface Run extends Context {
  readonly rule: Rule;
  readonly notes: string[];
  readonly refuse: Refuse;
}

/** The pools listed for one family, before anything is filtered. */
interface Listing {
  /** The pools in listing order; made when asked for. */
  pools(): readonly Pool[];
  /** Those that are neither refused by a class nor by their state, in the order to try. */
  candidates(): readonly Pool[];
}

/**
 * Throws ANNOTATION_INVALID, CONFIG_INVALID, POOL_UNKNOWN or UNSUPPORTED_REQUEST where the rule
 * itself cannot be used, and gives NO_POOL_AVAILABLE, UNSUPPORTED_REQUEST or ADDRESS_TAKEN to
 * `refuse` where it leaves no candidate; a family that `refuse` lets pass comes back without
 * candidates. Texts are Spiderpool's; the details name every pool and its reason.
 */
export function chooseBySpiderpool(context: Context, rule: Rule, refuse: Refuse): Choice {
  const { subject } = context;
  const subnet = subnetNote(subject);
  const notes = subnet === undefined ? [...rule.notes] : [subnet, ...rule.notes];
  const customRoutes = inStandardMode(() => readPodRoutes(subject.pod?.annotations ?? {}));
  const asked = askedItem(rule, subject);
  const interfaces = rule.items.map((item) => {
    const requested =
      item === asked && subject.wishes.addresses.length > 0
        ? requestedByFamily(subject.wishes)
        : NOTHING_REQUESTED;
    return chooseInterface({ ...context, rule, notes, refuse }, item, requested);
  });
  if (interfaces[asked.order]?.families.length === 0) {
    refuse(emptyRuleError(nicOf(asked), [`the rule is: ${rule.source}`, ...notes]));
  }
  return { dialect: 'spiderpool', source: rule.source, interfaces, customRoutes, notes };
}

const NOTHING_REQUESTED: ReadonlyMap<Family, RequestedAddress> = new Map();

/** The item that this call is about: the one of its name, or the first where they have none. */
function askedItem(rule: Rule, subject: Subject): SourceItem {
  return rule.items.find((item) => item.name === subject.interfaceName) ?? rule.items[0]!;
}

function chooseInterface(
  run: Run,
  item: SourceItem,
  requested: ReadonlyMap<Family, RequestedAddress>,
): InterfaceChoice {
  const { catalog, subject, rule } = run;
  const nic = nicOf(item);
  const network = catalog.asksForNetworks
    ? networkAttachmentOf(subject.pod, nic)
    : ({ kind: 'known', network: '' } as const);
  const question = questionOf(subject, network);
  const of: Case = { subject, nic, network, verdicts: catalog.ask(question) };
  const families: FamilyChoice[] = [];
  for (const family of FAMILIES) {
    const list = enabledList(run, item, family);
    const listing = list === undefined ? undefined : listingOf(run, list, family, of);
    const wanted = requested.get(family);
    if (listing !== undefined) {
      families.push(chooseFamily(run, listing, family, of, wanted));
    } else if (wanted !== undefined) {
      run.refuse(
        spiderpoolError(
          'UNSUPPORTED_REQUEST',
          `${wanted.road} asks for ${formatAddress(wanted.address)} on NIC ${nic}, ` +
            `but the pool selection rule names no IPv${family} IPPool`,
          `the rule is: ${rule.source}`,
        ),
      );
    }
  }
  return { name: item.name, order: item.order, families, cleanGateway: item.cleanGateway };
}

/** The item's list, or undefined where the settings have the family off. */
function enabledList({ conf, rule, notes }: Run, item: SourceItem, family: Family): FamilyList {
  const list = item.lists[family];
  if (list === undefined || (family === 4 ? conf.enableIPv4 : conf.enableIPv6)) {
    return list;
  }
  notes.push(`${rule.source}: the IPv${family} pools are dropped: enableIPv${family} is false`);
  return undefined;
}

/**
 * Undefined where wildcards left nothing: the family is not asked for (reference/spiderpool.md
 * 3.4).
 */
function listingOf(
  run: Run,
  list: Exclude<FamilyList, undefined>,
  family: Family,
  of: Case,
): Listing | undefined {
  if (list === 'default pools') {
    return {
      pools: () => of.verdicts.named(DEFAULT_POOLS[family]),
      candidates: () => of.verdicts.ranked(USABLE_DEFAULT_POOLS[family]),
    };
  }
  const found = findPools(run.catalog, run.rule.source, list, family, of.nic);
  run.notes.push(...found.notes);
  if (found.pools.length === 0) {
    return undefined;
  }
  return {
    pools: () => found.pools,
    candidates: () =>
      found.pools.filter((pool) => spiderpoolRejection(pool, family, of, undefined) === undefined),
  };
}

function chooseFamily(
  { refuse }: Run,
  listing: Listing,
  family: Family,
  of: Case,
  requested: RequestedAddress | undefined,
): FamilyChoice {
  const taking = listing.candidates();
  const candidates =
    requested === undefined ? taking : taking.filter((pool) => pool.ranges.has(requested.address));
  const choice = new SpiderpoolFamily(listing, family, of, requested, candidates);
  if (taking.length === 0) {
    refuse(filteredOutError(family, of.nic, choice.rejections()));
  } else if (requested !== undefined && candidates.length === 0) {
    refuse(addressOutsideError(family, of.nic, requested, taking, choice.rejections()));
  }
  return choice;
}

class SpiderpoolFamily implements FamilyChoice {
  readonly family: Family;
  readonly candidates: readonly Pool[];
  readonly requested: Address | undefined;
  readonly road: string;
  readonly #listing: Listing;
  readonly #of: Case;
  readonly #request: RequestedAddress | undefined;

  constructor(
    listing: Listing,
    family: Family,
    of: Case,
    request: RequestedAddress | undefined,
    candidates: readonly Pool[],
  ) {
    this.family = family;
    this.candidates = candidates;
    this.requested = request?.address;
    this.road = request?.road ?? '';
    this.#listing = listing;
    this.#of = of;
    this.#request = request;
  }

  get listed(): readonly string[] {
    return this.#listing.pools().map((pool) => pool.name);
  }

  rejections(): readonly Rejection[] {
    return this.#listing
      .pools()
      .flatMap((pool) => spiderpoolRejection(pool, this.family, this.#of, this.#request) ?? []);
  }
}

function addressOutsideError(
  family: Family,
  nic: string,
  requested: RequestedAddress,
  taking: readonly Pool[],
  rejections: readonly Rejection[],
): OrbweaverError {
  const names = goList(taking.map((pool) => pool.name));
  return spiderpoolError(
    'ADDRESS_TAKEN',
    `${requested.road} asks for ${formatAddress(requested.address)} on NIC ${nic}, ` +
      `which is not among the addresses of the IPv${family} IPPools ${names}`,
    describeRejections(rejections),
  );
}
