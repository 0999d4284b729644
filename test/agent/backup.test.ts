/** `orbweaver backup`: a copy of a running agent's state that another agent starts from. */
import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentClient } from '../../src/cli/agent-client.ts';
import { runCli } from '../cli/run-cli.ts';
import { type AgentPaths, AgentProcess, call, newPaths, POOL } from './agent-process.ts';

let paths: AgentPaths;
let other: AgentPaths;
let agent: AgentProcess;

beforeEach(async () => {
  paths = newPaths();
  other = newPaths();
  writeFileSync(join(paths.folder, 'pool.yaml'), POOL);
  agent = new AgentProcess(paths, '--manifests', join(paths.folder, 'pool.yaml'));
  await agent.ready();
});

afterEach(async () => {
  await agent.stop();
  paths.remove();
  other.remove();
});

test('a backup holds what was claimed, and an agent starts from it', async () => {
  const before = await call(paths.socket, { container: 'c1' });
  const { folder } = other;
  const made = await runCli(['backup', 'copy.db'], { socket: paths.socket, folder });
  const path = join(folder, 'copy.db');
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(made.out).toMatch(new RegExp(`^${path} written, [\\d,]+ bytes\\n$`));
  expect((statSync(path).mode & 0o777).toString(8)).toBe('600');

  mkdirSync(other.state, { mode: 0o700 });
  copyFileSync(path, join(other.state, 'state.db'));
  const second = new AgentProcess(other);
  try {
    await second.ready();
    const after = await call(other.socket, { container: 'c1' });
    expect(JSON.parse(after.body)).toEqual(JSON.parse(before.body));
  } finally {
    await second.stop();
  }
});

test.each([
  ['a file that exists', (folder: string) => join(folder, 'pool.yaml'), 'STORE_FAILURE'],
  ['a folder that does not', (folder: string) => join(folder, 'no/copy.db'), 'STORE_FAILURE'],
])('%s is refused, and nothing is left', async (_, pathIn, code) => {
  const listed = readdirSync(paths.folder);
  const { socket } = paths;
  const refused = await runCli(['backup', pathIn(paths.folder)], { socket });
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toContain(`error: ${code}: `);
  expect(readdirSync(paths.folder)).toEqual(listed);
});

test('the agent itself takes no relative path: its folder is not the caller’s', async () => {
  const asked = new AgentClient(paths.socket).post('/v1/backup', { path: 'copy.db' });
  await expect(asked).rejects.toMatchObject({
    code: 'USAGE',
    message: 'the path of a backup must be absolute, not "copy.db"',
  });
});
