/** The walks there are. */
import { OrbweaverError } from '../../catalogue/errors.ts';
import { calicoNamespaces } from './calico-namespaces.ts';
import { namespaceAffinity } from './namespace-affinity.ts';
import { podAffinity } from './pod-affinity.ts';
import { poolInstructions } from './pool-instructions.ts';
import { priorities } from './priorities.ts';
import type { Story } from './story.ts';

/** What is walked where no name is given: the main job. */
const FIRST: readonly Story[] = [namespaceAffinity, podAffinity];

/** In the order of the examples. A tutorial of several parts has a walk for each: `TUTORIAL/PART`. */
export const STORIES: readonly Story[] = [
  ...FIRST,
  ...priorities,
  calicoNamespaces,
  ...poolInstructions,
];

/** Stands for every walk. */
export const ALL = 'all';

/**
 * The walks of these names, where `TUTORIAL` names all of its parts; the first two where no name is given.
 * Throws USAGE for a name that is not known.
 */
export function chooseStories(names: readonly string[]): readonly Story[] {
  if (names.length === 0) {
    return FIRST;
  }
  return names.flatMap((name) => {
    const stories = STORIES.filter(
      (one) => name === ALL || one.name === name || one.name.startsWith(`${name}/`),
    );
    if (stories.length === 0) {
      const known = STORIES.map((one) => one.name).join(', ');
      throw new OrbweaverError('USAGE', `there is no walk ${JSON.stringify(name)}: ${known}`);
    }
    return stories;
  });
}
