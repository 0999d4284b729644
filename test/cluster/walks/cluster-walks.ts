/** The walks on a real cluster, and the walking of them. */

import { join } from 'node:path';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { Narrator, shellLine } from '../../../src/cli/walk/narrator.ts';
import { calicoNamespaces } from './calico-namespaces.ts';
import { ClusterGuide } from './cluster-guide.ts';
import type { ClusterStory } from './cluster-story.ts';
import { namespaceAffinity } from './namespace-affinity.ts';
import { podAffinity } from './pod-affinity.ts';
import { poolInstructions } from './pool-instructions.ts';
import { priorities } from './priorities.ts';
import type { WalkedCluster } from './walked-cluster.ts';

/** In the order of the examples, and by the names of the embedded walks. */
export const CLUSTER_STORIES: readonly ClusterStory[] = [
  namespaceAffinity,
  podAffinity,
  ...priorities,
  calicoNamespaces,
  ...poolInstructions,
];

/** Those of these names, where `TUTORIAL` names all of its parts and no name all walks; undefined for another name. */
export function chooseClusterStories(
  names: readonly string[],
): readonly ClusterStory[] | undefined {
  if (names.length === 0) return CLUSTER_STORIES;
  const chosen = names.map((name) =>
    CLUSTER_STORIES.filter((one) => one.name === name || one.name.startsWith(`${name}/`)),
  );
  return chosen.every((stories) => stories.length > 0) ? chosen.flat() : undefined;
}

/**
 * Walks one after the other; resolves to how many things came out differently. Throws the reason of `interrupt`, and
 * where the cluster has pods or pools, which would be in the way, or a walk has left some.
 */
export async function walkCluster(
  cluster: WalkedCluster,
  stories: readonly ClusterStory[],
  terminal: Terminal,
  interrupt: AbortSignal,
): Promise<number> {
  const began = performance.now();
  const narrator = new Narrator(terminal);
  let failures = 0;
  for (const [index, story] of stories.entries()) {
    const left = await cluster.leftovers();
    if (left.length > 0) throw new Error(`walks want a cluster without: ${left.join(', ')}`);
    narrator.title(`Walk ${index + 1} of ${stories.length}, ${story.name}: ${story.title}`);
    const plugin = story.calledAs ?? 'spiderpool';
    await cluster.callPlugin(plugin);
    narrator.say(
      `Nodes ${cluster.nodes.join(' and ')}; their pods' network calls "ipam": {"type": "${plugin}"}.`,
    );
    narrator.command(`cd ${shellLine([join('examples', story.folder)])}`);
    failures += await new ClusterGuide({ story, narrator, cluster, interrupt }).perform();
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const verdict = failures === 0 ? 'as expected' : `${failures} things NOT as expected`;
  narrator.say('', '', `Walked in ${seconds} s: ${verdict}.`);
  return failures;
}
