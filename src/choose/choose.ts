/**
 * Which pools may this pod try, in what order? (DESIGN section 6)
 */
import type { SpiderpoolConf } from '../dialect/spiderpool-conf.ts';
import type { Family } from '../net/address.ts';
import { calicoSourceOf, chooseByCalico } from './calico-choice.ts';
import { calicoSourcesInUse, calicoSpeaks, readCalicoRule } from './calico-sources.ts';
import type { Catalog } from './catalog.ts';
import type { Choice, SourceName } from './choice.ts';
import { inStandardMode, noRuleError, type Refuse } from './messages.ts';
import {
  CLUSTER_DEFAULT,
  type Context,
  type Rule,
  SPIDERPOOL_SOURCES,
  subnetNote,
} from './sources.ts';
import { chooseBySpiderpool } from './spiderpool-choice.ts';
import type { Subject } from './subject.ts';

/**
 * Candidates for every interface and family of a call. Throws ANNOTATION_INVALID, CONFIG_INVALID,
 * POOL_UNKNOWN, NO_POOL_AVAILABLE, UNSUPPORTED_REQUEST or ADDRESS_TAKEN in the words of the dialect
 * that speaks; the details name every pool and why it was refused (I10).
 */
export function choose(catalog: Catalog, conf: SpiderpoolConf, subject: Subject): Choice {
  return chooseOrRefuse({ catalog, conf, subject }, (error) => {
    throw error;
  });
}

/**
 * The same, but what only leaves no candidate is told to `refuse`, and the choice comes back with
 * families that have none. What cannot be read at all is thrown.
 */
export function chooseOrRefuse(context: Context, refuse: Refuse): Choice {
  const speaker = speakerOf(context);
  return speaker === 'calico'
    ? chooseByCalico(context, readCalicoRule(context), refuse)
    : chooseBySpiderpool(context, speaker, refuse);
}

/** Who speaks for a call. */
export interface Speaking {
  readonly dialect: Choice['dialect'];
  /** The one that stands for all. */
  readonly source: SourceName;
  /** Families may have different ones. */
  readonly sources: readonly SourceName[];
}

/**
 * The sources that speak, whatever becomes of the pools they name. Throws ANNOTATION_INVALID or
 * CONFIG_INVALID where one cannot be read, NO_POOL_AVAILABLE where none speaks.
 */
export function speakingSources(context: Context): Speaking {
  const speaker = speakerOf(context);
  if (speaker !== 'calico') {
    return { dialect: 'spiderpool', source: speaker.source, sources: [speaker.source] };
  }
  const rule = readCalicoRule(context);
  return { dialect: 'calico', source: calicoSourceOf(rule), sources: calicoSourcesInUse(rule) };
}

/**
 * The rule of the first Spiderpool source that speaks, or that Calico's dialect does. Under the
 * plugin's own name what a user wrote in Calico's words comes after what one wrote in Spiderpool's,
 * and both come before the pools of the cluster, again Spiderpool's first. Throws NO_POOL_AVAILABLE
 * where nothing speaks.
 */
function speakerOf(context: Context): Rule | 'calico' {
  const { catalog, subject } = context;
  if (subject.calledAs === 'calico-ipam') {
    return 'calico';
  }
  const isOpen = subject.calledAs === 'orbweaver';
  const written = firstRule(context);
  if (written !== undefined) {
    return written;
  }
  if (isOpen && calicoSpeaks(context)) {
    return 'calico';
  }
  const defaults = CLUSTER_DEFAULT.read(context);
  if (defaults !== undefined) {
    return defaults;
  }
  const usable = (family: Family) => catalog.has('calico', family, ['alive', 'enabled']);
  if (isOpen && (usable(4) || usable(6))) {
    return 'calico';
  }
  throw noRuleError(subnetNote(subject) ?? '');
}

function firstRule(context: Context): Rule | undefined {
  for (const source of SPIDERPOOL_SOURCES) {
    const rule = inStandardMode(() => source.read(context));
    if (rule !== undefined) {
      return rule;
    }
  }
  return undefined;
}
