/** `orbweaver controller`: what it refuses, and how it stands while the API server is away. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ORBWEAVER } from '../agent/agent-process.ts';
import { scratchFolder } from '../support/scratch-folder.ts';
import { runCli } from './run-cli.ts';

test.each([
  { args: [], said: /^error: USAGE: say either --kubeconfig FILE or --in-cluster/ },
  { args: ['--kubeconfig', 'a', '--in-cluster'], said: /^error: USAGE: say either/ },
  { args: ['--kubeconfig', 'absent'], said: /^error: KUBECONFIG_INVALID: .*absent/ },
  { args: ['--in-cluster'], said: /^error: KUBECONFIG_INVALID/ },
  {
    args: ['--kubeconfig', 'absent', '--webhook-port', '99999'],
    said: /^error: USAGE: --webhook-port "99999" is not a port/,
  },
  {
    args: ['--kubeconfig', 'absent', '--listen', 'nowhere'],
    said: /^error: USAGE: --listen "nowhere" is not HOST:PORT/,
  },
])('refuses $args', async ({ args, said }) => {
  const { code, out, err } = await runCli(['controller', ...args]);
  expect(err).toMatch(said);
  expect(out).toBe('');
  expect(code).not.toBe(0);
});

test('with the API server away it lives, is not ready, and ends at SIGTERM', async () => {
  const kubeconfig = join(scratchFolder(), 'kubeconfig');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:1' } }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  const args = ['controller', '--kubeconfig', kubeconfig, '--listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, [ORBWEAVER, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const tcp = await new Promise<string>((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
      const found = /metrics on ([\d.:]+)/.exec(out)?.[1];
      if (found !== undefined) {
        resolve(found);
      }
    });
    void ended.then(() => reject(new Error(`it ended: ${out}`)));
  });
  const status = async (path: string) => (await fetch(`http://${tcp}${path}`)).status;
  expect(await status('/healthz')).toBe(200);
  expect(await status('/readyz')).toBe(503);
  expect(await status('/metrics')).toBe(200);
  expect(await status('/elsewhere')).toBe(404);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
