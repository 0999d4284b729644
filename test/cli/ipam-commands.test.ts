/** `ipam show` and `ipam configure` on Calico's pools, against an agent in a process of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentPaths, AgentProcess, call, newPaths } from '../agent/agent-process.ts';
import { type CliResult, runCli, runHere } from './run-cli.ts';

const MANIFEST = `
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: p }
spec: { cidr: 10.0.0.0/30, blockSize: 31 }
---
apiVersion: v1
kind: Pod
metadata: { name: guest }
spec: { nodeName: node2, containers: [{ name: c, image: i }] }
`;

let paths: AgentPaths;
let agent: AgentProcess;

beforeAll(async () => {
  paths = newPaths();
  agent = new AgentProcess(paths);
  await agent.ready();
  await runCli(['apply', '-f', '-'], { socket: paths.socket, stdin: MANIFEST });
});

afterAll(async () => {
  await agent.stop();
  paths.remove();
});

function run(...args: string[]): Promise<CliResult> {
  return runHere(['ipam', ...args], { socket: paths.socket });
}

async function out(...args: string[]): Promise<string> {
  const { code, out: text, err } = await run(...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return text;
}

async function add(pod: string): Promise<string> {
  const reply = await call(paths.socket, { calledAs: 'calico-ipam', container: pod, pod });
  expect(reply.status).toBe(200);
  return (JSON.parse(reply.body) as { ips: { address: string }[] }).ips[0]!.address;
}

// Each test goes on from where the one before it ended.
describe('ipam', () => {
  test('shows the blocks that nodes own, with an address of another node in one', async () => {
    const own = [await add('a'), await add('b'), await add('c')];
    const guest = await add('guest');
    expect(new Set([...own, guest]).size).toBe(4);
    expect(await out('show', '--show-blocks')).toBe(`\
+----------+-------------+-----------+------------+----------+
| GROUPING |    CIDR     | IPS TOTAL | IPS IN USE | IPS FREE |
+----------+-------------+-----------+------------+----------+
| IP Pool  | 10.0.0.0/30 |         4 | 4 (100%)   | 0 (0%)   |
| Block    | 10.0.0.0/31 |         2 | 2 (100%)   | 0 (0%)   |
| Block    | 10.0.0.2/31 |         2 | 2 (100%)   | 0 (0%)   |
+----------+-------------+-----------+------------+----------+
`);
    const [ip] = guest.split('/');
    const block = Number(ip!.split('.')[3]) < 2 ? '10.0.0.0/31' : '10.0.0.2/31';
    expect(await out('show', '--show-borrowed', '--layout', 'current')).toBe(`\
+----------+----------------+-------------+-------------+------+---------------+
| IP       | BORROWING-NODE | BLOCK       | BLOCK OWNER | TYPE | ALLOCATED-TO  |
+----------+----------------+-------------+-------------+------+---------------+
| ${ip} | node2          | ${block} | node1       | pod  | default/guest |
+----------+----------------+-------------+-------------+------+---------------+
`);
    const { pools } = JSON.parse(await out('show', '--show-blocks', '-o', 'json'));
    expect(pools[0].blocks).toMatchObject([{ owner: 'node1' }, { owner: 'node1' }]);
  });

  test('shows the configuration with its defaults', async () => {
    expect(await out('show', '--show-configuration')).toBe(`\
+--------------------+-------+
|      PROPERTY      | VALUE |
+--------------------+-------+
| StrictAffinity     | false |
| AutoAllocateBlocks | true  |
| MaxBlocksPerHost   | 0     |
+--------------------+-------+
`);
  });

  test('configure sets what was not set, then changes it and leaves the rest', async () => {
    expect(await out('configure', '--strictaffinity=true')).toBe(
      'Successfully set StrictAffinity to: true\n',
    );
    expect(await out('configure', '--max-blocks-per-host=4', '--ip-cooldown-seconds=0')).toBe(
      'Successfully set MaxBlocksPerHost to: 4\nSuccessfully set IPCooldownSeconds to: 0\n',
    );
    expect(await out('show', '--show-configuration', '--layout', 'current')).toBe(`\
+--------------------+-------+
| PROPERTY           | VALUE |
+--------------------+-------+
| StrictAffinity     | true  |
| AutoAllocateBlocks | true  |
| MaxBlocksPerHost   | 4     |
| IPCooldownSeconds  | 0     |
+--------------------+-------+
`);
  });

  test.each([
    { args: [], says: 'at least one configuration option must be specified' },
    { args: ['--strictaffinity=yes'], says: 'It is true or false' },
    { args: ['--max-blocks-per-host=-1'], says: 'It is a whole number' },
    {
      args: ['--strictaffinity=false'],
      says: 'MaxBlocksPerHost requires StrictAffinity to be enabled',
    },
  ])('configure $args is refused and changes nothing', async ({ args, says }) => {
    const before = await out('show', '--show-configuration');
    const { code, err } = await run('configure', ...args);
    expect(code).not.toBe(0);
    expect(err).toContain(says);
    expect(await out('show', '--show-configuration')).toBe(before);
  });
});
