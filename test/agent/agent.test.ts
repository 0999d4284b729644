import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/catalogue/limits.ts';
import { exchange, openSocket, post, readReply } from '../http/raw-request.ts';
import { type AgentPaths, AgentProcess, call, cniCall, newPaths, POOL } from './agent-process.ts';

let paths: AgentPaths;
const agents: AgentProcess[] = [];

function launch(at: AgentPaths = paths, ...more: string[]): AgentProcess {
  const agent = new AgentProcess(at, ...more);
  agents.push(agent);
  return agent;
}

/** An agent that serves the one pool of ten addresses. */
async function serving(...more: string[]): Promise<AgentProcess> {
  writeFileSync(join(paths.folder, 'pool.yaml'), POOL);
  const agent = launch(paths, '--manifests', join(paths.folder, 'pool.yaml'), ...more);
  await agent.ready();
  return agent;
}

beforeEach(() => {
  paths = newPaths();
});

afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()));
  paths.remove();
});

describe('agent starts', () => {
  test('with one line on standard output, a socket of 0600 in a folder of 0700', async () => {
    const agent = launch();
    expect(await agent.ready()).toBe(`orbweaver agent ready: node node1, socket ${paths.socket}`);
    expect((statSync(paths.socket).mode & 0o777).toString(8)).toBe('600');
    expect((statSync(join(paths.folder, 'run')).mode & 0o777).toString(8)).toBe('700');
    expect(agent.out.trim().split('\n')).toHaveLength(1);
  });

  test('after kill -9, over the socket that was left, with what was claimed', async () => {
    const first = await serving();
    const before = await call(paths.socket, { container: 'c1' });
    first.child.kill('SIGKILL');
    await first.exited;
    expect(existsSync(paths.socket)).toBe(true);
    await launch().ready();
    const repeated = await call(paths.socket, { container: 'c1' });
    expect(JSON.parse(repeated.body)).toEqual(JSON.parse(before.body));
    const other = await call(paths.socket, { container: 'c2', pod: 'p2' });
    expect(JSON.parse(other.body).ips[0].address).toBe('172.18.41.41/24');
  });

  test('with manifests of a folder, and again with the same', async () => {
    await (await serving()).stop();
    const agent = await serving('--manifests', paths.folder);
    // The log is written in batches.
    await expect.poll(() => agent.err).toContain('"action":"unchanged"');
  });
});

describe('agent refuses to start', () => {
  test.each([
    [
      'a state folder that another one holds',
      () => ({ ...paths, socket: `${paths.socket}2` }),
      'STORE_LOCKED',
    ],
    [
      'a socket on which another one answers',
      () => ({ ...paths, state: `${paths.state}2` }),
      'SOCKET_IN_USE',
    ],
  ])('%s, in one line, and leaves the other alone', async (_name, other, code) => {
    await serving();
    const second = launch(other());
    expect(await second.exited).toBe(1);
    const errors = second.err.split('\n').filter((line) => line.startsWith('error:'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(code);
    expect((await call(paths.socket)).status).toBe(200);
  });

  test('a manifest that is refused, naming its file and field, and listens on nothing', async () => {
    const file = join(paths.folder, 'bad.yaml');
    writeFileSync(file, POOL.replace('.40-172.18.41.49', '.49-172.18.41.40'));
    const agent = launch(paths, '--manifests', file);
    expect(await agent.exited).toBe(1);
    expect(agent.err).toContain(file);
    expect(agent.err).toContain('spec.ips');
    expect(existsSync(paths.socket)).toBe(false);
  });

  test.each([
    ['no state folder', ['--node', 'n'], '--state'],
    [
      'a listener that is no address',
      ['--state', 'x', '--node', 'n', '--listen', 'nine'],
      '--listen',
    ],
  ])('%s, with exit code 2', async (_name, args, word) => {
    const { runCli } = await import('../cli/run-cli.ts');
    const result = await runCli(['agent', ...args], { folder: paths.folder });
    expect(result.code).toBe(2);
    expect(result.err).toContain(word);
    expect(result.err.trim().split('\n')).toHaveLength(1);
  });
});

describe('agent answers', () => {
  let shared: AgentPaths;
  let agent: AgentProcess;

  beforeAll(async () => {
    shared = newPaths();
    writeFileSync(join(shared.folder, 'pool.yaml'), POOL);
    agent = new AgentProcess(shared, '--manifests', join(shared.folder, 'pool.yaml'));
    await agent.ready();
  });

  afterAll(async () => {
    await agent.stop();
    shared.remove();
  });

  test('every verb, and DEL of the unknown with nothing', async () => {
    const added = await call(shared.socket);
    const result = JSON.parse(added.body);
    expect(result).toEqual({ cniVersion: '1.0.0', ips: [{ address: '172.18.41.40/24' }] });
    const config = { cniVersion: '1.1.0', name: 'net', ipam: {} };
    const checked = { ...config, prevResult: result };
    const attachments = [{ containerID: 'c1', ifname: 'eth0' }];
    const kept = { ...config, 'cni.dev/valid-attachments': attachments };
    for (const [command, with_] of [
      ['CHECK', checked],
      ['STATUS', config],
      ['GC', kept],
      ['DEL', config],
      ['DEL', config],
    ] as const) {
      const reply = await call(shared.socket, { command, config: with_ });
      expect({ command, status: reply.status, body: reply.body }).toEqual({
        command,
        status: 200,
        body: '',
      });
    }
  });

  test.each([
    ['junk', post('/cni', 'junk'), 6],
    ['a body without an environment', post('/cni', '{"protocol":1}'), 6],
    ['another protocol', cniCall().replace('"protocol":1', '"protocol":2'), 6],
    [
      'a config that is no JSON',
      cniCall({ config: undefined }).replace('{\\"cniVersion', 'x\\"cniVersion'),
      6,
    ],
    ['a config without a name', cniCall({ config: { cniVersion: '1.0.0' } }), 7],
    ['an unknown version', cniCall({ config: { cniVersion: '9.9.9', name: 'n' } }), 1],
    ['an unknown verb', cniCall({ command: 'FLY' }), 4],
    ['its own network namespace', cniCall({ ownNetns: true }), 4],
  ])('%s with one CNI error, and goes on', async (_name, bytes, code) => {
    const reply = await exchange(shared.socket, bytes);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    const error = JSON.parse(reply.body);
    expect(error).toMatchObject({ code, cniVersion: expect.any(String) });
    expect(error.msg).not.toBe('');
    expect((await call(shared.socket)).status).toBe(200);
  });

  test('a body above the limit before it has been sent', async () => {
    const socket = await openSocket(shared.socket);
    const reply = readReply(socket);
    socket.write(
      `POST /cni HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMITS.bodyBytesMax + 1}\r\n\r\n`,
    );
    expect(JSON.parse((await reply).body)).toMatchObject({ code: 6 });
    socket.destroy();
  });
});

describe('agent reports', () => {
  test('health, readiness and metrics on the socket and over TCP', async () => {
    const agent = await serving('--listen', '127.0.0.1:0');
    await call(paths.socket);
    await call(paths.socket, { command: 'FLY' });
    const tcp = /metrics on (\S+)/.exec(agent.out)![1];
    const metrics = await (await fetch(`http://${tcp}/metrics`)).text();
    for (const line of [
      'orbweaver_cni_call_duration_seconds_count{verb="ADD",outcome="ok"} 1',
      'orbweaver_cni_call_duration_seconds_count{verb="other",outcome="4"} 1',
      'orbweaver_pool_addresses{pool="pool-a",dialect="spiderpool",state="used"} 1',
      'orbweaver_pool_addresses{pool="pool-a",dialect="spiderpool",state="free"} 9',
      'orbweaver_queue_depth 0',
      'orbweaver_engine_rebuilds_total 0',
    ]) {
      expect(metrics).toContain(line);
    }
    expect(metrics).toMatch(/orbweaver_commit_batch_size_count [1-9]/);
    expect((await fetch(`http://${tcp}/readyz`)).status).toBe(200);
    expect((await fetch(`http://${tcp}/v1/objects`)).status).toBe(404);
    expect((await fetch(`http://${tcp}/cni`, { method: 'POST', body: '{}' })).status).toBe(404);
  });

  test("calls by Spiderpool's plugin on a socket of their own, as calls of the same agent", async () => {
    const spiderpool = join(paths.folder, 'spiderpool', 'spiderpool.sock');
    await serving('--spiderpool-socket', spiderpool);
    const body = JSON.stringify({
      containerID: 'c1',
      ifName: 'eth0',
      netNamespace: '/proc/1/ns/net',
      podNamespace: 'default',
      podName: 'web-0',
      podUID: 'u-1',
      defaultIPv4IPPool: ['pool-a'],
    });
    const reply = await exchange(spiderpool, post('/v1/ipam/ip', body));
    expect(reply).toMatchObject({ status: 200 });
    expect(JSON.parse(reply.body).ips).toMatchObject([{ ipPool: 'pool-a', nic: 'eth0' }]);
    const { body: metrics } = await exchange(
      paths.socket,
      'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect(metrics).toContain(
      'orbweaver_cni_call_duration_seconds_count{verb="ADD",outcome="ok"} 1',
    );
  });

  test('one structured line for each call', async () => {
    const agent = await serving();
    await call(paths.socket);
    await agent.stop();
    const line = agent.err.split('\n').find((text) => text.includes('"verb":"ADD"'))!;
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      verb: 'ADD',
      outcome: 'ok',
      pod: 'default/p1',
      network: 'net',
      container: 'c1',
      interface: 'eth0',
      addresses: ['172.18.41.40'],
      ms: expect.any(Number),
    });
  });
});

describe('agent and callers that hang up', () => {
  test('claims nothing for ADDs whose plugins died while it was stopped', async () => {
    const agent = await serving();
    agent.child.kill('SIGSTOP');
    for (let index = 0; index < 20; index += 1) {
      const socket = await openSocket(paths.socket);
      await new Promise<void>((resolve) => {
        socket.write(cniCall({ container: `dead${index}`, pod: `dead${index}` }), () => resolve());
      });
      socket.destroy();
    }
    agent.child.kill('SIGCONT');
    const reply = await call(paths.socket, { container: 'alive', pod: 'alive' });
    expect(JSON.parse(reply.body).ips[0].address).toBe('172.18.41.40/24');
  });
});

describe('agent stops', () => {
  test('on SIGTERM with exit code 0, its socket gone, nothing left beside the state', async () => {
    const agent = await serving();
    await call(paths.socket);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(readdirSync(join(paths.folder, 'run'))).toEqual([]);
  });

  test('after it has answered what is in flight', async () => {
    const agent = await serving();
    const replies = Array.from({ length: 10 }, (_, index) =>
      call(paths.socket, { container: `c${index}`, pod: `p${index}` }),
    );
    await replies[0];
    agent.child.kill('SIGTERM');
    // One that was not accepted any more is refused by the kernel, as if there were no agent.
    const outcomes = await Promise.allSettled(replies);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') {
        const { code } = JSON.parse(outcome.value.body);
        expect([undefined, 11]).toContain(code);
      }
    }
    expect(await agent.exited).toBe(0);
  });
});

test('agent says what is wrong with a state folder that cannot be written', async () => {
  if (process.getuid?.() === 0) {
    // Root writes where modes forbid it; a file in the folder's place stops it all the same.
    writeFileSync(paths.state, '');
  } else {
    chmodSync(paths.folder, 0o500);
  }
  const agent = launch();
  expect(await agent.exited).toBe(1);
  expect(agent.err).toContain(paths.state);
  chmodSync(paths.folder, 0o700);
});
