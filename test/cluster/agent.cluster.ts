/** A real agent on a real API server, from its start to its end, with the real plugin in front. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { AGENT_NAMESPACE, apply, BareNode, makeNamespace, slots } from './support/bare-node.ts';
import { type ControlPlane, startControlPlane } from './support/control-plane.ts';
import { missingParts } from './support/missing-parts.ts';

const missing = missingParts();
const title = ['an agent on an API server', ...missing].join(': ');

const RBAC = join(import.meta.dirname, '../../deploy/base/agent-rbac.yaml');

const POOL = {
  apiVersion: 'spiderpool.spidernet.io/v2beta1',
  kind: 'SpiderIPPool',
  metadata: { name: 'pool-a' },
  spec: { subnet: '172.18.41.0/24', ips: ['172.18.41.40-172.18.41.49'], default: true },
};

describe.skipIf(missing.length > 0)(title, () => {
  let cluster: ControlPlane;
  let node: BareNode;
  let kubeconfig: string;

  beforeAll(async () => {
    cluster = await startControlPlane({ crds: true });
    await makeNamespace(cluster, AGENT_NAMESPACE);
    await makeNamespace(cluster, 'test-ns');
    await apply(cluster, POOL);
    // With the rights of deploy/, and no more.
    await cluster.kubectl(['apply', '-f', RBAC]);
    const account = `system:serviceaccount:${AGENT_NAMESPACE}:orbweaver-agent`;
    kubeconfig = await cluster.kubeconfigFor(account);
    node = await BareNode.make(cluster, 'node1', { kubeconfig });
    await node.start();
  });
  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  const lineOf = async (address: string) => {
    const slot = Number(address.split(/[./]/)[3]);
    return (await slots(cluster))[`172-18-41-0-26/${slot}`] ?? '';
  };

  /** The one address of a reply. */
  const addressIn = (reply: Awaited<ReturnType<BareNode['call']>>): string => {
    expect(reply).toMatchObject({ ok: true });
    return reply.ok ? (reply.addresses[0] ?? '') : '';
  };

  test('an ADD is a line of an IPBlock; the next sandbox of the pod has the same address', async () => {
    const pod = await node.pod('test-ns', 'web');
    const address = addressIn(await node.call({ verb: 'ADD', pod, container: 'c1' }));
    expect(await lineOf(address)).toContain('/web ');
    const again = await node.call({ verb: 'ADD', pod, container: 'c2' });
    expect(addressIn(again)).toBe(address);
    expect(await lineOf(address)).toContain(' c2 eth0 ');
    // Rule 4: the late DEL of the first sandbox frees nothing.
    expect(await node.call({ verb: 'DEL', pod, container: 'c1' })).toMatchObject({ ok: true });
    expect(await lineOf(address)).toContain(' c2 eth0 ');
  });

  test('DEL of a pod that lives keeps its address; the end of the pod frees it', async () => {
    const pod = await node.pod('test-ns', 'kept');
    const address = addressIn(await node.call({ verb: 'ADD', pod, container: 'k1' }));
    const held = await lineOf(address);
    expect(await node.call({ verb: 'DEL', pod, container: 'k1' })).toMatchObject({ ok: true });
    const kept = await lineOf(address);
    expect(kept).toContain('/kept ');
    expect(kept).not.toBe(held);
    await cluster.kubectl(['delete', 'pod', '-n', 'test-ns', 'kept', '--force', '--wait=false']);
    await expect.poll(() => lineOf(address), { timeout: 10_000 }).toMatch(/^1r /);
  });

  test('DEL of a pod that is gone frees at once', async () => {
    const pod = await node.pod('test-ns', 'gone');
    const address = addressIn(await node.call({ verb: 'ADD', pod, container: 'g1' }));
    await cluster.kubectl(['delete', 'pod', '-n', 'test-ns', 'gone', '--force', '--wait=false']);
    expect(await node.call({ verb: 'DEL', pod, container: 'g1' })).toMatchObject({ ok: true });
    expect(await lineOf(address)).toMatch(/^1r /);
  });

  test.each([
    ['a pod that nobody has made is unknown, for now', 'nobody', '', 11],
    ['a pod of another uid was replaced', 'web', 'another', 101],
  ])('%s', async (_title, name, uid, code) => {
    const pod = { namespace: 'test-ns', name, uid };
    const reply = await node.call({ verb: 'ADD', pod, container: 'n1' });
    expect(reply).toMatchObject({ ok: false, error: { code } });
  });

  test('a refusal is an Event of the pod, in the words of the dialect, and counted', async () => {
    const annotations = { 'ipam.spidernet.io/ippool': '{"ipv4":["nowhere"]}' };
    const pod = await node.pod('test-ns', 'refused', annotations);
    const refuse = () => node.call({ verb: 'ADD', pod, container: 'r1', calledAs: 'spiderpool' });
    const reply = await refuse();
    const events = async () => {
      const selector = '--field-selector=reason=FailedIPAllocation';
      const text = await cluster.kubectl([
        'get',
        'events',
        '-n',
        'test-ns',
        selector,
        '-o',
        'json',
      ]);
      return (JSON.parse(text) as { items: { message: string; count: number }[] }).items;
    };
    await expect.poll(async () => (await events()).length, { timeout: 10_000 }).toBe(1);
    const [event] = await events();
    expect(event).toMatchObject({
      involvedObject: { kind: 'Pod', name: 'refused', uid: pod.uid },
      source: { component: 'orbweaver-agent', host: 'node1' },
      type: 'Warning',
      count: 1,
    });
    expect(event!.message).toContain('nowhere');
    const { msg } = (reply as { error: { msg: string } }).error;
    expect(
      `spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  ${event!.message}`,
    ).toContain(msg);
    await refuse();
    await expect.poll(async () => (await events())[0]?.count, { timeout: 20_000 }).toBe(2);
    const described = await cluster.kubectl(['describe', 'pod', '-n', 'test-ns', 'refused']);
    expect(described).toContain('FailedIPAllocation');
  });

  test.each([
    [['get', 'sp'], /pool-a +(4 +)?172\.18\.41\.0\/24/],
    [['get', 'se', '-n', 'test-ns'], /web .*172\.18\.41\.4\d\/24/],
    [['explain', 'pod', 'web', '-n', 'test-ns'], /pool-a/],
    [['ipam', 'show'], /172\.18\.41\.0\/24/],
    [['ipam', 'check'], /found 0 problems/],
  ])('`orbweaver %j` on its socket shows what the API server has', async (args, shown) => {
    const { code, out, err } = await runCli(args, { socket: node.folder.socket });
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toMatch(shown);
  });

  test.each([
    [['delete', 'sp', 'pool-a'], 'kubectl delete spiderippools.spiderpool.spidernet.io pool-a'],
    [['annotate', 'pod', 'web', '-n', 'test-ns', 'a=b'], 'kubectl annotate pods web -n test-ns'],
    [['get', 'deployments'], 'kubectl get deployments.apps'],
    [['backup', 'here.db'], 'kubectl get ipblocks'],
  ])('`orbweaver %j` is refused with what to do instead', async (args, command) => {
    const { code, err } = await runCli(args, { socket: node.folder.socket });
    expect(code).toBe(1);
    expect(err).toContain('KEPT_BY_CLUSTER');
    expect(err).toContain(command);
  });

  test('what another node holds is shown and freed through the socket of this one', async () => {
    await using other = await BareNode.make(cluster, 'node2', { kubeconfig });
    await other.start();
    const pod = await other.pod('test-ns', 'elsewhere');
    const address = addressIn(await other.call({ verb: 'ADD', pod, container: 'e1' }));
    const ip = address.split('/')[0]!;
    const socket = { socket: node.folder.socket };
    const shown = await runCli(['ipam', 'show', '--ip', ip], socket);
    expect(shown.out).toMatch(/node2/);
    expect(shown.out).toMatch(/elsewhere/);
    const endpoints = await runCli(['get', 'se', '-n', 'test-ns'], socket);
    expect(endpoints.out).toMatch(/elsewhere .*node2/);
    const freed = await runCli(['ipam', 'release', `--ip=${ip}`], socket);
    expect(freed).toMatchObject({ code: 0, err: '' });
    expect(await lineOf(address)).toMatch(/^1r /);
  });

  test('--manifests is refused beside --kubeconfig', async () => {
    const state = node.folder.folder;
    const agent = ['agent', '--state', state, '--node', 'x', '--kubeconfig', cluster.kubeconfig];
    const { code, err } = await runCli([...agent, '--manifests', 'pools.yaml']);
    expect(code).toBe(2);
    expect(err).toContain('kubectl apply -f pools.yaml');
  });

  test('rule 14: a second agent of the node name serves no ADD and names the first', async () => {
    const second = await BareNode.make(cluster, 'node1', { kubeconfig });
    await using _second = second;
    second.agent = AgentProcess.spawn(second.folder, second.options);
    const status = () => second.call({ verb: 'STATUS' }).catch(() => undefined);
    const lease = `Lease ${AGENT_NAMESPACE}/agent-node1`;
    await expect.poll(status, { timeout: 20_000 }).toMatchObject({
      ok: false,
      error: { code: 50, msg: expect.stringContaining(lease) },
    });
    const pod = await node.pod('test-ns', 'twice');
    const reply = await second.call({ verb: 'ADD', pod, container: 't1' });
    expect(reply).toMatchObject({ ok: false, error: { code: 11 } });
    expect((reply as { error: { msg: string } }).error.msg).toContain('another agent');
    addressIn(await node.call({ verb: 'ADD', pod, container: 't1' }));
  });

  test('rule 14: a Lease that was taken away stops ADD and GC, not DEL, until it is free again', async () => {
    const pod = await node.pod('test-ns', 'robbed');
    addressIn(await node.call({ verb: 'ADD', pod, container: 'b1' }));
    const lease = ['lease', 'agent-node1', '-n', AGENT_NAMESPACE];
    const thief = '{"spec":{"holderIdentity":"thief"}}';
    await cluster.kubectl(['patch', ...lease, '--type=merge', '-p', thief]);
    const add = () => node.call({ verb: 'ADD', pod, container: 'b1' });
    await expect.poll(add, { timeout: 20_000, interval: 500 }).toMatchObject({
      ok: false,
      error: { code: 11, msg: expect.stringContaining('another agent: thief') },
    });
    const config = { 'cni.dev/valid-attachments': [] };
    const gc = await node.call({ verb: 'GC', config });
    expect(gc).toMatchObject({ ok: false, error: { code: 11 } });
    expect(await node.call({ verb: 'DEL', pod, container: 'b1' })).toMatchObject({ ok: true });
    await cluster.kubectl(['delete', ...lease]);
    await expect.poll(add, { timeout: 20_000, interval: 500 }).toMatchObject({ ok: true });
  });

  test('after kill -9 it serves again at once, with every claim and under its own Lease', async () => {
    const pod = await node.pod('test-ns', 'survivor');
    const address = addressIn(await node.call({ verb: 'ADD', pod, container: 's1' }));
    await node.agent!.kill();
    await node.start();
    expect(addressIn(await node.call({ verb: 'ADD', pod, container: 's1' }))).toBe(address);
    expect((await node.agent!.stop()).code).toBe(0);
    await node.start();
    expect(addressIn(await node.call({ verb: 'ADD', pod, container: 's1' }))).toBe(address);
  });

  test('an API server that stops answering: STATUS 50, ADD 11, DEL is done when it is back', async () => {
    const pod = await node.pod('test-ns', 'cut');
    const late = await node.pod('test-ns', 'late');
    const address = addressIn(await node.call({ verb: 'ADD', pod, container: 'x1' }));
    await cluster.kubectl(['delete', 'pod', '-n', 'test-ns', 'cut', '--force', '--wait=false']);
    cluster.freeze('kube-apiserver');
    try {
      await expect
        .poll(() => node.call({ verb: 'STATUS' }), { timeout: 20_000, interval: 500 })
        .toMatchObject({ ok: false, error: { code: 50 } });
      const [add, del] = await Promise.all([
        node.call({ verb: 'ADD', pod: late, container: 'l1' }),
        node.call({ verb: 'DEL', pod, container: 'x1' }),
      ]);
      expect(add).toMatchObject({ ok: false, error: { code: 11 } });
      expect(del).toMatchObject({ ok: true });
    } finally {
      cluster.thaw('kube-apiserver');
    }
    await expect.poll(() => lineOf(address), { timeout: 30_000 }).toMatch(/^1r /);
    await expect
      .poll(() => node.call({ verb: 'STATUS' }), { timeout: 20_000, interval: 500 })
      .toMatchObject({ ok: true });
    addressIn(await node.call({ verb: 'ADD', pod: late, container: 'l1' }));
  });

  test('it starts without an API server, says so, and serves as soon as there is one', async () => {
    const pod = await node.pod('test-ns', 'patient');
    await node.agent!.stop();
    await cluster.kill('kube-apiserver');
    node.agent = AgentProcess.spawn(node.folder, node.options);
    await expect
      .poll(() => node.call({ verb: 'STATUS' }).catch(() => undefined), { timeout: 20_000 })
      .toMatchObject({ ok: false, error: { code: 50 } });
    const refused = await node.call({ verb: 'ADD', pod, container: 'p1' });
    expect(refused).toMatchObject({ ok: false, error: { code: 11 } });
    await cluster.restart('kube-apiserver');
    await node.agent.ready();
    addressIn(await node.call({ verb: 'ADD', pod, container: 'p1' }));
  });
});
