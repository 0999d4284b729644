/**
 * Orbweaver as users install it: the image that `npm run image` makes, `kubectl apply -k`, pods that get addresses,
 * the webhook, an upgrade under running pods, and an end at which nothing hangs. Two nodes.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildImage } from '../../scripts/build-image.ts';
import { PLUGIN_NAMES } from '../../scripts/build-plugin.ts';
import { runProcess } from '../../src/cli/walk/run-process.ts';
import { programPath } from './support/binaries.ts';
import { Cluster, missingForNodes } from './support/cluster.ts';
import { manifest, type Short } from './support/manifests.ts';

const missing = missingForNodes();
const title = ['an installation', ...missing].join(': ');
const ROOT = join(import.meta.dirname, '../..');
const OVERLAY = join(ROOT, 'deploy/overlays/local-image');
const NODES = ['node1', 'node2'];
const SOON = { timeout: 90_000, interval: 200 };

/** Somebody else's definition, with other columns than ours. */
const FOREIGN = readFileSync(join(ROOT, 'deploy/crds/spiderreservedip.yaml'), 'utf8')
  .replace('app.kubernetes.io/managed-by: orbweaver', 'app.kubernetes.io/managed-by: Helm')
  .replace('name: VERSION', 'name: THEIRS');

const WEB = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    replicas: 4,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: {
        labels: { app: 'web' },
        annotations: { 'ipam.spidernet.io/ippool': '{"ipv4": ["shop-v4"]}' },
      },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'c', image: 'busybox', command: ['sleep', '1000000'] }],
      },
    },
  },
});

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: { readonly phase: string; readonly podIP?: string };
}

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: Cluster;
  let reservedVersion: string;

  beforeAll(async () => {
    cluster = await Cluster.start({ nodes: NODES });
    const archive = cluster.controlPlane.run.file('orbweaver.tar');
    await buildImage(archive);
    await cluster.kubectl(['create', '-f', '-'], FOREIGN);
    reservedVersion = await versionOf('crd/spiderreservedips.spiderpool.spidernet.io');
    for (const node of cluster.nodes) {
      await node.importImage(archive);
      // The plugin is to come with the agent.
      for (const name of PLUGIN_NAMES)
        rmSync(node.root.outside(`/opt/cni/bin/${name}`), { force: true });
    }
  });
  afterAll(() => cluster?.stop());

  const kubectl = (...args: string[]) => cluster.kubectl(args);
  const apply = (short: Short, name: string, spec: object) =>
    cluster.controlPlane.tryKubectl(['apply', '-f', '-'], manifest(short, name, { spec }));

  async function versionOf(what: string): Promise<string> {
    return kubectl('get', what, '-o', 'jsonpath={.metadata.resourceVersion}');
  }

  async function get<T>(...args: string[]): Promise<T> {
    return JSON.parse(await kubectl('get', ...args, '-o', 'json')) as T;
  }

  async function pods(): Promise<Pod[]> {
    return (await get<{ items: Pod[] }>('pods', '-n', 'shop', '-l', 'app=web')).items;
  }

  async function rollout(): Promise<void> {
    const namespace = ['-n', 'orbweaver', '--timeout=120s'];
    await kubectl('rollout', 'status', 'deployment/orbweaver-controller', ...namespace);
    await kubectl('rollout', 'status', 'daemonset/orbweaver-agent', ...namespace);
  }

  test('is one command, and ready when its rollout says so', async () => {
    const networks = cluster.nodes.map((node) => readdirSync(node.root.outside('/etc/cni/net.d')));
    await kubectl('apply', '-k', OVERLAY);
    await rollout();
    for (const [index, node] of cluster.nodes.entries()) {
      const plugins = readdirSync(node.root.outside('/opt/cni/bin'));
      expect(plugins).toEqual(expect.arrayContaining([...PLUGIN_NAMES]));
      expect(plugins.filter((name) => name.startsWith('.'))).toEqual([]);
      expect(readdirSync(node.root.outside('/etc/cni/net.d'))).toEqual(networks[index]);
    }
  });

  test('makes the kinds that are missing and leaves those of others alone', async () => {
    const names = await kubectl(
      'get',
      'crd',
      '-l',
      'app.kubernetes.io/managed-by=orbweaver',
      '-o',
      'name',
    );
    expect(names.trim().split('\n')).toHaveLength(8);
    expect(await kubectl('get', 'sr')).toBe('');
    expect(await versionOf('crd/spiderreservedips.spiderpool.spidernet.io')).toBe(reservedVersion);
  });

  test('gives pods addresses on every node', async () => {
    await kubectl('create', 'namespace', 'shop');
    const spec = { subnet: '172.18.41.0/24', ips: ['172.18.41.40', '172.18.41.41-172.18.41.49'] };
    expect(await apply('pool', 'shop-v4', spec)).toMatchObject({ exit: 0 });
    await cluster.kubectl(['apply', '-f', '-'], WEB);
    await kubectl('rollout', 'status', 'deployment/web', '-n', 'shop', '--timeout=90s');
    const addresses = (await pods()).map(({ status }) => status.podIP);
    expect(new Set(addresses).size).toBe(4);
    for (const address of addresses) expect(address).toMatch(/^172\.18\.41\.4\d$/);
    await expect
      .poll(
        async () => (await kubectl('get', 'se', '-n', 'shop', '--no-headers')).trim().split('\n'),
        SOON,
      )
      .toHaveLength(4);
  });

  test('the webhook fills in and refuses, under the certificate that the controllers share', async () => {
    const refused = await apply('pool', 'other', { subnet: '172.18.0.0/16' });
    expect(refused.err).toContain(
      'spec.subnet: Invalid value: "172.18.0.0/16": overlap with IPPool shop-v4 which \'spec.subnet\' is 172.18.41.0/24',
    );
    const used = (await pods())[0]!.status.podIP!;
    const spec = {
      subnet: '172.18.41.0/24',
      ips: ['172.18.41.40-172.18.41.49'],
      excludeIPs: [used],
    };
    expect((await apply('pool', 'shop-v4', spec)).err).toContain(
      `remove an IP address ${used} that is being used by Pod shop/web-`,
    );
    expect(
      await apply('older', 'filled', { subnet: '10.9.0.0/24', ips: ['10.9.0.2', '10.9.0.1'] }),
    ).toMatchObject({
      exit: 0,
    });
    const filled = await get<{ metadata: object; spec: object }>('spl', 'filled');
    expect(filled).toMatchObject({
      metadata: { labels: { 'ipam.spidernet.io/ippool-cidr': '10-9-0-0-24' } },
      spec: { ipVersion: 'IPv4', ips: ['10.9.0.1-10.9.0.2'] },
    });
    const conf = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'spiderpool-conf', namespace: 'kube-system' },
    };
    const broken = JSON.stringify({ ...conf, data: { enableIPv4: 'perhaps' } });
    expect((await cluster.controlPlane.tryKubectl(['create', '-f', '-'], broken)).err).toContain(
      'data[enableIPv4]',
    );
    await kubectl('create', '-f', join(ROOT, 'deploy/spiderpool-conf.yaml'));
  });

  test('what came while no controller was there has a condition', async () => {
    await kubectl('scale', 'deployment/orbweaver-controller', '-n', 'orbweaver', '--replicas=0');
    const gone = ['pod', '-n', 'orbweaver', '-l', 'app.kubernetes.io/name=orbweaver-controller'];
    await kubectl('wait', '--for=delete', ...gone, '--timeout=60s');
    const spec = { subnet: '172.18.41.0/24', ips: ['172.18.41.49-172.18.41.60'] };
    expect(await apply('pool', 'late', spec)).toMatchObject({ exit: 0 });
    await kubectl('scale', 'deployment/orbweaver-controller', '-n', 'orbweaver', '--replicas=2');
    const condition = 'jsonpath={.status.conditions[?(@.type=="Valid")].message}';
    await expect
      .poll(() => kubectl('get', 'sp', 'late', '-o', condition), SOON)
      .toContain('overlap with IPPool shop-v4 in IP ranges [172.18.41.49]');
    expect(await kubectl('get', 'sp', 'shop-v4', '-o', condition)).toBe('');
    await rollout();
  });

  test('applied again it keeps the certificate and its kinds; replaced under running pods it disturbs none', async () => {
    const bundle = 'jsonpath={.webhooks[*].clientConfig.caBundle}';
    const trusted = () =>
      kubectl('get', 'validatingwebhookconfiguration', 'orbweaver', '-o', bundle);
    const before = [await trusted(), await versionOf('crd/spiderippools.spiderpool.spidernet.io')];
    const running = await pods();
    await kubectl('apply', '-k', OVERLAY);
    await kubectl('rollout', 'restart', 'daemonset/orbweaver-agent', '-n', 'orbweaver');
    await kubectl('rollout', 'restart', 'deployment/orbweaver-controller', '-n', 'orbweaver');
    await rollout();
    expect([await trusted(), await versionOf('crd/spiderippools.spiderpool.spidernet.io')]).toEqual(
      before,
    );
    const names = (list: Pod[]) =>
      list.map(({ metadata, status }) => `${metadata.uid} ${status.podIP}`).sort();
    expect(names(await pods())).toEqual(names(running));
    await kubectl('scale', 'deployment/web', '-n', 'shop', '--replicas=6');
    await kubectl('rollout', 'status', 'deployment/web', '-n', 'shop', '--timeout=90s');
  });

  const uninstall = (...options: string[]) =>
    runProcess(
      'sh',
      [
        join(ROOT, 'deploy/uninstall.sh'),
        '-k',
        OVERLAY,
        ...options,
        '--',
        '--kubeconfig',
        cluster.controlPlane.kubeconfig,
      ],
      {
        env: { ...process.env, PATH: `${join(programPath('kubectl'), '..')}:${process.env.PATH}` },
      },
    );

  test('is not taken away from under pods', async () => {
    const { exit, err } = await uninstall();
    expect(err).toContain('6 addresses are still held');
    expect(exit).toBe(1);
    await rollout();
  });

  test('goes without leaving anything that hangs', async () => {
    await kubectl('delete', 'namespace', 'shop', '--timeout=60s');
    // The pool's addresses rest, which keeps nothing.
    await kubectl('delete', 'sp', 'shop-v4', '--timeout=60s');
    const { exit, out, err } = await uninstall('--purge');
    expect(err).toBe('');
    expect(exit).toBe(0);
    expect(out).toContain('uninstall: done');
    expect(await kubectl('get', 'namespaces', '-o', 'name')).not.toContain('orbweaver');
    expect(await kubectl('get', 'crd', '-o', 'name')).toBe(
      'customresourcedefinition.apiextensions.k8s.io/spiderreservedips.spiderpool.spidernet.io\n',
    );
    expect(await versionOf('crd/spiderreservedips.spiderpool.spidernet.io')).toBe(reservedVersion);
    for (const kind of [
      'validatingwebhookconfiguration',
      'mutatingwebhookconfiguration',
      'clusterrole',
      'clusterrolebinding',
    ]) {
      expect(await kubectl('get', kind, '-o', 'name')).not.toContain('orbweaver');
    }
    for (const node of cluster.nodes) {
      expect(existsSync(node.root.outside('/opt/cni/bin/orbweaver'))).toBe(true);
    }
  });
});
