/**
 * The tutorials of examples/ on two nodes, with Orbweaver installed as users install it: each command line as a user
 * types it, and what kubectl shows.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Narrator } from '../../src/cli/walk/narrator.ts';
import { expectAddresses, expectNothing, expectRefused } from '../../src/cli/walk/story.ts';
import { Cluster, missingForNodes } from './support/cluster.ts';
import { installOrbweaver } from './support/installation.ts';
import { manifest } from './support/manifests.ts';
import { ClusterGuide } from './walks/cluster-guide.ts';
import { type ClusterStep, look, run, words } from './walks/cluster-story.ts';
import { CLUSTER_STORIES, walkCluster } from './walks/cluster-walks.ts';
import { WalkedCluster } from './walks/walked-cluster.ts';

const missing = missingForNodes();
const title = ['the tutorials', ...missing].join(': ');
const WALK_MS = 400_000;

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: Cluster;
  let walked: WalkedCluster;

  beforeAll(async () => {
    cluster = await Cluster.start({
      nodes: ['node1', 'node2'],
      node: { withoutOwnPlugins: true },
    });
    await installOrbweaver(cluster, () => {});
    walked = new WalkedCluster(cluster.controlPlane.run);
  });
  afterAll(() => cluster?.stop());

  /** A terminal that keeps what is written. */
  function memo() {
    const written: string[] = [];
    const write = (text: string) => void written.push(text);
    const same = (text: string) => text;
    const terminal = { out: write, err: write, bold: same, red: same, yellow: same, green: same };
    return { terminal, text: () => written.join('') };
  }

  test.each(CLUSTER_STORIES.map((story) => [story.name, story] as const))(
    '%s',
    async (_, story) => {
      const { terminal, text } = memo();
      const failures = await walkCluster(walked, [story], terminal, new AbortController().signal);
      expect(failures, text()).toBe(0);
      // A story that expects nothing would not fail either.
      expect(text().match(/as expected: /g)?.length).toBeGreaterThan(3);
    },
    WALK_MS,
  );

  describe('a walk that comes out differently says so:', () => {
    test.each<[string, ClusterStep]>([
      ['a command that fails', run('kubectl get pod no-such-pod')],
      ['one that is not refused', { kind: 'run', line: 'true', fails: 'no' }],
      ['something that is not shown', look('kubectl get nodes', words('node3'))],
      ['a look that fails', look('kubectl get no-such-kind')],
      ['pods that are not there', expectAddresses('nothing', 'all', '10.0.0.1', '10.0.0.9')],
      ['a refusal that did not happen', expectRefused('nothing', 1, 'no')],
    ])('%s', async (_, step) => {
      const { terminal, text } = memo();
      const guide = new ClusterGuide({
        story: {
          ...{ name: 'test', folder: '1-namespace-affinity', title: 'test' },
          tell: () => [{ title: 'test', steps: [step, expectNothing()] }],
        },
        narrator: new Narrator(terminal),
        cluster: walked,
        interrupt: new AbortController().signal,
        patienceMs: 0,
      });
      expect(await guide.perform(), text()).toBe(1);
      expect(text()).toContain('NOT AS EXPECTED: ');
    });
  });

  test('a walk does not begin where somebody else has pools', async () => {
    const { terminal, text } = memo();
    const spec = { subnet: '10.80.0.0/24', ips: ['10.80.0.10'] };
    await cluster.kubectl(['apply', '-f', '-'], manifest('pool', 'theirs', { spec }));
    const walk = walkCluster(walked, CLUSTER_STORIES, terminal, new AbortController().signal);
    await expect(walk).rejects.toThrow('without: SpiderIPPool theirs');
    expect(text()).toBe('');
    await cluster.kubectl(['delete', 'sp', 'theirs']);
  });
});
