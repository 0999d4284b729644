/**
 * The command line against a real API server, without an agent: as `orbweaver --kubeconfig`, and as `calicoctl`
 * with the command lines of the Calico tutorial.
 */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcess } from '../../src/cli/walk/run-process.ts';
import { ORBWEAVER } from '../agent/agent-process.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { AGENT_NAMESPACE, BareNode, makeNamespace, slots } from './support/bare-node.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['the command line on an API server', ...missing].join(': ');

const EXAMPLE = join(import.meta.dirname, '../../examples/4-calico-namespaces');

const POOL = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata: { name: pool-a }
spec: { subnet: 172.18.41.0/24, ips: [172.18.41.40-172.18.41.49], default: true }
`;

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;
  let node: BareNode;
  let calicoctl: string;

  beforeAll(async () => {
    cluster = await startControlPlane({ crds: true });
    await makeNamespace(cluster, AGENT_NAMESPACE);
    await makeNamespace(cluster, 'shop');
    node = await BareNode.make(cluster, 'node1', { labels: { zone: 'a' } });
    calicoctl = join(scratchFolder(), 'calicoctl');
    symlinkSync(ORBWEAVER, calicoctl);
  });
  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  /** Runs it to its end; fails where it says anything on standard error. */
  async function run(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    input = '',
  ) {
    const result = await runProcess(process.execPath, [program, ...args], {
      env: { ...(process.env as Record<string, string>), INIT_CWD: EXAMPLE, ...env },
      input,
    });
    return { code: result.exit, out: result.out, err: result.err };
  }

  function orbweaver(args: readonly string[], input = '') {
    return run(ORBWEAVER, [...args, '--kubeconfig', cluster.kubeconfig], {}, input);
  }

  /** As `calicoctl`, which finds the cluster as calicoctl does. */
  async function asCalicoctl(args: readonly string[], input = '') {
    const result = await run(calicoctl, args, { KUBECONFIG: cluster.kubeconfig }, input);
    expect(result.err).toBe('');
    expect(result.code).toBe(0);
    return result.out;
  }

  async function shown(args: readonly string[], input = '') {
    const result = await orbweaver(args, input);
    expect(result.err).toBe('');
    expect(result.code).toBe(0);
    return result.out;
  }

  describe('objects', () => {
    test('apply says what became of each, and the API server has it', async () => {
      const name = 'spiderippool.spiderpool.spidernet.io/pool-a';
      expect(await shown(['apply', '-f', '-'], POOL)).toBe(`${name} created\n`);
      expect(await shown(['apply', '-f', '-'], POOL)).toBe(`${name} unchanged\n`);
      const wider = POOL.replace('.49]', '.59]');
      expect(await shown(['apply', '-f', '-'], wider)).toBe(`${name} configured\n`);
      const there = await cluster.kubectl(['get', 'sp', 'pool-a', '-o', 'jsonpath={.spec.ips}']);
      expect(there).toBe('["172.18.41.40-172.18.41.59"]');
      await shown(['apply', '-f', '-'], POOL);
    });

    test('version shows that of the API server', async () => {
      const told = JSON.parse((await cluster.ask('GET', '/version')).text) as {
        gitVersion: string;
      };
      expect((await shown(['version'])).split('\n')).toEqual([
        expect.stringMatching(/^orbweaver \d/),
        `API server ${cluster.url}, Kubernetes ${told.gitVersion}`,
        '',
      ]);
    });

    test('create refuses what exists, replace what does not', async () => {
      const again = await orbweaver(['create', '-f', '-'], POOL);
      expect(again.code).toBe(1);
      expect(again.err).toMatch(/^error: OBJECT_EXISTS: .*"pool-a" already exists/);
      const other = await orbweaver(['replace', '-f', '-'], POOL.replace('pool-a', 'nowhere'));
      expect(other.err).toMatch(/^error: OBJECT_NOT_FOUND: .*"nowhere" not found/);
    });

    test('what the server warns of is shown as kubectl shows it', async () => {
      const manifest = POOL.replace('pool-a', 'pool-f')
        .replace('172.18.41.0/24', '172.18.42.0/24')
        .replace('172.18.41.40-172.18.41.49', '172.18.42.40')
        .replace('pool-f }', 'pool-f, finalizers: [of.somebody] }');
      const args = ['apply', '--server-side', '--dry-run=server', '-f', '-'];
      const theirs = await cluster.tryKubectl(args, manifest);
      const ours = await orbweaver(['apply', '-f', '-'], manifest);
      expect(ours.code).toBe(0);
      expect(theirs.err).toMatch(/^Warning: .*of\.somebody.*\n$/);
      expect(ours.err).toBe(theirs.err);
      const none = '{"metadata":{"finalizers":null}}';
      await cluster.kubectl(['patch', 'sp', 'pool-f', '--type=merge', '-p', none]);
      await shown(['delete', 'sp', 'pool-f']);
    });

    test("a refusal has the server's words, and names the field", async () => {
      const wrong = POOL.replace('pool-a', 'pool-w').replace('172.18.41.40-', '10.0.0.1-');
      const refused = await orbweaver(['apply', '-f', '-'], wrong);
      expect(refused.code).toBe(1);
      expect(refused.err).toMatch(/^error: OBJECT_INVALID: .*spec\.ips/);
      const misspelt = POOL.replace('pool-a', 'pool-m').replace('default:', 'defualt:');
      const unknown = await orbweaver(['apply', '-f', '-'], misspelt);
      expect(unknown.err).toMatch(/^error: OBJECT_INVALID: .*defualt/);
      expect(await cluster.kubectl(['get', 'sp', '-o', 'name'])).toBe(
        'spiderippool.spiderpool.spidernet.io/pool-a\n',
      );
    });

    test('are shown without the list of who wrote which field, as kubectl shows them', async () => {
      for (const args of [['node1'], []]) {
        const text = await shown(['get', 'node', ...args, '-o', 'yaml']);
        expect(text).toContain('uid:');
        expect(text).not.toContain('managedFields');
      }
    });

    test('label, annotate and patch change one object, and say so', async () => {
      expect(await shown(['label', 'ns', 'shop', 'team=a'])).toBe('namespace/shop labeled\n');
      expect(await shown(['label', 'ns', 'shop', 'team=a'])).toBe('namespace/shop not labeled\n');
      const other = await orbweaver(['label', 'ns', 'shop', 'team=b']);
      expect(other.err).toContain(`'team' already has a value (a), and --overwrite is false`);
      await shown(['label', 'ns', 'shop', 'team=b', '--overwrite']);
      await shown(['annotate', 'ns', 'shop', 'note=x']);
      await shown(['annotate', 'ns', 'shop', 'note-']);
      const text = await cluster.kubectl(['get', 'ns', 'shop', '-o', 'json']);
      const { labels, annotations } = JSON.parse(text).metadata;
      expect(labels.team).toBe('b');
      expect(annotations?.note).toBeUndefined();
      const patch = '[{"op":"add","path":"/spec/disable","value":true}]';
      expect(await shown(['patch', 'sp', 'pool-a', '--type', 'json', '-p', patch])).toBe(
        'spiderippool.spiderpool.spidernet.io/pool-a patched\n',
      );
      await shown(['patch', 'sp', 'pool-a', '-p', '{"spec":{"disable":false}}']);
      const disable = await cluster.kubectl([
        'get',
        'sp',
        'pool-a',
        '-o',
        'jsonpath={.spec.disable}',
      ]);
      expect(disable).toBe('false');
    });

    test('get shows what is there, and says what is not', async () => {
      expect(await shown(['get', 'nodes'])).toMatch(/^NAME +STATUS[^\n]*\nnode1 /);
      expect(await shown(['get', 'ns', 'shop', '-o', 'name'])).toBe('namespace/shop\n');
      const { code, err } = await orbweaver(['get', 'sp', 'nowhere']);
      expect(code).toBe(1);
      expect(err).toMatch(/OBJECT_NOT_FOUND: spiderippools.spiderpool.spidernet.io "nowhere" not/);
    });
  });

  describe('addresses', () => {
    let address: string;

    beforeAll(async () => {
      await node.start();
      const pod = await node.pod('shop', 'web');
      const reply = await node.call({ verb: 'ADD', pod, container: 'c1' });
      expect(reply).toMatchObject({ ok: true });
      address = (reply.ok ? reply.addresses[0]! : '').split('/')[0]!;
      const refused = await node.pod('shop', 'refused', {
        'ipam.spidernet.io/ippool': '{"ipv4":["nowhere"]}',
      });
      await node.call({ verb: 'ADD', pod: refused, container: 'r1', calledAs: 'spiderpool' });
    });

    test('get sp and se show what the blocks say, also without a controller', async () => {
      expect(await shown(['get', 'sp'])).toMatch(/pool-a +(4 +)?172\.18\.41\.0\/24 +1 +10 /);
      const endpoint = await shown(['get', 'se', '-n', 'shop']);
      expect(endpoint).toMatch(/web +eth0 +pool-a/);
      expect(endpoint).toContain(`${address}/24`);
    });

    test('ipam show tells pools, blocks and the holder of an address', async () => {
      expect(await shown(['ipam', 'show'])).toMatch(/172\.18\.41\.0\/24 +\| +10 \| 1 \(10%\)/);
      expect(await shown(['ipam', 'show', '--show-blocks'])).toContain('172.18.41.0/26');
      const held = await shown(['ipam', 'show', '--ip', address]);
      expect(held).toMatch(new RegExp(`^IP ${address} is in use\n`));
      for (const line of ['namespace: shop', 'pod: web', 'node: node1', 'pool: pool-a']) {
        expect(held).toContain(`  ${line}\n`);
      }
    });

    test('ipam check finds nothing, and then an address that its pool has no longer', async () => {
      expect(await shown(['ipam', 'check'])).toContain('Check complete; found 0 problems.');
      const spec = (ips: string) => `{"spec":{"ips":["${ips}"]}}`;
      await shown(['patch', 'sp', 'pool-a', '-p', spec('172.18.41.60')]);
      const { code, out } = await orbweaver(['ipam', 'check']);
      expect(code).toBe(1);
      expect(out).toContain(`  ${address} is held by pod shop/web from pool pool-a, but not in`);
      expect(out).toContain('found 1 problems.');
      await shown(['patch', 'sp', 'pool-a', '-p', spec('172.18.41.40-172.18.41.49')]);
    });

    test('explain tells a pod that waits why it does', async () => {
      const text = await shown(['explain', 'pod', 'refused', '-n', 'shop']);
      expect(text).toContain('nowhere');
    });

    test('describe pod shows the events of the API server', async () => {
      await expect
        .poll(() => shown(['describe', 'pod', 'refused', '-n', 'shop']), { timeout: 15_000 })
        .toMatch(/FailedIPAllocation .*nowhere/);
    });

    test('ipam release frees one address, and the next of nobody is an error', async () => {
      const key = `172-18-41-0-26/${address.split('.')[3]}`;
      expect((await slots(cluster))[key]).toContain('/web ');
      expect(await shown(['ipam', 'release', '--ip', address])).toBe(
        `Successfully released IP address ${address}\n`,
      );
      expect((await slots(cluster))[key]).toMatch(/^1r /);
      const again = await orbweaver(['ipam', 'release', '--ip', address]);
      expect(again.code).toBe(1);
      expect(again.err).toContain(`IP address ${address} is not assigned`);
    });
  });

  describe('as calicoctl', () => {
    test("answers to the tutorial's command lines", async () => {
      expect(await asCalicoctl(['apply', '-f', 'pools.yaml'])).toBe(
        "Successfully applied 2 'IPPool' resource(s)\n",
      );
      const wide = await asCalicoctl(['get', 'ippool', '-o', 'wide']);
      const [header, ...rows] = wide
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
      expect(header).toEqual([
        'NAME',
        'CIDR',
        'NAT',
        'IPIPMODE',
        'VXLANMODE',
        'DISABLED',
        'DISABLEBGPEXPORT',
        'SELECTOR',
      ]);
      expect(rows).toEqual([
        [
          'external-pool',
          '10.64.0.0/20',
          'true',
          'Never',
          'CrossSubnet',
          'false',
          'false',
          'all()',
        ],
        [
          'internal-pool',
          '10.64.16.0/20',
          'true',
          'Never',
          'CrossSubnet',
          'false',
          'false',
          'all()',
        ],
      ]);
      expect(await asCalicoctl(['ipam', 'show'])).toMatch(
        /\| IP Pool +\| 10\.64\.0\.0\/20 +\| +4096 \| 0 \(0%\) +\| 4096 \(100%\) +\|/,
      );
      expect(await asCalicoctl(['ipam', 'show', '--show-blocks'])).toContain('| Block ');
      const patch = '{"spec": {"disabled": true}}';
      expect(await asCalicoctl(['patch', 'ippool', 'external-pool', '-p', patch])).toBe(
        "Successfully patched 1 'IPPool' resource\n",
      );
      const disabled = ['get', 'ippool', 'external-pool', '-o', 'jsonpath={.spec.disabled}'];
      expect(await cluster.kubectl(disabled)).toBe('true');
      expect(await asCalicoctl(['ipam', 'check'])).toContain('found 0 problems');
      expect(await asCalicoctl(['ipam', 'configure', '--strictaffinity=true'])).toBe(
        'Successfully set StrictAffinity to: true\n',
      );
      expect(await asCalicoctl(['ipam', 'show', '--show-configuration'])).toMatch(
        /StrictAffinity +\| true/,
      );
      expect(await asCalicoctl(['delete', '-f', 'pools.yaml'])).toBe(
        "Successfully deleted 2 'IPPool' resource(s)\n",
      );
    });

    test('reads its configuration file, and replaces, creates and skips as calicoctl does', async () => {
      const spec = { datastoreType: 'kubernetes', kubeconfig: cluster.kubeconfig };
      const config = join(scratchFolder(), 'calicoctl.cfg');
      writeFileSync(
        config,
        JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind: 'CalicoAPIConfig', spec }),
      );
      const pool = `{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: p}, spec: {cidr: 10.70.0.0/24}}`;
      const call = (args: readonly string[]) =>
        run(calicoctl, [...args, '--config', config, '--allow-version-mismatch'], {}, pool);
      expect((await call(['create', '-f', '-'])).out).toBe(
        "Successfully created 1 'IPPool' resource(s)\n",
      );
      expect(await call(['create', '-f', '-', '--skip-exists'])).toMatchObject({
        code: 0,
        err: '',
      });
      expect((await call(['replace', '-f', '-'])).out).toBe(
        "Successfully replaced 1 'IPPool' resource(s)\n",
      );
      expect((await call(['delete', 'ippool', 'p'])).out).toContain('Successfully deleted 1');
      expect(await call(['delete', 'ippool', 'p', '--skip-not-exists'])).toMatchObject({ code: 0 });
    });
  });

  describe('what goes wrong', () => {
    test('a kubeconfig that is none', async () => {
      const { code, err } = await run(ORBWEAVER, ['get', 'ns', '--kubeconfig', 'pools.yaml'], {});
      expect({ code, text: err.split(':')[1] }).toEqual({ code: 1, text: ' KUBECONFIG_INVALID' });
    });

    test('--socket beside it', async () => {
      const { code, err } = await orbweaver(['get', 'ns', '--socket', 'x']);
      expect(code).toBe(2);
      expect(err).toContain('--socket and --kubeconfig exclude each other');
    });

    test('an account that may not', async () => {
      const kubeconfig = await cluster.kubeconfigFor('nobody');
      for (const args of [
        ['get', 'ns'],
        ['ipam', 'show'],
        ['get', 'sp'],
      ]) {
        const { code, err } = await run(ORBWEAVER, [...args, '--kubeconfig', kubeconfig], {});
        expect(code).toBe(1);
        expect(err).toMatch(/^error: API_FORBIDDEN: .*"nobody" cannot list resource/);
      }
    });

    test('a server that is away, without a long wait', async () => {
      await cluster.kill('kube-apiserver');
      for (const args of [
        ['get', 'ns'],
        ['ipam', 'show'],
      ]) {
        const { code, err } = await orbweaver(args);
        expect(code).toBe(1);
        expect(err).toMatch(/^error: API_SERVER_AWAY: /);
      }
      await cluster.restart('kube-apiserver');
    });
  });
});
