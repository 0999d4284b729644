/** A walk whose story is not true says so. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../src/cli/main.ts';
import { PACKAGE_FOLDER } from '../../src/cli/package-folder.ts';
import { AgentChild } from '../../src/cli/walk/agent-child.ts';
import { ContainerRuntime } from '../../src/cli/walk/container-runtime.ts';
import { Guide } from '../../src/cli/walk/guide.ts';
import { Narrator, shellLine } from '../../src/cli/walk/narrator.ts';
import { PodNetwork } from '../../src/cli/walk/pod-network.ts';
import {
  command,
  expectAddresses,
  expectNothing,
  expectRefused,
  type Step,
  start,
} from '../../src/cli/walk/story.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const parts = new AsyncDisposableStack();
let agent: AgentChild;
let network: PodNetwork;

beforeAll(async () => {
  const started = await AgentChild.start(join(scratchFolder(), 'agent'), 'node1');
  agent = parts.use(started.agent);
  network = parts.use(await PodNetwork.open(join(PACKAGE_FOLDER, 'build/cni'), false));
  await perform(
    command('apply -f nodes.yaml -f static-ipv4-ippool.yaml -f static-ippool-deploy.yaml'),
  );
});

afterAll(() => parts.disposeAsync());

async function perform(...steps: Step[]): Promise<{ failures: number; output: string }> {
  let output = '';
  const write = (text: string) => {
    output += text;
  };
  const same = (text: string) => text;
  const terminal = { out: write, err: write, bold: same, red: same, yellow: same, green: same };
  await using runtime = new ContainerRuntime(network, agent.socket);
  const guide = new Guide({
    story: {
      name: 'test',
      folder: '2-pod-affinity',
      title: 'test',
      node: 'node1',
      chapters: [{ title: 'test', steps }],
    },
    narrator: new Narrator(terminal),
    socket: agent.socket,
    runtime,
    runCommand,
    interrupt: new AbortController().signal,
  });
  const failures = await guide.perform();
  return { failures, output };
}

describe('a step that comes out differently is counted and shown:', () => {
  test.each<[string, Step]>([
    ['a command that fails', command('get pod no-such-pod')],
    [
      'addresses outside the range',
      expectAddresses('static-ippool-deploy', 2, '10.0.0.1', '10.0.0.9'),
    ],
    [
      'too few addresses',
      expectAddresses('static-ippool-deploy', 3, '172.18.41.40', '172.18.41.43'),
    ],
    ['a refusal that did not happen', expectRefused('static-ippool-deploy', 1, 'no')],
    ['things that are left', expectNothing()],
  ])('%s', async (_, step) => {
    const { failures, output } = await perform(start('static-ippool-deploy'), step);
    expect(failures).toBe(1);
    expect(output).toContain('NOT AS EXPECTED: ');
  });
});

describe('command lines are shown as a shell reads them back:', () => {
  test.each([
    [['get', 'sp'], 'get sp'],
    [['patch', '-p', '{"a": 1}'], `patch -p '{"a": 1}'`],
    [["it's"], `'it'\\''s'`],
    [[''], `''`],
    [['/tmp/a b'], `'/tmp/a b'`],
  ])('%j', (words, line) => {
    expect(shellLine(words)).toBe(line);
  });
});
