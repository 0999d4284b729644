/** An agent of a cluster whose API server does not answer, or not yet: what it says, and what it does all the same. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { AgentFolder, AgentProcess } from '../support/agent-process.ts';
import { type CniReply, callAgent } from '../support/cni-call.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { answer, ScriptedApiServer, statusObject } from '../support/scripted-api-server.ts';

let server: ScriptedApiServer;
let folder: AgentFolder;
let agent: AgentProcess | undefined;

beforeEach(async () => {
  server = await ScriptedApiServer.start();
  folder = new AgentFolder();
});
afterEach(async () => {
  await agent?.kill();
  folder[Symbol.dispose]();
  await server.close();
});

const POD = { namespace: 'shop', name: 'web', uid: 'u1' };

/** Starts one and waits until its socket answers. */
async function start(script: ScriptedApiServer['script']): Promise<CniReply> {
  server.script = script;
  const args = ['--kubeconfig', server.kubeconfig(scratchFolder())];
  agent = AgentProcess.spawn(folder, { args });
  let reply: CniReply | undefined;
  await expect
    .poll(
      async () => {
        reply = await callAgent(folder.socket, { verb: 'STATUS' }).catch(() => undefined);
        return reply;
      },
      { timeout: 20_000 },
    )
    .toBeDefined();
  return reply!;
}

describe.each([
  ['does not answer', () => {}],
  ['refuses everything', (_request, response) => answer(response, 403, statusObject(403, 'no'))],
  ['is ill', (_request, response) => answer(response, 500, statusObject(500, 'etcd is gone'))],
] as [string, ScriptedApiServer['script']][])('an API server that %s', (_what, script) => {
  test('leaves the socket answering: STATUS 50, ADD and GC 11, DEL promised', async () => {
    expect(await start(script)).toMatchObject({ ok: false, error: { code: 50 } });
    const call = (verb: 'ADD' | 'DEL' | 'GC') =>
      callAgent(folder.socket, { verb, pod: POD, config: { 'cni.dev/valid-attachments': [] } });
    expect(await call('ADD')).toMatchObject({
      ok: false,
      error: { code: 11, msg: expect.stringContaining('Lease orbweaver/agent-node1') },
    });
    expect(await call('GC')).toMatchObject({ ok: false, error: { code: 11 } });
    expect(await call('DEL')).toMatchObject({ ok: true });
    const { err, code } = await runCli(['get', 'sp'], { socket: folder.socket });
    expect(code).toBe(1);
    expect(err).toContain('the agent is starting');
    expect((await agent!.stop()).code).toBe(0);
  });
});

test('an API server that refuses the blocks alone is named with what it says', async () => {
  await start(({ method, path, body }, response) => {
    if (path.includes('/ipblocks')) {
      answer(response, 403, statusObject(403, 'ipblocks is forbidden: no right to list'));
    } else if (path.includes('/leases')) {
      const isThere = method !== 'GET';
      answer(response, isThere ? 200 : 404, isThere ? JSON.parse(body) : statusObject(404, 'none'));
    } else if (!path.includes('watch=true')) {
      answer(response, 200, { kind: 'List', metadata: { resourceVersion: '1' }, items: [] });
    }
  });
  const status = async () => (await callAgent(folder.socket, { verb: 'STATUS' })) as object;
  await expect.poll(status, { timeout: 10_000 }).toMatchObject({
    ok: false,
    error: { code: 50, msg: expect.stringContaining('403: ipblocks is forbidden') },
  });
  expect((await agent!.stop()).code).toBe(0);
});

describe('the command line refuses', () => {
  const paths = () => ['--state', folder.state, '--socket', folder.socket, '--node', 'n1'];
  test.each([
    [
      '--manifests beside --kubeconfig',
      ['--kubeconfig', 'k', '--manifests', 'm.yaml'],
      'kubectl apply -f m.yaml',
    ],
    [
      '--manifests beside --in-cluster',
      ['--in-cluster', '--manifests', 'm.yaml'],
      'kubectl apply -f m.yaml',
    ],
    [
      '--kubeconfig beside --in-cluster',
      ['--kubeconfig', 'k', '--in-cluster'],
      'exclude each other',
    ],
    ['--cri-socket on one machine', ['--cri-socket', '/run/c.sock'], 'in a cluster only'],
    ['a kubeconfig that is not there', ['--kubeconfig', 'nowhere'], 'nowhere'],
    ['--in-cluster outside of one', ['--in-cluster'], 'not in a pod of a cluster'],
  ])('%s', async (_what, options, told) => {
    const { code, err } = await runCli(['agent', ...paths(), ...options]);
    expect(code).not.toBe(0);
    expect(err).toContain(told);
  });
});

test('a second agent on the state folder is refused', async () => {
  await start(() => {});
  using other = new AgentFolder();
  const args = ['--kubeconfig', server.kubeconfig(scratchFolder()), '--state', folder.state];
  const second = AgentProcess.spawn(other, { args });
  expect((await second.exit).code).toBe(1);
  expect(second.logs).toContain('STORE_LOCKED');
});
