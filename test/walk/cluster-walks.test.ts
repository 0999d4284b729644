/** What can be said of the walks on a real cluster without one: they leave out nothing, and name what there is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PACKAGE_FOLDER } from '../../src/cli/package-folder.ts';
import { STORIES } from '../../src/cli/walk/stories.ts';
import { CLUSTER_STORIES, chooseClusterStories } from '../cluster/walks/cluster-walks.ts';
import { read } from '../project/tree.ts';

const NODES = { first: 'node1', second: 'node2' };

const LINES = CLUSTER_STORIES.flatMap(({ folder, tell }) =>
  tell(NODES).flatMap(({ steps }) =>
    steps.flatMap((step) => ('line' in step ? [{ folder, line: step.line }] : [])),
  ),
);

/** Of docs/commands.md: what a tutorial types, with our names of its files and pods. */
function commandsOfTutorials(): string[] {
  const rows = read('docs/commands.md').matchAll(
    /^\| `(\w+) .+` \| orbweaver \| `orbweaver (.+)` \|$/gm,
  );
  return [...rows].map(([, program, rest]) => `${program} ${rest!.replace(/(\S+)-…/g, '{$1}')}`);
}

test('there is one for each embedded walk, under the same name', () => {
  expect(CLUSTER_STORIES.map(({ name }) => name)).toEqual(STORIES.map(({ name }) => name));
});

describe('every command of the tutorials is typed:', () => {
  const commands = commandsOfTutorials();

  test('there are many', () => {
    expect(commands.length).toBeGreaterThan(30);
  });

  test.each(commands)('%s', (command) => {
    expect(LINES.map(({ line }) => line)).toContain(command);
  });
});

describe('every file that a command names is there:', () => {
  const named = LINES.flatMap(({ folder, line }) =>
    [...line.matchAll(/[\w/-]+\.yaml/g)].map(([file]) => join('examples', folder, file)),
  );

  test.each([...new Set(named)])('%s', (file) => {
    expect(existsSync(join(PACKAGE_FOLDER, file))).toBe(true);
  });
});

describe('walks are chosen by name:', () => {
  test.each<[string[], number | undefined]>([
    [[], CLUSTER_STORIES.length],
    [['pod-affinity'], 1],
    [['priorities'], 4],
    [['priorities/backup', 'pool-instructions'], 5],
    [['pod'], undefined],
    [['pod-affinity', 'nowhere'], undefined],
  ])('%j', (names, count) => {
    expect(chooseClusterStories(names)?.length).toBe(count);
  });
});
