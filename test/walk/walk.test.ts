/** The main job as a user starts it: the first two tutorials come out as they are written. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { missingParts } from '../../src/cli/walk/pod-network.ts';
import { WalkProcess } from './walk-process.ts';

const LONG_MS = 120_000;
const SPIDERPOOL =
  'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to allocate IP addresses in standard mode: ';
const NAMESPACE_REFUSAL = `${SPIDERPOOL}no IPPool available, all IPv4 IPPools [test-ns-ipv4-ippool] of eth0 filtered out: unmatched Namespace affinity of IPPool test-ns-ipv4-ippool`;
const POD_REFUSAL = `${SPIDERPOOL}no IPPool available, all IPv4 IPPools [static-ipv4-ippool] of eth0 filtered out: unmatched Pod affinity of IPPool static-ipv4-ippool`;

const missing = missingParts(['bridge']);

/** The addresses that ADDs of a Deployment's pods were answered with, in order. */
function addressesOf(output: string, deployment: string): string[] {
  const row = new RegExp(`^ *ADD +\\S+/${deployment}-\\S+ +\\d+ ms +(172\\S+)/24$`, 'gm');
  return [...output.matchAll(row)].map((match) => match[1]!);
}

/** The kubelet's event of the pods of a Deployment that `describe` shows, after the sandbox's id. */
function eventOf(output: string, namespace: string, deployment: string): string | undefined {
  const event = new RegExp(
    `Warning +FailedCreatePodSandBox +\\S+ +kubelet +(Failed to create pod sandbox: .* sandbox "[0-9a-f]{64}": \\[${namespace}/${deployment}-.*)`,
  );
  return event.exec(output)?.[1];
}

const WAYS = [
  { way: 'network namespaces', flags: [] as string[], lack: missing },
  { way: 'addresses only', flags: ['--no-netns'], lack: [] as string[] },
];

for (const { way, flags, lack } of WAYS) {
  const title = lack.length === 0 ? `with ${way}` : `with ${way}: ${lack.join('; ')}`;
  describe.skipIf(lack.length > 0)(`walk --once ${title}`, () => {
    test('tells both tutorials as they are written and leaves nothing', {
      timeout: LONG_MS,
    }, async () => {
      const walk = new WalkProcess('--once', ...flags);
      const exit = await walk.exit;
      const { output } = walk;
      expect({ exit, output }).toMatchObject({ exit: 0 });
      expect(output).not.toContain('NOT AS EXPECTED');
      expect(output).not.toContain('\u001b');

      const [first] = addressesOf(output, 'test-ns-deploy');
      expect(['172.18.41.40', '172.18.41.41']).toContain(first);
      expect(addressesOf(output, 'default-ns-deploy')).toEqual([]);
      expect(eventOf(output, 'default', 'default-ns-deploy')).toMatch(
        /: error adding container to network "bridge-cni-default": spiderpool/,
      );
      expect(eventOf(output, 'default', 'default-ns-deploy')?.endsWith(NAMESPACE_REFUSAL)).toBe(
        true,
      );

      const fixed = addressesOf(output, 'static-ippool-deploy').slice(0, 4);
      expect(fixed.toSorted()).toEqual([
        '172.18.41.40',
        '172.18.41.41',
        '172.18.41.42',
        '172.18.41.43',
      ]);
      expect(addressesOf(output, 'wrong-static-ippool-deploy')).toEqual([]);
      expect(eventOf(output, 'default', 'wrong-static-ippool-deploy')?.endsWith(POD_REFUSAL)).toBe(
        true,
      );

      expect(output.includes('1 packets transmitted, 1 received')).toBe(flags.length === 0);
      expect(
        output.match(/0 sandboxes, 0 pods, endpoints or pools, and 0 addresses are left/g),
      ).toHaveLength(2);
      walk.expectNothingLeft();
    });

    test('an interrupt in the middle removes everything', { timeout: LONG_MS }, async () => {
      const walk = new WalkProcess('pod-affinity', '--once', ...flags);
      await walk.says('Its pods run');
      walk.child.kill('SIGINT');
      expect(await walk.exit).toBe(130);
      expect(walk.output).toMatch(/\nInterrupted\. .*\n$/);
      walk.expectNothingLeft();
    });
  });
}

describe('walk', () => {
  test('stays up for calls of one’s own until it is interrupted', {
    timeout: LONG_MS,
  }, async () => {
    const walk = new WalkProcess('namespace-affinity', '--no-netns');
    await walk.says('Ctrl-C stops it');
    const pasted = walk.output.split('\n').filter((line) => line.includes('CNI_COMMAND='));
    const [add, del] = pasted.map((line) => spawnSync('sh', ['-c', line], { encoding: 'utf8' }));
    expect(add!.stdout).toMatch(/"address":"172\.18\.41\.4[0-3]\/24"/);
    expect(add!.stderr + del!.stdout.trim() + del!.stderr).toBe('');
    walk.child.kill('SIGINT');
    expect(await walk.exit).toBe(0);
    walk.expectNothingLeft();
  });

  test('refuses a name that it does not know, before anything is made', async () => {
    const walk = new WalkProcess('no-such-walk');
    expect(await walk.exit).toBe(2);
    expect(walk.output).toMatch(
      /^error: USAGE: there is no walk "no-such-walk": namespace-affinity, .*\n$/,
    );
    walk.expectNothingLeft();
  });
});
