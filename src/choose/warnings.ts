/**
 * What looks like a mistake though nothing is wrong with it, for `explain`.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { LIMITS } from '../catalogue/limits.ts';
import { shown } from '../catalogue/shown.ts';
import { suspectKeys } from '../dialect/annotations.ts';
import { closestWord } from '../dialect/did-you-mean.ts';
import type { Affinity, Pool } from '../dialect/pool.ts';
import { parseCidr } from '../net/cidr.ts';
import { holds, type Requirement } from '../selector/requirement.ts';
import { calicoLists } from './calico-sources.ts';
import type { PoolList } from './catalog.ts';
import type { Choice } from './choice.ts';
import { isPattern } from './glob.ts';
import { CLUSTER_DEFAULT, type Context, SPIDERPOOL_SOURCES } from './sources.ts';

/**
 * Warnings about annotations, and about the pools of the choice; without one, about annotations
 * alone.
 */
export function warningsOf(context: Context, choice: Choice | undefined): readonly string[] {
  const pools = choice === undefined ? [] : poolsOf(context, choice);
  const warnings = [
    ...misspeltKeys(context),
    ...missingPools(context),
    ...pools.flatMap((pool) => unmatchable(pool)),
    ...(choice?.source === 'cluster default' ? pools.flatMap((pool) => narrowDefault(pool)) : []),
    ...pools.flatMap((pool) => unfinished(pool)),
  ];
  const distinct = [...new Set(warnings)];
  const rest = distinct.length - LIMITS.reasonsMax;
  return rest > 0
    ? [...distinct.slice(0, LIMITS.reasonsMax), `and ${rest} more warnings`]
    : distinct;
}

function poolsOf({ catalog }: Context, choice: Choice): Pool[] {
  const names = choice.interfaces.flatMap((item) => item.families.flatMap(({ listed }) => listed));
  return [...new Set(names)].flatMap((name) => catalog.find(choice.dialect, name) ?? []);
}

function misspeltKeys({ subject }: Context): string[] {
  const objects = [
    ['pod', subject.pod?.annotations],
    ['namespace', subject.namespace?.annotations],
  ] as const;
  return objects.flatMap(([kind, annotations]) =>
    suspectKeys(annotations ?? {}).map(({ key, meant }) => {
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      return `annotation ${shown(key)} of the ${kind} is not known${hint}`;
    }),
  );
}

/** Names that no pool has, in any source that can be read, those that are passed over included. */
function missingPools(context: Context): string[] {
  const warnings: string[] = [];
  for (const source of [...SPIDERPOOL_SOURCES, CLUSTER_DEFAULT]) {
    const items = readable(() => source.read(context)?.items) ?? [];
    for (const list of items.flatMap(({ lists }) => [lists[4], lists[6]])) {
      const names = typeof list === 'string' || list === undefined ? [] : list;
      const literal = names.filter((name) => !isPattern(name));
      warnings.push(...missingNames(context, 'spiderpool', source.name, literal));
    }
  }
  for (const { source, pools } of readable(() => calicoLists(context)) ?? []) {
    const byName = pools.filter((name) => parseCidr(name) === undefined);
    warnings.push(...missingNames(context, 'calico', source, byName));
  }
  return warnings;
}

function missingNames(
  { catalog }: Context,
  list: PoolList,
  source: string,
  names: readonly string[],
): string[] {
  return names
    .filter((name) => catalog.find(list, name) === undefined)
    .map((name) => {
      const known = [...catalog.all()].filter(
        (pool) => (pool.dialect === 'calico') === (list === 'calico'),
      );
      const meant = closestWord(
        name,
        known.map((pool) => pool.name),
      );
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      return `${source} names the pool ${shown(name)}, which does not exist${hint}`;
    });
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OrbweaverError) {
      return undefined;
    }
    throw error;
  }
}

/** Pools that can serve nobody, whatever the pod. */
function unmatchable(pool: Pool): string[] {
  const warnings = (['node', 'namespace', 'pod'] as const)
    .filter((name) => excludesAll(pool[name]))
    .map(
      (name) =>
        `no ${name} can match the ${name} affinity of pool ${pool.name}: it contradicts itself`,
    );
  return pool.ranges.isEmpty ? [...warnings, `pool ${pool.name} has no addresses`] : warnings;
}

/**
 * Whether no label set and no name satisfies an affinity. Text selectors are taken to be
 * satisfiable.
 */
function excludesAll(affinity: Affinity): boolean {
  if (affinity.kind === 'names') {
    return affinity.names.length === 0;
  }
  if (affinity.kind === 'any' || affinity.selector.kind === 'expression') {
    return false;
  }
  const byKey = Map.groupBy(affinity.selector.requirements, (requirement) => requirement.key);
  return [...byKey.values()].some((requirements) => !isSatisfiable(requirements));
}

/** Some value, or its absence, fulfils all requirements on one key. */
function isSatisfiable(requirements: readonly Requirement[]): boolean {
  // A value that nothing names stands for all others; no label value holds this character.
  const values = [undefined, '\0', ...requirements.flatMap((requirement) => requirement.values)];
  return values.some((value) => requirements.every((requirement) => holds(requirement, value)));
}

function narrowDefault(pool: Pool): string[] {
  const classes = (['namespace', 'pod'] as const).filter((name) => pool[name].kind !== 'any');
  return classes.length === 0
    ? []
    : [
        `pool ${pool.name} is a cluster default, but only for some: it has a ` +
          `${classes.join(' and a ')} affinity, so other pods may be left without a pool`,
      ];
}

function unfinished(pool: Pool): string[] {
  return pool.calico?.natOutgoing === true
    ? [`natOutgoing of pool ${pool.name} is kept and shown, but has no effect yet`]
    : [];
}
