/**
 * From what Calico's dialect asks for to ordered candidates (reference/calico.md 2.2 and 2.3).
 * Pools named explicitly bypass selectors and Manual mode, but must be enabled and serve workloads;
 * without a list every enabled Automatic pool whose selectors match is a candidate, in the order of
 * names.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Pool } from '../dialect/pool.ts';
import { type Family, familyOf, formatAddress } from '../net/address.ts';
import { formatCidr, parseCidr } from '../net/cidr.ts';
import { quoted } from '../selector/field-error.ts';
import { type CalicoList, type CalicoRule, calicoSourcesInUse } from './calico-sources.ts';
import type { Property } from './catalog.ts';
import type { Choice, FamilyChoice, Rejection, SourceName } from './choice.ts';
import { calicoAddressError, describeRejections, nameInText, type Refuse } from './messages.ts';
import { addressRejection, because, type Case, questionOf, reject } from './rejection.ts';
import type { RequestedAddress } from './requested-address.ts';
import type { Context } from './sources.ts';

/** What Calico calls the addresses of pods among the uses of a pool. */
const USE = 'Workload';

/** Every pool of a family. */
const ALL = { list: 'calico', properties: [], classes: [] } as const;

/** One family of one run. */
interface Run extends Context {
  readonly family: Family;
  readonly of: Case;
  readonly refuse: Refuse;
}

/**
 * Throws POOL_UNKNOWN, ANNOTATION_INVALID or CONFIG_INVALID where a list cannot be used, and gives
 * NO_POOL_AVAILABLE, POOL_UNKNOWN or ADDRESS_TAKEN to `refuse` where no candidate is left. Texts
 * are Calico's; the details name every pool and its reason.
 */
export function chooseByCalico(context: Context, rule: CalicoRule, refuse: Refuse): Choice {
  const { catalog, subject } = context;
  const network = { kind: 'known', network: '' } as const;
  const verdicts = catalog.ask(questionOf(subject, network));
  const of: Case = { subject, nic: subject.interfaceName, network, verdicts };
  if (rule.families.length === 0) {
    refuse(
      new OrbweaverError(
        'UNSUPPORTED_REQUEST',
        'no address is asked for: assign_ipv4 and assign_ipv6 are both false',
      ),
    );
  }
  const families = rule.families.map((family) => {
    const run = { ...context, family, of, refuse };
    const requested = rule.requested.get(family);
    const list = rule.lists[family];
    if (requested !== undefined) {
      return chooseHolding(run, requested);
    }
    return list === undefined ? chooseBySelectors(run) : chooseListed(run, list);
  });
  return {
    dialect: 'calico',
    source: calicoSourceOf(rule),
    interfaces: [
      {
        name: subject.interfaceName,
        order: 0,
        families,
        cleanGateway: subject.wishes.cleanGateway,
      },
    ],
    customRoutes: [],
    notes: rule.notes,
  };
}

/** Families may have different sources; the first that somebody wrote stands for the rule. */
export function calicoSourceOf(rule: CalicoRule): SourceName {
  const unwritten = 'Calico enabled pools';
  return calicoSourcesInUse(rule).find((source) => source !== unwritten) ?? unwritten;
}

function chooseListed(run: Run, list: CalicoList): FamilyChoice {
  const { catalog, family, refuse } = run;
  const named = list.pools.map((entry) => resolve(run, list, entry));
  const pools = [...new Set(named.flatMap(({ pool }) => pool ?? []))];
  const missing = named.find(({ pool }) => pool === undefined || isOff(pool));
  const enabled = catalog.has('calico', family, ['alive', 'enabled']);
  if (!enabled) {
    refuse(refused('cannot find a qualified ippool', pools, explicitRejection));
  }
  if (enabled && missing !== undefined) {
    const text = `the given pool (${missing.network}) does not exist, or is not enabled`;
    refuse(
      new OrbweaverError(
        missing.pool === undefined ? 'POOL_UNKNOWN' : 'NO_POOL_AVAILABLE',
        text,
        [`the pool is named by ${list.source}`, describeRejections(rejectionsOf(pools, offOnly))]
          .filter((part) => part !== '')
          .join('; '),
      ),
    );
  }
  const candidates = pools.filter((pool) => explicitRejection(pool) === undefined);
  if (enabled && missing === undefined && candidates.length === 0) {
    refuse(refused(noUse(), pools, explicitRejection));
  }
  return familyChoice(run, candidates, () => pools, explicitRejection);
}

/** The network that an entry means and the pool that has it, if any. */
function resolve(
  { catalog, family }: Run,
  list: CalicoList,
  entry: string,
): { readonly network: string; readonly pool: Pool | undefined } {
  const parsed = parseCidr(entry);
  const pool = parsed === undefined ? catalog.find('calico', entry) : undefined;
  const cidr = parsed?.cidr ?? pool?.subnet;
  if (cidr === undefined) {
    throw new OrbweaverError(
      'POOL_UNKNOWN',
      `error parsing pool ${quoted(entry)}: invalid CIDR address: ${nameInText(entry)}`,
      `no pool has this name; it is named by ${list.source}`,
    );
  }
  if (cidr.family !== family) {
    throw new OrbweaverError(
      list.source === 'Calico CNI config' ? 'CONFIG_INVALID' : 'ANNOTATION_INVALID',
      `"${formatAddress(cidr.first)}" isn't a IPv${family} address`,
      `the pool ${JSON.stringify(entry)} is named by ${list.source}`,
    );
  }
  const network = formatCidr(cidr);
  return { network, pool: pool ?? catalog.withNetwork(network) };
}

function chooseBySelectors(run: Run): FamilyChoice {
  const { family, of, refuse, subject } = run;
  const { verdicts } = of;
  const all = () => verdicts.named({ ...ALL, family });
  const rejection = (pool: Pool) => selectorRejection(pool, of);
  const select = (...properties: Property[]) =>
    verdicts.named({
      list: 'calico',
      family,
      properties: ['alive', 'enabled', ...properties],
      classes: ['node', 'namespace'],
    });
  const candidates = select('automatic', 'workload');
  if (candidates.length === 0) {
    let text = noUse();
    if (!run.catalog.has('calico', family, ['alive', 'enabled'])) {
      text = 'cannot find a qualified ippool';
    } else if (select('automatic').length === 0) {
      text = `no configured Calico pools for node ${subject.node.name}`;
    }
    refuse(refused(text, all(), rejection));
  }
  return familyChoice(run, candidates, all, rejection);
}

/**
 * An address by number: any enabled pool that serves workloads and holds it, whatever the lists
 * say.
 */
function chooseHolding(run: Run, requested: RequestedAddress): FamilyChoice {
  const family = familyOf(requested.address);
  const all = () => run.of.verdicts.named({ ...ALL, family });
  const rejection = (pool: Pool) => addressRejection(pool, requested) ?? explicitRejection(pool);
  const candidates = all().filter((pool) => rejection(pool) === undefined);
  if (candidates.length === 0) {
    run.refuse(holdingError(all(), requested, rejection));
  }
  return familyChoice(run, candidates, all, rejection, requested);
}

function holdingError(
  pools: readonly Pool[],
  requested: RequestedAddress,
  rejection: (pool: Pool) => Rejection | undefined,
): OrbweaverError {
  const details = describeRejections(rejectionsOf(pools, rejection));
  const around = pools.find((pool) => pool.ranges.has(requested.address) && !isOff(pool));
  if (around === undefined) {
    // Calico's text ends in a line feed (reference/calico.md 2.3).
    const text = 'The provided IP address is not in a configured pool\n';
    return calicoAddressError(text, requested.road, details);
  }
  const uses = around.calico?.allowedUses.join(' ') ?? '';
  return calicoAddressError(
    `IP address ${formatAddress(requested.address)} is in IP pool "${around.name}", ` +
      `which is not allowed for use "${USE}" (allowedUses: [${uses}])`,
    requested.road,
    details,
  );
}

function familyChoice(
  { family }: Run,
  candidates: readonly Pool[],
  listed: () => readonly Pool[],
  rejection: (pool: Pool) => Rejection | undefined,
  requested?: RequestedAddress,
): FamilyChoice {
  return {
    family,
    candidates,
    get listed() {
      return listed().map((pool) => pool.name);
    },
    rejections: () => rejectionsOf(listed(), rejection),
    requested: requested?.address,
    road: requested?.road ?? '',
  };
}

function rejectionsOf(
  pools: readonly Pool[],
  rejection: (pool: Pool) => Rejection | undefined,
): Rejection[] {
  return pools.flatMap((pool) => rejection(pool) ?? []);
}

function refused(
  text: string,
  pools: readonly Pool[],
  rejection: (pool: Pool) => Rejection | undefined,
): OrbweaverError {
  const details = describeRejections(rejectionsOf(pools, rejection));
  return new OrbweaverError('NO_POOL_AVAILABLE', text, details);
}

function noUse(): string {
  return `cannot find a qualified ippool, no pools match the required use (${USE})`;
}

function isOff(pool: Pool): boolean {
  return pool.disabled || pool.terminating;
}

function offOnly(pool: Pool): Rejection | undefined {
  if (pool.terminating) {
    return reject(pool, 'terminating', 'the pool is being deleted');
  }
  return pool.disabled ? reject(pool, 'disabled', 'the pool is disabled') : undefined;
}

/** Reasons that hold against a pool however it was named. */
function explicitRejection(pool: Pool): Rejection | undefined {
  const off = offOnly(pool);
  if (off !== undefined) {
    return off;
  }
  const uses = pool.calico?.allowedUses ?? [];
  return uses.includes(USE)
    ? undefined
    : reject(pool, 'use', `the pool is not for ${USE}`, `allowedUses is [${uses.join(' ')}]`);
}

function selectorRejection(pool: Pool, of: Case): Rejection | undefined {
  const off = offOnly(pool);
  if (off !== undefined) {
    return off;
  }
  if (pool.calico?.assignmentMode === 'Manual') {
    return reject(pool, 'mode', 'assignmentMode is Manual: the pool is used where it is named');
  }
  const refusing = of.verdicts.refusing(pool);
  return refusing === undefined
    ? explicitRejection(pool)
    : reject(
        pool,
        refusing,
        `the pool's ${refusing}Selector does not select the ${refusing}`,
        because(pool, refusing, of),
      );
}
