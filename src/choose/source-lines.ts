/**
 * Every source of pools in order of priority and what came of it, for `explain`. Sources are read
 * by the same readers as for a choice; one that cannot be read is told, not thrown.
 */
import { OrbweaverError } from '../catalogue/errors.ts';
import { CALICO_SOURCES, calicoLists } from './calico-sources.ts';
import type { SourceName } from './choice.ts';
import { goList, nameInText } from './messages.ts';
import { CLUSTER_DEFAULT, type Context, SPIDERPOOL_SOURCES, subnetNote } from './sources.ts';

export interface SourceLine {
  readonly source: SourceName;
  /**
   * `chosen`: it speaks. `later`: it would speak, but another comes first. `silent`: nothing is
   * written there. `ignored`: it has no effect here, and the text says why. `faulty`: it cannot be
   * used.
   */
  readonly state: 'chosen' | 'later' | 'silent' | 'ignored' | 'faulty';
  /** What it names, or what is wrong with it; may be empty. */
  readonly text: string;
}

/** Lines for all sources; `chosen` are those that speak. */
export function explainSources(
  context: Context,
  chosen: readonly SourceName[],
): readonly SourceLine[] {
  return [
    subnetLine(context),
    ...SPIDERPOOL_SOURCES.map(({ name, read }) =>
      lineOf(context, 'spiderpool', name, chosen, () => textOfRule(read(context)?.items)),
    ),
    ...CALICO_SOURCES.map((name) =>
      lineOf(context, 'calico', name, chosen, () => {
        const lists = calicoLists(context).filter((list) => list.source === name);
        return lists.length === 0
          ? undefined
          : lists.map(({ family, pools }) => `IPv${family} ${goList(pools)}`).join(', ');
      }),
    ),
    lineOf(context, 'spiderpool', CLUSTER_DEFAULT.name, chosen, () =>
      textOfRule(CLUSTER_DEFAULT.read(context)?.items),
    ),
    lineOf(context, 'calico', 'Calico enabled pools', chosen, () => enabledText(context)),
  ];
}

function subnetLine({ subject }: Context): SourceLine {
  const note = subnetNote(subject);
  return {
    source: 'SpiderSubnet annotation',
    state: note === undefined ? 'silent' : 'ignored',
    text: note ?? '',
  };
}

/** `read` gives what the source names, or undefined where nothing is written. */
function lineOf(
  { subject }: Context,
  dialect: 'spiderpool' | 'calico',
  source: SourceName,
  chosen: readonly SourceName[],
  read: () => string | undefined,
): SourceLine {
  let text: string | undefined;
  try {
    text = read();
  } catch (error) {
    if (!(error instanceof OrbweaverError)) {
      throw error;
    }
    return { source, state: 'faulty', text: error.message };
  }
  if (chosen.includes(source)) {
    return { source, state: 'chosen', text: text ?? '' };
  }
  if (text === undefined) {
    return { source, state: 'silent', text: '' };
  }
  const foreign = dialect === 'calico' ? 'spiderpool' : 'calico-ipam';
  return subject.calledAs === foreign
    ? { source, state: 'ignored', text: `${text}; not asked, as the plugin was called ${foreign}` }
    : { source, state: 'later', text };
}

interface ListedItem {
  readonly name: string;
  readonly lists: Readonly<Record<4 | 6, readonly string[] | 'default pools' | undefined>>;
}

function textOfRule(items: readonly ListedItem[] | undefined): string | undefined {
  return items
    ?.map(({ name, lists }) => {
      const families = ([4, 6] as const).flatMap((family) => {
        const list = lists[family];
        if (list === undefined) {
          return [];
        }
        return [`IPv${family} ${typeof list === 'string' ? list : goList(list)}`];
      });
      const text = families.length === 0 ? 'no pools' : families.join(', ');
      return items.length === 1
        ? text
        : `${name === '' ? 'an interface' : nameInText(name)}: ${text}`;
    })
    .join('; ');
}

function enabledText({ catalog }: Context): string | undefined {
  const families = ([4, 6] as const).filter((family) =>
    catalog.has('calico', family, ['alive', 'enabled']),
  );
  return families.length === 0
    ? undefined
    : families.map((family) => `enabled IPv${family} pools`).join(', ');
}
