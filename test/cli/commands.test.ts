/** Commands as users type them, in processes of their own, against an agent in another. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentPaths, AgentProcess, call, newPaths } from '../agent/agent-process.ts';
import { type CliResult, runCli, runHere } from './run-cli.ts';

let paths: AgentPaths;
let agent: AgentProcess;

beforeAll(async () => {
  paths = newPaths();
  agent = new AgentProcess(paths);
  await agent.ready();
});

afterAll(async () => {
  await agent.stop();
  paths.remove();
});

function run(...args: string[]): Promise<CliResult> {
  return runCli(args, { socket: paths.socket, folder: paths.folder });
}

async function succeed(...args: string[]): Promise<string> {
  const { code, out, err } = await run(...args);
  expect({ args, code, err }).toEqual({ args, code: 0, err: '' });
  return out;
}

const POOL = `
apiVersion: spiderpool.spidernet.io/v2beta1
kind: SpiderIPPool
metadata:
  name: test-ns-ipv4-ippool
spec:
  subnet: 172.18.41.0/24
  ips:
  - 172.18.41.40-172.18.41.41
  namespaceAffinity:
    matchLabels:
      kubernetes.io/metadata.name: test-ns
`;

const PODS = `
apiVersion: v1
kind: Pod
metadata: { name: good, namespace: test-ns, labels: { app: web } }
spec: { nodeName: spider-worker, containers: [{ name: c, image: busybox }] }
---
apiVersion: v1
kind: Pod
metadata: { name: bad }
spec: { containers: [{ name: c, image: busybox }] }
`;

const REFUSAL =
  'no IPPool available, all IPv4 IPPools [test-ns-ipv4-ippool] of eth0 filtered out: unmatched Namespace affinity of IPPool test-ns-ipv4-ippool';

// Each test goes on from where the one before it ended, as a user would.
describe('command line', () => {
  test('creates a namespace once', async () => {
    expect(await succeed('create', 'namespace', 'test-ns')).toBe('namespace/test-ns created\n');
    const again = await run('create', 'namespace', 'test-ns');
    expect(again.code).toBe(1);
    expect(again.err).toMatch(/^error: OBJECT_EXISTS: namespaces "test-ns" already exists\./);
  });

  test('applies files relative to where the user stands, and says what it did', async () => {
    mkdirSync(join(paths.folder, 'pools'));
    writeFileSync(join(paths.folder, 'pools', 'pool.yaml'), POOL);
    const name = 'spiderippool.spiderpool.spidernet.io/test-ns-ipv4-ippool';
    expect(await succeed('apply', '-f', 'pools/pool.yaml')).toBe(`${name} created\n`);
    expect(await succeed('apply', '-f', 'pools')).toBe(`${name} unchanged\n`);
    const patch = '{"spec":{"default":true}}';
    const patched = await run('patch', 'sp', 'test-ns-ipv4-ippool', '-p', patch);
    expect(patched).toMatchObject({ code: 0, out: `${name} patched\n` });
    expect(patched.err).toMatch(/^Warning: spec\.default: /);
  });

  test('applies standard input, and goes on after an object that is refused', async () => {
    const { code, out, err } = await runCli(['apply', '-f', '-'], {
      socket: paths.socket,
      stdin: `apiVersion: v1\nkind: Service\nmetadata: { name: s }\n---\n${PODS}`,
    });
    expect(code).toBe(1);
    expect(out).toBe('pod/good created\npod/bad created\n');
    expect(err).toMatch(/^error: KIND_UNKNOWN: .*"Service"/);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  test('shows pools and endpoints in the columns of the seed', async () => {
    const added = await call(paths.socket, { namespace: 'test-ns', pod: 'good', container: 'c1' });
    expect(added.status).toBe(200);
    expect(await succeed('get', 'sp')).toBe(
      'NAME                  VERSION   SUBNET           ALLOCATED-IP-COUNT   TOTAL-IP-COUNT   DEFAULT\n' +
        'test-ns-ipv4-ippool   4         172.18.41.0/24   1                    2                true\n',
    );
    const lines = (await succeed('get', 'se', '-n', 'test-ns')).split('\n');
    expect(lines[0]).toBe(
      'NAME   INTERFACE   IPV4POOL              IPV4              IPV6POOL   IPV6   NODE            CREATETION TIME',
    );
    expect(lines[1]).toMatch(
      /^good {3}eth0 {8}test-ns-ipv4-ippool {3}172\.18\.41\.40\/24 {21}spider-worker {3}\d+s$/,
    );
  });

  test('shows pods of all namespaces, by label, by name, and as YAML and JSON', async () => {
    const wide = await succeed('get', 'pods', '-A', '-o', 'wide');
    expect(wide).toMatch(/test-ns +good +1\/1 +Running +0 +\S+ +172\.18\.41\.40 +spider-worker/);
    expect(wide).toMatch(/default +bad +0\/1 +ContainerCreating/);
    expect(await succeed('get', 'po', '-A', '-l', 'app=web', '-o', 'name')).toBe('pod/good\n');
    const list = JSON.parse(await succeed('get', 'sp', '-o', 'json'));
    expect(JSON.parse(list.items[0].status.allocatedIPs)).toEqual({
      '172.18.41.40': { pod: 'test-ns/good', podUid: expect.any(String) },
    });
    expect(await succeed('get', 'sp', 'test-ns-ipv4-ippool', '-o', 'yaml')).toContain(
      'kind: SpiderIPPool',
    );
  });

  test('shows the refusal of a pod as the event of the seed, and explains it', async () => {
    const refused = await call(paths.socket, {
      pod: 'bad',
      container: 'c2',
      calledAs: 'spiderpool',
    });
    expect(JSON.parse(refused.body).msg).toContain(REFUSAL);
    const described = await succeed('describe', 'po', 'bad');
    expect(described).toMatch(/Warning +FailedCreatePodSandBox +\d+s +kubelet +Failed to create/);
    expect(described).toContain(
      `error adding container to network "net": spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to allocate IP addresses in standard mode: ${REFUSAL}\n`,
    );
    const explained = await succeed('explain', 'pod', 'bad');
    expect(explained).toContain(REFUSAL);
    expect(explained).toContain('label kubernetes.io/metadata.name is "default"');
    const program = JSON.parse(
      await succeed('explain', 'pod', 'good', '-n', 'test-ns', '-o', 'json'),
    );
    expect(program.held[0].address).toBe('172.18.41.40');
    expect(program.interfaces[0].families[0].next).toEqual({
      address: '172.18.41.41',
      pool: 'test-ns-ipv4-ippool',
    });
  });

  test('explains a pod that does not exist', async () => {
    const manifest = 'apiVersion: v1\nkind: Pod\nmetadata: { name: new, namespace: test-ns }\n';
    writeFileSync(join(paths.folder, 'new.yaml'), manifest);
    expect(await succeed('explain', '-f', 'new.yaml')).toContain('Next address: 172.18.41.41');
  });

  test('annotates, labels, and refuses to overwrite unasked', async () => {
    const set = ['annotate', 'namespace', 'test-ns'];
    expect(await succeed(...set, `example.com/list=["a=b"]`)).toBe('namespace/test-ns annotated\n');
    const refused = await run(...set, 'example.com/list=[]');
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('--overwrite is false');
    await succeed(...set, 'example.com/list=[]', '--overwrite');
    await succeed('label', 'ns/test-ns', 'team=blue');
    expect(await succeed('get', 'ns', '-l', 'team in (blue,red)', '-o', 'name')).toBe(
      'namespace/test-ns\n',
    );
    const yaml = await succeed('get', 'ns', 'test-ns', '-o', 'yaml');
    expect(yaml).toContain('example.com/list: "[]"');
    await succeed('annotate', 'ns', 'test-ns', 'example.com/list-');
  });

  test('shows blocks, one address, and releases it', async () => {
    expect(await succeed('ipam', 'show', '--show-blocks')).toContain(
      '| Block    | 172.18.41.0/26 |         2 | 1 (50%)    | 1 (50%)  |\n',
    );
    expect(await succeed('ipam', 'show', '--ip', '172.18.41.40')).toMatch(
      /^IP 172\.18\.41\.40 is in use\nHandle ID: net\.c1\nActive Owner Attributes:\n/,
    );
    expect(await succeed('ipam', 'check')).toMatch(/Check complete; found 0 problems\.\n$/);
    expect(await succeed('ipam', 'release', '--ip', '172.18.41.40')).toBe(
      'Successfully released IP address 172.18.41.40\n',
    );
    const again = await run('ipam', 'release', '--ip', '172.18.41.40');
    expect(again.code).toBe(1);
    expect(again.err).toContain('IP address 172.18.41.40 is not assigned');
  });

  test('deletes by file and by name, and leaves nothing', async () => {
    expect(await succeed('delete', 'ns', 'test-ns')).toBe('namespace "test-ns" deleted\n');
    expect(await succeed('delete', '-f', 'pools/pool.yaml', '--ignore-not-found=true')).toBe(
      'spiderippool.spiderpool.spidernet.io "test-ns-ipv4-ippool" deleted\n',
    );
    await succeed('delete', '-f', 'pools/pool.yaml', '--ignore-not-found=true');
    const gone = await run('get', 'pods', '-n', 'test-ns');
    expect(gone).toEqual({
      code: 0,
      out: '',
      err: 'No resources found in test-ns namespace.\n',
    });
  });

  test('takes a socket path relative to where the user stands', async () => {
    const folder = paths.folder;
    const { out } = await runCli(['version', '--socket', 'run/cni.sock'], { folder });
    expect(out).toContain('on node node1, ready');
  });

  test('prints both versions', async () => {
    expect(await succeed('version')).toMatch(
      /^orbweaver \S+ \(Node \S+\)\nagent \S+ on node node1, ready\n$/,
    );
  });
});

describe('command line refuses in one line', () => {
  test.each([
    ['an unknown command', ['gett', 'sp'], 2, /USAGE: unknown command 'gett' .*get/],
    ['an unknown option', ['get', 'sp', '--wide'], 2, /USAGE: unknown option '--wide'/],
    ['a missing argument', ['get'], 2, /USAGE: missing required argument/],
    ['an unknown kind', ['get', 'foo'], 1, /KIND_UNKNOWN: .*"foo"/],
    ['a name that does not exist', ['get', 'sp', 'x'], 1, /OBJECT_NOT_FOUND: .*"x" not found/],
    ['a file that does not exist', ['apply', '-f', 'no.yaml'], 2, /USAGE: no\.yaml: no such file/],
    ['an address on the web', ['apply', '-f', 'https://example.com/a.yaml'], 2, /not fetched/],
    ['a change that is none', ['annotate', 'ns', 'default', 'x'], 2, /neither KEY=VALUE nor KEY-/],
    ['a patch that is no JSON', ['patch', 'ns', 'default', '-p', '{'], 2, /-p is not JSON/],
    [
      'text that is no address',
      ['ipam', 'show', '--ip', '1.2.3'],
      2,
      /invalid IP address "1\.2\.3"/,
    ],
    ['a deletion of everything', ['delete', 'sp'], 2, /which spiderippools\?/],
    ['an endpoint that is written', ['delete', 'ns', 'default'], 1, /may not be deleted/],
  ])('%s', async (_name, args, code, words) => {
    const result = await runHere(args, { socket: paths.socket, folder: paths.folder });
    expect(result.code).toBe(code);
    expect(result.err).toMatch(/^error: /);
    expect(result.err).toMatch(words);
    expect(result.err.trim().split('\n')).toHaveLength(1);
    expect(result.out).toBe('');
  });

  test('an agent that is not there', async () => {
    const socket = join(paths.folder, 'nobody.sock');
    const result = await runCli(['get', 'sp'], { socket });
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/AGENT_UNREACHABLE: no agent answers on .*nobody\.sock/);
  });

  test('a manifest with a fault, naming file, line and field', async () => {
    writeFileSync(join(paths.folder, 'twice.yaml'), 'apiVersion: v1\nkind: Pod\nkind: Pod\n');
    const twice = await run('apply', '-f', 'twice.yaml');
    expect(twice.err).toMatch(/OBJECT_INVALID: twice\.yaml:3: .*unique/);
    writeFileSync(join(paths.folder, 'range.yaml'), POOL.replace('172.18.41.40-', '172.18.41.50-'));
    const range = await run('apply', '-f', 'range.yaml');
    expect(range.err).toMatch(/OBJECT_INVALID: .*test-ns-ipv4-ippool.*spec\.ips/);
    expect(await succeed('get', 'sp', '-o', 'name')).toBe('');
  });
});

describe('every command', () => {
  test.each([
    ['agent'],
    ['controller'],
    ['apply'],
    ['create'],
    ['create', 'namespace'],
    ['delete'],
    ['get'],
    ['describe'],
    ['annotate'],
    ['label'],
    ['patch'],
    ['explain'],
    ['ipam'],
    ['ipam', 'show'],
    ['ipam', 'check'],
    ['ipam', 'release'],
    ['walk'],
    ['version'],
  ])('%s %s has a help with examples', async (...words) => {
    const { code, out } = await runHere([...words, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/Examples:\n {2}orbweaver /);
  });
});
