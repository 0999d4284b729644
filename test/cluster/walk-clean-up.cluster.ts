/**
 * The tutorials' clean-up where it is at its hardest: pools go while their pods still end, and a namespace goes while
 * no controller is there. Nothing hangs, and nothing is left.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readLine } from '../../src/kube/block-line.ts';
import { firstOfBlock, type IpBlock } from '../../src/kube/ip-block.ts';
import { addressInBlock } from '../../src/net/address.ts';
import { Cluster, missingForNodes } from './support/cluster.ts';
import { installOrbweaver } from './support/installation.ts';
import { claimsOf, podAddresses } from './support/ledger-view.ts';
import { manifest, type Short } from './support/manifests.ts';
import { changePodNetwork } from './support/pod-network.ts';
import { deployment } from './support/workload.ts';

const missing = missingForNodes();
const title = ['the clean-up of the tutorials', ...missing].join(': ');
const SOON = { timeout: 90_000, interval: 200 };
/** Long enough to look at pods that still end. */
const GRACE_SECONDS = 12;
const PODS = 4;

interface Row {
  readonly kind: Short;
  readonly resource: string;
  /** The name that the network config calls the plugin by. */
  readonly plugin: string;
  readonly spec: object;
  readonly annotations: Readonly<Record<string, string>>;
  /** What a new pod is told while the pool is on its way out. */
  readonly refusal: string;
}

const ROWS: readonly Row[] = [
  {
    kind: 'pool',
    resource: 'spiderippools.spiderpool.spidernet.io',
    plugin: 'spiderpool',
    spec: { subnet: '10.81.0.0/24', ips: ['10.81.0.10-10.81.0.40'] },
    annotations: { 'ipam.spidernet.io/ippool': '{"ipv4": ["leaving"]}' },
    refusal: 'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  ',
  },
  {
    kind: 'older',
    resource: 'ippools.spiderpool.spidernet.io',
    plugin: 'spiderpool',
    spec: { ipVersion: 'IPv4', subnet: '10.82.0.0/24', ips: ['10.82.0.10-10.82.0.40'] },
    annotations: { 'ipam.spidernet.io/ippool': '{"ipv4pools": ["leaving"]}' },
    refusal: 'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  ',
  },
  {
    kind: 'calico',
    resource: 'ippools.projectcalico.org',
    // As in the other two the dialect is that of the annotation.
    plugin: 'orbweaver',
    spec: { cidr: '10.83.0.0/24' },
    annotations: { 'cni.projectcalico.org/ipv4pools': '["leaving"]' },
    refusal: 'leaving',
  },
];

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({
      nodes: ['node1', 'node2'],
      node: { withoutOwnPlugins: true },
    });
    await installOrbweaver(cluster, () => {});
  });
  afterAll(() => cluster?.stop());

  const kubectl = (...args: string[]) => cluster.kubectl(args);
  const apply = (text: string) => cluster.kubectl(['apply', '-f', '-'], text);
  const rollout = (name: string, namespace = 'default', kind = 'deployment') =>
    kubectl('-n', namespace, 'rollout', 'status', `${kind}/${name}`, '--timeout=90s');

  async function names(...what: string[]): Promise<string[]> {
    const text = await kubectl('get', ...what, '--ignore-not-found', '-o', 'name');
    return text.split('\n').filter((line) => line !== '');
  }

  /** Slots of all blocks that are not past their rest by this machine's clock, which is the API server's here. */
  async function unrested(): Promise<number> {
    const text = await kubectl('get', 'ipblocks', '-o', 'json');
    return (JSON.parse(text) as { items: IpBlock[] }).items.flatMap(({ metadata, spec }) => {
      const first = firstOfBlock({ metadata, spec } as IpBlock)!;
      return Object.entries(spec.slots).filter(([slot, line]) => {
        const read = readLine(addressInBlock(first, Number(slot)), line, spec.names);
        return 'fault' in read || read.state !== 'resting' || read.until > Date.now();
      });
    }).length;
  }

  async function warnings(pod: string): Promise<string> {
    const field = `involvedObject.name=${pod}`;
    const path = 'jsonpath={.items[*].message}';
    return await kubectl('get', 'events', `--field-selector=${field}`, '-o', path);
  }

  test.each(ROWS)('$resource: deleted while its pods still end', async (row) => {
    const { kind, resource, plugin, spec, annotations, refusal } = row;
    for (const { root } of cluster.nodes) {
      await changePodNetwork(root.outside('/'), { type: plugin });
    }
    await apply(manifest(kind, 'leaving', { spec }));
    const options = { annotations, graceSeconds: GRACE_SECONDS };
    await apply(deployment('ending', PODS, options));
    await rollout('ending');
    const before = await podAddresses(cluster.controlPlane);
    expect(before).toHaveLength(PODS);

    await kubectl('delete', 'deployment', 'ending', '--wait=false');
    await kubectl('delete', resource, 'leaving', '--wait=false');
    await expect
      .poll(() => kubectl('get', 'pods', '-l', 'app=ending', '-o', TERMINATING), SOON)
      .toBe('t'.repeat(PODS));
    // They have what they had, pool or not.
    expect(await claimsOf(cluster.controlPlane)).toEqual(before);
    // And nobody new gets anything of it.
    const pod = { metadata: { name: 'late', annotations } };
    const container = { name: 'c', image: 'nginx' };
    await apply(
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Pod', ...pod },
        spec: { terminationGracePeriodSeconds: 0, containers: [container] },
      }),
    );
    await expect.poll(() => warnings('late'), SOON).toContain(refusal);
    expect(await claimsOf(cluster.controlPlane)).toHaveLength(PODS);
    await kubectl('delete', 'pod', 'late');

    await expect.poll(() => names('pods', '-l', 'app=ending'), SOON).toEqual([]);
    await expect.poll(() => names(resource, 'leaving'), SOON).toEqual([]);
    await expect.poll(() => claimsOf(cluster.controlPlane), SOON).toEqual([]);
    await expect.poll(() => names('se,swe', '-A'), SOON).toEqual([]);
    // After the cool-down not even a rest is left.
    await expect.poll(unrested, SOON).toBe(0);
  });

  test('a namespace goes with its pods while no controller is there, and the pool waits for one', async () => {
    for (const { root } of cluster.nodes) {
      await changePodNetwork(root.outside('/'), { type: 'spiderpool' });
    }
    const [row] = ROWS;
    await kubectl('create', 'namespace', 'leaving');
    await apply(manifest('pool', 'leaving', { spec: row!.spec }));
    const { annotations } = row!;
    await apply(deployment('ending', PODS, { namespace: 'leaving', annotations }));
    await rollout('ending', 'leaving');
    await expect.poll(() => names('se', '-n', 'leaving'), SOON).toHaveLength(PODS);

    await kubectl('-n', 'orbweaver', 'scale', 'deployment', 'orbweaver-controller', '--replicas=0');
    const selector = 'app.kubernetes.io/name=orbweaver-controller';
    await expect.poll(() => names('pods', '-n', 'orbweaver', '-l', selector), SOON).toEqual([]);
    await kubectl('delete', 'namespace', 'leaving', '--timeout=90s');
    await expect.poll(() => claimsOf(cluster.controlPlane), SOON).toEqual([]);
    await kubectl('delete', 'sp', 'leaving', '--wait=false');
    expect(await names('sp')).toHaveLength(1);

    await kubectl('-n', 'orbweaver', 'scale', 'deployment', 'orbweaver-controller', '--replicas=2');
    await expect.poll(() => names('sp'), SOON).toEqual([]);
  });
});

/** A letter for each pod that is terminating and runs still. */
const TERMINATING =
  'go-template={{range .items}}{{if and .metadata.deletionTimestamp (eq .status.phase "Running")}}t{{end}}{{end}}';
