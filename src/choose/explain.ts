/**
 * Why would this pod get this address, or none? It runs the code of `choose` and claims nothing.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import type { Pool, Route } from '../dialect/pool.ts';
import type { SpiderpoolConf } from '../dialect/spiderpool-conf.ts';
import type { Address, Family } from '../net/address.ts';
import type { Catalog } from './catalog.ts';
import type {
  Choice,
  FamilyChoice,
  InterfaceChoice,
  RejectionCause,
  SourceName,
} from './choice.ts';
import { chooseOrRefuse, speakingSources } from './choose.ts';
import { type Exhausted, exhaustedGroupsError, type PoolCounts } from './messages.ts';
import { explainSources, type SourceLine } from './source-lines.ts';
import type { Context } from './sources.ts';
import type { Subject } from './subject.ts';
import { warningsOf } from './warnings.ts';

/** What the allocator tells of pools. */
export interface PoolUsage {
  counts(pool: Pool): PoolCounts | undefined;
  /**
   * The address that the pool, a candidate of `family`, would give a pod on `node` after `given`
   * others, 0 for the very next; undefined where it would have none, or only addresses at rest.
   */
  peek(pool: Pool, given: number, family: FamilyChoice, node: string): Address | undefined;
  /** What keeps the node from another block, in Calico's words; undefined where nothing does. */
  obstacle(family: FamilyChoice, node: string): string | undefined;
  /**
   * What ADD would be told of the address that `family` asks for by number; undefined where the
   * pod would get it, or has it already. The family has a candidate.
   */
  requestRefusal(
    choice: Choice,
    item: InterfaceChoice,
    family: FamilyChoice,
    subject: Subject,
  ): OrbweaverError | undefined;
}

/** One pool of the source, and what came of it. */
export interface PoolLine {
  readonly name: string;
  readonly dialect: Pool['dialect'];
  readonly verdict: 'candidate' | 'refused';
  /** Place in the order to try, from 1; undefined for a refused pool. */
  readonly place: number | undefined;
  /** What spoke against it; undefined for a candidate. */
  readonly cause: RejectionCause | undefined;
  /** The dialect's reason; empty for a candidate. */
  readonly reason: string;
  /** Which requirement failed and what was found instead; may be empty. */
  readonly because: string;
  readonly counts: PoolCounts | undefined;
}

/** The address that would be given. */
export interface NextAddress {
  readonly address: Address;
  readonly pool: string;
}

export interface FamilyLine {
  readonly family: Family;
  /** Candidates in the order to try, then refused pools in the order listed. */
  readonly pools: readonly PoolLine[];
  /** Undefined where the ADD is refused, or only addresses at rest are left. */
  readonly next: NextAddress | undefined;
  /** Set where the call asks for an address by number, with who asks. */
  readonly requested: { readonly address: Address; readonly road: string } | undefined;
}

export interface InterfaceLine {
  /** Empty for an item of `ippools` without a name. */
  readonly name: string;
  readonly order: number;
  readonly cleanGateway: boolean;
  readonly families: readonly FamilyLine[];
}

/** What an ADD would be told. */
export interface Refusal {
  readonly code: string;
  readonly cni: number;
  readonly message: string;
  readonly details: string;
  readonly hint: string;
}

export interface Explanation {
  /** Undefined where no source could be read or none speaks. */
  readonly dialect: Choice['dialect'] | undefined;
  readonly source: SourceName | undefined;
  /** Every source in order of priority, with what came of it. */
  readonly sources: readonly SourceLine[];
  readonly interfaces: readonly InterfaceLine[];
  readonly customRoutes: readonly Route[];
  /** Undefined where an ADD would succeed now. */
  readonly refusal: Refusal | undefined;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** Explains a call. Throws nothing that `choose` would throw: that becomes the refusal. */
export function explain(
  catalog: Catalog,
  conf: SpiderpoolConf,
  subject: Subject,
  usage: PoolUsage,
): Explanation {
  const context: Context = { catalog, conf, subject };
  const refusals: OrbweaverError[] = [];
  const choice = catching(refusals, () =>
    chooseOrRefuse(context, (error) => {
      refusals.push(error);
    }),
  );
  const interfaces =
    choice === undefined ? [] : explainInterfaces(context, choice, usage, refusals);
  const [refusal] = refusals;
  const speaking = catching([], () => speakingSources(context));
  return {
    dialect: speaking?.dialect,
    source: speaking?.source,
    sources: explainSources(context, speaking?.sources ?? []),
    interfaces: refusal === undefined ? interfaces : interfaces.map(withoutNext),
    customRoutes: choice?.customRoutes ?? [],
    refusal: refusal === undefined ? undefined : refusalOf(refusal),
    notes: choice?.notes ?? [],
    warnings: warningsOf(context, choice),
  };
}

/** A refused ADD gives nothing, whatever is free for another interface or family (I5). */
function withoutNext(line: InterfaceLine): InterfaceLine {
  return { ...line, families: line.families.map((family) => ({ ...family, next: undefined })) };
}

function catching<T>(errors: OrbweaverError[], act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof OrbweaverError)) {
      throw error;
    }
    errors.push(error);
    return undefined;
  }
}

function explainInterfaces(
  context: Context,
  choice: Choice,
  usage: PoolUsage,
  refusals: OrbweaverError[],
): InterfaceLine[] {
  const given = new Map<Pool, number>();
  const exhausted: Exhausted[] = [];
  const { subject } = context;
  const node = subject.node.name;
  const lines = choice.interfaces.map((item) => ({
    name: item.name,
    order: item.order,
    cleanGateway: item.cleanGateway,
    families: item.families.map((family) => {
      const taken = isWish(family) && usage.requestRefusal(choice, item, family, subject);
      if (taken) {
        refusals.push(taken);
        return explainFamily(context, choice, family, usage, undefined);
      }
      const next = nextOf(family, usage, given, node);
      const full = next === undefined ? fullGroup(item, family, usage, given, node) : undefined;
      exhausted.push(...(full === undefined ? [] : [full]));
      return explainFamily(context, choice, family, usage, next);
    }),
  }));
  // ADD tells all that is full together, after what it refuses by itself.
  if (exhausted.length > 0) {
    refusals.push(exhaustedGroupsError(choice, exhausted));
  }
  return lines;
}

/** Whether the family asks for an address by number that a candidate may give. */
function isWish(family: FamilyChoice): boolean {
  return family.requested !== undefined && family.candidates.length > 0;
}

/** The first candidate's next address, beside those promised to other interfaces already. */
function nextOf(
  family: FamilyChoice,
  usage: PoolUsage,
  given: Map<Pool, number>,
  node: string,
): NextAddress | undefined {
  for (const pool of family.candidates) {
    const before = given.get(pool) ?? 0;
    const address = family.requested ?? usage.peek(pool, before, family, node);
    if (address !== undefined) {
      given.set(pool, before + 1);
      return { address, pool: pool.name };
    }
  }
  return undefined;
}

/**
 * The candidates as ADD finds them when it says that all are full; undefined where there are none,
 * or where one has an address at rest, which is then promised. What is free is out of reach behind
 * an obstacle.
 */
function fullGroup(
  item: InterfaceChoice,
  family: FamilyChoice,
  usage: PoolUsage,
  given: Map<Pool, number>,
  node: string,
): Exhausted | undefined {
  const obstacle = usage.obstacle(family, node);
  const counts: PoolCounts[] = [];
  for (const pool of family.candidates) {
    const before = given.get(pool) ?? 0;
    const left = countsAfter(usage.counts(pool), before);
    if (left !== undefined && left.resting > 0) {
      given.set(pool, before + 1);
      return undefined;
    }
    counts.push(...(left === undefined ? [] : [left]));
  }
  const isFull = counts.every(({ free }) => free === 0 || obstacle !== undefined);
  return isFull && family.candidates.length > 0
    ? { interface: item, family, counts, obstacle }
    : undefined;
}

/** What is left after `given` addresses, those at rest last. */
function countsAfter(counts: PoolCounts | undefined, given: number): PoolCounts | undefined {
  if (counts === undefined) {
    return undefined;
  }
  const fromFree = Math.min(given, counts.free);
  return {
    ...counts,
    used: counts.used + given,
    free: counts.free - fromFree,
    resting: counts.resting - (given - fromFree),
  };
}

function explainFamily(
  { catalog }: Context,
  choice: Choice,
  family: FamilyChoice,
  usage: PoolUsage,
  next: NextAddress | undefined,
): FamilyLine {
  const candidates = family.candidates.map(
    (pool, at): PoolLine => ({
      name: pool.name,
      dialect: pool.dialect,
      verdict: 'candidate',
      place: at + 1,
      cause: undefined,
      reason: '',
      because: '',
      counts: usage.counts(pool),
    }),
  );
  const refused = family.rejections().map((rejection): PoolLine => {
    const pool = catalog.find(choice.dialect, rejection.pool);
    return {
      name: rejection.pool,
      dialect: pool?.dialect ?? choice.dialect,
      verdict: 'refused',
      place: undefined,
      cause: rejection.cause,
      reason: rejection.text,
      because: rejection.because,
      counts: pool === undefined ? undefined : usage.counts(pool),
    };
  });
  const { requested: address, road } = family;
  return {
    family: family.family,
    pools: [...candidates, ...refused],
    next,
    requested: address === undefined ? undefined : { address, road },
  };
}

function refusalOf(error: OrbweaverError): Refusal {
  return {
    code: error.code,
    cni: error.row.cni,
    message: error.message,
    details: error.details,
    hint: error.row.hint,
  };
}
