/** The walks there are. */
import { OrbweaverError } from '../../catalogue/errors.ts';
import { namespaceAffinity } from './namespace-affinity.ts';
import { podAffinity } from './pod-affinity.ts';
import type { Story } from './story.ts';

/** In the order in which they are walked. */
export const STORIES: readonly Story[] = [namespaceAffinity, podAffinity];

/** The walks of these names, all of them where none is named. Throws USAGE for a name that is not known. */
export function chooseStories(names: readonly string[]): readonly Story[] {
  if (names.length === 0) {
    return STORIES;
  }
  return names.map((name) => {
    const story = STORIES.find((one) => one.name === name);
    if (story === undefined) {
      const known = STORIES.map((one) => one.name).join(', ');
      throw new OrbweaverError('USAGE', `there is no walk ${JSON.stringify(name)}: ${known}`);
    }
    return story;
  });
}
